/* Approved sessions.
 *
 * A caller who shows the key is approved: it gets a random 256-bit cookie, of
 * which only a hash is kept, and, because old clients keep no cookie, its
 * address is approved for a while, too. The key itself as
 * `Authorization: Bearer` counts on every call. An approval remembers the key that
 * was shown, and is none where that key is not known (any more). Who keeps guessing is refused
 * for growing times (answered, never slept); a success forgets the failures.
 *
 * Where sessions are kept is behind a small ops struct: in memory here, or in
 * Redis by another layer, so that several processes share them. Any thread. */
#ifndef SLC_HTTP_SESSION_H
#define SLC_HTTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "http/auth_key.h"
#include "http/client.h"
#include "http/request.h"
#include "http/response.h"

enum { SLC_SESSION_KEYS_MAX = 40 };

/* What an entry is about; each kind has a space of keys of its own. */
enum slc_session_kind {
    SLC_SESSION_TOKEN,   /* key: hash of a cookie's token */
    SLC_SESSION_ADDRESS, /* key: an approved address */
    SLC_SESSION_GUESSES, /* key: a network that failed */
    SLC_SESSION_KINDS,
};

enum { SLC_SESSION_KEY_BYTES = 80, SLC_SESSION_VALUE_BYTES = 64 };

enum slc_session_found { SLC_SESSION_ABSENT, SLC_SESSION_PRESENT, SLC_SESSION_STORE_FAILED };

/* What becomes of who shows wrong keys. */
struct slc_guess_rule {
    int64_t free;            /* failures before delays begin */
    int64_t first_delay_sec; /* doubles with every failure */
    int64_t max_delay_sec;
    int64_t ttl_sec; /* after the last one all are forgotten */
};

/* The failures of a network, as the store keeps them. */
struct slc_guesses {
    int64_t count;
    int64_t until_usec; /* since 1970: refused until then */
};

/* One more failure at that time. */
void slc_guesses_add(struct slc_guesses *guesses, const struct slc_guess_rule *rule,
                     int64_t now_usec);

/* As an entry's value, "COUNT:UNTIL". False: the text is none. */
void slc_guesses_format(const struct slc_guesses *guesses, char value[SLC_SESSION_VALUE_BYTES]);
bool slc_guesses_parse(const char *value, struct slc_guesses *ret_guesses);

/* A store of small entries. Keys are printable text of at most
 * SLC_SESSION_KEY_BYTES, values printable text shorter than
 * SLC_SESSION_VALUE_BYTES. Called from any thread. */
struct slc_session_ops {
    /* `value` gets the text with a NUL when present. */
    enum slc_session_found (*get)(void *state, enum slc_session_kind kind, struct slc_str key,
                                  char value[SLC_SESSION_VALUE_BYTES], struct slc_error *error);
    /* Put or replace; the entry is gone after `ttl_sec`. */
    bool (*put)(void *state, enum slc_session_kind kind, struct slc_str key, struct slc_str value,
                int64_t ttl_sec, struct slc_error *error);
    /* Deleting what is not there is fine. */
    bool (*del)(void *state, enum slc_session_kind kind, struct slc_str key,
                struct slc_error *error);
    /* Count a wrong key of `network` at `now_usec` (since 1970), as slc_guesses_add() does,
     * in one step among all who share the store. Who was refused at that time is not
     * counted: `ret_refused_until_usec` is then when that ends, else 0. */
    bool (*guess)(void *state, struct slc_str network, const struct slc_guess_rule *rule,
                  int64_t now_usec, int64_t *ret_refused_until_usec, struct slc_error *error);
    void (*free)(void *state); /* may be NULL */
};

/* In this process: at most `max_entries` of each kind, the oldest goes first.
 * `clock` gives microseconds since 1970 (NULL: slc_now_usec()). NULL when
 * memory ran out. */
extern const struct slc_session_ops slc_session_memory_ops;
void *slc_session_memory_new(size_t max_entries, int64_t (*clock)(void *clock_state),
                             void *clock_state);

struct slc_sessions;

struct slc_sessions_options {
    const struct slc_auth_key *keys; /* copied; any of them is right */
    size_t key_count;                /* 1 to SLC_SESSION_KEYS_MAX */
    int64_t cookie_ttl_sec;          /* 0 means 600 */
    int64_t address_ttl_sec; /* how long an approval counts for the address; 0: not at all */
    int64_t free_guesses;    /* failures before delays begin; 0 means 3 */
    int64_t first_delay_sec; /* 0 means 1; doubles with every failure */
    int64_t max_delay_sec;   /* 0 means 300 */
    const struct slc_session_ops *ops; /* NULL: memory, 65536 entries */
    void *ops_state; /* owned by the sessions from a successful slc_sessions_new() on */
    int64_t (*clock)(void *clock_state); /* microseconds since 1970; NULL means slc_now_usec() */
    void *clock_state;
};

/* Errors: CONFIG, MEMORY, INTERNAL. */
struct slc_sessions *slc_sessions_new(const struct slc_sessions_options *options,
                                      struct slc_error *error);
void slc_sessions_free(struct slc_sessions *sessions);

enum slc_session_verdict {
    SLC_SESSION_APPROVED,
    SLC_SESSION_DENIED,      /* 401 */
    SLC_SESSION_SLOWED,      /* 429 with retry_after_sec: too many wrong keys from there */
    SLC_SESSION_UNAVAILABLE, /* 503: the store cannot be reached */
};

/* What a caller brings along. */
struct slc_session_caller {
    const struct slc_client *client;
    struct slc_str token;         /* the value of the cookie, empty when there is none */
    struct slc_str authorization; /* the whole Authorization header, empty when there is none */
    bool cross_site;              /* the address does not count */
    bool secure;                  /* the call came over TLS: a cookie is "; Secure" */
};

/* The caller of a request (views into it). */
struct slc_session_caller slc_session_caller_of(const struct slc_http_request *request);

#define SLC_SESSION_COOKIE_NAME "sluice_session"
enum { SLC_SESSION_COOKIE_BYTES = 192 };

/* The caller (its client and `secure`) shows `secret`. When it is right, `cookie` gets the whole
 * value of a Set-Cookie header: "sluice_session=...; HttpOnly; SameSite=Strict; Path=/;
 * Max-Age=600". `ret_retry_after_sec` is set when slowed (may be NULL). */
enum slc_session_verdict slc_session_approve(struct slc_sessions *sessions,
                                             const struct slc_session_caller *caller,
                                             struct slc_str secret,
                                             char cookie[SLC_SESSION_COOKIE_BYTES],
                                             int64_t *ret_retry_after_sec);

/* May this caller pass? By its cookie, else by its Bearer key (a wrong one
 * is a denial and counts as a guess), else by its address. */
enum slc_session_verdict slc_session_check(struct slc_sessions *sessions,
                                           const struct slc_session_caller *caller,
                                           int64_t *ret_retry_after_sec);

/* End what the caller has: the session of its cookie and the approval of its
 * address. `cookie` (may be NULL) gets a Set-Cookie value that clears it. False
 * when the store failed. */
bool slc_session_end(struct slc_sessions *sessions, const struct slc_session_caller *caller,
                     char cookie[SLC_SESSION_COOKIE_BYTES], struct slc_error *error);

#endif
