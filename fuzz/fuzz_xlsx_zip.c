/* Any bytes as a workbook's archive; the corpus starts with whole workbooks. */
#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_reader_options options = slc_reader_default_options();

    if (size < 4 || memcmp(data, "PK", 2) != 0)
        return 0;
    options.max_row_bytes = 100000;
    check_same((struct slc_str){(const char *)data, size}, options, 100);
    return 0;
}
