/* What can be said of a request when its headers are there. */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/hash.h"
#include "base/num.h"
#include "http/exchange.h"

enum { HEADERS_MAX = 128, DRAIN_MAX_BYTES = 16 << 20, RETRY_AFTER_STORE_SEC = 5 };

static void decide(struct slc_exchange *exchange, unsigned status, const char *detail)
{
    slc_http_detail(&exchange->response, status, detail);
    exchange->decided = true;
}

struct header_list {
    struct slc_arena *arena;
    struct slc_http_header headers[HEADERS_MAX];
    size_t count;
    bool too_many, bad, no_memory;
    bool malformed; /* a name that is none, or a line that was folded */
};

/* RFC 9110, 5.6.2. White space before the colon is what smugglers write. */
static bool is_token(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = slc_ascii_lower(bytes[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return len > 0;
}

static bool has_control(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    struct header_list *list = cls;
    struct slc_http_header *header = &list->headers[list->count];

    (void)kind;
    if (list->count == HEADERS_MAX) {
        list->too_many = true;
        return MHD_NO;
    }
    /* A folded line (RFC 9112, 5.2) is refused: libmicrohttpd 0.9 appends what was folded to
     * the name, so that it looks like another header. In its memory a name is before its value;
     * that one alone is a copy, which is behind. */
    if (!is_token(name, name_len) || (value && value < name)) {
        list->malformed = true;
        return MHD_NO;
    }
    if (has_control(name, name_len) || (value && has_control(value, value_len))) {
        list->bad = true;
        return MHD_NO;
    }
    header->name = slc_arena_copy(list->arena, (struct slc_str){.data = name, .len = name_len});
    header->value = slc_arena_copy(
        list->arena, (struct slc_str){.data = value ? value : "", .len = value ? value_len : 0});
    if (!header->name.data || !header->value.data) {
        list->no_memory = true;
        return MHD_NO;
    }
    list->count++;
    return MHD_YES;
}

static void take_headers(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;
    struct header_list list; /* without its headers: they are four kilobytes */
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct slc_http_header *copy;

    list.arena = &request->arena;
    list.count = 0;
    list.too_many = list.bad = list.no_memory = list.malformed = false;
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, collect_header, &list);
    copy = slc_arena_calloc(&request->arena, list.count + 1, sizeof(*copy));
    if (copy) {
        memcpy(copy, list.headers, list.count * sizeof(*copy));
        request->headers = copy;
        request->header_count = list.count;
    }
    if (!copy || list.no_memory)
        decide(exchange, 500, slc_http_reason(500));
    else if (list.malformed)
        decide(exchange, 400, "A header that is none");
    else if (list.bad)
        decide(exchange, 400, "Control characters in a header");
    else if (list.too_many ||
             (size && size->header_size > exchange->server->options.headers_max_bytes))
        decide(exchange, 431, slc_http_reason(431));
    if (exchange->decided)
        exchange->close = true;
}

/* Splits "/path?query"; of a proxy's "http://host/path" the host goes before what Host
 * says (RFC 9112, 3.2.2). */
static void take_target(struct slc_exchange *exchange, struct slc_str *ret_authority)
{
    struct slc_str target = slc_str_from(exchange->target);
    const char *question;

    *ret_authority = (struct slc_str){0};

    for (size_t i = 0; i < 2; i++) {
        struct slc_str scheme = i == 0 ? SLC_STR("http://") : SLC_STR("https://");
        size_t len;

        if (target.len < scheme.len ||
            !slc_str_eq_nocase((struct slc_str){.data = target.data, .len = scheme.len}, scheme))
            continue;
        len = strcspn(target.data + scheme.len, "/?");
        *ret_authority = (struct slc_str){.data = target.data + scheme.len, .len = len};
        target = slc_str_from(target.data + scheme.len + len);
        break;
    }
    question = memchr(target.data, '?', target.len);
    exchange->request.path = (struct slc_str){
        .data = target.data, .len = question ? (size_t)(question - target.data) : target.len};
    if (exchange->request.path.len == 0)
        exchange->request.path = SLC_STR("/");
    exchange->request.query = question ? slc_str_from(question + 1) : SLC_STR("");
}

static bool is_sane_id(struct slc_str id)
{
    if (id.len == 0 || id.len >= SLC_REQUEST_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = slc_ascii_lower(id.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* An id need not be secret, only different: of the server's own random half,
 * and of how many requests came before. */
static void take_id(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;
    struct slc_http_server *server = exchange->server;
    struct slc_str given = slc_http_request_header(request, "x-request-id");
    unsigned char bytes[16];
    uint64_t number;

    if (is_sane_id(given)) {
        memcpy(request->id, given.data, given.len);
        request->id[given.len] = '\0';
        return;
    }
    number = atomic_fetch_add_explicit(&server->ids, 1, memory_order_relaxed);
    number = slc_hash_u64(number ^ server->id_seed[1]);
    memcpy(bytes, &server->id_seed[0], 8);
    memcpy(bytes + 8, &number, 8);
    slc_hex_encode(bytes, sizeof(bytes), request->id);
}

/* All lines of one header, joined with commas. */
static struct slc_str join_headers(struct slc_http_request *request, const char *name)
{
    struct slc_str wanted = slc_str_from(name), only = {0};
    size_t lines = 0, total = 0, len = 0;
    char *joined;

    for (size_t i = 0; i < request->header_count; i++) {
        if (slc_str_eq_nocase(request->headers[i].name, wanted)) {
            only = request->headers[i].value;
            total += only.len + 1;
            lines++;
        }
    }
    if (lines <= 1)
        return only;
    joined = slc_arena_bytes(&request->arena, total);
    if (!joined)
        return (struct slc_str){0};
    for (size_t i = 0; i < request->header_count; i++) {
        const struct slc_http_header *header = &request->headers[i];

        if (!slc_str_eq_nocase(header->name, wanted))
            continue;
        if (len)
            joined[len++] = ',';
        memcpy(joined + len, header->value.data, header->value.len);
        len += header->value.len;
    }
    return (struct slc_str){.data = joined, .len = len};
}

static void take_client(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;
    const union MHD_ConnectionInfo *peer;

    if (exchange->client && !exchange->client->proxied) {
        request->client = exchange->client->client;
        return;
    }
    peer = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    slc_client_resolve(peer ? peer->client_addr : NULL, join_headers(request, "x-forwarded-for"),
                       exchange->server->options.trusted_proxies, &request->client);
    exchange->proxied = peer && slc_trusted_proxies_have(exchange->server->options.trusted_proxies,
                                                         peer->client_addr);
}

/* The next item of a list with commas. False: there is none. */
static bool next_item(struct slc_str *list, struct slc_str *ret_item)
{
    const char *comma;

    if (list->len == 0)
        return false;
    comma = memchr(list->data, ',', list->len);
    *ret_item = (struct slc_str){.data = list->data,
                                 .len = comma ? (size_t)(comma - list->data) : list->len};
    list->data += ret_item->len + (comma != NULL);
    list->len -= ret_item->len + (comma != NULL);
    *ret_item = slc_str_trim(*ret_item);
    return true;
}

/* The scheme is that of the client's end: the first one, where several proxies wrote. */
static void take_scheme(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;
    struct slc_str schemes, first = {0};

    request->secure = exchange->server->options.tls_cert != NULL;
    if (!exchange->proxied)
        return;
    schemes = join_headers(request, "x-forwarded-proto");
    if (next_item(&schemes, &first))
        request->secure = slc_str_eq_nocase(first, SLC_STR("https"));
}

static bool judge_name(struct slc_exchange *exchange, struct slc_str name)
{
    switch (slc_hosts_judge(exchange->server->options.hosts, name)) {
    case SLC_HOST_SAFE:
        return true;
    case SLC_HOST_DOUBTFUL:
        exchange->request.host_is_doubtful = true;
        return true;
    case SLC_HOST_FOREIGN:
        decide(exchange, 421,
               "Misdirected Request: the name in Host is none of "
               "http.allowed_hosts");
        return false;
    case SLC_HOST_MALFORMED:
        break;
    }
    decide(exchange, 400, "Bad Host");
    exchange->close = true;
    return false;
}

/* Names that a proxy passed on count as well as its own: it may ask under another one. */
static void check_host(struct slc_exchange *exchange, struct slc_str authority)
{
    struct slc_http_request *request = &exchange->request;
    struct slc_str forwarded = {0}, item;
    size_t lines = 0;

    for (size_t i = 0; i < request->header_count; i++) {
        if (!slc_str_eq_nocase(request->headers[i].name, SLC_STR("host")))
            continue;
        if (!authority.data)
            authority = request->headers[i].value;
        lines++;
    }
    if (lines > 1) { /* RFC 9112, 3.2 */
        decide(exchange, 400, "More than one Host");
        exchange->close = true;
        return;
    }
    if (exchange->proxied)
        forwarded = join_headers(request, "x-forwarded-host");
    if (!judge_name(exchange, authority))
        return;
    while (next_item(&forwarded, &item))
        if (!judge_name(exchange, item))
            return;
    request->cross_site |= request->host_is_doubtful;
}

/* All browsers begin with that, and no page can have its pictures, forms or links
 * say something else. */
static bool is_browser(const struct slc_http_request *request)
{
    struct slc_str agent = slc_http_request_header(request, "user-agent");
    struct slc_str browser = SLC_STR("Mozilla/");

    return agent.len >= browser.len && memcmp(agent.data, browser.data, browser.len) == 0;
}

/* Whose page it is for is said by Sec-Fetch-Site only where the transport is trusted
 * (HTTPS, or this machine), and by Origin hardly ever of a GET: of a browser that
 * says nothing the worst is believed. */
static bool is_cross_site(const struct slc_http_request *request)
{
    struct slc_str site = slc_http_request_header(request, "sec-fetch-site");
    struct slc_str origin = slc_http_request_header(request, "origin");
    struct slc_str host = slc_http_request_header(request, "host");

    if (site.data)
        return !slc_str_is(site, "same-origin") && !slc_str_is(site, "none");
    if (!origin.data)
        return is_browser(request);
    for (size_t i = 0; i < 2; i++) {
        struct slc_str scheme = i == 0 ? SLC_STR("http://") : SLC_STR("https://");

        if (origin.len > scheme.len && memcmp(origin.data, scheme.data, scheme.len) == 0 &&
            slc_str_eq_nocase(
                (struct slc_str){.data = origin.data + scheme.len, .len = origin.len - scheme.len},
                host))
            return false;
    }
    return true;
}

/* Two readers of one stream must never disagree where a request ends (RFC 9112,
 * 6.3), so what is doubtful is refused and the connection closed. */
static bool check_framing(struct slc_exchange *exchange, bool *ret_has_body, uint64_t *ret_length)
{
    const struct slc_http_request *request = &exchange->request;
    struct slc_str length = {0}, encoding = {0};

    for (size_t i = 0; i < request->header_count; i++) {
        const struct slc_http_header *header = &request->headers[i];

        if (slc_str_eq_nocase(header->name, SLC_STR("content-length"))) {
            if (length.data)
                goto refuse;
            length = header->value;
        } else if (slc_str_eq_nocase(header->name, SLC_STR("transfer-encoding"))) {
            if (encoding.data)
                goto refuse;
            encoding = header->value;
        }
    }
    *ret_length = 0;
    if (length.data && (length.len == 0 || length.data[0] == '+' || encoding.data ||
                        !slc_parse_uint64(length.data, length.len, ret_length)))
        goto refuse;
    if (encoding.data && !slc_str_eq_nocase(encoding, SLC_STR("chunked"))) {
        decide(exchange, 501, "Only chunked transfer encoding is understood");
        exchange->close = true;
        return false;
    }
    *ret_has_body = encoding.data || *ret_length > 0;
    return true;
refuse:
    decide(exchange, 400, "Bad Content-Length or Transfer-Encoding");
    exchange->close = true;
    return false;
}

static void find_route(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;
    struct slc_route_match match;

    switch (slc_router_match(exchange->server->options.router, &request->arena, request->method,
                             request->path, &match)) {
    case SLC_ROUTE_FOUND:
        request->route = match.route;
        request->part_count = match.part_count;
        memcpy(request->parts, match.parts, sizeof(match.parts));
        break;
    case SLC_ROUTE_NOT_FOUND:
        decide(exchange, 404, slc_http_reason(404));
        break;
    case SLC_ROUTE_WRONG_METHOD:
        decide(exchange, 405, slc_http_reason(405));
        (void)slc_http_set_header(&exchange->response, "allow", slc_str_from(match.allow));
        break;
    case SLC_ROUTE_BAD_PATH:
        decide(exchange, 400, slc_http_reason(400));
        break;
    }
}

static void block(struct slc_exchange *exchange, unsigned status, const char *detail)
{
    const char *body = exchange->request.route->blocked_body;

    if (body)
        slc_http_json_text(&exchange->response, status, body);
    else
        slc_http_detail(&exchange->response, status, detail);
    exchange->decided = true;
}

static void check_limit(struct slc_exchange *exchange)
{
    const struct slc_route *route = exchange->request.route;
    char endpoint[192], detail[SLC_RATE_TEXT_BYTES + 32], rate[SLC_RATE_TEXT_BYTES];
    int len;

    if (!route->limited || !slc_limits_count(exchange->server->options.limits))
        return;
    len = snprintf(endpoint, sizeof(endpoint), "%s %s", slc_http_method_name(route->method),
                   route->pattern);
    if (len >= (int)sizeof(endpoint))
        len = (int)sizeof(endpoint) - 1;
    slc_limits_hit(exchange->server->options.limits, slc_str_from(exchange->request.client.text),
                   (struct slc_str){.data = endpoint, .len = len > 0 ? (size_t)len : 0},
                   &exchange->limit);
    if (exchange->limit.rate.amount == 0 || !exchange->limit.exceeded)
        return;
    slc_rate_format(&exchange->limit.rate, rate);
    (void)snprintf(detail, sizeof(detail), "Rate limit exceeded: %s", rate);
    block(exchange, 429, detail);
}

static void check_access(struct slc_exchange *exchange)
{
    struct slc_session_caller caller = slc_session_caller_of(&exchange->request);
    int64_t retry_after_sec = 1;

    if (exchange->request.route->access != SLC_ACCESS_SESSION)
        return;
    switch (slc_session_check(exchange->server->options.sessions, &caller, &retry_after_sec)) {
    case SLC_SESSION_APPROVED:
        break;
    case SLC_SESSION_DENIED:
        block(exchange, 401,
              exchange->request.host_is_doubtful
                  ? "Not authenticated (an approval by address does not count under this name "
                    "in Host, see http.allowed_hosts)"
                  : "Not authenticated");
        (void)slc_http_set_header(&exchange->response, "www-authenticate", SLC_STR("Bearer"));
        break;
    case SLC_SESSION_SLOWED:
        block(exchange, 429, "Too many failed attempts");
        slc_http_set_retry_after(&exchange->response, retry_after_sec);
        break;
    case SLC_SESSION_UNAVAILABLE:
        decide(exchange, 503, slc_http_reason(503));
        slc_http_set_retry_after(&exchange->response, RETRY_AFTER_STORE_SEC);
        break;
    }
}

void slc_exchange_begin(struct slc_exchange *exchange, const char *method)
{
    struct slc_http_request *request = &exchange->request;
    struct slc_str authority;
    uint64_t length = 0;
    bool has_body = false;

    request->exchange = exchange;
    request->method = slc_arena_copy(&request->arena, slc_str_from(method));
    take_target(exchange, &authority);
    take_headers(exchange);
    take_id(exchange);
    take_client(exchange);
    take_scheme(exchange);
    request->cross_site = is_cross_site(request);
    if (!request->method.data) {
        request->method = SLC_STR("");
        decide(exchange, 500, slc_http_reason(500));
    }
    if (!exchange->decided && strlen(exchange->target) > exchange->server->options.url_max_bytes) {
        decide(exchange, 414, slc_http_reason(414));
        exchange->close = true;
    }
    if (!exchange->decided && check_framing(exchange, &has_body, &length))
        check_host(exchange, authority);
    if (!exchange->decided)
        find_route(exchange);
    if (!exchange->decided)
        check_limit(exchange);
    if (!exchange->decided)
        check_access(exchange);
    if (!exchange->decided && length > exchange->server->options.body_max_bytes)
        decide(exchange, 413, slc_http_reason(413));
    /* A short body of a refused request is read and dropped, so that the answer
     * is not lost to a reset; a long one, or one that waits to be asked for,
     * is not. */
    if (exchange->decided && has_body &&
        (length > DRAIN_MAX_BYTES || slc_http_request_header(request, "expect").data))
        exchange->close = true;
}
