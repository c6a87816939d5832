/* The reader over any bytes: no fault, and the same rows, rejects, types or
 * error whatever the chunk size. The first two bytes choose the options. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "read_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const char *bytes, size_t len, const struct slc_reader_options *options,
                struct slc_buf *out)
{
    struct slc_error error = {0};

    if (read_all(file_of((struct slc_str){bytes, len}), "f", options, 1, out, &error))
        return;
    if (error.code == SLC_ERR_NONE || error.code == SLC_ERR_INTERNAL || !error.message[0])
        abort();
    slc_buf_clear(out);
    /* Which of several faults is found first may depend on the chunks. */
    slc_buf_append_text(out, "refused");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {'\0', ',', ';', '\t'}, quotes[] = {'"', '"', '\'', '\0'};
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf whole = {0}, cut = {0};

    if (size < 2)
        return 0;
    options.delimiter = delimiters[data[0] & 3];
    options.quote = quotes[data[0] >> 2 & 3];
    options.header = (enum slc_header)(data[0] >> 4 & 3) % 3;
    options.encoding = data[0] >> 6 == 3 ? (enum slc_encoding)(data[1] % 5) : SLC_ENCODING_AUTO;
    options.max_row_bytes = 300;
    options.chunk_bytes = 8192; /* more than there ever is */
    run((const char *)data + 2, size - 2, &options, &whole);
    options.chunk_bytes = 1 + data[1];
    run((const char *)data + 2, size - 2, &options, &cut);
    if (whole.len != cut.len || memcmp(whole.data, cut.data, whole.len) != 0)
        abort();
    return 0;
}
