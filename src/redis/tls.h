/* TLS to a Redis server (RFC 8446, RFC 5246), with OpenSSL.
 *
 * The server's certificate is checked against the authorities and against the
 * name that was connected to, unless `verify` is off. TLS 1.2 is the least.
 * Never blocking, never SIGPIPE, as the other transports. */
#ifndef SLC_REDIS_TLS_H
#define SLC_REDIS_TLS_H

#include <stdbool.h>

#include "base/error.h"
#include "redis/transport.h"

/* NULL and "" both mean that there is none. */
struct slc_tls_options {
    const char *ca_file;        /* authorities, PEM; with neither of the two the system's */
    const char *ca_dir;         /* the same as a directory of hashed names (openssl rehash) */
    const char *cert_file;      /* the client's certificate and its chain, PEM */
    const char *key_file;       /* its key, PEM; none: it stands in cert_file */
    const char *key_passphrase; /* of an encrypted key */
    const char *server_name;    /* in place of the URL's host, for SNI and the check */
    bool verify;                /* false: any server is believed */
};

/* What the connections of one configuration share. Thread-safe. Certificates are
 * read at the first connection, and again when their files have changed. */
struct slc_tls;

/* The texts are copied; no file is read. `options` NULL: all defaults, verifying.
 * NULL when memory ran out. */
struct slc_tls *slc_tls_new(const struct slc_tls_options *options, struct slc_error *error);
void slc_tls_free(struct slc_tls *tls);

/* Read the certificates now. Errors: CONFIG names the file and what is wrong. */
bool slc_tls_load(struct slc_tls *tls, struct slc_error *error);

/* "TLSv1.3, TLS_AES_256_GCM_SHA384" of a stream of this transport that is
 * connected; "" for other streams. */
void slc_tls_describe(const struct slc_stream *stream, char *text, size_t size_bytes);

extern const struct slc_transport slc_tls_transport;

#endif
