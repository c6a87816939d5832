/* The configuration: one table defines, checks and documents every option.
 *
 * A value comes from, in rising precedence: the default in the table, the YAML
 * file, the environment, `--set`, and for the options of one file the ticket.
 * The precedence holds whatever the order of the calls. Every value is checked
 * when it is set, also one that a higher source overrides; a wrong one is an
 * error that says key, value, what is allowed and where it came from, and
 * after an error the configuration is only good for slc_config_free().
 *
 * Adding an option is one row in options.c. A finished configuration is only
 * read, and may then be read from any thread. What an option means is known to
 * the folder that reads it, not here. */
#ifndef SLC_CONFIG_CONFIG_H
#define SLC_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

struct json_object;

enum slc_option_kind {
    SLC_OPTION_TEXT,      /* min and max: length in bytes */
    SLC_OPTION_INT,       /* a whole number */
    SLC_OPTION_NUMBER,    /* any finite number: 0, -1.5, 1e-3 */
    SLC_OPTION_BOOL,      /* true/false, yes/no, on/off, 1/0 */
    SLC_OPTION_ENUM,      /* one of `choices`; true and false pick on/yes and off/no/none */
    SLC_OPTION_CHARACTER, /* one ASCII character, "tab", or one of `choices` */
    SLC_OPTION_SIZE,      /* bytes: 65536, 64KiB, 1.5GiB, 10MB; K, M, G, T are binary */
    SLC_OPTION_DURATION,  /* seconds: 30, 0.5, 500ms, 2m, 1h, 7d */
    SLC_OPTION_RATE,      /* 10/second, 600/minute, 1000/hour, 5000/day; 0 is no limit */
    SLC_OPTION_LIST,      /* texts: a YAML or JSON array, or "a,b,c"; max: how many */
};

enum slc_option_flag {
    SLC_OPTION_PER_FILE = 1 << 0,   /* a ticket's `options` may set it for its file */
    SLC_OPTION_SECRET = 1 << 1,     /* never shown, in no error and no log */
    SLC_OPTION_URL = 1 << 2,        /* a password inside is shown as *** */
    SLC_OPTION_PER_COLUMN = 1 << 3, /* stands for prep.columns.NAME.STEP, for any NAME */
    SLC_OPTION_PLAIN = 1 << 4,      /* must hold no ${wallet:NAME}: it is needed to find them */
};

struct slc_option {
    const char *key; /* "section.name"; a few have no section */
    enum slc_option_kind kind;
    unsigned flags; /* enum slc_option_flag */
    const char *default_text;
    double min, max;            /* by kind, see above; both 0: any */
    const char *const *choices; /* ENUM and CHARACTER: ends with NULL */
    const char *old_variable;   /* the old service's environment variable, or NULL */
    /* A further check of a value or list item; returns what is wrong with it
     * ("is no IP address") or NULL. May be NULL. */
    const char *(*check)(struct slc_str text);
    const char *help; /* a sentence or two, plain text */
};

enum slc_origin {
    SLC_ORIGIN_DEFAULT,
    SLC_ORIGIN_FILE,
    SLC_ORIGIN_ENVIRONMENT,
    SLC_ORIGIN_SET,
    SLC_ORIGIN_TICKET,
};

struct slc_config_rate {
    int64_t count; /* 0: no limit */
    int64_t period_seconds;
};

struct slc_config;

/* All defaults; NULL when memory ran out. */
struct slc_config *slc_config_new(void);
struct slc_config *slc_config_clone(const struct slc_config *config);
void slc_config_free(struct slc_config *config);
void slc_config_freep(struct slc_config **config);
#define SLC_AUTO_CONFIG SLC_CLEANUP(slc_config_freep)

/* ---- Filling it in ---------------------------------------------------- */

/* Read a YAML 1.1 file of at most 1 MiB: sections as mappings, or dotted keys;
 * null and empty values leave the default. A key that is set twice, an alias
 * or a second document is an error. Errors (CONFIG, MEMORY) name file,
 * line and key. */
bool slc_config_load_file(struct slc_config *config, const char *path, struct slc_error *error);

/* Apply SLUICE_SECTION_NAME variables (SLUICE_REDIS_URL, SLUICE_STATE_DIR;
 * columns as SLUICE_PREP_COLUMNS_age_IMPUTE) and the old service's names:
 * HOST, APP_PORT, STREAM_DIR, REPLICA_REGISTRY, and RED_PORT with PASS, which
 * make the redis.url of that port on 127.0.0.1 when redis.url is set neither
 * here nor before. The new names win over the old; an empty variable counts as
 * unset. Any other SLUICE_ variable is an error, save SLUICE_CONFIG,
 * SLUICE_TEST_*, what Kubernetes sets for a service named "sluice"
 * (SLUICE_PORT*, SLUICE_SERVICE_*) and what scripts/run_registry.sh takes.
 * `environment` ends with NULL, as environ. */
bool slc_config_apply_environment(struct slc_config *config, char *const *environment,
                                  struct slc_error *error);

/* One "section.key=value", as on the command line. */
bool slc_config_set(struct slc_config *config, const char *assignment, struct slc_error *error);

/* The same with key and value apart, for an option of its own such as --redis;
 * `source` names it in errors ("--redis"). */
bool slc_config_set_value(struct slc_config *config, const char *key, struct slc_str value,
                          const char *source, struct slc_error *error);

/* A ticket's `options`: {"prep.impute": "median"}, {"prep": {"impute":
 * "median"}} or {"impute": "median"}; columns as {"columns": {"age": {"impute":
 * "median"}}} or "prep.columns.age.impute". null leaves a value as it is. Only
 * SLC_OPTION_PER_FILE options are allowed. NULL means no options. Checks the
 * whole (slc_config_check) at the end. Errors: TICKET, MEMORY. */
bool slc_config_apply_ticket(struct slc_config *config, struct json_object *options,
                             struct slc_error *error);

/* Who knows the secrets that values refer to. */
struct slc_config_secrets {
    /* Append the secret `name` to `value`. The message of an error says what to
     * do; the option that wants it is put in front. */
    bool (*look_up)(void *state, struct slc_str name, struct slc_buf *value,
                    struct slc_error *error);
    void *state;
};

/* Put the secrets in. From every source but a ticket, which comes from outside,
 * a value may hold ${wallet:NAME}; $${ stands for ${ itself, and any other ${ is
 * an error. Within a URL (SLC_OPTION_URL) a secret is percent-encoded; a
 * reference that is the whole value stands for it as it is. Such a value is
 * checked here and not when it is set, is erased when the configuration goes,
 * and is shown as it was written. Without any reference nothing is looked up.
 * Call it when all sources are applied. Errors: CONFIG, MEMORY, and those of
 * `look_up`. */
bool slc_config_put_secrets(struct slc_config *config, const struct slc_config_secrets *secrets,
                            struct slc_error *error);

/* What no single option can tell: values that contradict each other. Call it
 * when all sources are applied and the secrets are put in. */
bool slc_config_check(const struct slc_config *config, struct slc_error *error);

/* ---- Reading it ------------------------------------------------------- */
/* An unknown key or a getter of another kind is a fault in the program and ends
 * it (assert). What is returned lives as long as the configuration. */

/* TEXT and ENUM. */
const char *slc_config_text(const struct slc_config *config, const char *key);
int64_t slc_config_int(const struct slc_config *config, const char *key);
double slc_config_number(const struct slc_config *config, const char *key);
bool slc_config_bool(const struct slc_config *config, const char *key);
/* ENUM: the place of the value in the table's choices, from 0. */
int slc_config_choice(const struct slc_config *config, const char *key);
/* ENUM and CHARACTER: the value is this choice (which has to exist). */
bool slc_config_is(const struct slc_config *config, const char *key, const char *choice);
/* CHARACTER: the byte; '\0' when the value is one of the choices. */
char slc_config_character(const struct slc_config *config, const char *key);
/* SIZE, in bytes. */
int64_t slc_config_bytes(const struct slc_config *config, const char *key);
/* DURATION, in seconds. */
double slc_config_seconds(const struct slc_config *config, const char *key);
struct slc_config_rate slc_config_rate(const struct slc_config *config, const char *key);
/* LIST: the number of items. */
size_t slc_config_list(const struct slc_config *config, const char *key,
                       const char *const **ret_items);

enum slc_origin slc_config_origin(const struct slc_config *config, const char *key);
/* "default", "/etc/sluice/sluice.yaml, line 12", "environment variable
 * APP_PORT", "--set". */
const char *slc_config_where(const struct slc_config *config, const char *key);

/* ---- Columns ---------------------------------------------------------- */
/* prep.columns.NAME.STEP. NAME is a column's name and may contain dots; STEP is
 * the part behind the last dot, one of these. */
enum slc_column_step {
    SLC_COLUMN_IMPUTE,
    SLC_COLUMN_IMPUTE_VALUE,
    SLC_COLUMN_SCALE,
    SLC_COLUMN_SCALE_MIN,
    SLC_COLUMN_SCALE_MAX,
    SLC_COLUMN_SCALE_CLIP,  /* "true" or "false" */
    SLC_COLUMN_JSON_REPAIR, /* "true" or "false" */
    SLC_COLUMN_DOWNCAST,    /* "on", "off" or "lossy" */
    SLC_COLUMN_DROP,        /* "true" or "false" */
    SLC_COLUMN_STEPS,
};

/* The value set for this column and step ("impute", ...), or NULL when none
 * is. Names are compared byte by byte. */
const char *slc_config_column(const struct slc_config *config, struct slc_str name,
                              const char *step);

/* The columns for which something is set, ordered by name. */
size_t slc_config_column_count(const struct slc_config *config);
const char *slc_config_column_name(const struct slc_config *config, size_t i);
/* The i-th column's value for a step, or NULL. */
const char *slc_config_column_value(const struct slc_config *config, size_t i,
                                    enum slc_column_step step);
/* The same as it may be shown. */
const char *slc_config_column_shown(const struct slc_config *config, size_t i,
                                    enum slc_column_step step);
/* The same as a number: the place among the step's choices (which are those of
 * prep.impute, prep.scale, prep.downcast), 0 or 1 for SCALE_CLIP, JSON_REPAIR
 * and DROP; -1 when nothing is set. Not for IMPUTE_VALUE, which is a text, and
 * the steps that are numbers. */
int slc_config_column_choice(const struct slc_config *config, size_t i, enum slc_column_step step);
/* SCALE_MIN and SCALE_MAX; `general` when nothing is set for the column. */
double slc_config_column_number(const struct slc_config *config, size_t i,
                                enum slc_column_step step, double general);
/* "impute", "scale_min", ... */
const char *slc_column_step_name(enum slc_column_step step);

/* ---- The table -------------------------------------------------------- */

/* The number of options, and the i-th in the order of the documentation. */
size_t slc_option_count(void);
const struct slc_option *slc_option_at(size_t i);
/* NULL when there is none of that key (the rows of prep.columns.NAME.STEP are
 * found by that very text). */
const struct slc_option *slc_option_find(struct slc_str key);
/* The known key that is nearest to a mistaken one. */
const char *slc_option_nearest(struct slc_str key);
/* "integer", "size", ... */
const char *slc_option_kind_name(enum slc_option_kind kind);
/* What is allowed: "1 to 65535", "mean, median or none". "" when all is. */
void slc_option_range(const struct slc_option *option, struct slc_buf *buf);
/* "SLUICE_HTTP_PORT". */
void slc_option_variable(const struct slc_option *option, struct slc_buf *buf);

enum slc_describe_format {
    SLC_DESCRIBE_TEXT,     /* for a terminal of 80 columns */
    SLC_DESCRIBE_MARKDOWN, /* one table a section */
    SLC_DESCRIBE_JSON,     /* an array of objects */
    SLC_DESCRIBE_YAML,     /* a configuration file, every option commented out at its default */
    SLC_DESCRIBE_MAN,      /* a manual page, sluice.yaml(5), in man(7) macros */
};

/* Every option: key, type, default, range, variables, help. Check buf->failed. */
void slc_config_describe(enum slc_describe_format format, struct slc_buf *buf);

/* The value as it may be shown: secrets as "(hidden)" ("" when empty). */
void slc_config_show(const struct slc_config *config, const struct slc_option *option,
                     struct slc_buf *buf);

/* ---- Places ----------------------------------------------------------- */

/* The state directory: state_dir when set, else $XDG_STATE_HOME/sluice (only
 * an absolute one counts, XDG Base Directory 0.8), else
 * $HOME/.local/state/sluice, else /var/lib/sluice. To be freed with free();
 * NULL when memory ran out. Nothing is made on disk. */
char *slc_config_state_dir(const struct slc_config *config, char *const *environment);

/* The value of a variable in an environment block, as getenv() finds it; NULL
 * when it is unset or empty. */
const char *slc_environment_get(char *const *environment, const char *name);

#endif
