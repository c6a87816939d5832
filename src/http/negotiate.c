#include "http/negotiate.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* The compressed form's tag; Apache's httpd names it so. */
#define GZIP_SUFFIX "-gzip"

enum {
    /* Above this the time counts for more than the last per cent. */
    FAST_BYTES = 128 << 10,
    Q_ONE = 1000,
};

/* ---- Accept-Encoding ----------------------------------------------------- */

/* Cut the next part off before a separator that stands outside of quotes. */
static struct slc_str next_part(struct slc_str *left, char separator)
{
    struct slc_str part = *left;
    bool quoted = false;
    size_t i;

    for (i = 0; i < left->len && (quoted || left->data[i] != separator); i++)
        if (left->data[i] == '"')
            quoted = !quoted;
    part.len = i;
    if (i < left->len)
        i++;
    left->data += i;
    left->len -= i;
    return slc_str_trim(part);
}

/* "0.5" as thousandths; something else counts as 0, so that nobody gets what
 * may have been refused. */
static int parse_q(struct slc_str text)
{
    int q = 0, unit = Q_ONE / 10;

    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.'))
        return 0;
    q = text.data[0] == '1' ? Q_ONE : 0;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        q += unit * (text.data[i] - '0');
    }
    return q > Q_ONE ? 0 : q;
}

/* The weight of one "gzip;q=0.5". */
static int weight_of(struct slc_str parameters)
{
    int q = Q_ONE;

    while (parameters.len > 0) {
        struct slc_str one = next_part(&parameters, ';');

        if (one.len >= 2 && (one.data[0] == 'q' || one.data[0] == 'Q') && one.data[1] == '=')
            q = parse_q((struct slc_str){.data = one.data + 2, .len = one.len - 2});
    }
    return q;
}

bool slc_http_accepts_gzip(struct slc_str accept_encoding)
{
    int gzip = -1, identity = -1, any = -1;

    while (accept_encoding.len > 0) {
        struct slc_str item = next_part(&accept_encoding, ',');
        struct slc_str coding = next_part(&item, ';');
        int q = weight_of(item);

        if (slc_str_eq_nocase(coding, SLC_STR("gzip")) ||
            slc_str_eq_nocase(coding, SLC_STR("x-gzip")))
            gzip = q;
        else if (slc_str_eq_nocase(coding, SLC_STR("identity")))
            identity = q;
        else if (slc_str_is(coding, "*"))
            any = q;
    }
    if (gzip < 0)
        gzip = any < 0 ? 0 : any;
    return gzip > 0 && gzip >= identity;
}

/* ---- Entity tags --------------------------------------------------------- */

bool slc_http_etag_matches(struct slc_str if_none_match, struct slc_str tag)
{
    struct slc_str suffix = SLC_STR(GZIP_SUFFIX);

    if (slc_str_is(slc_str_trim(if_none_match), "*"))
        return true;
    while (if_none_match.len > 0) {
        struct slc_str one = next_part(&if_none_match, ',');

        if (one.len >= 2 && one.data[0] == 'W' && one.data[1] == '/') {
            one.data += 2;
            one.len -= 2;
        }
        if (one.len < 2 || one.data[0] != '"' || one.data[one.len - 1] != '"')
            continue;
        one.data++;
        one.len -= 2;
        if (one.len == tag.len + suffix.len &&
            memcmp(one.data + tag.len, suffix.data, suffix.len) == 0)
            one.len = tag.len;
        if (slc_str_eq(one, tag))
            return true;
    }
    return false;
}

static bool set_tag(struct slc_http_response *response, struct slc_str tag, const char *suffix)
{
    char text[SLC_HTTP_ETAG_BYTES + sizeof(GZIP_SUFFIX) + 2];
    int len = snprintf(text, sizeof(text), "\"%.*s%s\"", SLC_STR_ARG(tag), suffix);

    return slc_http_set_header(response, "etag",
                               (struct slc_str){.data = text, .len = (size_t)len});
}

bool slc_http_set_etag(struct slc_http_response *response, struct slc_str tag)
{
    if (tag.len == 0 || tag.len >= SLC_HTTP_ETAG_BYTES)
        return false;
    for (size_t i = 0; i < tag.len; i++)
        if (tag.data[i] <= ' ' || tag.data[i] > '~' || tag.data[i] == '"')
            return false;
    return set_tag(response, tag, "") &&
           slc_http_set_header(response, "cache-control", SLC_STR("private, no-cache"));
}

static bool is_read(const struct slc_http_request *request)
{
    return slc_str_is(request->method, "GET") || slc_str_is(request->method, "HEAD");
}

bool slc_http_not_modified(const struct slc_http_request *request,
                           struct slc_http_response *response, struct slc_str tag)
{
    struct slc_str known = slc_http_request_header(request, "if-none-match");

    if (!known.data || !is_read(request) || !slc_http_etag_matches(known, tag) ||
        !slc_http_set_etag(response, tag))
        return false;
    slc_buf_clear(&response->body);
    response->status = 304;
    return true;
}

/* ---- Compressing --------------------------------------------------------- */

/* False, with `body` untouched, when it does not get shorter. */
static bool compress_body(struct slc_buf *body)
{
    SLC_AUTO_BUF struct slc_buf packed = {0};
    z_stream stream = {0};
    bool done;
    char *to;

    if (deflateInit2(&stream, body->len > FAST_BYTES ? 1 : 5, Z_DEFLATED, 15 + 16 /* gzip */, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    to = slc_buf_reserve(&packed, body->len);
    stream.next_in = (Bytef *)body->data;
    stream.avail_in = (uInt)body->len;
    stream.next_out = (Bytef *)to;
    stream.avail_out = to ? (uInt)body->len - 1 : 0;
    done = to && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    packed.len = stream.total_out;
    deflateEnd(&stream);
    if (!done)
        return false;
    struct slc_buf before = *body;

    *body = packed;
    packed = before; /* released */
    return true;
}

static bool is_compressible(const struct slc_http_response *response)
{
    return response->body.len >= SLC_HTTP_GZIP_MIN_BYTES &&
           response->body.len <= SLC_HTTP_GZIP_MAX_BYTES && !response->body.failed &&
           !slc_http_response_header(response, "content-encoding").data;
}

void slc_http_negotiate(const struct slc_http_request *request, struct slc_http_response *response)
{
    struct slc_str tag = slc_http_response_header(response, "etag");
    struct slc_str known = slc_http_request_header(request, "if-none-match");
    char copy[SLC_HTTP_ETAG_BYTES];

    if (tag.len >= 2 && tag.len - 2 < sizeof(copy)) { /* without the quotes */
        memcpy(copy, tag.data + 1, tag.len - 2);
        tag = (struct slc_str){.data = copy, .len = tag.len - 2};
    } else {
        tag.len = 0;
    }
    if (tag.len > 0 && (response->status == 0 || response->status == 200) && known.data &&
        slc_http_not_modified(request, response, tag)) {
        (void)slc_http_set_header(response, "vary", SLC_STR("accept-encoding"));
        return;
    }
    if (tag.len > 0 || is_compressible(response))
        (void)slc_http_set_header(response, "vary", SLC_STR("accept-encoding"));
    if (!is_compressible(response) ||
        !slc_http_accepts_gzip(slc_http_request_header(request, "accept-encoding")) ||
        !compress_body(&response->body))
        return;
    (void)slc_http_set_header(response, "content-encoding", SLC_STR("gzip"));
    if (tag.len > 0)
        (void)set_tag(response, tag, GZIP_SUFFIX);
}
