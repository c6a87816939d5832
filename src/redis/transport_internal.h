/* What the transports share, for transport.c and tls.c alone. */
#ifndef SLC_REDIS_TRANSPORT_INTERNAL_H
#define SLC_REDIS_TRANSPORT_INTERNAL_H

#include "redis/transport.h"

/* slc_transport's connect and close over a plain TCP socket. */
bool slc_tcp_connect(struct slc_stream *stream, const struct slc_redis_url *url,
                     int64_t deadline_usec, struct slc_error *error);
void slc_socket_close(struct slc_stream *stream);

#endif
