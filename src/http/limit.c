#include "http/limit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/num.h"
#include "base/time.h"
#include "http/expiring.h"

enum { MEMORY_KEYS_DEFAULT = 65536 };

static const struct {
    const char *name;
    int64_t sec;
} units[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}};

static struct slc_str skip_space(struct slc_str s)
{
    while (s.len && slc_ascii_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    return s;
}

/* Digits at the start of `*s`, at most 9 of them, which are cut off. */
static bool take_number(struct slc_str *s, int64_t *ret_number)
{
    size_t digits = 0;

    while (digits < s->len && s->data[digits] >= '0' && s->data[digits] <= '9')
        digits++;
    if (digits == 0 || digits > 9 || !slc_parse_int64(s->data, digits, ret_number))
        return false;
    s->data += digits;
    s->len -= digits;
    return true;
}

static bool take_unit(struct slc_str s, int64_t *ret_sec)
{
    if (s.len > 1 && slc_ascii_lower(s.data[s.len - 1]) == 's')
        s.len--;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (slc_str_eq_nocase(s, slc_str_from(units[i].name))) {
            *ret_sec = units[i].sec;
            return true;
        }
    }
    return false;
}

static bool parse_rate(struct slc_str text, struct slc_rate *rate)
{
    int64_t multiple = 1, unit_sec;

    text = slc_str_trim(text);
    if (!take_number(&text, &rate->amount))
        return false;
    text = skip_space(text);
    rate->window_sec = 1;
    if (text.len == 0)
        return rate->amount == 0;
    if (text.data[0] == '/') {
        text.data++;
        text.len--;
    } else if (text.len > 3 &&
               slc_str_eq_nocase((struct slc_str){.data = text.data, .len = 3}, SLC_STR("per")) &&
               slc_ascii_space(text.data[3])) {
        text.data += 3;
        text.len -= 3;
    } else {
        return false;
    }
    text = skip_space(text);
    if (text.len && text.data[0] >= '0' && text.data[0] <= '9') {
        if (!take_number(&text, &multiple) || multiple < 1 || multiple > 1000000)
            return false;
        text = skip_space(text);
    }
    if (!take_unit(text, &unit_sec))
        return false;
    rate->window_sec = multiple * unit_sec;
    return true;
}

bool slc_rate_parse(struct slc_str text, struct slc_rate *ret_rate, struct slc_error *error)
{
    struct slc_rate rate = {0};

    if (!parse_rate(text, &rate))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "'%.*s' is no rate: write 10/second, 100 per 5 minutes, or 0 for none",
                        text.len > 80 ? 80 : (int)text.len, text.len ? text.data : "");
    *ret_rate = rate;
    return true;
}

void slc_rate_format(const struct slc_rate *rate, char text[SLC_RATE_TEXT_BYTES])
{
    size_t unit = sizeof(units) / sizeof(*units) - 1;

    while (unit > 0 && rate->window_sec % units[unit].sec != 0)
        unit--;
    (void)snprintf(text, SLC_RATE_TEXT_BYTES, "%lld per %lld %s", (long long)rate->amount,
                   (long long)(rate->window_sec / units[unit].sec), units[unit].name);
}

struct memory {
    pthread_mutex_t lock;
    struct slc_expiring *table;
};

void *slc_limit_memory_new(size_t max_keys)
{
    struct memory *memory = calloc(1, sizeof(*memory));

    if (!memory)
        return NULL;
    memory->table = slc_expiring_new(max_keys ? max_keys : MEMORY_KEYS_DEFAULT);
    if (!memory->table || pthread_mutex_init(&memory->lock, NULL) != 0) {
        slc_expiring_free(memory->table);
        free(memory);
        return NULL;
    }
    return memory;
}

static void memory_free(void *state)
{
    struct memory *memory = state;

    if (!memory)
        return;
    slc_expiring_free(memory->table);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static bool memory_hit(void *state, struct slc_str key, int64_t window_sec, int64_t now_usec,
                       int64_t *ret_count, int64_t *ret_end_usec, struct slc_error *error)
{
    struct memory *memory = state;
    struct slc_expiring_entry *entry;

    pthread_mutex_lock(&memory->lock);
    entry = slc_expiring_find(memory->table, key, now_usec);
    if (!entry)
        entry = slc_expiring_put(memory->table, key, now_usec,
                                 now_usec + window_sec * SLC_USEC_PER_SEC);
    if (entry) {
        *ret_count = ++entry->number;
        *ret_end_usec = entry->end_usec;
    }
    pthread_mutex_unlock(&memory->lock);
    return entry || slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
}

const struct slc_limit_ops slc_limit_memory_ops = {.hit = memory_hit, .free = memory_free};

struct slc_limits {
    struct slc_limits_options options;
    void *memory; /* owned */
};

struct slc_limits *slc_limits_new(const struct slc_limits_options *options)
{
    struct slc_limits *limits = calloc(1, sizeof(*limits));

    if (!limits)
        return NULL;
    limits->options = *options;
    limits->memory = slc_limit_memory_new(options->memory_keys);
    if (!limits->memory) {
        free(limits);
        return NULL;
    }
    return limits;
}

void slc_limits_free(struct slc_limits *limits)
{
    if (!limits)
        return;
    memory_free(limits->memory);
    if (limits->options.shared && limits->options.shared->free)
        limits->options.shared->free(limits->options.shared_state);
    free(limits);
}

bool slc_limits_count(const struct slc_limits *limits)
{
    return limits && limits->options.rate.amount > 0;
}

/* "client|endpoint"; one that is too long is its hash. */
static struct slc_str make_key(struct slc_str client, struct slc_str endpoint,
                               char key[SLC_LIMIT_KEY_BYTES])
{
    int len =
        snprintf(key, SLC_LIMIT_KEY_BYTES, "%.*s|%.*s", SLC_STR_ARG(client), SLC_STR_ARG(endpoint));

    if (len < 0 || len >= SLC_LIMIT_KEY_BYTES) {
        char hex[SLC_SHA256_HEX_BYTES];

        slc_sha256_hex(endpoint, hex);
        len = snprintf(key, SLC_LIMIT_KEY_BYTES, "%.*s|%s", client.len > 64 ? 64 : (int)client.len,
                       client.data, hex);
    }
    return (struct slc_str){.data = key, .len = (size_t)len};
}

void slc_limits_hit(struct slc_limits *limits, struct slc_str client, struct slc_str endpoint,
                    struct slc_limit_state *ret_state)
{
    const struct slc_limits_options *options = &limits->options;
    struct slc_limit_state state = {.rate = options->rate};
    char key_text[SLC_LIMIT_KEY_BYTES];
    struct slc_str key = make_key(client, endpoint, key_text);
    int64_t now = options->clock ? options->clock(options->clock_state) : slc_monotonic_usec();
    int64_t count = 0, end = 0, wall = now;
    bool counted = false;

    if (options->rate.amount == 0) {
        *ret_state = (struct slc_limit_state){0};
        return;
    }
    if (options->shared)
        counted = options->shared->hit(options->shared_state, key, options->rate.window_sec, now,
                                       &count, &end, NULL);
    if (!counted)
        counted =
            memory_hit(limits->memory, key, options->rate.window_sec, now, &count, &end, NULL);
    if (!counted) { /* out of memory: let it pass, uncounted */
        count = 1;
        end = now + options->rate.window_sec * SLC_USEC_PER_SEC;
    }
    state.exceeded = count > options->rate.amount;
    state.remaining = state.exceeded ? 0 : options->rate.amount - count;
    /* Whole seconds, rounded up: who waits so long is let in. */
    if (!options->clock)
        wall = slc_now_usec();
    state.reset_unix_sec = (wall + end - now + SLC_USEC_PER_SEC - 1) / SLC_USEC_PER_SEC;
    state.retry_after_sec = (end - now + SLC_USEC_PER_SEC - 1) / SLC_USEC_PER_SEC;
    if (state.retry_after_sec < 1)
        state.retry_after_sec = 1;
    *ret_state = state;
}

static void set_number(struct slc_http_response *response, const char *name, int64_t number)
{
    char text[SLC_NUM_TEXT_BYTES];
    char *end = slc_write_int64(text, number);

    (void)slc_http_set_header(response, name,
                              (struct slc_str){.data = text, .len = (size_t)(end - text)});
}

void slc_limit_headers(const struct slc_limit_state *state, struct slc_http_response *response)
{
    if (state->rate.amount == 0)
        return;
    set_number(response, "x-ratelimit-limit", state->rate.amount);
    set_number(response, "x-ratelimit-remaining", state->remaining);
    set_number(response, "x-ratelimit-reset", state->reset_unix_sec);
    if (state->exceeded)
        slc_http_set_retry_after(response, state->retry_after_sec);
}
