/* Repairs the NUL-separated texts on standard input. For each one line is
 * written: "+" and the JSON, or "-" when it cannot be repaired; NUL-separated,
 * too.
 *
 *     json_repair_tool < TEXTS > RESULTS
 *     json_repair_tool --speed [SECONDS]     MB/s on typical texts, to standard output */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "prep/json_repair.h"

static bool read_all(struct slc_buf *text)
{
    for (;;) {
        char *at = slc_buf_reserve(text, 65536);
        size_t got;

        if (!at)
            return false;
        got = fread(at, 1, 65536, stdin);
        text->len += got;
        if (got == 0)
            return !ferror(stdin);
    }
}

static int repair_all(void)
{
    SLC_AUTO_BUF struct slc_buf text = {0}, out = {0};
    size_t start = 0;

    if (!read_all(&text))
        return 3;
    while (start < text.len) {
        const char *from = text.data + start, *end = memchr(from, '\0', text.len - start);
        size_t len = end ? (size_t)(end - from) : text.len - start, before = out.len;

        slc_buf_append_byte(&out, '+');
        if (!slc_json_repair((struct slc_str){.data = from, .len = len}, &out) && !out.failed)
            out.data[before] = '-';
        slc_buf_append_byte(&out, '\0');
        start += len + 1;
    }
    if (out.failed || (out.len > 0 && fwrite(out.data, 1, out.len, stdout) != out.len) || fflush(stdout) != 0)
        return 3;
    return 0;
}

static void measure(const char *name, const char *text, double seconds)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_str one = slc_str_from(text);
    int64_t start = slc_monotonic_usec(), spent = 0;
    double bytes = 0, failed = 0;

    while ((double)spent < seconds * 1e6) {
        for (int i = 0; i < 100000; i++) {
            slc_buf_clear(&out);
            if (!slc_json_repair(one, &out))
                failed++;
        }
        bytes += 100000.0 * (double)one.len;
        spent = slc_monotonic_usec() - start;
    }
    printf("%-12s %8.0f MB/s%s\n", name, bytes / (double)spent,
           failed > 0 ? "  (not repaired)" : "");
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.5;

    if (argc == 1)
        return repair_all();
    if (strcmp(argv[1], "--speed") != 0)
        return 2;
    measure("python", "{'city': 'Austin', 'state': None, 'zip': '40541'}", seconds);
    measure("json", "{\"city\": \"Austin\", \"state\": null, \"zip\": \"40541\"}", seconds);
    measure("stray quote", "{'city': 'Coeur d'Alene', 'state': None, 'zip': '40541'}", seconds);
    measure("numbers", "[1, 2.5, -3, 1e5, (1, 2), {1: True}]", seconds);
    measure("prose",
            "{'text': 'The quick brown fox jumps over the lazy dog and the lazy dog does not "
            "mind it much, having seen quick foxes of all colours before.'}",
            seconds);
    return 0;
}
