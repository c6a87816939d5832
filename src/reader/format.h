/* What a format has to bring; for the reader's own files only.
 *
 * Every format comes down to the same thing: a stretch of rows as a grid of
 * cells, each a slice of text. Typing the cells is done once for all formats
 * (cells.h). To add a format, write one file with a `const struct
 * slc_reader_ops` and name it in the array in reader.c. */
#ifndef SLC_READER_FORMAT_H
#define SLC_READER_FORMAT_H

#include "reader/cells.h"
#include "reader/reader.h"

struct slc_reader_ops {
    const char *name;
    /* The first bytes of the input (at most 1 MiB, unpacked and in UTF-8) look
     * like this format. The array is asked in order; the last entry takes
     * anything that is text. */
    bool (*matches)(struct slc_str head, struct slc_str file_name);
    /* reader.skip_rows leaves out lines of the input: `matches` looks behind these. */
    bool skips_lines;
    /* Look at the input, all of which is in `head` when `ends_input`; fill
     * reader->schema in. SLC_SCAN_SLACK_BYTES of zeros follow the head. A rewind
     * follows. */
    bool (*open)(struct slc_reader *reader, struct slc_str head, bool ends_input,
                 struct slc_error *error);
    /* Under the reader's lock: the next stretch of rows into `raw` (recycled or
     * zeroed). 1, 0 at the end, -1. */
    int (*next)(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error);
    /* Any thread: cut raw->bytes into raw->cells, n_rows, n_records and rejects. */
    bool (*split)(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error);
    /* The input is at its start: go to the first row. */
    bool (*rewind)(struct slc_reader *reader, struct slc_error *error);
    void (*close)(struct slc_reader *reader);
};

extern const struct slc_reader_ops slc_csv_ops;
extern const struct slc_reader_ops slc_jsonl_ops;
extern const struct slc_reader_ops slc_xlsx_ops;

struct slc_reader {
    const struct slc_reader_ops *ops;
    void *state; /* the format's own */
    int fd;
    char *name;
    struct slc_reader_options options;
    struct slc_schema schema;        /* all columns of the file */
    struct slc_selection *selection; /* what is read of it (columns.h) */
    struct slc_na_set na;
    struct slc_number_style own_style;    /* as the options have it; a format may add to it */
    const struct slc_number_style *style; /* own_style, or NULL: it is the plain one */
    char delimiter;                       /* of delimited text; '\0': another format */
    char quote;
    char dialect[128];
    int64_t size_bytes;             /* of the file */
    _Atomic int64_t position_bytes; /* in the file */
    struct slc_input *input;
    int64_t next_seq;             /* under `lock` */
    struct slc_reader_sync *sync; /* the lock and the recycled raw parts */
};

#endif
