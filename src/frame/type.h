/* The types a column can have.
 *
 * A column's type is decided over all of its values, never from a sample. Types
 * form a lattice: slc_type_join() is the narrowest type that holds the values
 * of both, and TEXT holds everything. */
#ifndef SLC_FRAME_TYPE_H
#define SLC_FRAME_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum slc_type {
    SLC_TYPE_NULL,     /* nothing but missing values so far; no buffer */
    SLC_TYPE_BOOL,     /* uint8_t 0 or 1 */
    SLC_TYPE_INT64,    /* int64_t */
    SLC_TYPE_UINT64,   /* uint64_t */
    SLC_TYPE_FLOAT64,  /* double, never NaN: NaN is a missing value; may be infinite */
    SLC_TYPE_DATE,     /* int32_t, days since 1970-01-01 */
    SLC_TYPE_DATETIME, /* int64_t, microseconds since 1970-01-01T00:00:00 */
    SLC_TYPE_TEXT,     /* struct slc_str, valid UTF-8 */
    SLC_TYPE_JSON,     /* struct slc_str holding JSON text; decided by preprocessing */
};

enum { SLC_N_TYPES = SLC_TYPE_JSON + 1 };

/* The narrowest type for values of both. INT64 with FLOAT64 is FLOAT64, DATE
 * with DATETIME is DATETIME, INT64 with UINT64 is TEXT here (only the reader,
 * which sees the signs, may join these two), any other mixture is TEXT. */
enum slc_type slc_type_join(enum slc_type a, enum slc_type b);

static inline bool slc_type_is_number(enum slc_type type)
{
    return type == SLC_TYPE_INT64 || type == SLC_TYPE_UINT64 || type == SLC_TYPE_FLOAT64;
}

static inline bool slc_type_is_text(enum slc_type type)
{
    return type == SLC_TYPE_TEXT || type == SLC_TYPE_JSON;
}

/* Bytes a value takes in a column's buffer (a text's slice, not its bytes). */
size_t slc_type_width_bytes(enum slc_type type);

/* "bool", "int64", "uint64", "float64", "date", "datetime", "text", "json", "null". */
const char *slc_type_name(enum slc_type type);
bool slc_type_from_name(struct slc_str name, enum slc_type *ret_type);

#endif
