/* Where Redis is and how to log in to it, from a URL:
 *
 *   redis://[[user]:password@]host[:port][/db]
 *   rediss://...                                  the same over TLS
 *   redis+sentinel://[login@]host[:port][,host[:port]...]/master[/db]
 *   redis+cluster://[login@]host[:port][,host[:port]...]
 *   rediss+sentinel://, rediss+cluster://         the same over TLS
 *   unix:///path/to/redis.sock[?db=N]             also redis+unix:// and
 *                                                 redis+socket://, with
 *                                                 user:password@ before the path
 *
 * as redis-py's from_url() and the IANA registration of "redis" have it. The
 * query may also hold db=, username= and password=. Parts are percent-decoded;
 * an IPv6 address stands in brackets. */
#ifndef SLC_REDIS_URL_H
#define SLC_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct slc_redis_settings;

enum slc_redis_kind { SLC_REDIS_TCP, SLC_REDIS_UNIX, SLC_REDIS_TLS };

enum slc_redis_topology {
    SLC_REDIS_SINGLE,   /* one server */
    SLC_REDIS_SENTINEL, /* the master that the sentinels name */
    SLC_REDIS_CLUSTER,  /* keys spread over masters by slot */
};

enum {
    SLC_REDIS_HOST_BYTES = 256,
    SLC_REDIS_PATH_BYTES = 4096,
    SLC_REDIS_USER_BYTES = 256,
    SLC_REDIS_PASSWORD_BYTES = 4096, /* room for a token that stands for a password */
    SLC_REDIS_MASTER_NAME_BYTES = 128,
    SLC_REDIS_MAX_SEEDS = 16,
    SLC_REDIS_PORT = 6379,
    SLC_REDIS_SENTINEL_PORT = 26379,
};

struct slc_redis_node {
    char host[SLC_REDIS_HOST_BYTES]; /* without brackets */
    uint16_t port;
};

/* Nothing is allocated: it can be copied and dropped. All texts end in NUL. */
struct slc_redis_url {
    enum slc_redis_kind kind;
    enum slc_redis_topology topology;
    bool is_node;                    /* SINGLE: known for one of several; not to be taken for all */
    char host[SLC_REDIS_HOST_BYTES]; /* TCP and TLS, without brackets; the first seed's */
    uint16_t port;
    struct slc_redis_node seeds[SLC_REDIS_MAX_SEEDS]; /* SENTINEL, CLUSTER: whom to ask first */
    size_t n_seeds;
    char master_name[SLC_REDIS_MASTER_NAME_BYTES]; /* SENTINEL */
    char path[SLC_REDIS_PATH_BYTES];               /* UNIX: absolute */
    char user[SLC_REDIS_USER_BYTES];               /* "" means the default user */
    char password[SLC_REDIS_PASSWORD_BYTES];
    bool has_login; /* a user or a password was given: AUTH is to be sent */
    int32_t db;
    struct slc_redis_settings *settings; /* borrowed; NULL: all defaults. What connects takes a
                                            reference of its own */
};

/* Errors: CONFIG. No message repeats the password. */
bool slc_redis_url_parse(struct slc_str text, struct slc_redis_url *ret_url,
                         struct slc_error *error);

/* Room for slc_redis_url_print(): every byte of path and user may be escaped. */
enum {
    SLC_REDIS_URL_TEXT_BYTES = 3 * (SLC_REDIS_PATH_BYTES + SLC_REDIS_USER_BYTES) +
                               3 * SLC_REDIS_MASTER_NAME_BYTES +
                               SLC_REDIS_MAX_SEEDS * (3 * SLC_REDIS_HOST_BYTES + 8) + 64
};

/* The URL for people and logs: the password shows as "***". Returns `text`,
 * which always ends in NUL and is cut when there is no room. */
char *slc_redis_url_print(const struct slc_redis_url *url, char *text, size_t size_bytes);

/* Fill in the URL of a server on the unix socket `path` (absolute).
 * Errors: CONFIG when the path is too long or not absolute. */
bool slc_redis_url_from_socket(const char *path, int32_t db, struct slc_redis_url *ret_url,
                               struct slc_error *error);

/* Overwrite the login in memory. NULL is allowed. */
void slc_redis_url_wipe(struct slc_redis_url *url);

#endif
