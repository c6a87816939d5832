/* A document made a plan. The reader below knows the shape, so whatever nests
 * otherwise is an error where it begins, and nothing recurses. */
#include "prep/plan_document.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/time.h"
#include "base/utf8.h"
#include "prep/plan_names.h"
#include "prep/plan_parse.h"

const char *const slc_impute_names[SLC_N_IMPUTES] = {
    [SLC_IMPUTE_MEAN] = "mean",
    [SLC_IMPUTE_MEDIAN] = "median",
    [SLC_IMPUTE_MOST_FREQUENT] = "most_frequent",
    [SLC_IMPUTE_CONSTANT] = "constant",
    [SLC_IMPUTE_NONE] = "none",
    [SLC_IMPUTE_AUTO] = "auto",
};
const char *const slc_scale_names[SLC_N_SCALES] = {
    [SLC_SCALE_MINMAX] = "minmax", [SLC_SCALE_STANDARD] = "standard", [SLC_SCALE_MAXABS] = "maxabs",
    [SLC_SCALE_ROBUST] = "robust", [SLC_SCALE_NONE] = "none",
};
const char *const slc_downcast_names[SLC_N_DOWNCASTS] = {
    [SLC_DOWNCAST_ON] = "on",
    [SLC_DOWNCAST_OFF] = "off",
    [SLC_DOWNCAST_LOSSY] = "lossy",
};
const char *const slc_dropped_names[SLC_N_DROPPED] = {
    [SLC_KEPT] = "",
    [SLC_DROPPED_BY_OPTION] = "option",
    [SLC_DROPPED_CONSTANT] = "constant",
    [SLC_DROPPED_DUPLICATED] = "duplicated",
};

/* ---- impute --------------------------------------------------------------------- */

static bool take_fill(const struct slc_plan_parse *p, const struct slc_plan_token *token,
                      enum slc_type type, struct slc_value *ret_fill)
{
    struct slc_str text = token->text;
    struct slc_value fill = {.type = type};
    int32_t days = 0;
    bool is_number = token->kind == SLC_TOKEN_NUMBER, is_text = token->kind == SLC_TOKEN_TEXT,
         good = false;

    switch (type) {
    case SLC_TYPE_BOOL:
        good = token->kind == SLC_TOKEN_BOOL;
        fill.boolean = token->boolean;
        break;
    case SLC_TYPE_INT64:
        good = is_number && slc_parse_int64(text.data, text.len, &fill.int64);
        break;
    case SLC_TYPE_UINT64:
        good = is_number && slc_parse_uint64(text.data, text.len, &fill.uint64);
        break;
    case SLC_TYPE_FLOAT64:
        good = is_number && slc_parse_double(text.data, text.len, &fill.float64) &&
               isfinite(fill.float64);
        break;
    case SLC_TYPE_DATE:
        good = is_text && slc_parse_date(text.data, text.len, &days);
        fill.int64 = days;
        break;
    case SLC_TYPE_DATETIME:
        good = is_text && slc_parse_datetime(text.data, text.len, &fill.int64);
        break;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        good = is_text;
        fill.text = text;
        break;
    case SLC_TYPE_NULL:
        break;
    }
    if (!good)
        return slc_plan_refuse(p, "value",
                               token->kind == SLC_TOKEN_NONE
                                   ? "it is missing"
                                   : "it is no value of the type beside it");
    *ret_fill = fill;
    return true;
}

static bool read_impute(struct slc_plan_parse *p, void *context)
{
    static const struct slc_plan_member members[SLC_PLAN_MAX_MEMBERS] = {
        {"strategy", NULL}, {"type", NULL}, {"value", NULL}};
    struct slc_column_plan *column = context;
    struct slc_plan_token tokens[SLC_PLAN_MAX_MEMBERS] = {0};
    enum slc_type type = SLC_TYPE_NULL;
    unsigned seen;
    int strategy = 0;

    p->section = "impute";
    if (!slc_plan_read_object(p, members, tokens, &seen, NULL) ||
        !slc_plan_want_name(p, "strategy", &tokens[0], slc_impute_names, SLC_IMPUTE_AUTO,
                            "mean, median, most_frequent, constant or none is wanted here",
                            &strategy))
        return false;
    column->impute = (enum slc_impute)strategy;
    if (column->impute == SLC_IMPUTE_NONE) {
        if (seen != 1)
            return slc_plan_refuse(p, "", "without a strategy there is nothing to fill in");
    } else if (!slc_plan_want_type(p, "type", &tokens[1], &type) ||
               !take_fill(p, &tokens[2], type, &column->fill)) {
        return false;
    }
    p->section = "";
    return true;
}

/* ---- scale ---------------------------------------------------------------------- */

enum { S_STRATEGY, S_DATA_MIN, S_DATA_MAX, S_SCALE, S_MIN, S_RANGE, S_CLIP, S_CENTER, S_VAR };

/* The members that each strategy has. */
static const unsigned scale_members[SLC_N_SCALES] = {
    [SLC_SCALE_MINMAX] = 1U << S_STRATEGY | 1U << S_DATA_MIN | 1U << S_DATA_MAX | 1U << S_SCALE |
                         1U << S_MIN | 1U << S_RANGE | 1U << S_CLIP,
    [SLC_SCALE_STANDARD] = 1U << S_STRATEGY | 1U << S_CENTER | 1U << S_SCALE | 1U << S_VAR,
    [SLC_SCALE_MAXABS] = 1U << S_STRATEGY | 1U << S_CENTER | 1U << S_SCALE,
    [SLC_SCALE_ROBUST] = 1U << S_STRATEGY | 1U << S_CENTER | 1U << S_SCALE,
    [SLC_SCALE_NONE] = 1U << S_STRATEGY,
};

/* feature_range: exactly two numbers, ascending. */
static bool read_range(struct slc_plan_parse *p, void *context)
{
    struct slc_column_plan *column = context;
    double *const bounds[] = {&column->range_min, &column->range_max};
    int64_t n = 0;
    int more;

    if (slc_json_read_peek(&p->json) != '[')
        return slc_plan_refuse(p, "feature_range", "two numbers in an array are wanted here");
    if (!slc_json_read_enter(&p->json, '['))
        return slc_plan_refuse_json(p);
    while ((more = slc_json_read_next(&p->json, ']', &n)) == 1) {
        struct slc_plan_token token = {0};

        if (n > 2)
            break;
        if (!slc_plan_read_token(p, "feature_range", &token) ||
            !slc_plan_want_double(p, "feature_range", &token, bounds[n - 1]))
            return false;
    }
    if (more < 0)
        return slc_plan_refuse_json(p);
    if (n != 2)
        return slc_plan_refuse(p, "feature_range", "two numbers in an array are wanted here");
    return column->range_min < column->range_max ||
           slc_plan_refuse(p, "feature_range", "the second number is not above the first");
}

static bool take_minmax(const struct slc_plan_parse *p, const struct slc_plan_token *tokens,
                        unsigned seen, struct slc_column_plan *column)
{
    if (!slc_plan_want_double(p, "data_min", &tokens[S_DATA_MIN], &column->data_min) ||
        !slc_plan_want_double(p, "data_max", &tokens[S_DATA_MAX], &column->data_max) ||
        !slc_plan_want_double(p, "scale", &tokens[S_SCALE], &column->multiplier) ||
        !slc_plan_want_double(p, "min", &tokens[S_MIN], &column->offset))
        return false;
    if (!(seen & 1U << S_RANGE))
        return slc_plan_refuse(p, "feature_range", "it is missing");
    if (!slc_plan_want_bool(p, "clip", &tokens[S_CLIP], &column->clip))
        return false;
    if (column->data_min > column->data_max)
        return slc_plan_refuse(p, "data_max", "it is less than data_min");
    return column->multiplier >= 0.0 || slc_plan_refuse(p, "scale", "it is less than 0");
}

static bool take_centered(const struct slc_plan_parse *p, const struct slc_plan_token *tokens,
                          struct slc_column_plan *column)
{
    if (!slc_plan_want_double(p, "center", &tokens[S_CENTER], &column->center) ||
        !slc_plan_want_double(p, "scale", &tokens[S_SCALE], &column->divisor))
        return false;
    if (!(column->divisor > 0.0))
        return slc_plan_refuse(p, "scale", "a divisor is wanted here, more than 0");
    if (column->scale != SLC_SCALE_STANDARD)
        return true;
    if (tokens[S_VAR].kind == SLC_TOKEN_NULL) {
        column->variance = INFINITY;
        return true;
    }
    return slc_plan_want_double(p, "var", &tokens[S_VAR], &column->variance);
}

static bool read_scale(struct slc_plan_parse *p, void *context)
{
    static const struct slc_plan_member members[SLC_PLAN_MAX_MEMBERS] = {
        [S_STRATEGY] = {"strategy", NULL},
        [S_DATA_MIN] = {"data_min", NULL},
        [S_DATA_MAX] = {"data_max", NULL},
        [S_SCALE] = {"scale", NULL},
        [S_MIN] = {"min", NULL},
        [S_RANGE] = {"feature_range", read_range},
        [S_CLIP] = {"clip", NULL},
        [S_CENTER] = {"center", NULL},
        [S_VAR] = {"var", NULL}};
    struct slc_column_plan *column = context;
    struct slc_plan_token tokens[SLC_PLAN_MAX_MEMBERS] = {0};
    unsigned seen;
    int strategy = 0;

    p->section = "scale";
    if (!slc_plan_read_object(p, members, tokens, &seen, column) ||
        !slc_plan_want_name(p, "strategy", &tokens[S_STRATEGY], slc_scale_names, SLC_N_SCALES,
                            "minmax, standard, maxabs, robust or none is wanted here", &strategy))
        return false;
    column->scale = (enum slc_scale)strategy;
    for (int i = 0; members[i].key; i++)
        if (seen & ~scale_members[strategy] & 1U << i)
            return slc_plan_refuse(p, members[i].key, "the strategy has no such parameter");
    if (column->scale == SLC_SCALE_MINMAX && !take_minmax(p, tokens, seen, column))
        return false;
    if (column->scale != SLC_SCALE_MINMAX && column->scale != SLC_SCALE_NONE &&
        !take_centered(p, tokens, column))
        return false;
    p->section = "";
    return true;
}

/* ---- One column ------------------------------------------------------------------- */

/* The type between JSON repair and impute. */
static enum slc_type repaired_type(const struct slc_column_plan *column)
{
    return column->repair ? SLC_TYPE_JSON : column->in_type;
}

static bool fill_suits(const struct slc_column_plan *column)
{
    enum slc_type type = repaired_type(column), fill = column->fill.type;

    switch (column->impute) {
    case SLC_IMPUTE_NONE:
        return true;
    case SLC_IMPUTE_MEAN:
    case SLC_IMPUTE_MEDIAN:
        return slc_type_is_number(type) && fill == SLC_TYPE_FLOAT64;
    default:
        if (type == SLC_TYPE_NULL)
            return fill == SLC_TYPE_FLOAT64 || fill == SLC_TYPE_TEXT;
        return fill == type || (slc_type_is_number(type) && fill == SLC_TYPE_FLOAT64);
    }
}

/* What the steps make of the in_type, as far as that is certain without the
 * data: a fill of another type counts only where there were gaps. */
static bool out_type_suits(const struct slc_column_plan *column)
{
    enum slc_type type = repaired_type(column);
    bool fills = column->impute != SLC_IMPUTE_NONE;

    if (column->scale != SLC_SCALE_NONE)
        return column->out_type == SLC_TYPE_FLOAT64 &&
               (slc_type_is_number(type) ||
                (type == SLC_TYPE_NULL && fills && column->fill.type == SLC_TYPE_FLOAT64));
    if (fills && column->out_type == column->fill.type)
        return true;
    return column->out_type == type && !(fills && type == SLC_TYPE_NULL);
}

static bool check_column(const struct slc_plan_parse *p, const struct slc_column_plan *column)
{
    if (column->in_type == SLC_TYPE_JSON)
        return slc_plan_refuse(p, "in_type", "no file has columns of json; they are text");
    if (column->repair && column->in_type != SLC_TYPE_TEXT)
        return slc_plan_refuse(p, "json_repair", "only texts can be repaired");
    if ((column->is_index || column->dropped != SLC_KEPT) &&
        (column->repair || column->impute != SLC_IMPUTE_NONE || column->scale != SLC_SCALE_NONE))
        return slc_plan_refuse(p, column->is_index ? "index" : "dropped",
                               "such a column takes part in no step");
    if (column->is_index && column->dropped != SLC_KEPT)
        return slc_plan_refuse(p, "dropped", "the index cannot be dropped");
    if (!fill_suits(column))
        return slc_plan_refuse(p, "impute",
                               "its strategy and type do not suit the column's in_type");
    return out_type_suits(column) ||
           slc_plan_refuse(p, "out_type", "it is not what the steps make of the in_type");
}

enum {
    C_NAME,
    C_IN_TYPE,
    C_OUT_TYPE,
    C_INDEX,
    C_DROPPED,
    C_REPAIR,
    C_IMPUTE,
    C_SCALE,
    C_DOWNCAST,
    C_EXACT,
};

static bool take_dropped(const struct slc_plan_parse *p, const struct slc_plan_token *token,
                         struct slc_column_plan *column)
{
    int dropped = 0;

    column->dropped = SLC_KEPT;
    if (token->kind == SLC_TOKEN_NULL)
        return true;
    if (!slc_plan_want_name(p, "dropped", token, slc_dropped_names + 1, SLC_N_DROPPED - 1,
                            "null, option, constant or duplicated is wanted here", &dropped))
        return false;
    column->dropped = (enum slc_dropped)(dropped + 1);
    return true;
}

static bool take_column(const struct slc_plan_parse *p, const struct slc_plan_token *tokens,
                        unsigned seen, struct slc_column_plan *column)
{
    int downcast = 0;

    if (!slc_plan_want_text(p, "name", &tokens[C_NAME]))
        return false;
    column->name = tokens[C_NAME].text;
    if (!slc_plan_want_type(p, "in_type", &tokens[C_IN_TYPE], &column->in_type) ||
        !slc_plan_want_type(p, "out_type", &tokens[C_OUT_TYPE], &column->out_type) ||
        !slc_plan_want_bool(p, "index", &tokens[C_INDEX], &column->is_index) ||
        !take_dropped(p, &tokens[C_DROPPED], column) ||
        !slc_plan_want_bool(p, "json_repair", &tokens[C_REPAIR], &column->repair) ||
        !slc_plan_want_name(p, "downcast", &tokens[C_DOWNCAST], slc_downcast_names, SLC_N_DOWNCASTS,
                            "on, off or lossy is wanted here", &downcast) ||
        !slc_plan_want_bool(p, "exact", &tokens[C_EXACT], &column->fit_is_exact))
        return false;
    column->downcast = (enum slc_downcast)downcast;
    if (!(seen & 1U << C_IMPUTE))
        return slc_plan_refuse(p, "impute", "it is missing");
    if (!(seen & 1U << C_SCALE))
        return slc_plan_refuse(p, "scale", "it is missing");
    return check_column(p, column);
}

static bool read_column(struct slc_plan_parse *p, struct slc_column_plan *column)
{
    static const struct slc_plan_member members[SLC_PLAN_MAX_MEMBERS] = {
        [C_NAME] = {"name", NULL},
        [C_IN_TYPE] = {"in_type", NULL},
        [C_OUT_TYPE] = {"out_type", NULL},
        [C_INDEX] = {"index", NULL},
        [C_DROPPED] = {"dropped", NULL},
        [C_REPAIR] = {"json_repair", NULL},
        [C_IMPUTE] = {"impute", read_impute},
        [C_SCALE] = {"scale", read_scale},
        [C_DOWNCAST] = {"downcast", NULL},
        [C_EXACT] = {"exact", NULL}};
    struct slc_plan_token tokens[SLC_PLAN_MAX_MEMBERS] = {0};
    unsigned seen;

    *column = (struct slc_column_plan){.range_max = 1.0, .multiplier = 1.0, .divisor = 1.0};
    return slc_plan_read_object(p, members, tokens, &seen, column) &&
           take_column(p, tokens, seen, column);
}

/* ---- The whole -------------------------------------------------------------------- */

static bool grow_columns(struct slc_plan_parse *p)
{
    struct slc_plan *plan = &p->document->plan;
    int64_t capacity = p->capacity ? 2 * p->capacity : 64;
    struct slc_column_plan *columns;

    if (plan->n_columns < p->capacity)
        return true;
    if (plan->n_columns == SLC_MAX_COLUMNS)
        return slc_fail(p->error, SLC_ERR_LIMIT, "the plan is refused: it has more than %d columns",
                        (int)SLC_MAX_COLUMNS);
    columns = slc_arena_calloc(p->arena, (size_t)capacity, sizeof(*columns));
    if (!columns)
        return slc_fail(p->error, SLC_ERR_MEMORY, "memory ran out while a plan was read");
    if (plan->n_columns > 0)
        memcpy(columns, plan->columns, (size_t)plan->n_columns * sizeof(*columns));
    plan->columns = columns;
    p->capacity = capacity;
    return true;
}

static bool read_columns(struct slc_plan_parse *p, void *context)
{
    struct slc_plan *plan = &p->document->plan;
    int64_t n = 0;
    int more;

    (void)context;
    if (!slc_json_read_enter(&p->json, '['))
        return slc_plan_refuse_json(p);
    while ((more = slc_json_read_next(&p->json, ']', &n)) == 1) {
        p->column = plan->n_columns;
        if (!grow_columns(p) || !read_column(p, &plan->columns[plan->n_columns]))
            return false;
        plan->n_columns++;
        p->column = -1;
    }
    return more == 0 || slc_plan_refuse_json(p);
}

static bool is_sha256(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdef", text.data[i]) || text.data[i] == '\0')
            return false;
    return text.len == 64 || text.len == 0;
}

static bool read_source(struct slc_plan_parse *p, void *context)
{
    static const struct slc_plan_member members[SLC_PLAN_MAX_MEMBERS] = {
        {"name", NULL}, {"sha256", NULL}, {"rows", NULL}};
    struct slc_plan_provenance *from = context;
    struct slc_plan_token tokens[SLC_PLAN_MAX_MEMBERS] = {0};
    unsigned seen;

    p->section = "source";
    if (!slc_plan_read_object(p, members, tokens, &seen, NULL) ||
        !slc_plan_want_text(p, "name", &tokens[0]) || !slc_plan_want_text(p, "sha256", &tokens[1]))
        return false;
    from->source = tokens[0].text;
    from->sha256 = tokens[1].text;
    if (!is_sha256(from->sha256))
        return slc_plan_refuse(p, "sha256",
                               "64 hexadecimal digits in lower case, or \"\", are wanted here");
    if (tokens[2].kind != SLC_TOKEN_NUMBER ||
        !slc_parse_int64(tokens[2].text.data, tokens[2].text.len, &from->n_rows) ||
        from->n_rows < 0)
        return slc_plan_refuse(p, "rows", "a whole number from 0 on is wanted here");
    p->section = "";
    return true;
}

static bool check_version(const struct slc_plan_parse *p, const struct slc_plan_token *token)
{
    int64_t version;

    if (token->kind == SLC_TOKEN_NONE)
        return slc_plan_refuse(p, "sluice_plan", "it is missing: this is no plan");
    if (token->kind != SLC_TOKEN_NUMBER ||
        !slc_parse_int64(token->text.data, token->text.len, &version) || version < 1)
        return slc_plan_refuse(p, "sluice_plan",
                               "a version, a whole number from 1 on, is wanted here");
    return version == SLC_PLAN_DOCUMENT_VERSION ||
           slc_plan_refuse(p, "sluice_plan",
                           "a later sluice wrote this plan; this one reads version 1");
}

static bool read_version(struct slc_plan_parse *p, void *context)
{
    struct slc_plan_token token = {0};

    (void)context;
    return slc_plan_read_token(p, "sluice_plan", &token) && check_version(p, &token);
}

static int compare_names(const void *a, const void *b)
{
    const struct slc_column_plan *const *left = a, *const *right = b;

    return slc_str_cmp((*left)->name, (*right)->name);
}

/* What no column shows by itself: names that come twice, a second index. */
static bool check_columns(struct slc_plan_parse *p)
{
    const struct slc_plan *plan = &p->document->plan;
    SLC_AUTO_FREE const struct slc_column_plan **sorted =
        calloc((size_t)plan->n_columns + 1, sizeof(*sorted));
    int64_t index = -1;

    if (!sorted)
        return slc_fail(p->error, SLC_ERR_MEMORY, "memory ran out while a plan was read");
    if (plan->n_columns == 0)
        return slc_plan_refuse(p, "columns", "there is none");
    for (int64_t i = 0; i < plan->n_columns; i++) {
        sorted[i] = &plan->columns[i];
        p->column = i;
        if (plan->columns[i].is_index && index >= 0)
            return slc_plan_refuse(p, "index", "there is another one before it");
        if (plan->columns[i].is_index)
            index = i;
    }
    qsort(sorted, (size_t)plan->n_columns, sizeof(*sorted), compare_names);
    for (int64_t i = 1; i < plan->n_columns; i++)
        if (compare_names(&sorted[i - 1], &sorted[i]) == 0) {
            p->column = (sorted[i] > sorted[i - 1] ? sorted[i] : sorted[i - 1]) - plan->columns;
            return slc_plan_refuse(p, "name", "an earlier column has the same name");
        }
    p->column = -1;
    return true;
}

static bool read_document(struct slc_plan_parse *p)
{
    static const struct slc_plan_member members[SLC_PLAN_MAX_MEMBERS] = {
        {"sluice_plan", read_version},
        {"sluice_version", NULL},
        {"fitted_at", NULL},
        {"source", read_source},
        {"columns", read_columns}};
    struct slc_plan_provenance *from = &p->document->provenance;
    struct slc_plan_token tokens[SLC_PLAN_MAX_MEMBERS] = {0};
    unsigned seen;

    if (!slc_plan_read_object(p, members, tokens, &seen, from))
        return false;
    if (!(seen & 1U))
        return check_version(p, &tokens[0]);
    if (!slc_plan_want_text(p, "sluice_version", &tokens[1]) ||
        !slc_plan_want_text(p, "fitted_at", &tokens[2]))
        return false;
    if (!slc_parse_datetime(tokens[2].text.data, tokens[2].text.len, &from->fitted_usec))
        return slc_plan_refuse(p, "fitted_at", "a time YYYY-MM-DDTHH:MM:SSZ is wanted here");
    if (!(seen & 1U << 3))
        return slc_plan_refuse(p, "source", "it is missing");
    from->version = tokens[1].text;
    if (!slc_json_read_end(&p->json))
        return slc_plan_refuse_json(p);
    return check_columns(p);
}

bool slc_plan_document_parse(struct slc_str text, struct slc_plan_document *ret_document,
                             struct slc_error *error)
{
    struct slc_plan_document document = {0};
    struct slc_plan_parse p = {
        .json = {.text = text},
        .arena = &document.plan.arena,
        .error = error,
        .column = -1,
        .section = "",
        .document = &document,
    };

    if (text.len > SLC_PLAN_DOCUMENT_MAX_BYTES)
        return slc_fail(error, SLC_ERR_LIMIT, "the plan is refused: it is larger than %d MiB",
                        SLC_PLAN_DOCUMENT_MAX_BYTES >> 20);
    if (!slc_utf8_is_valid(text))
        return slc_fail(error, SLC_ERR_CONFIG, "the plan is refused: it is no UTF-8, at byte %lld",
                        (long long)slc_utf8_valid_prefix(text.data, text.len));
    if (!read_document(&p)) {
        slc_plan_document_release(&document);
        return false;
    }
    *ret_document = document;
    return true;
}

bool slc_plan_document_sign(struct slc_plan_document *document,
                            const struct slc_plan_provenance *provenance)
{
    struct slc_plan_provenance copy = *provenance;

    copy.source = slc_arena_copy(&document->plan.arena, provenance->source);
    copy.sha256 = slc_arena_copy(&document->plan.arena, provenance->sha256);
    copy.version = slc_arena_copy(&document->plan.arena, provenance->version);
    document->provenance = copy;
    return copy.source.data && copy.sha256.data && copy.version.data;
}

void slc_plan_document_release(struct slc_plan_document *document)
{
    if (!document)
        return;
    slc_plan_release(&document->plan);
    document->provenance = (struct slc_plan_provenance){0};
}
