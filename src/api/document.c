/* /openapi.json and /docs. */
#include <stdio.h>

#include "api/describe.h"
#include "api/internal.h"
#include "base/hash.h"
#include "http/negotiate.h"
#include "pages.h" /* made from web/ */

void slc_api_tag_by_content(struct slc_http_response *response)
{
    char tag[24];

    (void)snprintf(tag, sizeof(tag), "%016llx",
                   (unsigned long long)slc_hash_bytes(response->body.data, response->body.len));
    (void)slc_http_set_etag(response, slc_str_from(tag));
}

void slc_api_openapi(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    struct slc_error error = {0};
    size_t count;
    const struct slc_route *routes = slc_api_routes(&count);

    (void)request;
    (void)context;
    if (slc_api_openapi_write(routes, count, slc_http_json(response, 200), &error))
        slc_api_tag_by_content(response);
    else
        slc_api_fail(response, &error);
}

void slc_api_docs(struct slc_http_request *request, struct slc_http_response *response,
                  void *context)
{
    (void)request;
    (void)context;
    slc_buf_append(slc_http_json(response, 200), docs_page, sizeof(docs_page) - 1);
    response->content_type = SLC_API_HTML_TYPE;
    (void)slc_http_set_header(response, "content-security-policy", slc_str_from(docs_page_policy));
    (void)slc_http_set_header(response, "x-content-type-options", SLC_STR("nosniff"));
    (void)slc_http_set_header(response, "referrer-policy", SLC_STR("no-referrer"));
    slc_api_tag_by_content(response);
}
