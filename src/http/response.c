#include "http/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "http/stream_reader.h"

enum { HEADER_NAME_MAX = 64, HEADER_VALUE_MAX = 4096 };

void slc_http_response_release(struct slc_http_response *response)
{
    if (!response)
        return;
    slc_buf_release(&response->body);
    slc_stream_drop_reader(response->stream);
    for (size_t i = 0; i < response->header_count; i++)
        free(response->headers[i]);
    *response = (struct slc_http_response){0};
}

void slc_http_response_move(struct slc_http_response *to, struct slc_http_response *from)
{
    slc_http_response_release(to);
    *to = *from;
    *from = (struct slc_http_response){0};
}

struct slc_buf *slc_http_json(struct slc_http_response *response, unsigned status)
{
    slc_buf_clear(&response->body);
    response->status = status;
    response->content_type = NULL;
    return &response->body;
}

void slc_http_json_text(struct slc_http_response *response, unsigned status, const char *json)
{
    slc_buf_append_text(slc_http_json(response, status), json);
}

void slc_http_detail(struct slc_http_response *response, unsigned status, const char *detail)
{
    struct slc_buf *body = slc_http_json(response, status);
    char clean[1024];
    size_t len = strlen(detail), at = 0;

    if (len >= sizeof(clean))
        len = sizeof(clean) - 1;
    memcpy(clean, detail, len);
    clean[len] = '\0';
    while ((at += slc_utf8_valid_prefix(clean + at, len - at)) < len)
        clean[at] = '?';
    slc_buf_append_text(body, "{\"detail\":");
    slc_json_string(body, (struct slc_str){.data = clean, .len = len});
    slc_buf_append_byte(body, '}');
}

static bool is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t len = 0;

    for (const char *c = name; *c; c++, len++) {
        char lower = slc_ascii_lower(*c);

        if (!(lower >= 'a' && lower <= 'z') && !(*c >= '0' && *c <= '9') && !strchr(others, *c))
            return false;
    }
    return len > 0 && len <= HEADER_NAME_MAX;
}

static bool is_value(struct slc_str value)
{
    if (value.len > HEADER_VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool name_is(const char *header, const char *name)
{
    return slc_str_eq_nocase(slc_str_from(header), slc_str_from(name));
}

bool slc_http_set_header(struct slc_http_response *response, const char *name, struct slc_str value)
{
    size_t name_len = strlen(name), slot = response->header_count;
    char *header;

    if (!is_token(name) || !is_value(value))
        return false;
    if (!name_is(name, "set-cookie")) {
        for (slot = 0; slot < response->header_count; slot++) {
            if (name_is(response->headers[slot], name))
                break;
        }
    }
    if (slot == SLC_HTTP_RESPONSE_HEADERS_MAX)
        return false;
    header = malloc(name_len + 1 + value.len + 1);
    if (!header)
        return false;
    memcpy(header, name, name_len + 1);
    if (value.len)
        memcpy(header + name_len + 1, value.data, value.len);
    header[name_len + 1 + value.len] = '\0';
    if (slot == response->header_count)
        response->header_count++;
    else
        free(response->headers[slot]);
    response->headers[slot] = header;
    return true;
}

struct slc_str slc_http_response_header(const struct slc_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (name_is(response->headers[i], name))
            return slc_str_from(response->headers[i] + strlen(response->headers[i]) + 1);
    }
    return (struct slc_str){0};
}

void slc_http_set_retry_after(struct slc_http_response *response, int64_t seconds)
{
    char text[SLC_NUM_TEXT_BYTES];
    char *end = slc_write_int64(text, seconds < 1 ? 1 : seconds);

    (void)slc_http_set_header(response, "retry-after",
                              (struct slc_str){.data = text, .len = (size_t)(end - text)});
}

const char *slc_http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}
