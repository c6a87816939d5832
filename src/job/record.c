#include "job/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 8, TEXT_MAX_BYTES = 1 << 20 };

/* ---- Writing ------------------------------------------------------------- */

/* What is no UTF-8 becomes U+FFFD. */
static void write_text(struct slc_buf *json, const char *key, const char *text)
{
    SLC_AUTO_BUF struct slc_buf clean = {0};
    struct slc_str rest = slc_str_from(text ? text : "");

    while (rest.len > 0) {
        size_t good = slc_utf8_valid_prefix(rest.data, rest.len);

        slc_buf_append(&clean, rest.data, good);
        if (good < rest.len) {
            slc_utf8_append(&clean, 0xfffd);
            good++;
        }
        rest.data += good;
        rest.len -= good;
    }
    json->failed |= clean.failed;
    slc_json_member_string(json, key, slc_buf_view(&clean));
}

void slc_record_error(struct slc_buf *json, const struct slc_error *error)
{
    slc_buf_append_byte(json, '{');
    write_text(json, "code", slc_error_code_name(error->code));
    slc_json_member_int64(json, "class", (int64_t)error->class);
    slc_json_member_int64(json, "row", error->row);
    write_text(json, "file", error->file);
    write_text(json, "column", error->column);
    write_text(json, "message", error->message);
    slc_buf_append_byte(json, '}');
}

static uint64_t mix(uint64_t digest, struct slc_str part)
{
    return slc_hash_u64(digest ^ slc_hash_bytes(part.data ? part.data : "", part.len)) + part.len;
}

void slc_ticket_version(const struct slc_ticket *ticket, char version[SLC_JOB_VERSION_BYTES])
{
    enum slc_ticket_status status;
    struct json_object *options;
    int64_t size_bytes;
    uint64_t digest;

    if (!ticket) {
        snprintf(version, SLC_JOB_VERSION_BYTES, "fault");
        return;
    }
    status = slc_ticket_status(ticket);
    options = slc_ticket_options(ticket);
    size_bytes = slc_ticket_size_bytes(ticket);
    digest = slc_hash_u64(status == SLC_TICKET_REGISTERED ? SLC_TICKET_READY : (uint64_t)status);
    digest = mix(digest, slc_ticket_file_name(ticket));
    digest = mix(digest, slc_ticket_load_dttm(ticket));
    digest = mix(digest, slc_ticket_prim_index(ticket));
    digest =
        mix(digest, (struct slc_str){.data = (const char *)&size_bytes, .len = sizeof(size_bytes)});
    digest = mix(digest, slc_ticket_sha256(ticket));
    digest = mix(digest, slc_ticket_sheet(ticket));
    digest =
        mix(digest,
            slc_str_from(options ? json_object_to_json_string_ext(options, JSON_C_TO_STRING_PLAIN)
                                 : ""));
    snprintf(version, SLC_JOB_VERSION_BYTES, "%016" PRIx64, digest);
}

void slc_record_request(struct slc_buf *json, const struct slc_queue_request *request)
{
    char version[SLC_JOB_VERSION_BYTES], claim[512];

    slc_ticket_version(request->ticket, version);
    snprintf(claim, sizeof(claim), "%.480s/%s", request->ticket_name, version);
    slc_buf_append_byte(json, '{');
    write_text(json, "ticket", request->ticket_name);
    write_text(json, "file", request->file_name);
    write_text(json, "replica", request->replica);
    write_text(json, "version", version);
    write_text(json, "claim", claim);
    if (request->fault) {
        slc_json_key(json, "fault");
        slc_record_error(json, request->fault);
    }
    slc_buf_append_byte(json, '}');
}

static void write_drift(struct slc_buf *json, const struct slc_drift *drift)
{
    slc_json_key(json, "drift");
    slc_buf_append_byte(json, '[');
    for (int i = 0; i < drift->n_sentences; i++) {
        slc_json_comma(json);
        slc_json_text(json, drift->sentences[i]);
    }
    slc_buf_append_byte(json, ']');
}

static const char *verdict_of(enum slc_ticket_outcome outcome)
{
    return outcome == SLC_TICKET_OUTCOME_LOADED    ? "done"
           : outcome == SLC_TICKET_OUTCOME_SKIPPED ? "skipped"
                                                   : "failed";
}

void slc_record_end(struct slc_buf *json, const struct slc_ticket_report *report)
{
    const struct slc_load_result *result = &report->result;

    slc_buf_append_byte(json, '{');
    write_text(json, "state", verdict_of(report->outcome));
    write_text(json, "status", slc_ticket_status_name(report->status));
    write_text(json, "load_dttm", report->load_dttm);
    write_text(json, "load_id", result->load_id);
    slc_json_member_int64(json, "rows_read", result->rows_read);
    slc_json_member_int64(json, "rows_written", result->rows_written);
    slc_json_member_int64(json, "rows_rejected", result->rows_rejected);
    slc_json_member_int64(json, "duplicate_keys", result->duplicate_keys);
    slc_json_member_int64(json, "size_bytes", result->size_bytes);
    if (result->drift.n_sentences > 0)
        write_drift(json, &result->drift);
    if (report->outcome == SLC_TICKET_OUTCOME_FAILED) {
        slc_json_key(json, "error");
        slc_record_error(json, &report->error);
    }
    if (report->ticket_error.code != SLC_ERR_NONE) {
        slc_json_key(json, "ticket_error");
        slc_record_error(json, &report->ticket_error);
    }
    slc_buf_append_byte(json, '}');
}

/* ---- Progress ------------------------------------------------------------ */

/* Rate and time left, smoothed over some seconds; a new stage starts anew. */
static void update(struct slc_record_sample *sample, int64_t now_usec, int stage, int64_t rows,
                   double share, int64_t began_usec)
{
    double seconds = (double)(now_usec - sample->at_usec) / 1e6;
    double elapsed = (double)(now_usec - began_usec) / 1e6;

    if (sample->at_usec == 0 || stage != sample->stage || rows < sample->rows) {
        sample->rows_per_second = 0;
    } else if (seconds > 0 && rows > sample->rows) {
        double rate = (double)(rows - sample->rows) / seconds, weight = seconds / (seconds + 1);

        sample->rows_per_second = sample->rows_per_second > 0
                                      ? sample->rows_per_second * (1 - weight) + rate * weight
                                      : rate;
    }
    sample->seconds_left = share > 0.02 && elapsed > 0.2 ? elapsed * (1 - share) / share : -1;
    sample->at_usec = now_usec;
    sample->stage = stage;
    sample->rows = rows;
    sample->share = share;
}

void slc_record_progress(struct slc_buf *json, const struct slc_load_progress *progress,
                         int64_t began_usec, struct slc_record_sample *sample)
{
    int stage = progress->stage;
    int64_t read = progress->rows_read, written = progress->rows_written;

    update(sample, slc_monotonic_usec(), stage, stage == SLC_STAGE_SURVEY ? read : written,
           slc_load_progress_share(progress), began_usec);
    slc_buf_append_byte(json, '{');
    slc_json_member_int64(json, "stage", stage);
    slc_json_member_double(json, "share", sample->share);
    slc_json_member_int64(json, "size_bytes", progress->size_bytes);
    slc_json_member_int64(json, "rows_read", read);
    slc_json_member_int64(json, "rows_written", written);
    slc_json_member_int64(json, "rows_rejected", progress->rows_rejected);
    slc_json_member_double(json, "rows_per_second", sample->rows_per_second);
    slc_json_member_double(json, "seconds_left", sample->seconds_left);
    slc_buf_append_byte(json, '}');
}

/* ---- Reading ------------------------------------------------------------- */

static struct json_object *read_object(struct slc_str json)
{
    return json.len <= TEXT_MAX_BYTES ? slc_json_tree_object(json, DEPTH_MAX) : NULL;
}

static const char *text_of(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

static int64_t number_of(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

static double double_of(struct json_object *object, const char *key, double otherwise)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) ? json_object_get_double(value)
                                                          : otherwise;
}

static enum slc_error_code code_of(const char *name)
{
    for (int code = SLC_ERR_NONE + 1; code <= SLC_ERR_INTERNAL; code++)
        if (strcmp(slc_error_code_name((enum slc_error_code)code), name) == 0)
            return (enum slc_error_code)code;
    return SLC_ERR_INTERNAL;
}

static struct slc_error *error_of(struct json_object *object)
{
    struct slc_error *error = object ? calloc(1, sizeof(*error)) : NULL;
    int64_t class;

    if (!error)
        return NULL;
    slc_fail(error, code_of(text_of(object, "code")), "%s", text_of(object, "message"));
    class = number_of(object, "class");
    if (class >= SLC_CLASS_RETRY && class <= SLC_CLASS_FATAL)
        error->class = (enum slc_error_class) class;
    slc_error_locate(error, text_of(object, "file"), number_of(object, "row"),
                     slc_str_from(text_of(object, "column")));
    return error;
}

static struct slc_error *member_error(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_object)
               ? error_of(value)
               : NULL;
}

struct slc_error *slc_record_parse_error(struct slc_str json)
{
    struct json_object *root = read_object(json);
    struct slc_error *error = error_of(root);

    json_object_put(root);
    return error;
}

void slc_record_release(struct slc_record *record)
{
    free(record->ticket_name);
    free(record->file_name);
    free(record->replica);
    free(record->fault);
    *record = (struct slc_record){0};
}

bool slc_record_parse(struct slc_str json, struct slc_record *ret_record, struct slc_error *error)
{
    struct json_object *root = read_object(json);
    struct slc_record record = {0};

    if (!root)
        return slc_fail(error, SLC_ERR_INTERNAL, "Redis has something else where a load should be");
    record.ticket_name = strdup(text_of(root, "ticket"));
    record.file_name = strdup(text_of(root, "file"));
    record.replica = strdup(text_of(root, "replica"));
    record.fault = member_error(root, "fault");
    snprintf(record.version, sizeof(record.version), "%s", text_of(root, "version"));
    json_object_put(root);
    if (!record.ticket_name || !record.file_name || !record.replica) {
        slc_record_release(&record);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a load");
    }
    *ret_record = record;
    return true;
}

static enum slc_job_state state_of(const char *name)
{
    return strcmp(name, "done") == 0      ? SLC_JOB_DONE
           : strcmp(name, "skipped") == 0 ? SLC_JOB_SKIPPED
                                          : SLC_JOB_FAILED;
}

bool slc_record_parse_end(struct slc_str json, struct slc_job *job)
{
    struct json_object *root = read_object(json), *drift = NULL;
    enum slc_ticket_status status;

    if (!root)
        return false;
    job->state = state_of(text_of(root, "state"));
    job->share = 1;
    if (slc_ticket_status_from_name(slc_str_from(text_of(root, "status")), &status))
        job->status = status;
    snprintf(job->load_dttm, sizeof(job->load_dttm), "%.31s", text_of(root, "load_dttm"));
    snprintf(job->load_id, sizeof(job->load_id), "%.32s", text_of(root, "load_id"));
    job->rows_read = number_of(root, "rows_read");
    job->rows_written = number_of(root, "rows_written");
    job->rows_rejected = number_of(root, "rows_rejected");
    job->duplicate_keys = number_of(root, "duplicate_keys");
    job->size_bytes = number_of(root, "size_bytes");
    if (json_object_object_get_ex(root, "drift", &drift) &&
        json_object_is_type(drift, json_type_array))
        job->drift = strdup(json_object_to_json_string_ext(
            drift, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    job->error = member_error(root, "error");
    job->ticket_error = member_error(root, "ticket_error");
    json_object_put(root);
    return true;
}

bool slc_record_parse_progress(struct slc_str json, struct slc_job *job)
{
    struct json_object *root = read_object(json);
    int64_t stage;

    if (!root)
        return false;
    stage = number_of(root, "stage");
    job->stage = stage < 0 || stage > SLC_STAGE_DONE ? SLC_STAGE_OPEN : (enum slc_load_stage)stage;
    job->share = double_of(root, "share", 0);
    job->size_bytes = number_of(root, "size_bytes");
    job->rows_read = number_of(root, "rows_read");
    job->rows_written = number_of(root, "rows_written");
    job->rows_rejected = number_of(root, "rows_rejected");
    job->rows_per_second = double_of(root, "rows_per_second", 0);
    job->seconds_left = double_of(root, "seconds_left", -1);
    json_object_put(root);
    return true;
}
