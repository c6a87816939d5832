/* /openapi.json. */
#include <stdio.h>

#include "api/describe.h"
#include "api/internal.h"
#include "base/hash.h"
#include "http/negotiate.h"

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
