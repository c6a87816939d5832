/* Arrow streams and cursors that anyone may have written: refused, or all of
 * what they say can be looked at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/arrow.h"
#include "store/rows_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_stream(struct slc_str stream, int64_t most_fields)
{
    struct slc_chunk chunk = {0};

    if (slc_arrow_read(stream, most_fields, &chunk, NULL)) {
        check(chunk.n_columns <= most_fields);
        for (int64_t i = 0; i < chunk.n_columns; i++)
            for (int64_t row = 0; row < chunk.n_rows && row < 1000; row++)
                if (slc_type_is_text(chunk.columns[i].type) &&
                    slc_column_has(&chunk.columns[i], row))
                    check(slc_utf8_is_valid(chunk.columns[i].texts[row]));
    }
    slc_chunk_release(&chunk);
}

static void check_cursor(struct slc_str cursor)
{
    char load_id[33], again[SLC_ROWS_CURSOR_BYTES];
    struct slc_rows_place place;
    int64_t rows;

    if (!slc_rows_cursor_parse(cursor, load_id, &rows, &place))
        return;
    slc_rows_cursor_write(load_id, rows, &place, again);
    check(strlen(again) < SLC_ROWS_CURSOR_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_str text = {(const char *)data, size};

    check_cursor(text);
    check_stream(text, 1);
    check_stream(text, INT64_MAX);
    return 0;
}
