#include "load/drift.h"

#include <inttypes.h>
#include <json-c/json_object_iterator.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "base/utf8.h"
#include "load/drift_facts.h"

enum { DOCUMENT_VERSION = 1, SHOWN_NAME_BYTES = 60 };

struct compare {
    const struct slc_schema *schema;
    const struct slc_summary *summaries;
    struct slc_drift_facts *old; /* one a field */
    int64_t old_rows, new_rows;
    struct json_object *vanished; /* the old columns that are no more */
    struct slc_drift *drift;
    struct slc_buf *json;
    struct slc_buf sentence; /* being written */
};

/* ---- Sentences -------------------------------------------------------------- */

static void append_written(struct slc_buf *buf, double x)
{
    char text[SLC_NUM_TEXT_BYTES];

    slc_buf_append(buf, text, (size_t)(slc_write_double(text, x) - text));
}

static void append_grouped(struct slc_buf *buf, int64_t n)
{
    char text[SLC_NUM_TEXT_BYTES];
    size_t len = (size_t)(slc_write_int64(text, n) - text), first = n < 0;

    for (size_t i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0)
            slc_buf_append_byte(buf, ',');
        slc_buf_append_byte(buf, text[i]);
    }
}

/* As a person reads it: whole from a thousand on, four digits below. */
static void append_number(struct slc_buf *buf, double x)
{
    double magnitude = fabs(x), power;

    if (magnitude >= 1e15 || (magnitude < 1e-6 && x != 0.0)) {
        append_written(buf, x);
    } else if (magnitude >= 1000.0 || x == floor(x)) {
        append_grouped(buf, llround(x));
    } else {
        power = pow(10.0, 3.0 - floor(log10(magnitude)));
        append_written(buf, round(x * power) / power);
    }
}

static void append_share(struct slc_buf *buf, double share)
{
    append_number(buf, round(share * 1000.0) / 10.0);
    slc_buf_append_text(buf, " %");
}

/* A value of a column of that type; see struct slc_drift_facts. */
static void append_level(struct slc_buf *buf, enum slc_type type, double x)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8];
    char *end = text;

    if (type == SLC_TYPE_DATE)
        end = slc_write_date(text, (int32_t)floor(x / 86400.0));
    else if (type == SLC_TYPE_DATETIME)
        end = slc_write_datetime(text, (int64_t)floor(x) * SLC_USEC_PER_SEC);
    else if (type == SLC_TYPE_BOOL)
        append_share(buf, x);
    else
        append_number(buf, x);
    slc_buf_append(buf, text, (size_t)(end - text));
}

/* One line whatever a column is called. */
static void append_name(struct slc_buf *buf, struct slc_str name)
{
    struct slc_str shown = slc_utf8_clip(name, SHOWN_NAME_BYTES);

    for (size_t i = 0; i < shown.len; i++) {
        unsigned char c = (unsigned char)shown.data[i];

        slc_buf_append_byte(buf, c < 0x20 || c == 0x7f ? ' ' : shown.data[i]);
    }
    if (shown.len < name.len)
        slc_buf_append_text(buf, "...");
}

/* What c->sentence holds is a finding. */
static void end_sentence(struct compare *c)
{
    struct slc_drift *drift = c->drift;
    struct slc_str text = slc_utf8_clip(slc_buf_view(&c->sentence), SLC_DRIFT_SENTENCE_BYTES - 1);

    drift->n_findings++;
    if (drift->n_sentences < SLC_DRIFT_SENTENCES) {
        char *to = drift->sentences[drift->n_sentences++];

        memcpy(to, text.data, text.len);
        to[text.len] = '\0';
    }
    c->json->failed |= c->sentence.failed;
    slc_buf_clear(&c->sentence);
}

/* ---- JSON --------------------------------------------------------------------- */

static void json_level(struct slc_buf *buf, enum slc_type type, double x)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    if (type != SLC_TYPE_DATE && type != SLC_TYPE_DATETIME) {
        slc_json_double(buf, x);
        return;
    }
    append_level(&text, type, x);
    slc_json_string(buf, slc_buf_view(&text));
}

static void json_pair(struct compare *c, const char *key, enum slc_type old_type, double old,
                      enum slc_type new_type, double new)
{
    slc_json_key(c->json, key);
    slc_buf_append_byte(c->json, '{');
    slc_json_key(c->json, "old");
    json_level(c->json, old_type, old);
    slc_json_key(c->json, "new");
    json_level(c->json, new_type, new);
}

/* ---- Judgement ------------------------------------------------------------------ */

static double missing_share(const struct slc_drift_facts *facts)
{
    return facts->n_rows > 0 ? (double)facts->n_missing / (double)facts->n_rows : 0.0;
}

/* Every value is another one, as in a key. */
static bool is_distinct(const struct slc_drift_facts *facts)
{
    return facts->n_distinct >= facts->n_rows - facts->n_missing;
}

static bool differs_by(double old, double new, double tolerance)
{
    double difference = fabs(new - old);

    /* Also false where either is NaN. */
    return difference > 0.0 && difference >= tolerance;
}

static bool is_time(enum slc_type type)
{
    return type == SLC_TYPE_DATE || type == SLC_TYPE_DATETIME;
}

/* Values of one kind, so that a difference means something. */
static bool are_comparable(enum slc_type a, enum slc_type b)
{
    return a == b || (slc_type_is_number(a) && slc_type_is_number(b)) || (is_time(a) && is_time(b));
}

static void begin_part(struct compare *c, bool *any, const char *what)
{
    if (*any)
        slc_buf_append_text(&c->sentence, ", ");
    *any = true;
    slc_buf_append_text(&c->sentence, what);
}

static void compare_missing(struct compare *c, const struct slc_drift_facts *old,
                            const struct slc_drift_facts *new, bool *any)
{
    double before = missing_share(old), after = missing_share(new);

    if (!differs_by(before, after, SLC_DRIFT_MISSING))
        return;
    begin_part(c, any, "missing ");
    append_share(&c->sentence, before);
    slc_buf_append_text(&c->sentence, " -> ");
    append_share(&c->sentence, after);
    json_pair(c, "missing", SLC_TYPE_FLOAT64, before, SLC_TYPE_FLOAT64, after);
    slc_buf_append_byte(c->json, '}');
}

static void compare_mean(struct compare *c, const struct slc_drift_facts *old,
                         const struct slc_drift_facts *new, bool *any)
{
    double std = old->std > 0.0 ? old->std : 0.0, shift = (new->mean - old->mean) / std;

    if (!differs_by(old->mean, new->mean, SLC_DRIFT_MEAN * std))
        return;
    begin_part(c, any, new->type == SLC_TYPE_BOOL ? "true " : "mean ");
    append_level(&c->sentence, old->type, old->mean);
    slc_buf_append_text(&c->sentence, " -> ");
    append_level(&c->sentence, new->type, new->mean);
    json_pair(c, "mean", old->type, old->mean, new->type, new->mean);
    slc_json_key(c->json, "shift");
    slc_json_double(c->json, shift); /* null where the old values were all the same */
    slc_buf_append_byte(c->json, '}');
    if (!isfinite(shift)) {
        slc_buf_append_text(&c->sentence, " (it was constant)");
        return;
    }
    slc_buf_append_text(&c->sentence, shift > 0 ? " (+" : " (");
    append_number(&c->sentence, fabs(shift) >= 10.0 ? round(shift) : round(shift * 10.0) / 10.0);
    slc_buf_append_text(&c->sentence, " std)");
}

static void compare_distinct(struct compare *c, const struct slc_drift_facts *old,
                             const struct slc_drift_facts *new, bool *any)
{
    double before = (double)old->n_distinct, after = (double)new->n_distinct;

    if ((is_distinct(old) && is_distinct(new)) ||
        !differs_by(before, after, SLC_DRIFT_DISTINCT * before))
        return;
    begin_part(c, any, "different values ");
    append_grouped(&c->sentence, old->n_distinct);
    slc_buf_append_text(&c->sentence, " -> ");
    append_grouped(&c->sentence, new->n_distinct);
    json_pair(c, "distinct", SLC_TYPE_FLOAT64, before, SLC_TYPE_FLOAT64, after);
    slc_buf_append_byte(c->json, '}');
}

static void compare_end(struct compare *c, const char *key, const struct slc_drift_facts *old,
                        double before, const struct slc_drift_facts *new, double after, bool *any)
{
    if (!differs_by(before, after, SLC_DRIFT_RANGE * (old->max - old->min)))
        return;
    begin_part(c, any, key);
    slc_buf_append_byte(&c->sentence, ' ');
    append_level(&c->sentence, old->type, before);
    slc_buf_append_text(&c->sentence, " -> ");
    append_level(&c->sentence, new->type, after);
    json_pair(c, key, old->type, before, new->type, after);
    slc_buf_append_byte(c->json, '}');
}

static void compare_type(struct compare *c, const struct slc_drift_facts *old,
                         const struct slc_drift_facts *new, bool *any)
{
    if (old->type == new->type)
        return;
    begin_part(c, any, "type ");
    slc_buf_printf(&c->sentence, "%s -> %s", slc_type_name(old->type), slc_type_name(new->type));
    slc_json_key(c->json, "type");
    slc_buf_printf(c->json, "{\"old\":\"%s\",\"new\":\"%s\"}", slc_type_name(old->type),
                   slc_type_name(new->type));
}

/* A column that is in both; its object is taken back when nothing changed. */
static void compare_column(struct compare *c, int64_t field)
{
    const struct slc_drift_facts *old = &c->old[field];
    struct slc_drift_facts new = slc_drift_facts_of(&c->summaries[field]);
    size_t start = c->json->len;
    bool any = false;

    slc_json_key_str(c->json, c->schema->fields[field].name);
    slc_buf_append_byte(c->json, '{');
    append_name(&c->sentence, c->schema->fields[field].name);
    slc_buf_append_text(&c->sentence, ": ");
    compare_type(c, old, &new, &any);
    compare_missing(c, old, &new, &any);
    if (are_comparable(old->type, new.type)) {
        compare_mean(c, old, &new, &any);
        compare_end(c, "min", old, old->min, &new, new.min, &any);
        compare_end(c, "max", old, old->max, &new, new.max, &any);
        compare_distinct(c, old, &new, &any);
    }
    if (any) {
        slc_buf_append_byte(c->json, '}');
        end_sentence(c);
    } else {
        c->json->len = start;
        slc_buf_clear(&c->sentence);
    }
}

/* ---- Columns that came and went ---------------------------------------------------- */

static void list_vanished(struct compare *c)
{
    struct json_object_iterator at = json_object_iter_begin(c->vanished);
    struct json_object_iterator end = json_object_iter_end(c->vanished);

    slc_json_key(c->json, "vanished_columns");
    slc_buf_append_byte(c->json, '[');
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        struct slc_str name = slc_str_from(json_object_iter_peek_name(&at));

        slc_json_comma(c->json);
        slc_json_string(c->json, name);
        slc_buf_append_text(&c->sentence, "column gone: ");
        append_name(&c->sentence, name);
        end_sentence(c);
    }
    slc_buf_append_byte(c->json, ']');
}

static void list_new(struct compare *c)
{
    slc_json_key(c->json, "new_columns");
    slc_buf_append_byte(c->json, '[');
    for (int64_t i = 0; i < c->schema->n_fields; i++) {
        if (c->old[i].is_known)
            continue;
        slc_json_comma(c->json);
        slc_json_string(c->json, c->schema->fields[i].name);
        slc_buf_append_text(&c->sentence, "new column: ");
        append_name(&c->sentence, c->schema->fields[i].name);
        end_sentence(c);
    }
    slc_buf_append_byte(c->json, ']');
}

static void compare_rows(struct compare *c)
{
    double before = (double)c->old_rows, after = (double)c->new_rows;

    slc_json_key(c->json, "rows");
    slc_buf_printf(c->json, "{\"old\":%" PRId64 ",\"new\":%" PRId64 "}", c->old_rows, c->new_rows);
    if (!differs_by(before, after, SLC_DRIFT_ROWS * before))
        return;
    slc_buf_append_text(&c->sentence, "rows: ");
    append_grouped(&c->sentence, c->old_rows);
    slc_buf_append_text(&c->sentence, " -> ");
    append_grouped(&c->sentence, c->new_rows);
    if (before > 0.0) {
        slc_buf_append_text(&c->sentence, after > before ? " (+" : " (");
        append_grouped(&c->sentence, llround((after - before) / before * 100.0));
        slc_buf_append_text(&c->sentence, " %)");
    }
    end_sentence(c);
}

/* ---- The document -------------------------------------------------------------------- */

static void json_text_or_empty(struct slc_buf *buf, const char *key, struct slc_str text)
{
    slc_json_key(buf, key);
    slc_json_string(buf, text.data && slc_utf8_is_valid(text) ? text : SLC_STR(""));
}

static void write_document(struct compare *c, const struct slc_drift_reference *reference)
{
    slc_buf_append_byte(c->json, '{');
    slc_json_key(c->json, "version");
    slc_json_int64(c->json, DOCUMENT_VERSION);
    slc_json_key(c->json, "against");
    slc_buf_append_byte(c->json, '{');
    json_text_or_empty(c->json, "load_id", reference->load_id);
    json_text_or_empty(c->json, "load_dttm", reference->load_dttm);
    slc_buf_append_byte(c->json, '}');
    list_vanished(c);
    list_new(c);
    compare_rows(c);
    slc_json_key(c->json, "columns");
    slc_buf_append_byte(c->json, '{');
    for (int64_t i = 0; i < c->schema->n_fields; i++)
        if (c->old[i].is_known)
            compare_column(c, i);
    slc_buf_append_byte(c->json, '}');
    slc_json_key(c->json, "findings");
    slc_json_int64(c->json, c->drift->n_findings);
    slc_json_key(c->json, "sentences");
    slc_buf_append_byte(c->json, '[');
    for (int i = 0; i < c->drift->n_sentences; i++) {
        slc_json_comma(c->json);
        slc_json_text(c->json, c->drift->sentences[i]);
    }
    slc_buf_append_text(c->json, "]}");
}

/* Take the columns that are in both out of the old document; what is left there
 * has vanished. */
static void match_columns(struct compare *c)
{
    for (int64_t i = 0; i < c->schema->n_fields; i++) {
        const char *name = c->schema->fields[i].name.data;
        struct json_object *column;

        if (!json_object_object_get_ex(c->vanished, name, &column))
            continue;
        c->old[i] = slc_drift_facts_read(column);
        json_object_object_del(c->vanished, name);
    }
}

bool slc_drift_compare(const struct slc_drift_reference *reference, const struct slc_schema *schema,
                       const struct slc_summary *summaries, struct slc_drift *ret_drift,
                       struct slc_buf *json, struct slc_error *error)
{
    struct compare c = {.schema = schema,
                        .summaries = summaries,
                        .drift = ret_drift,
                        .json = json,
                        .new_rows = schema->n_fields > 0 ? summaries[0].n_rows : 0};
    struct json_object *root = slc_drift_profile_read(reference->profile, &c.old_rows);

    *ret_drift = (struct slc_drift){0};
    c.old = calloc((size_t)schema->n_fields + 1, sizeof(*c.old));
    if (!c.old) {
        json_object_put(root);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to compare with the last load");
    }
    if (root) {
        ret_drift->is_compared = true;
        c.vanished = json_object_object_get(root, "columns");
        match_columns(&c);
        write_document(&c, reference);
    } else {
        slc_buf_printf(json, "{\"version\":%d,\"against\":null}", DOCUMENT_VERSION);
    }
    json_object_put(root);
    slc_buf_release(&c.sentence);
    free(c.old);
    return !json->failed ||
           slc_fail(error, SLC_ERR_MEMORY, "no memory to compare with the last load");
}
