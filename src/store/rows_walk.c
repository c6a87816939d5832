/* The way through a replica's rows.
 *
 * A layout that keeps load order is walked by it. Of the others the rows that
 * KEY_ORDER names are fetched by their keys, and the rest is scanned. A scan of
 * what nobody writes to shows each row once (Redis promises that of HSCAN,
 * whatever a hash's tables do meanwhile), but a step of it hands out as many
 * rows as it likes. Where they do not fit, the place keeps the hashes of those
 * that are left, and the step is done once more, for these alone: the rows of a
 * step lie between its cursor and the next one, even when the tables have
 * changed. A step that always hands out the same rows is simply counted through,
 * in the order of their keys. */
#include "store/rows_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum {
    FIRST_KEYS = 100,
    MOST_KEYS = 1000,
    /* A step may hand out somewhat more rows than asked for. */
    SCAN_SLACK = 8,
    /* The step that left them was of MOST_KEYS or less; a hash that has grown since
     * takes more of them. A cursor may come from anyone. */
    MOST_PENDING_STEPS = 64,
};

/* Rows as a layout puts them. */
struct intake {
    struct slc_rows_reader *reader;
    struct slc_rows_batch *batch;
    bool unordered; /* only the rows that the order does not know */
    bool strict;    /* rows that are gone are an error */
    uint64_t n_put; /* rows that are gone counted, too */
    struct slc_error *error;
};

static bool take_row(void *context, struct slc_str key, struct slc_str row)
{
    struct intake *intake = context;

    intake->n_put++;
    if (!row.data && intake->strict)
        return slc_rows_gone(intake->reader->name, key, intake->error);
    if (!row.data || (intake->unordered && slc_key_order_view_has(&intake->reader->order, key)))
        return true;
    return slc_rows_batch_add(intake->batch, key, row, intake->error);
}

/* How many more rows there is room for, by what the rows so far took. */
static int64_t room_rows(const struct slc_rows_batch *batch, int64_t most_rows, size_t most_bytes)
{
    int64_t room = most_rows - batch->n_rows;
    size_t width, fitting;

    if (batch->n_rows == 0)
        return room < FIRST_KEYS ? room : FIRST_KEYS;
    width = batch->bytes.len / (size_t)batch->n_rows + 1;
    if (batch->bytes.len >= most_bytes)
        return 0;
    fitting = (most_bytes - batch->bytes.len) / width + 1;
    if (fitting > MOST_KEYS)
        fitting = MOST_KEYS;
    return room < (int64_t)fitting ? room : (int64_t)fitting;
}

/* ---- In load order ---- */

static bool next_walked(struct slc_rows_reader *reader, int64_t room, struct slc_rows_batch *batch,
                        struct slc_error *error)
{
    struct intake intake = {.reader = reader, .batch = batch, .error = error};
    struct slc_rows_place *place = &reader->place;

    if (place->at < (uint64_t)reader->n_rows &&
        !reader->where.layout->walk(reader->redis, &reader->where, (int64_t)place->at, room,
                                    take_row, &intake, error))
        return false;
    place->at += intake.n_put;
    if (intake.n_put == 0 || place->at >= (uint64_t)reader->n_rows)
        place->part = SLC_ROWS_END;
    return true;
}

struct gathering {
    struct slc_str keys[MOST_KEYS];
    struct slc_buf bytes;
    size_t ends[MOST_KEYS];
    size_t n, most;
};

static bool gather_key(void *context, struct slc_str key)
{
    struct gathering *gathering = context;

    slc_buf_append_str(&gathering->bytes, key);
    gathering->ends[gathering->n++] = gathering->bytes.len;
    return gathering->n < gathering->most;
}

static bool fetch_ordered(struct slc_rows_reader *reader, struct gathering *keys,
                          struct slc_rows_batch *batch, struct slc_error *error)
{
    struct intake intake = {.reader = reader,
                            .batch = batch,
                            .strict = reader->where.layout->rows_stay,
                            .error = error};

    slc_key_order_view_each(&reader->order, reader->place.at, gather_key, keys);
    if (keys->bytes.failed)
        return slc_rows_out_of_memory(error);
    for (size_t i = 0, from = 0; i < keys->n; from = keys->ends[i++])
        keys->keys[i] = (struct slc_str){.data = slc_buf_view(&keys->bytes).data + from,
                                         .len = keys->ends[i] - from};
    return reader->where.layout->fetch(reader->redis, &reader->where, keys->keys, keys->n, take_row,
                                       &intake, error);
}

static bool next_ordered(struct slc_rows_reader *reader, int64_t room, struct slc_rows_batch *batch,
                         struct slc_error *error)
{
    struct slc_rows_place *place = &reader->place;
    struct gathering *keys;
    bool good = true;

    if (place->at < reader->order.n_keys) {
        keys = calloc(1, sizeof(*keys));
        if (!keys)
            return slc_rows_out_of_memory(error);
        keys->most = (size_t)room;
        good = fetch_ordered(reader, keys, batch, error);
        place->at += keys->n;
        slc_buf_release(&keys->bytes);
        free(keys);
    }
    if (good && place->at >= reader->order.n_keys)
        *place = (struct slc_rows_place){.part = (int64_t)reader->order.n_keys < reader->n_rows
                                                     ? SLC_ROWS_UNORDERED
                                                     : SLC_ROWS_END};
    return good;
}

/* ---- The others ---- */

/* A hash's cursors are of one server process: another one that has the hash now (a
 * master that took its slot over, a replica, the same one after a restart) lays it
 * out in an order of its own. */
static bool is_same_server(struct slc_rows_reader *reader, uint64_t cursor, uint64_t next,
                           struct slc_error *error)
{
    struct slc_rows_place *place = &reader->place;
    uint64_t server;

    if (reader->where.layout->stable_steps || (place->server == 0 && cursor == 0 && next == 0))
        return true;
    if (!slc_redis_answered_by(reader->redis, &server, error))
        return false;
    if (place->server != 0 && server != 0 && place->server != server) {
        reader->changed = true;
        return slc_fail(error, SLC_ERR_CONFLICT,
                        "the replica \"%.*s\" is on another Redis server now; begin again with its "
                        "first rows",
                        reader->name.len > 200 ? 200 : (int)reader->name.len, reader->name.data);
    }
    place->server = server;
    return true;
}

/* The unordered rows of a step, and the cursor behind it. */
static bool scan(struct slc_rows_reader *reader, uint64_t cursor, int64_t most,
                 struct slc_rows_batch *step, uint64_t *ret_next, struct slc_error *error)
{
    struct intake intake = {.reader = reader, .batch = step, .unordered = true, .error = error};

    slc_rows_batch_clear(step);
    *ret_next = cursor;
    return reader->where.layout->scan(reader->redis, &reader->where, ret_next, most, take_row,
                                      &intake, error) &&
           is_same_server(reader, cursor, *ret_next, error);
}

/* Put the step's first `room` rows; the others wait in the place. */
static bool put_step(struct slc_rows_reader *reader, const struct slc_rows_batch *step,
                     uint64_t next, int64_t room, struct slc_rows_batch *batch,
                     struct slc_error *error)
{
    struct slc_rows_place place = {
        .part = SLC_ROWS_UNORDERED, .at = next, .server = reader->place.server};

    for (int64_t i = 0; i < step->n_rows; i++) {
        struct slc_row row = slc_rows_batch_at(step, i);

        if (i < room) {
            if (!slc_rows_batch_copy(batch, row, error))
                return false;
        } else {
            place.at = reader->place.at;
            place.next = next;
            place.pending[place.n_pending++] = slc_hash_bytes(row.key.data, row.key.len);
        }
    }
    if (place.n_pending == 0 && next == 0)
        place.part = SLC_ROWS_END;
    reader->place = place;
    return true;
}

/* The step is too long for what is left of the batch. */
static bool cut_step(struct slc_rows_reader *reader, uint64_t next, int64_t n_rows,
                     struct slc_rows_batch *batch, bool *ret_full, struct slc_error *error)
{
    /* A small hash is kept as one piece and always comes as a whole. */
    bool stable = reader->where.layout->stable_steps || (next == 0 && reader->place.at == 0);

    if (stable) {
        reader->place = (struct slc_rows_place){
            .part = SLC_ROWS_STEP, .at = reader->place.at, .server = reader->place.server};
        return true;
    }
    *ret_full = batch->n_rows > 0; /* the next batch has more room */
    return *ret_full ||
           slc_fail(error, SLC_ERR_LIMIT,
                    "Redis hands out %lld rows of the replica \"%.*s\" at once; ask for as many",
                    (long long)n_rows, reader->name.len > 200 ? 200 : (int)reader->name.len,
                    reader->name.data);
}

static bool next_unordered(struct slc_rows_reader *reader, int64_t room,
                           struct slc_rows_batch *batch, bool *ret_full, struct slc_error *error)
{
    int64_t count = room > 2 * SCAN_SLACK ? room - SCAN_SLACK : 1;
    struct slc_rows_batch step = {0};
    uint64_t next;
    bool good = scan(reader, reader->place.at, count, &step, &next, error);

    if (good && step.n_rows > room + SLC_ROWS_PENDING && count > 1)
        good = scan(reader, reader->place.at, 1, &step, &next, error);
    if (good && step.n_rows > room + SLC_ROWS_PENDING)
        good = cut_step(reader, next, step.n_rows, batch, ret_full, error);
    else if (good)
        good = put_step(reader, &step, next, room, batch, error);
    slc_rows_batch_release(&step);
    return good;
}

/* ---- What is left of a step ---- */

static bool take_pending(struct slc_rows_place *place, struct slc_str key)
{
    uint64_t hash = slc_hash_bytes(key.data, key.len);

    for (size_t i = 0; i < place->n_pending; i++)
        if (place->pending[i] == hash) {
            place->pending[i] = place->pending[--place->n_pending];
            return true;
        }
    return false;
}

static bool next_pending(struct slc_rows_reader *reader, int64_t room, struct slc_rows_batch *batch,
                         struct slc_error *error)
{
    struct slc_rows_place *place = &reader->place;
    struct slc_rows_batch step = {0};
    uint64_t cursor = place->at;
    bool good = true, missing = false;

    for (int steps = 0; good && !missing && room > 0 && place->n_pending > 0; steps++) {
        /* Long steps cost nothing here: only the rows that wait are taken. */
        good = scan(reader, cursor, steps == 0 ? FIRST_KEYS : MOST_KEYS, &step, &cursor, error);
        for (int64_t i = 0; good && room > 0 && i < step.n_rows; i++) {
            struct slc_row row = slc_rows_batch_at(&step, i);

            if (take_pending(place, row.key)) {
                good = slc_rows_batch_copy(batch, row, error);
                room--;
            }
        }
        missing =
            (cursor == 0 || steps + 1 == MOST_PENDING_STEPS) && place->n_pending > 0 && room > 0;
    }
    slc_rows_batch_release(&step);
    if (good && missing)
        return slc_fail(error, SLC_ERR_DATA,
                        "rows of the replica \"%.*s\" are gone; does something else write to it?",
                        reader->name.len > 200 ? 200 : (int)reader->name.len, reader->name.data);
    if (place->n_pending == 0)
        *place = (struct slc_rows_place){.part = place->next ? SLC_ROWS_UNORDERED : SLC_ROWS_END,
                                         .at = place->next,
                                         .server = place->server};
    return good;
}

static int compare_keys(const void *a, const void *b)
{
    return slc_str_cmp(((const struct slc_row *)a)->key, ((const struct slc_row *)b)->key);
}

static bool put_sorted(struct slc_rows_place *place, const struct slc_rows_batch *step,
                       uint64_t next, int64_t room, struct slc_rows_batch *batch,
                       struct slc_error *error)
{
    struct slc_row *rows = calloc((size_t)step->n_rows + 1, sizeof(*rows));
    bool good = true;

    if (!rows)
        return slc_rows_out_of_memory(error);
    for (int64_t i = 0; i < step->n_rows; i++)
        rows[i] = slc_rows_batch_at(step, i);
    qsort(rows, (size_t)step->n_rows, sizeof(*rows), compare_keys);
    for (; good && room > 0 && place->next < (uint64_t)step->n_rows; place->next++, room--)
        good = slc_rows_batch_copy(batch, rows[place->next], error);
    free(rows);
    if (place->next >= (uint64_t)step->n_rows)
        *place = (struct slc_rows_place){
            .part = next ? SLC_ROWS_UNORDERED : SLC_ROWS_END, .at = next, .server = place->server};
    return good;
}

static bool next_of_step(struct slc_rows_reader *reader, int64_t room, struct slc_rows_batch *batch,
                         struct slc_error *error)
{
    struct slc_rows_batch step = {0};
    uint64_t next;
    bool good = scan(reader, reader->place.at, 1, &step, &next, error) &&
                put_sorted(&reader->place, &step, next, room, batch, error);

    slc_rows_batch_release(&step);
    return good;
}

bool slc_rows_walk(struct slc_rows_reader *reader, int64_t most_rows, size_t most_bytes,
                   struct slc_rows_batch *batch, struct slc_error *error)
{
    bool good = true, full = false;
    int64_t room;

    while (good && !full && reader->place.part != SLC_ROWS_END &&
           (room = room_rows(batch, most_rows, most_bytes)) > 0) {
        if (reader->where.layout->walk)
            good = next_walked(reader, room, batch, error);
        else if (reader->place.part == SLC_ROWS_ORDERED)
            good = next_ordered(reader, room, batch, error);
        else if (reader->place.part == SLC_ROWS_STEP)
            good = next_of_step(reader, room, batch, error);
        else if (reader->place.n_pending > 0)
            good = next_pending(reader, room, batch, error);
        else
            good = next_unordered(reader, room, batch, &full, error);
    }
    return good;
}
