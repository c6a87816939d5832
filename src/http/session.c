#include "http/session.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/num.h"
#include "base/time.h"

enum {
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
    char ids[SLC_SESSION_KEYS_MAX][SLC_AUTH_KEY_ID_BYTES];
    struct slc_guess_rule rule;
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
    sessions->rule = (struct slc_guess_rule){.free = own->free_guesses,
                                             .first_delay_sec = own->first_delay_sec,
                                             .max_delay_sec = own->max_delay_sec,
                                             .ttl_sec = 2 * own->max_delay_sec};
    if (sessions->rule.ttl_sec < GUESSES_TTL_MIN)
        sessions->rule.ttl_sec = GUESSES_TTL_MIN;
    for (size_t i = 0; i < own->key_count; i++) {
        if (!slc_auth_key_id(&sessions->keys[i], sessions->ids[i])) {
            free(sessions);
            slc_fail(error, SLC_ERR_INTERNAL, "SHA-256 failed");
            return NULL;
        }
    }
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
        .secure = request->secure,
    };
}

/* ---- Wrong keys ---------------------------------------------------------- */

void slc_guesses_add(struct slc_guesses *guesses, const struct slc_guess_rule *rule,
                     int64_t now_usec)
{
    int64_t delay_sec = 0;

    if (guesses->count < INT32_MAX)
        guesses->count++;
    if (guesses->count >= rule->free) {
        delay_sec = rule->first_delay_sec;
        for (int64_t i = rule->free; i < guesses->count && delay_sec < rule->max_delay_sec; i++)
            delay_sec *= 2;
        if (delay_sec > rule->max_delay_sec)
            delay_sec = rule->max_delay_sec;
    }
    guesses->until_usec = now_usec + delay_sec * SLC_USEC_PER_SEC;
}

void slc_guesses_format(const struct slc_guesses *guesses, char value[SLC_SESSION_VALUE_BYTES])
{
    (void)snprintf(value, SLC_SESSION_VALUE_BYTES, "%lld:%lld", (long long)guesses->count,
                   (long long)guesses->until_usec);
}

bool slc_guesses_parse(const char *value, struct slc_guesses *ret_guesses)
{
    const char *colon = strchr(value, ':');
    struct slc_guesses guesses;

    if (!colon || !slc_parse_int64(value, (size_t)(colon - value), &guesses.count) ||
        !slc_parse_int64(colon + 1, strlen(colon + 1), &guesses.until_usec) || guesses.count < 0)
        return false;
    *ret_guesses = guesses;
    return true;
}

/* Until when the network is refused, 0 when nothing is known of it. False: the store failed. */
static bool read_guesses(struct slc_sessions *sessions, struct slc_str network,
                         int64_t *ret_until_usec)
{
    char value[SLC_SESSION_VALUE_BYTES];
    struct slc_guesses guesses = {0};

    switch (sessions->options.ops->get(sessions->options.ops_state, SLC_SESSION_GUESSES, network,
                                       value, NULL)) {
    case SLC_SESSION_STORE_FAILED:
        return false;
    case SLC_SESSION_PRESENT:
        value[sizeof(value) - 1] = '\0';
        if (!slc_guesses_parse(value, &guesses))
            return false;
        break;
    case SLC_SESSION_ABSENT:
        break;
    }
    *ret_until_usec = guesses.until_usec;
    return true;
}

/* Which key it is, or `key_count`. All of them are tried, so that the time does not say
 * which one it was. */
static size_t find_key(const struct slc_sessions *sessions, struct slc_str secret)
{
    size_t found = sessions->options.key_count;

    for (size_t i = 0; i < sessions->options.key_count; i++)
        if (slc_auth_key_matches(&sessions->keys[i], secret))
            found = i;
    return found;
}

static enum slc_session_verdict slowed(int64_t until_usec, int64_t now, int64_t *ret_sec)
{
    if (ret_sec)
        *ret_sec = (until_usec - now + SLC_USEC_PER_SEC - 1) / SLC_USEC_PER_SEC;
    return SLC_SESSION_SLOWED;
}

/* One attempt with a secret, slowed down after failures. `ret_key` (may be NULL) gets
 * which key it was. */
static enum slc_session_verdict attempt(struct slc_sessions *sessions,
                                        const struct slc_client *client, struct slc_str secret,
                                        size_t *ret_key, int64_t *ret_retry_after_sec)
{
    const struct slc_sessions_options *options = &sessions->options;
    struct slc_str network = slc_str_from(client->network);
    int64_t now = now_usec(sessions), until_usec = 0;
    size_t key;

    if (!read_guesses(sessions, network, &until_usec))
        return SLC_SESSION_UNAVAILABLE;
    if (until_usec > now)
        return slowed(until_usec, now, ret_retry_after_sec);
    key = find_key(sessions, secret);
    if (key == options->key_count) {
        if (!options->ops->guess(options->ops_state, network, &sessions->rule, now, &until_usec,
                                 NULL))
            return SLC_SESSION_UNAVAILABLE;
        return until_usec > now ? slowed(until_usec, now, ret_retry_after_sec) : SLC_SESSION_DENIED;
    }
    if (ret_key)
        *ret_key = key;
    if (until_usec > 0 &&
        !options->ops->del(options->ops_state, SLC_SESSION_GUESSES, network, NULL))
        return SLC_SESSION_UNAVAILABLE;
    return SLC_SESSION_APPROVED;
}

/* ---- Approvals ----------------------------------------------------------- */

static bool put(struct slc_sessions *sessions, enum slc_session_kind kind, const char *key,
                size_t shown, int64_t ttl_sec)
{
    const struct slc_sessions_options *options = &sessions->options;

    return options->ops->put(options->ops_state, kind, slc_str_from(key),
                             slc_str_from(sessions->ids[shown]), ttl_sec, NULL);
}

enum slc_session_verdict slc_session_approve(struct slc_sessions *sessions,
                                             const struct slc_session_caller *caller,
                                             struct slc_str secret,
                                             char cookie[SLC_SESSION_COOKIE_BYTES],
                                             int64_t *ret_retry_after_sec)
{
    const struct slc_sessions_options *options = &sessions->options;
    char token[SLC_AUTH_SECRET_TEXT_BYTES], hex[SLC_SHA256_HEX_BYTES];
    enum slc_session_verdict verdict;
    size_t shown = 0;

    verdict = attempt(sessions, caller->client, secret, &shown, ret_retry_after_sec);
    if (verdict != SLC_SESSION_APPROVED)
        return verdict;
    if (!slc_auth_secret_make(token, NULL))
        return SLC_SESSION_UNAVAILABLE;
    slc_sha256_hex(slc_str_from(token), hex);
    if (!put(sessions, SLC_SESSION_TOKEN, hex, shown, options->cookie_ttl_sec) ||
        (options->address_ttl_sec > 0 && !put(sessions, SLC_SESSION_ADDRESS, caller->client->text,
                                              shown, options->address_ttl_sec)))
        return SLC_SESSION_UNAVAILABLE;
    (void)snprintf(cookie, SLC_SESSION_COOKIE_BYTES,
                   SLC_SESSION_COOKIE_NAME "=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld%s",
                   token, (long long)options->cookie_ttl_sec, caller->secure ? "; Secure" : "");
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
    enum slc_session_found found = sessions->options.ops->get(sessions->options.ops_state, kind,
                                                              slc_str_from(key), value, NULL);

    if (found != SLC_SESSION_PRESENT)
        return found;
    value[sizeof(value) - 1] = '\0';
    for (size_t i = 0; i < sessions->options.key_count; i++)
        if (strcmp(value, sessions->ids[i]) == 0)
            return SLC_SESSION_PRESENT;
    return SLC_SESSION_ABSENT; /* approved by a key that is gone */
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
        return attempt(sessions, caller->client, bearer, NULL, ret_retry_after_sec);
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
                       caller->secure ? "; Secure" : "");
    return ok;
}
