#include "redis/resp.h"

void slc_resp_array(struct slc_buf *buf, size_t argc)
{
    char *to = slc_buf_reserve(buf, SLC_RESP_HEADER_BYTES);

    if (to)
        buf->len += (size_t)(slc_resp_write_header(to, '*', argc) - to);
}

void slc_resp_bulk(struct slc_buf *buf, struct slc_str value)
{
    char *to = slc_buf_reserve(buf, SLC_RESP_BULK_BOUND(value.len));

    if (to)
        buf->len += (size_t)(slc_resp_write_bulk(to, value.data, value.len) - to);
}

void slc_resp_command(struct slc_buf *buf, size_t argc, const struct slc_str argv[])
{
    slc_resp_array(buf, argc);
    for (size_t i = 0; i < argc; i++)
        slc_resp_bulk(buf, argv[i]);
}
