#include "store/bucket.h"

#include <string.h>

#include "base/num.h"
#include "redis/resp.h"
#include "store/exchange.h"
#include "store/listpack.h"
#include "store/load.h"

enum {
    FOOTER_BYTES = 10, /* version and checksum */
    LENGTH_BYTES = 5,  /* of a string, in the form that fits all */
    MOST_PAIRS = 512,
    LENGTH_DIGITS = 5, /* the usual length of a bucket has that many */
};

void slc_bucket_key(struct slc_str prefix, int64_t number, struct slc_buf *key)
{
    char text[SLC_NUM_TEXT_BYTES];

    slc_buf_append_str(key, prefix);
    slc_buf_append(key, text, (size_t)(slc_write_int64(text, number) - text));
}

static char *write_key(const struct slc_bucket_writer *writer, char *to, int64_t number)
{
    char text[SLC_NUM_TEXT_BYTES];
    size_t digits = (size_t)(slc_write_int64(text, number) - text);

    to = slc_resp_write_header(to, '$', writer->prefix.len + digits);
    memcpy(to, writer->prefix.data, writer->prefix.len);
    to += writer->prefix.len;
    memcpy(to, text, digits);
    to += digits;
    memcpy(to, "\r\n", 2);
    return to + 2;
}

static char *put_text(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    return to + len;
}

/* ---- RESTORE ---- */

/* A string's length in 32 bits, whatever it is (rdbSaveLen). */
static char *write_length(char *to, size_t len)
{
    *to++ = (char)0x80;
    for (int shift = 24; shift >= 0; shift -= 8)
        *to++ = (char)(len >> shift);
    return to;
}

static char *write_footer(const struct slc_bucket_writer *writer, const char *payload, char *end)
{
    memcpy(end, writer->version, 2);
    end += 2;
    uint64_t crc = slc_crc64(&writer->crc, payload, (size_t)(end - payload));
    for (int i = 0; i < 8; i++)
        *end++ = (char)(crc >> (8 * i));
    return end;
}

static size_t count_digits(size_t number)
{
    size_t digits = 1;

    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

/* Bytes of a RESTORE before its payload, the length's digits included. */
static size_t restore_head(const struct slc_bucket_writer *writer)
{
    return 2 * SLC_RESP_HEADER_BYTES + 64 + writer->prefix.len + SLC_NUM_TEXT_BYTES;
}

static char *write_restore(const struct slc_bucket_writer *writer, char *to, int64_t number)
{
    to = put_text(to, "*4\r\n$7\r\nRESTORE\r\n");
    to = write_key(writer, to, number);
    return put_text(to, "$1\r\n0\r\n");
}

/* Around `payload_len` bytes of payload, which stand behind a length of
 * `digits` digits at `head`. */
static char *close_bulk(char *head, size_t digits, size_t payload_len)
{
    size_t needed = count_digits(payload_len);
    char *payload = head + 1 + digits + 2;

    if (needed != digits)
        memmove(head + 1 + needed + 2, payload, payload_len);
    head = slc_resp_write_header(head, '$', payload_len) + payload_len;
    return put_text(head, "\r\n");
}

/* ---- HSET ---- */

static size_t entry_text(const struct slc_listpack_entry *entry, char text[SLC_NUM_TEXT_BYTES],
                         struct slc_str *ret)
{
    *ret = entry->text;
    if (entry->is_integer)
        *ret = (struct slc_str){.data = text,
                                .len = (size_t)(slc_write_int64(text, entry->integer) - text)};
    return ret->len;
}

/* How many of the pairs go into one command, and room for them. */
static size_t plan_hset(const struct slc_bucket_writer *writer, struct slc_str entries,
                        size_t n_rows, size_t *ret_bound)
{
    size_t count = 0, bytes = 0;
    char number[SLC_NUM_TEXT_BYTES];

    while (count < n_rows && count < MOST_PAIRS && (count == 0 || bytes < writer->most_bytes)) {
        for (int i = 0; i < 2; i++) {
            struct slc_listpack_entry entry = slc_listpack_take(&entries);
            struct slc_str text;

            bytes += SLC_RESP_BULK_BOUND(entry_text(&entry, number, &text));
        }
        count++;
    }
    *ret_bound = bytes + restore_head(writer);
    return count;
}

static bool write_hset(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                       int64_t number, struct slc_str entries, size_t n_rows)
{
    while (n_rows > 0) {
        size_t bound, count = plan_hset(writer, entries, n_rows, &bound);
        char *to = slc_buf_reserve(&out->bytes, bound), *start = to;
        char digits[SLC_NUM_TEXT_BYTES];

        if (!to)
            return false;
        to = slc_resp_write_header(to, '*', 2 + 2 * count);
        to = put_text(to, "$4\r\nHSET\r\n");
        to = write_key(writer, to, number);
        for (size_t i = 0; i < 2 * count; i++) {
            struct slc_listpack_entry entry = slc_listpack_take(&entries);
            struct slc_str text;

            entry_text(&entry, digits, &text);
            to = slc_resp_write_bulk(to, text.data, text.len);
        }
        out->bytes.len += (size_t)(to - start);
        slc_encoded_end_command(out);
        n_rows -= count;
    }
    return true;
}

static bool write_ziplist(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                          int64_t number, struct slc_str entries, size_t n_rows)
{
    size_t bound = restore_head(writer) + 1 + LENGTH_BYTES + FOOTER_BYTES + 2 +
                   SLC_ZIPLIST_BOUND(entries.len, 2 * n_rows);
    char *to = slc_buf_reserve(&out->bytes, bound), *start = to;

    if (!to)
        return false;
    to = write_restore(writer, to, number);
    char *payload = to + 1 + LENGTH_DIGITS + 2, *ziplist = payload + 1 + LENGTH_BYTES;
    char *end = slc_ziplist_write(ziplist, entries, 2 * n_rows);
    *payload = (char)writer->type;
    write_length(payload + 1, (size_t)(end - ziplist));
    end = write_footer(writer, payload, end);
    end = close_bulk(to, LENGTH_DIGITS, (size_t)(end - payload));
    out->bytes.len += (size_t)(end - start);
    slc_encoded_end_command(out);
    return true;
}

/* ---- Buckets ---- */

char *slc_bucket_begin(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                       int64_t number, size_t bound, struct slc_bucket *ret_bucket)
{
    char *to = slc_buf_reserve(&out->bytes, bound + restore_head(writer) + 1 + LENGTH_BYTES +
                                                SLC_LISTPACK_HEADER_BYTES + 1 + FOOTER_BYTES + 2);
    char *start = to;

    if (!to)
        return NULL;
    to = write_restore(writer, to, number) + 1 + LENGTH_DIGITS + 2;
    *to++ = (char)writer->type;
    to += LENGTH_BYTES + SLC_LISTPACK_HEADER_BYTES;
    *ret_bucket = (struct slc_bucket){.number = number,
                                      .start = out->bytes.len,
                                      .entries = out->bytes.len + (size_t)(to - start),
                                      .digits = LENGTH_DIGITS};
    return to;
}

/* In another way than by the listpack that stands there. */
static bool rewrite(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                    const struct slc_bucket *bucket, size_t len, size_t n_rows)
{
    SLC_AUTO_BUF struct slc_buf copy = {0};

    slc_buf_append(&copy, out->bytes.data + bucket->entries, len);
    if (copy.failed)
        return false;
    if (writer->way == SLC_BUCKET_ZIPLIST && len <= writer->most_bytes)
        return write_ziplist(writer, out, bucket->number, slc_buf_view(&copy), n_rows);
    return write_hset(writer, out, bucket->number, slc_buf_view(&copy), n_rows);
}

bool slc_bucket_end(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                    const struct slc_bucket *bucket, const char *end, size_t n_rows,
                    struct slc_error *error)
{
    char *entries = out->bytes.data + bucket->entries;
    size_t len = (size_t)(end - entries);

    if (n_rows == 0)
        return true;
    if (writer->way != SLC_BUCKET_LISTPACK || len > writer->most_bytes) {
        if (!rewrite(writer, out, bucket, len, n_rows))
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
        return true;
    }
    char *listpack = entries - SLC_LISTPACK_HEADER_BYTES;
    char *payload = listpack - LENGTH_BYTES - 1;
    char *to = slc_listpack_close(listpack, len, 2 * n_rows);
    write_length(payload + 1, (size_t)(to - listpack));
    to = write_footer(writer, payload, to);
    to = close_bulk(payload - 2 - bucket->digits - 1, bucket->digits, (size_t)(to - payload));
    out->bytes.len = (size_t)(to - out->bytes.data);
    slc_encoded_end_command(out);
    return true;
}

/* ---- What the server takes ---- */

/* Types of small hashes: RDB_TYPE_HASH_ZIPLIST, RDB_TYPE_HASH_LISTPACK. */
enum { TYPE_ZIPLIST = 13, TYPE_LISTPACK = 16 };

/* A reply that may be an error; false only when the connection broke. */
static bool ask(struct slc_redis *redis, struct slc_reply **ret, struct slc_error *error)
{
    return slc_redis_read(redis, ret, error);
}

/* Make a small hash and see how the server writes it down. */
static bool learn(struct slc_bucket_writer *writer, struct slc_redis *redis, struct slc_str probe,
                  struct slc_error *error)
{
    struct slc_reply *replies[4] = {0};
    bool good =
        slc_redis_append_call(redis, error, SLC_STR("UNLINK"), probe) &&
        slc_redis_append_call(redis, error, SLC_STR("HSET"), probe, SLC_STR("0"), SLC_STR("[]")) &&
        slc_redis_append_call(redis, error, SLC_STR("DUMP"), probe) &&
        slc_redis_append_call(redis, error, SLC_STR("UNLINK"), probe);

    for (int i = 0; good && i < 4; i++)
        good = ask(redis, &replies[i], error);
    writer->way = SLC_BUCKET_HSET;
    if (good && replies[2]->type == SLC_REPLY_STRING && replies[2]->text.len > 1 + FOOTER_BYTES) {
        struct slc_str dump = replies[2]->text;

        writer->type = (unsigned char)dump.data[0];
        memcpy(writer->version, dump.data + dump.len - FOOTER_BYTES, 2);
        if (writer->type == TYPE_LISTPACK)
            writer->way = SLC_BUCKET_LISTPACK;
        else if (writer->type == TYPE_ZIPLIST)
            writer->way = SLC_BUCKET_ZIPLIST;
    }
    for (int i = 0; i < 4; i++)
        slc_reply_free(replies[i]);
    return good;
}

/* One of ours, of a whole number and a text as keys, a short and a longer value:
 * what RESTORE is to take. */
static bool make_ours(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                      struct slc_str *ret_payload, struct slc_error *error)
{
    struct slc_bucket bucket;
    char *to = slc_bucket_begin(writer, out, 0, 512, &bucket);

    if (!to)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    to = slc_listpack_write(to, "1234567", 7);
    to = slc_listpack_write(to, "[1]", 3);
    to = slc_listpack_write(to, "key", 3);
    to = slc_listpack_write(
        to, "[\"0123456789012345678901234567890123456789012345678901234567890123456789\"]", 74);
    if (!slc_bucket_end(writer, out, &bucket, to, 2, error))
        return false;
    /* The last argument: $<length>CRLF<payload>CRLF, */
    const char *head = memmem(out->bytes.data, out->bytes.len, "$1\r\n0\r\n$", 8);
    if (!head)
        return slc_fail(error, SLC_ERR_INTERNAL, "a bucket has no payload");
    const char *payload = strchr(head + 8, '\n') + 1;
    *ret_payload = (struct slc_str){
        .data = payload, .len = (size_t)(out->bytes.data + out->bytes.len - 2 - payload)};
    return true;
}

static bool try_out(struct slc_bucket_writer *writer, struct slc_redis *redis, struct slc_str probe,
                    struct slc_error *error)
{
    struct slc_reply *replies[4] = {0};
    struct slc_encoded out = {0};
    struct slc_str payload;
    bool good =
        make_ours(writer, &out, &payload, error) &&
        slc_redis_append_call(redis, error, SLC_STR("RESTORE"), probe, SLC_STR("0"), payload) &&
        slc_redis_append_call(redis, error, SLC_STR("HGET"), probe, SLC_STR("1234567")) &&
        slc_redis_append_call(redis, error, SLC_STR("HSTRLEN"), probe, SLC_STR("key")) &&
        slc_redis_append_call(redis, error, SLC_STR("UNLINK"), probe);

    for (int i = 0; good && i < 4; i++)
        good = ask(redis, &replies[i], error);
    if (good && !(slc_reply_is(replies[0], "OK") && slc_reply_is(replies[1], "[1]") &&
                  replies[2]->type == SLC_REPLY_INTEGER && replies[2]->integer == 74))
        writer->way = SLC_BUCKET_HSET;
    for (int i = 0; i < 4; i++)
        slc_reply_free(replies[i]);
    slc_encoded_release(&out);
    return good;
}

bool slc_bucket_probe(struct slc_bucket_writer *writer, struct slc_redis *redis,
                      struct slc_str probe, struct slc_error *error)
{
    return learn(writer, redis, probe, error) &&
           (writer->way == SLC_BUCKET_HSET || try_out(writer, redis, probe, error));
}
