/* The columns that are read, and those whose type is given; for the reader's
 * own files only. */
#ifndef SLC_READER_COLUMNS_H
#define SLC_READER_COLUMNS_H

#include "reader/format.h"

struct slc_selection {
    struct slc_schema schema;      /* the columns read; the names are those of reader->schema */
    int64_t *from;                 /* by column: where it is in the grid */
    enum slc_type *types;          /* by column: the given type; NULL: found out */
    bool any_type;                 /* some type other than TEXT is given */
    struct slc_number_style style; /* of the numbers in columns whose type is given */
};

/* Find what the options name in reader->schema, as the format's open() left it,
 * into reader->selection. Errors: CONFIG (names the nearest column), MEMORY. */
bool slc_selection_make(struct slc_reader *reader, struct slc_error *error);
void slc_selection_free(struct slc_selection *selection);

/* Once after splitting: take the rows out of the grid that hold a text which a
 * given type cannot hold, and put them among the rejects. Errors: MEMORY. */
bool slc_selection_reject_unfit(const struct slc_reader *reader, struct slc_raw *raw,
                                struct slc_error *error);

/* As slc_reader_parse_column(). */
bool slc_selection_type_column(const struct slc_reader *reader, struct slc_chunk *chunk,
                               int64_t column, enum slc_type type, struct slc_error *error);

#endif
