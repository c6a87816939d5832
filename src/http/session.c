#include "http/session.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"

enum {
    STRIPES = 32,
    TTL_DEFAULT = 600,
    FREE_GUESSES_DEFAULT = 3,
    FIRST_DELAY_DEFAULT = 1,
    MAX_DELAY_DEFAULT = 300,
    GUESSES_TTL_MIN = 900,
    TOKEN_CHARS = SLC_AUTH_SECRET_TEXT_BYTES - 1,
};

struct slc_sessions {
    struct slc_sessions_options options;
    struct slc_auth_key keys[SLC_SESSION_KEYS_MAX];
    /* Attempts of one network go one after the other, or guesses made at the
     * same time would all be counted as the first one. */
    pthread_mutex_t stripes[STRIPES];
};

static int64_t now_usec(const struct slc_sessions *sessions)
{
    const struct slc_sessions_options *options = &sessions->options;

    return options->clock ? options->clock(options->clock_state) : slc_now_usec();
}

static int64_t or_default(int64_t value, int64_t default_value)
{
    return value ? value : default_value;
}

struct slc_sessions *slc_sessions_new(const struct slc_sessions_options *options,
                                      struct slc_error *error)
{
    struct slc_sessions *sessions;
    struct slc_sessions_options *own;

    if (options->key_count < 1 || options->key_count > SLC_SESSION_KEYS_MAX ||
        options->cookie_ttl_sec < 0 || options->address_ttl_sec < 0 || options->free_guesses < 0 ||
        options->first_delay_sec < 0 || options->max_delay_sec < 0) {
        slc_fail(error, SLC_ERR_CONFIG, "sessions need 1 to %d keys and no negative times",
                 SLC_SESSION_KEYS_MAX);
        return NULL;
    }
    sessions = calloc(1, sizeof(*sessions));
    if (!sessions) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
        return NULL;
    }
    own = &sessions->options;
    *own = *options;
    memcpy(sessions->keys, options->keys, options->key_count * sizeof(*options->keys));
    own->keys = sessions->keys;
    own->cookie_ttl_sec = or_default(own->cookie_ttl_sec, TTL_DEFAULT);
    own->free_guesses = or_default(own->free_guesses, FREE_GUESSES_DEFAULT);
    own->first_delay_sec = or_default(own->first_delay_sec, FIRST_DELAY_DEFAULT);
    own->max_delay_sec = or_default(own->max_delay_sec, MAX_DELAY_DEFAULT);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&sessions->stripes[i], NULL);
    if (!own->ops) {
        own->ops = &slc_session_memory_ops;
        own->ops_state = slc_session_memory_new(0, own->clock, own->clock_state);
        if (!own->ops_state) {
            slc_sessions_free(sessions);
            slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
            return NULL;
        }
    }
    return sessions;
}

void slc_sessions_free(struct slc_sessions *sessions)
{
    if (!sessions)
        return;
    if (sessions->options.ops && sessions->options.ops->free)
        sessions->options.ops->free(sessions->options.ops_state);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&sessions->stripes[i]);
    OPENSSL_cleanse(sessions->keys, sizeof(sessions->keys));
    free(sessions);
}

struct slc_session_caller slc_session_caller_of(const struct slc_http_request *request)
{
    return (struct slc_session_caller){
        .client = &request->client,
        .token = slc_http_request_cookie(request, SLC_SESSION_COOKIE_NAME),
        .authorization = slc_http_request_header(request, "authorization"),
        .cross_site = request->cross_site,
    };
}

/* Failures of a network: how many, and until when it is refused. */
struct guesses {
    int64_t count;
    int64_t until_usec;
};

static enum slc_session_found read_guesses(struct slc_sessions *sessions,
                                           const struct slc_client *client, struct guesses *guesses)
{
    char value[SLC_SESSION_VALUE_BYTES];
    enum slc_session_found found =
        sessions->options.ops->get(sessions->options.ops_state, SLC_SESSION_GUESSES,
                                   slc_str_from(client->network), value, NULL);
    const char *colon;

    *guesses = (struct guesses){0};
    if (found != SLC_SESSION_PRESENT)
        return found;
    value[sizeof(value) - 1] = '\0';
    colon = strchr(value, ':');
    if (!colon || !slc_parse_int64(value, (size_t)(colon - value), &guesses->count) ||
        !slc_parse_int64(colon + 1, strlen(colon + 1), &guesses->until_usec) || guesses->count < 0)
        return SLC_SESSION_STORE_FAILED;
    return SLC_SESSION_PRESENT;
}

static bool note_failure(struct slc_sessions *sessions, const struct slc_client *client,
                         struct guesses guesses, int64_t now)
{
    const struct slc_sessions_options *options = &sessions->options;
    char value[SLC_SESSION_VALUE_BYTES];
    int64_t delay = 0, ttl = 2 * options->max_delay_sec, until_usec;

    if (guesses.count < INT32_MAX)
        guesses.count++;
    if (guesses.count >= options->free_guesses) {
        int64_t doublings = guesses.count - options->free_guesses;

        delay = options->first_delay_sec;
        for (; doublings > 0 && delay < options->max_delay_sec; doublings--)
            delay *= 2;
        if (delay > options->max_delay_sec)
            delay = options->max_delay_sec;
    }
    until_usec = now + delay * SLC_USEC_PER_SEC;
    (void)snprintf(value, sizeof(value), "%lld:%lld", (long long)guesses.count,
                   (long long)until_usec);
    return options->ops->put(options->ops_state, SLC_SESSION_GUESSES, slc_str_from(client->network),
                             slc_str_from(value), ttl < GUESSES_TTL_MIN ? GUESSES_TTL_MIN : ttl,
                             NULL);
}

static bool any_key_matches(const struct slc_sessions *sessions, struct slc_str secret)
{
    bool right = false;

    /* All of them, so that the time does not say which one it was. */
    for (size_t i = 0; i < sessions->options.key_count; i++)
        right |= slc_auth_key_matches(&sessions->keys[i], secret);
    return right;
}

/* One attempt with a secret, slowed down after failures. */
static enum slc_session_verdict attempt(struct slc_sessions *sessions,
                                        const struct slc_client *client, struct slc_str secret,
                                        int64_t *ret_retry_after_sec)
{
    const struct slc_sessions_options *options = &sessions->options;
    struct slc_str network = slc_str_from(client->network);
    pthread_mutex_t *stripe =
        &sessions->stripes[slc_hash_bytes(network.data, network.len) % STRIPES];
    enum slc_session_verdict verdict;
    enum slc_session_found found;
    struct guesses guesses;
    int64_t now;

    pthread_mutex_lock(stripe);
    now = now_usec(sessions);
    found = read_guesses(sessions, client, &guesses);
    if (found == SLC_SESSION_STORE_FAILED) {
        verdict = SLC_SESSION_UNAVAILABLE;
    } else if (guesses.until_usec > now) {
        if (ret_retry_after_sec)
            *ret_retry_after_sec =
                (guesses.until_usec - now + SLC_USEC_PER_SEC - 1) / SLC_USEC_PER_SEC;
        verdict = SLC_SESSION_SLOWED;
    } else if (any_key_matches(sessions, secret)) {
        verdict = SLC_SESSION_APPROVED;
        if (found == SLC_SESSION_PRESENT &&
            !options->ops->del(options->ops_state, SLC_SESSION_GUESSES, network, NULL))
            verdict = SLC_SESSION_UNAVAILABLE;
    } else {
        verdict = note_failure(sessions, client, guesses, now) ? SLC_SESSION_DENIED
                                                               : SLC_SESSION_UNAVAILABLE;
    }
    pthread_mutex_unlock(stripe);
    return verdict;
}

enum slc_session_verdict slc_session_approve(struct slc_sessions *sessions,
                                             const struct slc_client *client, struct slc_str secret,
                                             char cookie[SLC_SESSION_COOKIE_BYTES],
                                             int64_t *ret_retry_after_sec)
{
    const struct slc_sessions_options *options = &sessions->options;
    enum slc_session_verdict verdict = attempt(sessions, client, secret, ret_retry_after_sec);
    char token[SLC_AUTH_SECRET_TEXT_BYTES], hex[SLC_SHA256_HEX_BYTES];

    if (verdict != SLC_SESSION_APPROVED)
        return verdict;
    if (!slc_auth_secret_make(token, NULL))
        return SLC_SESSION_UNAVAILABLE;
    slc_sha256_hex(slc_str_from(token), hex);
    if (!options->ops->put(options->ops_state, SLC_SESSION_TOKEN, slc_str_from(hex), SLC_STR("1"),
                           options->cookie_ttl_sec, NULL))
        return SLC_SESSION_UNAVAILABLE;
    if (options->address_ttl_sec > 0 &&
        !options->ops->put(options->ops_state, SLC_SESSION_ADDRESS, slc_str_from(client->text),
                           SLC_STR("1"), options->address_ttl_sec, NULL))
        return SLC_SESSION_UNAVAILABLE;
    (void)snprintf(cookie, SLC_SESSION_COOKIE_BYTES,
                   SLC_SESSION_COOKIE_NAME "=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld%s",
                   token, (long long)options->cookie_ttl_sec,
                   options->secure_cookie ? "; Secure" : "");
    OPENSSL_cleanse(token, sizeof(token));
    return SLC_SESSION_APPROVED;
}

static bool token_is_plausible(struct slc_str token)
{
    return token.len == TOKEN_CHARS;
}

/* The key of "Bearer <key>"; .data NULL when it is something else. */
static struct slc_str bearer_of(struct slc_str authorization)
{
    struct slc_str scheme = SLC_STR("Bearer");

    if (authorization.len <= scheme.len ||
        !slc_str_eq_nocase((struct slc_str){.data = authorization.data, .len = scheme.len},
                           scheme) ||
        authorization.data[scheme.len] != ' ')
        return (struct slc_str){0};
    return slc_str_trim((struct slc_str){.data = authorization.data + scheme.len,
                                         .len = authorization.len - scheme.len});
}

static enum slc_session_found look_up(struct slc_sessions *sessions, enum slc_session_kind kind,
                                      const char *key)
{
    char value[SLC_SESSION_VALUE_BYTES];

    return sessions->options.ops->get(sessions->options.ops_state, kind, slc_str_from(key), value,
                                      NULL);
}

enum slc_session_verdict slc_session_check(struct slc_sessions *sessions,
                                           const struct slc_session_caller *caller,
                                           int64_t *ret_retry_after_sec)
{
    enum slc_session_found found = SLC_SESSION_ABSENT;
    struct slc_str bearer = bearer_of(caller->authorization);
    char hex[SLC_SHA256_HEX_BYTES];

    if (token_is_plausible(caller->token)) {
        slc_sha256_hex(caller->token, hex);
        found = look_up(sessions, SLC_SESSION_TOKEN, hex);
    }
    if (found == SLC_SESSION_PRESENT)
        return SLC_SESSION_APPROVED;
    if (bearer.len)
        return attempt(sessions, caller->client, bearer, ret_retry_after_sec);
    if (found == SLC_SESSION_ABSENT && sessions->options.address_ttl_sec > 0 && !caller->cross_site)
        found = look_up(sessions, SLC_SESSION_ADDRESS, caller->client->text);
    if (found == SLC_SESSION_STORE_FAILED)
        return SLC_SESSION_UNAVAILABLE;
    return found == SLC_SESSION_PRESENT ? SLC_SESSION_APPROVED : SLC_SESSION_DENIED;
}

bool slc_session_end(struct slc_sessions *sessions, const struct slc_session_caller *caller,
                     char cookie[SLC_SESSION_COOKIE_BYTES], struct slc_error *error)
{
    const struct slc_sessions_options *options = &sessions->options;
    char hex[SLC_SHA256_HEX_BYTES];
    bool ok = true;

    if (token_is_plausible(caller->token)) {
        slc_sha256_hex(caller->token, hex);
        ok = options->ops->del(options->ops_state, SLC_SESSION_TOKEN, slc_str_from(hex), error);
    }
    if (options->address_ttl_sec > 0)
        ok = options->ops->del(options->ops_state, SLC_SESSION_ADDRESS,
                               slc_str_from(caller->client->text), ok ? error : NULL) &&
             ok;
    if (cookie)
        (void)snprintf(cookie, SLC_SESSION_COOKIE_BYTES,
                       SLC_SESSION_COOKIE_NAME "=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0%s",
                       options->secure_cookie ? "; Secure" : "");
    return ok;
}
