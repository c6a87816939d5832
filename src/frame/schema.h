/* The names and types of a table's columns. */
#ifndef SLC_FRAME_SCHEMA_H
#define SLC_FRAME_SCHEMA_H

#include <stdint.h>

#include "base/arena.h"
#include "frame/type.h"

enum { SLC_MAX_COLUMNS = 16384 }; /* what a workbook's sheet may have (ECMA-376) */

struct slc_field {
    struct slc_str name; /* unique, NUL-terminated, in the schema's arena */
    enum slc_type type;
};

struct slc_schema {
    int64_t n_fields;
    struct slc_field *fields;
    int64_t n_renamed; /* fields whose name in the file was empty or not unique */
    struct slc_arena arena;
};

/* Copy the names, made unique as pandas' read_csv does: an empty one is
 * "Unnamed: <position from 0>", a repeated one gets ".1", ".2", ..., past those
 * that other columns have. Types are NULL. False when memory ran out. */
bool slc_schema_init(struct slc_schema *schema, const struct slc_str *names, int64_t n_names);

/* The field's index by exact name, or -1. */
int64_t slc_schema_find(const struct slc_schema *schema, struct slc_str name);

/* The same without regard to ASCII case, when the exact name is not there. */
int64_t slc_schema_find_nocase(const struct slc_schema *schema, struct slc_str name);

/* The name that is most like `wanted`, for messages; empty without columns. */
struct slc_str slc_schema_nearest(const struct slc_schema *schema, struct slc_str wanted);

void slc_schema_release(struct slc_schema *schema);

#endif
