/* Delimited text, and whatever else any bytes are taken for. The first two
 * bytes choose the options. */
#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {'\0', ',', ';', '\t'}, quotes[] = {'"', '"', '\'', '\0'};
    struct slc_reader_options options = slc_reader_default_options();

    if (size < 2)
        return 0;
    options.delimiter = delimiters[data[0] & 3];
    options.quote = quotes[data[0] >> 2 & 3];
    options.header = (enum slc_header)((data[0] >> 4 & 3) % 3);
    options.encoding = data[0] >> 6 == 3 ? (enum slc_encoding)(data[1] % 5) : SLC_ENCODING_AUTO;
    if (data[0] >> 6 == 2) {
        options.decimal = ',';
        options.thousands = '.';
        options.skip_rows = data[1] % 3;
    }
    options.max_row_bytes = 300;
    check_same((struct slc_str){(const char *)data + 2, size - 2}, options, 1 + data[1]);
    return 0;
}
