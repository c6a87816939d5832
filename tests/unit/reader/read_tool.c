/* read_tool FILE [name=value ...]: the table as JSON lines (read_all.h), for
 * the comparison with pandas. Names: delimiter, quote, escape, comment, decimal,
 * thousands, types (sluice, pandas), leading_zeros (0, 1), invalid (reject, replace), column and
 * dtype (NAME:TYPE; both may be given again and again), skip_rows, header (auto, yes, no), encoding
 * (auto, utf-8, utf-16le, utf-16be, latin-1), sheet, keep_default_na (0, 1), na (may be given again
 * and again), chunk_bytes, threads. Exit status 1 with the error on stderr when the file is
 * refused. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "read_all.h"

enum { MAX_NA = 64, MAX_COLUMNS = 64 };

struct arguments {
    struct slc_reader_options options;
    struct slc_str na[MAX_NA];
    struct slc_str columns[MAX_COLUMNS];
    struct slc_column_dtype dtypes[MAX_COLUMNS];
    int64_t n_threads;
};

static int choice(struct slc_str value, const char *const *choices)
{
    for (int i = 0; choices[i]; i++)
        if (slc_str_is(value, choices[i]))
            return i;
    return -1;
}

static bool take_dtype(struct arguments *a, struct slc_str value)
{
    struct slc_column_dtype *dtype = &a->dtypes[a->options.n_dtypes];
    const char *colon = memrchr(value.data, ':', value.len);

    if (!colon || a->options.n_dtypes == MAX_COLUMNS)
        return false;
    a->options.n_dtypes++;
    dtype->name = (struct slc_str){value.data, (size_t)(colon - value.data)};
    return slc_type_from_name(slc_str_from(colon + 1), &dtype->type);
}

static bool take(struct arguments *a, struct slc_str name, struct slc_str value)
{
    static const char *const headers[] = {"auto", "yes", "no", NULL};
    static const char *const encodings[] = {"auto",     "utf-8",   "utf-16le",
                                            "utf-16be", "latin-1", NULL};
    static const char *const invalid[] = {"reject", "replace", NULL};
    int64_t number = 0;
    int which = 0;

    if (slc_str_is(name, "delimiter"))
        a->options.delimiter = value.data[0];
    else if (slc_str_is(name, "decimal"))
        a->options.decimal = value.data[0];
    else if (slc_str_is(name, "thousands"))
        a->options.thousands = value.data[0];
    else if (slc_str_is(name, "quote"))
        a->options.quote = value.data[0];
    else if (slc_str_is(name, "escape"))
        a->options.escape = value.data[0];
    else if (slc_str_is(name, "comment"))
        a->options.comment = value.data[0];
    else if (slc_str_is(name, "types"))
        a->options.types = slc_str_is(value, "pandas") ? SLC_TYPES_PANDAS : SLC_TYPES_SLUICE;
    else if (slc_str_is(name, "leading_zeros"))
        a->options.leading_zeros = slc_str_is(value, "1");
    else if (slc_str_is(name, "invalid"))
        a->options.invalid_text = (enum slc_invalid_text)(which = choice(value, invalid));
    else if (slc_str_is(name, "column") && a->options.n_columns < MAX_COLUMNS)
        a->columns[a->options.n_columns++] = value;
    else if (slc_str_is(name, "dtype"))
        return take_dtype(a, value);
    else if (slc_str_is(name, "header"))
        a->options.header = (enum slc_header)(which = choice(value, headers));
    else if (slc_str_is(name, "encoding"))
        a->options.encoding = (enum slc_encoding)(which = choice(value, encodings));
    else if (slc_str_is(name, "sheet"))
        a->options.sheet = value;
    else if (slc_str_is(name, "keep_default_na"))
        a->options.keep_default_na = slc_str_is(value, "1");
    else if (slc_str_is(name, "na") && a->options.n_na_values < MAX_NA)
        a->na[a->options.n_na_values++] = value;
    else if (!slc_parse_int64(value.data, value.len, &number))
        return false;
    else if (slc_str_is(name, "skip_rows"))
        a->options.skip_rows = number;
    else if (slc_str_is(name, "chunk_bytes"))
        a->options.chunk_bytes = number;
    else if (slc_str_is(name, "threads"))
        a->n_threads = number;
    else
        return false;
    return which >= 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {.options = slc_reader_default_options(), .n_threads = 1};
    struct slc_error error = {0};
    char text[SLC_ERROR_TEXT_BYTES];
    SLC_AUTO_BUF struct slc_buf out = {0};
    int fd;

    a.options.na_values = a.na;
    a.options.columns = a.columns;
    a.options.dtypes = a.dtypes;
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');

        if (!equals || !take(&a, (struct slc_str){argv[i], (size_t)(equals - argv[i])},
                             slc_str_from(equals + 1))) {
            fprintf(stderr, "read_tool: \"%s\" makes no sense\n", argv[i]);
            return 2;
        }
    }
    fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        fprintf(stderr, "read_tool: cannot open the file\n");
        return 2;
    }
    if (!read_all(fd, argv[1], &a.options, (int)a.n_threads, &out, &error)) {
        fprintf(stderr, "%s\n", slc_error_format(&error, text, sizeof(text)));
        return 1;
    }
    return fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 2;
}
