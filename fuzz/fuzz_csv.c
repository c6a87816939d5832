/* Delimited text, and whatever else any bytes are taken for. The first four
 * bytes choose the options. */
#include "same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few bits of the choices at a time. */
static unsigned take(uint32_t *choices, unsigned n)
{
    unsigned got = *choices % n;

    *choices /= n;
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {'\0', ',', ';', '\t'}, quotes[] = {'"', '"', '\'', '\0'};
    static const char escapes[] = {'\0', '\0', '\\', '"'}, comments[] = {'\0', '\0', '#', 'a'};
    struct slc_str na[] = {SLC_STR("-9"), SLC_STR("?"), SLC_STR("1,5")};
    struct slc_str columns[] = {SLC_STR("a")};
    struct slc_column_dtype dtypes[] = {{SLC_STR("a"), SLC_TYPE_INT64},
                                        {SLC_STR("b"), SLC_TYPE_FLOAT64}};
    struct slc_reader_options options = slc_reader_default_options();
    uint32_t choices;

    if (size < 5)
        return 0;
    memcpy(&choices, data, sizeof(choices));
    options.delimiter = delimiters[take(&choices, 4)];
    options.quote = quotes[take(&choices, 4)];
    options.header = (enum slc_header)take(&choices, 3);
    options.encoding = take(&choices, 3) ? SLC_ENCODING_AUTO : (enum slc_encoding)take(&choices, 5);
    options.escape = escapes[take(&choices, 4)];
    options.comment = comments[take(&choices, 4)];
    if (take(&choices, 3) == 0) {
        options.decimal = ',';
        options.thousands = take(&choices, 2) ? '.' : '\0';
    }
    options.skip_rows = take(&choices, 3);
    options.leading_zeros = take(&choices, 2);
    options.types = take(&choices, 3) ? SLC_TYPES_SLUICE : SLC_TYPES_PANDAS;
    options.invalid_text = take(&choices, 3) ? SLC_INVALID_REJECT : SLC_INVALID_REPLACE;
    options.na_values = na;
    options.n_na_values = take(&choices, 4);
    options.keep_default_na = take(&choices, 4) != 0;
    options.dtypes = dtypes;
    options.n_dtypes = take(&choices, 3);
    options.columns = columns;
    options.n_columns = options.n_dtypes < 2 ? take(&choices, 2) : 0;
    options.max_row_bytes = 300;
    check_same((struct slc_str){(const char *)data + 5, size - 5}, options, 1 + data[4]);
    return 0;
}
