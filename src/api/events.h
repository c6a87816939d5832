/* Inside api: server-sent events about loads (HTML Living Standard, 9.2). */
#ifndef SLC_API_EVENTS_H
#define SLC_API_EVENTS_H

#include "base/error.h"

struct slc_api;
struct slc_api_events;

enum {
    SLC_API_EVENTS_CLIENTS_MAX = 256,    /* of a process */
    SLC_API_EVENTS_LOOK_MS = 400,        /* how often a load is looked at, at most */
    SLC_API_EVENTS_HEARTBEAT_MS = 15000, /* so that proxies and we notice who is gone */
    SLC_API_EVENTS_RETRY_MS = 2000,      /* when a client comes back that lost its connection */
};

/* One thread for all clients. NULL on failure. Errors: MEMORY, INTERNAL. */
struct slc_api_events *slc_api_events_start(struct slc_api *api, struct slc_error *error);

/* End all streams and the thread. NULL is fine. */
void slc_api_events_stop(struct slc_api_events *events);

#endif
