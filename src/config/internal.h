/* What the files of this folder share; not for others. */
#ifndef SLC_CONFIG_INTERNAL_H
#define SLC_CONFIG_INTERNAL_H

#include "config/config.h"

enum {
    SLC_CONFIG_VALUE_BYTES = 65536, /* the longest value of any kind */
    SLC_CONFIG_KEY_BYTES = 1024,    /* the longest key, a column's name included */
    SLC_CONFIG_COLUMNS = 16384,     /* columns with options of their own */
    SLC_CONFIG_DEPTH = 8,           /* nesting of a file or of a ticket's options */
};

#define SLC_COLUMN_PREFIX "prep.columns."

/* A checked value. Zero-initialised is empty. */
struct slc_value {
    char *text;      /* owned; canonical: what the getters and the documentation show */
    int64_t integer; /* INT, SIZE, BOOL 0/1, ENUM index, CHARACTER byte or 0, RATE count */
    double seconds;  /* DURATION; RATE: its period */
    double number;   /* NUMBER */
    char **items;    /* LIST: owned, each of them */
    size_t item_count;
};

void slc_value_release(struct slc_value *value);
bool slc_value_copy(const struct slc_value *from, struct slc_value *ret_to);

/* Check and convert. `ret_value` is only written on success; the message
 * starts with `key`. Errors: CONFIG, MEMORY. */
bool slc_value_parse(const struct slc_option *option, struct slc_str key, struct slc_str text,
                     struct slc_value *ret_value, struct slc_error *error);
bool slc_value_parse_items(const struct slc_option *option, struct slc_str key,
                           const struct slc_str *items, size_t count, struct slc_value *ret_value,
                           struct slc_error *error);

/* A value as it was written that holds "${": kept until the secrets are put in.
 * Nothing of it is checked but its size. Errors: CONFIG, MEMORY. */
struct slc_input;
bool slc_value_keep(const struct slc_option *option, struct slc_str key,
                    const struct slc_input *input, struct slc_value *ret_value,
                    struct slc_error *error);

/* `text` as it may be shown for this option: secrets hidden, clipped. */
void slc_value_show(const struct slc_option *option, struct slc_str text, struct slc_buf *buf);

/* Bytes in the largest unit that divides them. */
void slc_value_show_bytes(int64_t bytes, struct slc_buf *buf);
void slc_value_show_number(double number, struct slc_buf *buf);

/* Where a value comes from. */
struct slc_source {
    enum slc_origin origin;
    const char *name; /* the file, the variable, "--set" */
    int64_t line;     /* FILE only, else 0 */
    int load;         /* FILE: which load, to find keys that are set twice */
};

/* What an option, or a step of a column, is set to. */
struct slc_setting {
    struct slc_value value;
    enum slc_origin origin;
    char *where; /* owned; NULL for the default */
    int load;
    /* The value as it was written, where it has secrets from elsewhere in it:
     * what may be shown. Owned; else NULL. */
    char *written;
    bool is_pending; /* the secrets are still to be put in */
};

struct slc_config_column {
    char *name; /* owned */
    struct slc_setting steps[SLC_COLUMN_STEPS];
};

struct slc_config {
    struct slc_setting *settings;       /* one for each row of the table */
    struct slc_config_column **columns; /* ordered by name; owned, each of them */
    size_t column_count;
    size_t column_capacity;
    int loads;
};

/* The place of `name` in the ordered columns; true when it is there, else it is
 * where it would be. */
bool slc_config_find_column(const struct slc_config *config, struct slc_str name,
                            size_t *ret_place);

/* A value on its way in: one text, or the items of a list. */
struct slc_input {
    struct slc_str text;
    const struct slc_str *items; /* used when is_list */
    size_t count;
    bool is_list;
};

/* True when it holds "${". */
bool slc_input_has_reference(const struct slc_input *input);

/* What the references in a kept value stand for, checked. `*ret_secret` says
 * that there were any (and not only escapes). Errors: CONFIG, MEMORY, those of
 * the look-up; the value is not in their messages. */
bool slc_value_put_secrets(const struct slc_option *option, struct slc_str key,
                           const struct slc_value *kept, const struct slc_config_secrets *secrets,
                           struct slc_value *ret_value, bool *ret_secret, struct slc_error *error);

/* Set any key, columns included, unless a higher source did already. Errors
 * carry the source. */
bool slc_config_put(struct slc_config *config, struct slc_str key, struct slc_input input,
                    const struct slc_source *source, struct slc_error *error);

/* An error about `key` with its source: "key: what (from --set)", or located in
 * the file. Returns false. */
bool slc_config_blame(struct slc_error *error, const struct slc_source *source, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));

/* The error for a key that is none; names the nearest known one. */
bool slc_config_blame_unknown(struct slc_str key, const struct slc_source *source,
                              struct slc_error *error);

/* What is wrong with a text (or an item of a list), NULL when nothing is: for
 * slc_option.check (option_checks.c). */
const char *slc_option_check_network(struct slc_str text);   /* an address or 10.0.0.0/8 */
const char *slc_option_check_redis_url(struct slc_str text); /* or empty */
const char *slc_option_check_mail_url(struct slc_str text);  /* or empty */
const char *slc_option_check_no_space(struct slc_str text);  /* nor control characters */
const char *slc_option_check_quote(struct slc_str text);     /* can be the quote character */
const char *slc_option_check_dtype(struct slc_str text);     /* NAME:TYPE */
const char *slc_option_check_name(struct slc_str text);      /* of a column */
const char *slc_option_check_host(struct slc_str text);      /* NAME, .NAME or * */

/* `key` is a section ("prep", "prep.columns", "prep.columns.NAME"). */
bool slc_option_is_section(struct slc_str key);

/* The column step of that name, or SLC_COLUMN_STEPS. */
enum slc_column_step slc_column_step_find(struct slc_str step);
const struct slc_option *slc_column_step_option(enum slc_column_step step);

/* The next number for slc_source.load. */
int slc_config_next_load(struct slc_config *config);

#endif
