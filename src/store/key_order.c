#include "store/key_order.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"

/* Room kept for the run that is still open: "[first,last]" and a comma, and the
 * bracket at the end. */
enum { RUN_BYTES = 2 * 20 + 4, END_BYTES = 1 };

bool slc_key_order_number(struct slc_str key, int64_t *ret_value)
{
    const char *digits = key.data;
    size_t len = key.len;

    if (len > 0 && *digits == '-') {
        digits++;
        len--;
        if (len > 0 && *digits == '0')
            return false; /* -0 */
    }
    if (len == 0 || len > 19 || *digits < '0' || *digits > '9' || (*digits == '0' && len > 1))
        return false;
    return slc_parse_int64(key.data, key.len, ret_value);
}

static void close_run(struct slc_key_order *order)
{
    char text[RUN_BYTES], *to = text;

    if (!order->has_open)
        return;
    const struct slc_key_run *run = &order->runs[order->open];
    *to++ = run->first == run->last ? '"' : '[';
    to = slc_write_int64(to, run->first);
    if (run->first != run->last) {
        *to++ = ',';
        to = slc_write_int64(to, run->last);
        *to++ = ']';
    } else {
        *to++ = '"';
    }
    slc_json_comma(&order->text);
    slc_buf_append(&order->text, text, (size_t)(to - text));
    order->has_open = false;
}

/* Index of the first run that begins behind `value`. */
static size_t run_behind(const struct slc_key_order *order, int64_t value)
{
    size_t low = 0, high = order->n_runs;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (order->runs[middle].first > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool insert_run(struct slc_key_order *order, size_t at, struct slc_key_run run)
{
    if (order->n_runs == order->runs_capacity) {
        size_t capacity = order->runs_capacity ? 2 * order->runs_capacity : 16;
        struct slc_key_run *runs = realloc(order->runs, capacity * sizeof(*runs));

        if (!runs)
            return false;
        order->runs = runs;
        order->runs_capacity = capacity;
    }
    memmove(order->runs + at + 1, order->runs + at, (order->n_runs - at) * sizeof(run));
    order->runs[at] = run;
    order->n_runs++;
    order->open = at;
    order->has_open = true;
    return true;
}

/* Whether `bytes` more fit, with the end. Sets `full` when they do not. */
static bool has_room(struct slc_key_order *order, size_t bytes)
{
    if (order->text.len == 0)
        slc_buf_append_byte(&order->text, '[');
    order->full = order->full || order->text.len + bytes + END_BYTES > SLC_KEY_ORDER_BYTES;
    return !order->full;
}

static void add_number(struct slc_key_order *order, int64_t value)
{
    size_t at;

    if (order->has_open) {
        struct slc_key_run *run = &order->runs[order->open];

        /* The common case: it follows the one before. */
        if (value > run->last && value - 1 == run->last &&
            (order->open + 1 == order->n_runs || run[1].first > value)) {
            run->last = value;
            return;
        }
    }
    at = run_behind(order, value);
    if (at > 0 && order->runs[at - 1].last >= value)
        return; /* it is there */
    close_run(order);
    if (!has_room(order, RUN_BYTES))
        return;
    if (!insert_run(order, at, (struct slc_key_run){.first = value, .last = value}))
        order->failed = true;
}

static void add_text(struct slc_key_order *order, struct slc_str key)
{
    bool added = false;
    size_t before;

    /* A key that cannot fit ends the order; ones that are there do not. */
    if (slc_keyset_has(&order->texts, key))
        return;
    close_run(order);
    if (!has_room(order, key.len + 3))
        return;
    before = order->text.len;
    slc_json_comma(&order->text);
    slc_json_string(&order->text, key);
    if (order->text.len + END_BYTES > SLC_KEY_ORDER_BYTES) { /* escapes made it longer */
        order->text.len = before;
        order->full = true;
    } else if (!slc_keyset_add(&order->texts, key, &added)) {
        order->failed = true;
    }
}

void slc_key_order_add(struct slc_key_order *order, struct slc_str key)
{
    int64_t value;

    if (order->full || order->ended || order->failed)
        return;
    if (slc_key_order_number(key, &value))
        add_number(order, value);
    else
        add_text(order, key);
}

void slc_key_order_add_run(struct slc_key_order *order, int64_t first, int64_t last)
{
    if (first > last || order->ended || !has_room(order, RUN_BYTES))
        return;
    if (!insert_run(order, 0, (struct slc_key_run){.first = first, .last = last}))
        order->failed = true;
}

struct slc_str slc_key_order_text(struct slc_key_order *order)
{
    if (!order->ended) {
        (void)has_room(order, 0); /* the '[' of an empty one */
        close_run(order);
        slc_buf_append_byte(&order->text, ']');
        order->ended = true;
    }
    if (order->failed || order->text.failed)
        return (struct slc_str){0};
    return slc_buf_view(&order->text);
}

void slc_key_order_release(struct slc_key_order *order)
{
    slc_buf_release(&order->text);
    slc_keyset_release(&order->texts);
    free(order->runs);
    *order = (struct slc_key_order){0};
}
