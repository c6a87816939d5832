#include "source/names.h"

#include <stdint.h>
#include <stdio.h>

#include "base/file.h"
#include "base/utf8.h"

static bool ends_nocase(struct slc_str name, const char *ending)
{
    struct slc_str tail = slc_str_from(ending);

    if (name.len < tail.len)
        return false;
    return slc_str_eq_nocase(
        (struct slc_str){.data = name.data + name.len - tail.len, .len = tail.len}, tail);
}

bool slc_name_is_temporary(struct slc_str name)
{
    if (name.len == 0)
        return false;
    return name.data[0] == '.' || name.data[name.len - 1] == '~' || ends_nocase(name, ".part") ||
           ends_nocase(name, ".tmp");
}

bool slc_name_is_ticket(struct slc_str name)
{
    static const struct slc_str ending = {.data = ".ticket", .len = 7};

    return name.len > ending.len && !slc_name_is_temporary(name) &&
           memcmp(name.data + name.len - ending.len, ending.data, ending.len) == 0;
}

bool slc_data_name_check(struct slc_str name, struct slc_error *error)
{
    char quoted[SLC_NAME_QUOTE_BYTES];

    if (name.len == 0)
        return slc_fail(error, SLC_ERR_NAME, "the file name is empty; name the data file");
    if (name.len > 255)
        return slc_fail(
            error, SLC_ERR_NAME,
            "the file name \"%s\" is longer than 255 bytes; give the file a shorter one",
            slc_name_quote(name, quoted));
    if (memchr(name.data, '/', name.len) || slc_str_is(name, ".") || slc_str_is(name, ".."))
        return slc_fail(error, SLC_ERR_NAME,
                        "the file name \"%s\" is a path; only a plain name of a file in the stream "
                        "directory is allowed",
                        slc_name_quote(name, quoted));
    if (!slc_name_is_plain(name))
        return slc_fail(error, SLC_ERR_NAME,
                        "the file name \"%s\" has control characters or is no UTF-8; rename the "
                        "file",
                        slc_name_quote(name, quoted));
    if (slc_name_is_temporary(name))
        return slc_fail(error, SLC_ERR_NAME,
                        "the file name \"%s\" is that of a hidden or temporary file; rename the "
                        "file when it is whole",
                        slc_name_quote(name, quoted));
    if (slc_name_is_ticket(name))
        return slc_fail(error, SLC_ERR_NAME, "the file \"%s\" is a ticket, not a data file",
                        slc_name_quote(name, quoted));
    return true;
}

static bool ascii_is_allowed(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr(" _-+@#=%&()!$^~'", c) != NULL;
}

/* One code point of valid UTF-8; moves `*at` on. */
static uint32_t next_code_point(const unsigned char **at)
{
    const unsigned char *p = *at;
    uint32_t c = p[0];
    int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

    if (more > 0)
        c &= 0x3fu >> more;
    for (int i = 1; i <= more; i++)
        c = (c << 6) | (p[i] & 0x3fu);
    *at = p + more + 1;
    return c;
}

/* Invisible, or able to turn the text around it: C1 controls, the soft hyphen,
 * odd spaces, zero-width and bidirectional marks, separators, variation
 * selectors, tags, private use and what is no character. */
static bool is_deceptive(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x80, 0xa0},       {0xad, 0xad},        {0x34f, 0x34f},   {0x61c, 0x61c},
        {0x115f, 0x1160},   {0x1680, 0x1680},    {0x17b4, 0x17b5}, {0x180b, 0x180f},
        {0x2000, 0x200f},   {0x2028, 0x202f},    {0x205f, 0x206f}, {0x3000, 0x3000},
        {0x3164, 0x3164},   {0xe000, 0xf8ff},    {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff},   {0xffa0, 0xffa0},    {0xfff0, 0xffff}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return (c & 0xfffe) == 0xfffe;
}

bool slc_replica_name_check(struct slc_str name, struct slc_error *error)
{
    char quoted[SLC_NAME_QUOTE_BYTES];
    const unsigned char *p = (const unsigned char *)name.data, *end = p + name.len;

    if (name.len == 0)
        return slc_fail(error, SLC_ERR_NAME,
                        "the replica name is empty; it is the file name up to its first dot");
    if (name.len > SLC_REPLICA_NAME_MAX_BYTES)
        return slc_fail(error, SLC_ERR_NAME,
                        "the replica name \"%s\" is longer than %d bytes; rename the file",
                        slc_name_quote(name, quoted), SLC_REPLICA_NAME_MAX_BYTES);
    if (!slc_utf8_is_valid(name))
        return slc_fail(error, SLC_ERR_NAME,
                        "the replica name \"%s\" is no valid UTF-8; rename the file",
                        slc_name_quote(name, quoted));
    if (name.data[0] == ' ' || name.data[name.len - 1] == ' ' || name.data[0] == '-')
        return slc_fail(error, SLC_ERR_NAME,
                        "the replica name \"%s\" begins with a dash or a space or ends in a space; "
                        "rename the file",
                        slc_name_quote(name, quoted));
    while (p < end) {
        const unsigned char *at = p;
        uint32_t c = next_code_point(&p);

        if (c < 0x80 ? ascii_is_allowed((unsigned char)c) : !is_deceptive(c))
            continue;
        if (c > 0x20 && c < 0x7f)
            return slc_fail(error, SLC_ERR_NAME,
                            "the replica name \"%s\" has the character %c, which is not allowed in "
                            "one; use letters, digits, spaces and _-+@#=%%&()!$^~' and rename the "
                            "file",
                            slc_name_quote(name, quoted), *at);
        return slc_fail(error, SLC_ERR_NAME,
                        "the replica name \"%s\" has the invisible character U+%04X; rename the "
                        "file",
                        slc_name_quote(name, quoted), (unsigned)c);
    }
    return true;
}

bool slc_replica_name_of_file(struct slc_str file_name, struct slc_str *ret_name,
                              struct slc_error *error)
{
    struct slc_str name = file_name;
    const char *dot;

    if (!slc_data_name_check(file_name, error))
        return false;
    dot = memchr(file_name.data, '.', file_name.len);
    if (dot)
        name.len = (size_t)(dot - file_name.data);
    if (!slc_replica_name_check(name, error))
        return false;
    *ret_name = name;
    return true;
}

char *slc_name_quote(struct slc_str name, char text[SLC_NAME_QUOTE_BYTES])
{
    size_t used = 0, i = 0;

    /* The widest step is four bytes; "..." and the NUL have to fit behind. */
    while (i < name.len && used + 4 + 4 <= SLC_NAME_QUOTE_BYTES) {
        unsigned char c = (unsigned char)name.data[i];
        size_t step = 1, left = name.len - i;

        if (c >= 0x80) {
            size_t probe = left < 4 ? left : 4;

            for (step = 2; step <= probe; step++)
                if (slc_utf8_valid_prefix(name.data + i, step) == step)
                    break;
            if (step > probe)
                step = 0;
        } else if (c < 0x20 || c == 0x7f) {
            step = 0;
        }
        if (step == 0) {
            used += (size_t)snprintf(text + used, 5, "\\x%02x", c);
            i++;
            continue;
        }
        memcpy(text + used, name.data + i, step);
        used += step;
        i += step;
    }
    if (i < name.len) {
        memcpy(text + used, "...", 3);
        used += 3;
    }
    text[used] = '\0';
    return text;
}
