/* Redis Cluster's slots: which key is in which, which argument of a command is
 * its key, and what a redirection says
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
 * Pure. */
#ifndef SLC_REDIS_SLOT_H
#define SLC_REDIS_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "redis/url.h"

enum { SLC_REDIS_SLOTS = 16384 };

/* CRC-16/XMODEM of the key, or of what stands in its first {} when that is not
 * empty, modulo SLC_REDIS_SLOTS. */
uint16_t slc_redis_slot(struct slc_str key);

/* The command's first key; data NULL when it has none (PING, INFO, ...). */
struct slc_str slc_redis_command_key(size_t argc, const struct slc_str argv[]);

enum slc_redirect_kind {
    SLC_REDIRECT_NONE,
    SLC_REDIRECT_MOVED,    /* for good: the slot is another node's */
    SLC_REDIRECT_ASK,      /* this once: the key is on its way there */
    SLC_REDIRECT_TRYAGAIN, /* some keys of the command are here, some are there */
    SLC_REDIRECT_DOWN,     /* CLUSTERDOWN: the slot is nobody's at the moment */
};

struct slc_redirect {
    enum slc_redirect_kind kind;
    uint16_t slot;              /* MOVED, ASK */
    struct slc_redis_node node; /* MOVED, ASK; an empty host is that of the node which said it */
};

/* A host's name or address as a node may say it: it is connected to, and shown. */
bool slc_redis_host_is_sane(struct slc_str host);

/* What an error reply's text says; NONE for any other text, and for one that
 * names no proper node. */
struct slc_redirect slc_redis_redirect(struct slc_str text);

#endif
