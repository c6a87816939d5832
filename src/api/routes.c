/* The table of routes: what is answered, by whom, to whom, and what is said of it. */
#include "api/describe.h"
#include "api/internal.h"

#define REGISTRY_BLOCKED "{\"registry\":\"blocked\"}"

#define COUNT_TEXT_(number) #number
#define COUNT_TEXT(number) COUNT_TEXT_(number)

/* Lists and what is said of a route stand in its row. */
#define PARAMS(...)                                                                                \
    (const struct slc_route_param[])                                                               \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }
#define ANSWERS(...)                                                                               \
    (const struct slc_route_answer[])                                                              \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .status = 0                                                                            \
        }                                                                                          \
    }
#define ABOUT(...)                                                                                 \
    .about = &(const struct slc_route_about)                                                       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#define COMPATIBLE .tag = "Compatible"
#define REPLICAS .tag = "Replicas"
#define LOADS .tag = "Loads"
#define SERVICE .tag = "Service"

#define NAME_IN_PATH                                                                               \
    {                                                                                              \
        .name = "name", .place = SLC_IN_PATH, .min = 1, .max = SLC_API_NAME_MAX_CHARS,             \
        .about = "The replica's name"                                                              \
    }
#define NAME_IN_BODY                                                                               \
    .place = SLC_IN_BODY, .min = 1, .max = SLC_API_NAME_MAX_CHARS, .about = "The replica's name"
#define JSON(code, name, text)                                                                     \
    {                                                                                              \
        .status = (code), .schema = (name), .about = (text)                                        \
    }
#define NO_REPLICA JSON(404, "Error", "There is no such replica")

/* clang-format off */
static const struct slc_route routes[] = {
    {SLC_HTTP_POST, "/check_fingerprint", SLC_ACCESS_OPEN, true, slc_api_check_fingerprint, NULL,
     "Show the key, be approved",
     ABOUT(.id = "checkFingerprint", COMPATIBLE, .needs_peer = true,
           .text = "Sets the session's cookie, and approves the caller's address for a while. Who shows a wrong "
                   "key more than three times is refused for growing times.",
           .params = PARAMS({.name = "md5_key", .place = SLC_IN_BODY, .required = true, .about = "The key"}),
           .answers = ANSWERS(JSON(200, "Approved", NULL), JSON(401, "Denied", "A wrong key"),
                              JSON(429, "Denied", "Too many wrong keys, or over the rate limit")))},
    {SLC_HTTP_GET, "/register_replicas", SLC_ACCESS_SESSION, true, slc_api_register_replicas,
     REGISTRY_BLOCKED, "Register every READY ticket",
     ABOUT(.id = "registerReplicas", COMPATIBLE, .needs_peer = true,
           .text = "READY becomes REGISTERED, and the replica's name enters the registry. A faulty ticket does not "
                   "hold up the others: it is marked FAILED.",
           .answers = ANSWERS(JSON(200, "Registered", NULL)))},
    {SLC_HTTP_GET, "/stop_calling_registry", SLC_ACCESS_SESSION, true, slc_api_stop_calling_registry, NULL,
     "End this caller's session",
     ABOUT(.id = "stopCallingRegistry", COMPATIBLE, .needs_peer = true,
           .answers = ANSWERS(JSON(200, "Null", "null")))},
    {SLC_HTTP_POST, "/loadDf2redis", SLC_ACCESS_SESSION, true, slc_api_load_df2redis, NULL,
     "Load every REGISTERED ticket and wait for it",
     ABOUT(.id = "loadDf2redis", COMPATIBLE, .needs_peer = true,
           .text = "Answers with the ticket that was loaded last; when one failed, with the first that did. The load "
                   "goes on when the caller goes away.",
           .params = PARAMS({.name = "force_reload", .place = SLC_IN_BODY, .kind = SLC_KIND_BOOL, .default_value = "false",
                             .about = "Every ticket, whatever its state"},
                            {.name = "email", .place = SLC_IN_BODY, .min = 0, .max = SLC_API_EMAIL_MAX_CHARS,
                             .example = "\"a@b.example\"", .about = "Who gets the report by mail: addresses with commas between them; may be empty"}),
           .answers = ANSWERS(JSON(200, "LoadedTicket", NULL), JSON(404, "Error", "There is no ticket to load"),
                              JSON(500, "FailedTicket", "A ticket failed; the good ones are loaded all the same")))},
    {SLC_HTTP_GET, "/getRegisteredReplics", SLC_ACCESS_SESSION, true, slc_api_get_registered_replics, NULL,
     "Name the registered replicas, newest first",
     ABOUT(.id = "getRegisteredReplics", COMPATIBLE, .needs_peer = true,
           .answers = ANSWERS(JSON(200, "ReplicaNames", NULL))),
     .prompt = true},
    {SLC_HTTP_POST, "/getTopNFromReplica", SLC_ACCESS_SESSION, true, slc_api_get_top_n, NULL,
     "The first rows of a replica, in load order",
     ABOUT(.id = "getTopNFromReplica", COMPATIBLE, .needs_peer = true,
           .params = PARAMS({.name = "replica", .required = true, NAME_IN_BODY},
                            {.name = "topn", .place = SLC_IN_BODY, .kind = SLC_KIND_INT, .min = 1, .max = SLC_API_TOP_MAX,
                             .default_value = COUNT_TEXT(SLC_API_TOP_DEFAULT), .about = "How many rows at most"}),
           .answers = ANSWERS(JSON(200, "RowsByKey", "Row key to values"), NO_REPLICA))},
    {SLC_HTTP_POST, "/clearRedisCache", SLC_ACCESS_SESSION, true, slc_api_clear_redis_cache, NULL,
     "Remove a replica's rows, keep its registration",
     ABOUT(.id = "clearRedisCache", COMPATIBLE, .needs_peer = true,
           .params = PARAMS({.name = "replica", .required = true, NAME_IN_BODY},
                            {.name = "remove", .place = SLC_IN_BODY, .kind = SLC_KIND_BOOL, .required = true, .about = "false does nothing"}),
           .answers = ANSWERS(JSON(200, "Cleared", NULL), NO_REPLICA))},
    {SLC_HTTP_GET, "/unregister_replicas", SLC_ACCESS_SESSION, true, slc_api_unregister_replicas, NULL,
     "Remove every replica and make its ticket READY again",
     ABOUT(.id = "unregisterReplicas", COMPATIBLE, .needs_peer = true,
           .text = "Loads that wait or run are stopped; rows, metadata and registry entries of every replica go.",
           .answers = ANSWERS(JSON(200, "Unregistered", NULL)))},

    {SLC_HTTP_GET, "/v1/replicas", SLC_ACCESS_SESSION, true, slc_api_v1_replicas, NULL,
     "The registered replicas, newest first",
     ABOUT(.id = "listReplicas", REPLICAS, .needs_peer = true, .tagged = true,
           .answers = ANSWERS(JSON(200, "ReplicaList", NULL)))},
    {SLC_HTTP_GET, "/v1/replicas/{name}", SLC_ACCESS_SESSION, true, slc_api_v1_replica, NULL,
     "A replica's metadata",
     ABOUT(.id = "getReplica", REPLICAS, .needs_peer = true, .tagged = true, .params = PARAMS(NAME_IN_PATH),
           .answers = ANSWERS(JSON(200, "Replica", NULL), NO_REPLICA))},
    {SLC_HTTP_DELETE, "/v1/replicas/{name}", SLC_ACCESS_SESSION, true, slc_api_v1_replica_delete, NULL,
     "Remove a replica: rows, metadata and registry entry",
     ABOUT(.id = "deleteReplica", REPLICAS, .needs_peer = true,
           .text = "Its ticket is left as it is: `POST /v1/loads` with `force` loads it again.",
           .params = PARAMS(NAME_IN_PATH), .answers = ANSWERS({.status = 204, .about = "It is gone"}, NO_REPLICA))},
    {SLC_HTTP_GET, "/v1/replicas/{name}/profile", SLC_ACCESS_SESSION, true, slc_api_v1_profile, NULL,
     "A replica's statistics by column",
     ABOUT(.id = "getProfile", REPLICAS, .needs_peer = true, .tagged = true, .params = PARAMS(NAME_IN_PATH),
           .answers = ANSWERS(JSON(200, "Profile", NULL), NO_REPLICA))},
    {SLC_HTTP_GET, "/v1/replicas/{name}/plan", SLC_ACCESS_SESSION, true, slc_api_v1_plan, NULL,
     "What preprocessing learnt of a replica, to transform and invert rows with",
     ABOUT(.id = "getPlan", REPLICAS, .needs_peer = true, .tagged = true, .params = PARAMS(NAME_IN_PATH),
           .answers = ANSWERS(JSON(200, "Plan", NULL), NO_REPLICA))},
    {SLC_HTTP_GET, "/v1/replicas/{name}/rows", SLC_ACCESS_SESSION, true, slc_api_v1_rows, NULL,
     "A replica's rows, page by page, in load order",
     ABOUT(.id = "listRows", REPLICAS, .needs_peer = true, .tagged = true,
           .text = "All pages of one chain of cursors are of one load: none twice, none missing. `next_cursor` (and "
                   "the `Link` with rel=next) leads to the next page; at the end it is null. A page of long rows may "
                   "have fewer than `limit`.",
           .params = PARAMS(NAME_IN_PATH,
                            {.name = "limit", .place = SLC_IN_QUERY, .kind = SLC_KIND_INT, .min = 1,
                             .max = SLC_API_PAGE_MAX, .default_value = COUNT_TEXT(SLC_API_PAGE_DEFAULT),
                             .about = "How many rows at most"},
                            {.name = "cursor", .place = SLC_IN_QUERY,
                             .about = "`next_cursor` of the page before; empty or absent for the first page"}),
           .answers = ANSWERS(JSON(200, "RowsPage", NULL), NO_REPLICA,
                              JSON(409, "Error", "Something else stands in the replica's place in Redis"),
                              JSON(410, "Error", "The replica was loaded anew or cleared since the cursor was made")))},
    {SLC_HTTP_GET, "/v1/replicas/{name}/rows/{key}", SLC_ACCESS_SESSION, true, slc_api_v1_row, NULL,
     "One row by its key",
     ABOUT(.id = "getRow", REPLICAS, .needs_peer = true, .tagged = true,
           .params = PARAMS(NAME_IN_PATH,
                            {.name = "key", .place = SLC_IN_PATH, .min = 1, .max = SLC_API_KEY_MAX_CHARS,
                             .about = "The row's key, percent-encoded: a slash in it is %2F"}),
           .answers = ANSWERS(JSON(200, "Row", NULL), JSON(404, "Error", "There is no such replica or row"))),
     .prompt = true},

    {SLC_HTTP_GET, "/v1/tickets", SLC_ACCESS_SESSION, true, slc_api_v1_tickets, NULL,
     "The tickets of the stream directory, newest first",
     ABOUT(.id = "listTickets", LOADS, .needs_peer = true, .answers = ANSWERS(JSON(200, "TicketList", NULL)))},
    {SLC_HTTP_POST, "/v1/loads", SLC_ACCESS_SESSION, true, slc_api_v1_loads_post, NULL,
     "Start to load tickets",
     ABOUT(.id = "startLoad", LOADS, .needs_peer = true,
           .text = "Every REGISTERED ticket, or that of one replica; answers at once with the load, and where it is "
                   "in `Location`.",
           .params = PARAMS({.name = "replica", NAME_IN_BODY},
                            {.name = "force", .place = SLC_IN_BODY, .kind = SLC_KIND_BOOL, .default_value = "false",
                             .about = "Whatever the ticket's state"}),
           .answers = ANSWERS(JSON(202, "Load", NULL), JSON(404, "Error", "There is no ticket for that replica")))},
    {SLC_HTTP_GET, "/v1/loads", SLC_ACCESS_SESSION, true, slc_api_v1_loads, NULL,
     "The latest loads, newest first",
     ABOUT(.id = "listLoads", LOADS, .needs_peer = true, .answers = ANSWERS(JSON(200, "LoadList", NULL)))},
    {SLC_HTTP_GET, "/v1/loads/{id}", SLC_ACCESS_SESSION, true, slc_api_v1_load, NULL,
     "How far a load is",
     ABOUT(.id = "getLoad", LOADS, .needs_peer = true,
           .params = PARAMS({.name = "id", .place = SLC_IN_PATH, .about = "The id that `POST /v1/loads` answered"}),
           .answers = ANSWERS(JSON(200, "Load", NULL), JSON(404, "Error", "There is no load of that id (any more)")))},
    {SLC_HTTP_GET, "/v1/loads/{id}/events", SLC_ACCESS_SESSION, true, slc_api_v1_load_events, NULL,
     "What becomes of a load, as it happens",
     ABOUT(.id = "getLoadEvents", LOADS, .needs_peer = true,
           .text = "Server-sent events, for EventSource: `progress` whenever something changed and `end` when it is "
                   "over, each with the load as `GET /v1/loads/{id}` answers it but for `mail`; `gone` when it was forgotten. The "
                   "stream ends behind `end`. Who comes back with the `Last-Event-ID` of the end is answered 204.",
           .params = PARAMS({.name = "id", .place = SLC_IN_PATH, .about = "The id that `POST /v1/loads` answered"},
                            {.name = "Last-Event-ID", .place = SLC_IN_HEADER,
                             .about = "The id of the last event that the client has"}),
           .answers = ANSWERS({.status = 200, .content_type = SLC_API_EVENTS_TYPE, .about = "The events"},
                              {.status = 204, .about = "The client has the end already"},
                              JSON(404, "Error", "There is no load of that id (any more)")))},

    {SLC_HTTP_GET, "/healthz", SLC_ACCESS_OPEN, false, slc_api_healthz, NULL,
     "The process is alive",
     ABOUT(.id = "getHealth", SERVICE, .answers = ANSWERS(JSON(200, "Health", NULL))), .prompt = true},
    {SLC_HTTP_GET, "/readyz", SLC_ACCESS_OPEN, false, slc_api_readyz, NULL,
     "Redis and the stream directory are there",
     ABOUT(.id = "getReadiness", SERVICE,
           .answers = ANSWERS(JSON(200, "Readiness", NULL), JSON(503, "Readiness", "Something is not there")))},
    {SLC_HTTP_GET, "/metrics", SLC_ACCESS_SESSION, false, slc_api_metrics, NULL,
     "Counters for Prometheus",
     ABOUT(.id = "getMetrics", SERVICE,
           .answers = ANSWERS({.status = 200, .content_type = SLC_API_METRICS_TYPE, .about = "Prometheus' text format"}))},
    {SLC_HTTP_GET, "/openapi.json", SLC_ACCESS_OPEN, true, slc_api_openapi, NULL,
     "This description of the API",
     ABOUT(.id = "getOpenApi", SERVICE, .tagged = true, .answers = ANSWERS(JSON(200, "OpenApi", NULL)))},
    {SLC_HTTP_GET, "/docs", SLC_ACCESS_OPEN, true, slc_api_docs, NULL,
     "This description as a page on which every call can be tried",
     ABOUT(.id = "getDocs", SERVICE, .tagged = true,
           .answers = ANSWERS({.status = 200, .content_type = SLC_API_HTML_TYPE, .about = "The page"}))},
};
/* clang-format on */

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

const struct slc_route *slc_api_routes(size_t *ret_count)
{
    *ret_count = ROUTES;
    return routes;
}
