/* JSON lines and arrays: the first byte chooses which, and the chunk size. */
#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf file = {0};

    if (size < 1)
        return 0;
    slc_buf_append_text(&file, data[0] & 1 ? "[{\"a\":1}" : "{\"a\":1}");
    slc_buf_append(&file, data + 1, size - 1);
    options.max_row_bytes = 300;
    check_same(slc_buf_view(&file), options, 1 + (data[0] >> 1));
    return 0;
}
