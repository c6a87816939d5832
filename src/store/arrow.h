/* One record batch as an Arrow IPC stream: what pyarrow.ipc.open_stream(), pandas,
 * Polars and DuckDB read.
 *
 * After the Arrow columnar format, version 1.4 (https://arrow.apache.org/docs/
 * format/Columnar.html: "Serialization and Interprocess Communication", metadata
 * version V5, and the flatbuffers schemas Schema.fbs and Message.fbs): a schema
 * message, a dictionary batch message for each field that has a dictionary, one
 * record batch message, the end of the stream. No compression, no nesting. Only for
 * machines that are little-endian.
 *
 *     BOOL bool | INT64 int64 | UINT64 uint64 | FLOAT64 float64 | DATE date32
 *     DATETIME timestamp[us] without a zone | TEXT, JSON utf8 | NULL null
 *
 * By wish whole numbers are of 8, 16 or 32 bits, fractions float32, and texts
 * dictionary<int8, int16 or int32, utf8>.
 *
 * Buffers are padded to 64 bytes. A column's texts are bounded to 2 GiB a batch. */
#ifndef SLC_STORE_ARROW_H
#define SLC_STORE_ARROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "frame/chunk.h"
#include "store/store.h"

struct slc_arrow_field {
    struct slc_str name; /* valid UTF-8 */
    enum slc_type type;
    /* Of that type, or NULL type (all missing), or whole numbers where the type
     * is FLOAT64. */
    const struct slc_column *column;
    struct slc_narrow narrow; /* zeroed: the whole width */
};

/* Append the stream. `ret_first_end` gets how many bytes of it hold all of the
 * first field. Errors: LIMIT (texts too long), INTERNAL (types, values that are too
 * wide for a narrow one), MEMORY. */
bool slc_arrow_write(struct slc_buf *out, const struct slc_arrow_field *fields, int64_t n_fields,
                     int64_t n_rows, size_t *ret_first_end, struct slc_error *error);

/* Read the first `most_fields` of a stream of one batch that was written by
 * slc_arrow_write(), or by anyone; narrow types become the wide ones: every offset is checked,
 * texts are made sure to be UTF-8, dates to be in the years 1 to 9999. The bytes behind these
 * fields need not be there. Texts in the chunk are slices of the stream; all else is the chunk's.
 * Errors: DATA (not such a stream), MEMORY. */
bool slc_arrow_read(struct slc_str stream, int64_t most_fields, struct slc_chunk *ret_chunk,
                    struct slc_error *error);

#endif
