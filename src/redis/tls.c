#include "redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/str.h"
#include "redis/settings.h"
#include "redis/transport_internal.h"

/* RECORD_BYTES is the most that a record may carry (RFC 8446, 5.1); a call writes
 * several, so that the caller's loop costs little. */
enum { RECORD_BYTES = 16 << 10, RECORDS_AT_ONCE = 16, REASON_BYTES = 160 };

/* ---- What connections share ---- */

struct stamp {
    struct timespec changed;
    int64_t size_bytes;
    uint64_t inode;
};

struct slc_tls {
    char *ca_file, *ca_dir, *cert_file, *key_file, *key_passphrase, *server_name; /* NULL: none */
    bool verify;
    pthread_mutex_t mutex;
    SSL_CTX *context; /* NULL until it is wanted */
    struct stamp stamps[3];
    BIO_METHOD *method;
};

static bool copy_text(char **to, const char *from)
{
    if (!from || !*from)
        return true;
    *to = slc_str_dup(slc_str_from(from));
    return *to != NULL;
}

struct slc_tls *slc_tls_new(const struct slc_tls_options *options, struct slc_error *error)
{
    static const struct slc_tls_options defaults = {.verify = true};
    struct slc_tls *tls = calloc(1, sizeof(*tls));

    if (!options)
        options = &defaults;
    if (tls) {
        pthread_mutex_init(&tls->mutex, NULL);
        tls->verify = options->verify;
    }
    if (!tls || !copy_text(&tls->ca_file, options->ca_file) ||
        !copy_text(&tls->ca_dir, options->ca_dir) ||
        !copy_text(&tls->cert_file, options->cert_file) ||
        !copy_text(&tls->key_file, options->key_file) ||
        !copy_text(&tls->key_passphrase, options->key_passphrase) ||
        !copy_text(&tls->server_name, options->server_name)) {
        slc_tls_free(tls);
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the TLS settings");
        return NULL;
    }
    return tls;
}

void slc_tls_free(struct slc_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    if (tls->key_passphrase)
        explicit_bzero(tls->key_passphrase, strlen(tls->key_passphrase));
    free(tls->ca_file);
    free(tls->ca_dir);
    free(tls->cert_file);
    free(tls->key_file);
    free(tls->key_passphrase);
    free(tls->server_name);
    pthread_mutex_destroy(&tls->mutex);
    free(tls);
}

/* What OpenSSL says of its last failure, without its own file names. */
static const char *reason_of(char *text, size_t size_bytes)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    char system_reason[REASON_BYTES];

    if (ERR_SYSTEM_ERROR(code))
        reason = strerror_r(ERR_GET_REASON(code), system_reason, sizeof(system_reason));
    (void)snprintf(text, size_bytes, "%s", reason ? reason : "unknown reason");
    ERR_clear_error();
    return text;
}

static bool file_fail(const char *option, const char *path, struct slc_error *error)
{
    char reason[REASON_BYTES];

    return slc_fail(error, SLC_ERR_CONFIG, "%s cannot be used: %.300s: %s", option, path,
                    reason_of(reason, sizeof(reason)));
}

/* OpenSSL would ask on the terminal for itself. */
static int give_passphrase(char *to, int size, int writing, void *context)
{
    const struct slc_tls *tls = context;
    size_t len = tls->key_passphrase ? strlen(tls->key_passphrase) : 0;

    (void)writing;
    if (size <= 0 || len > (size_t)size)
        return 0;
    if (len)
        memcpy(to, tls->key_passphrase, len);
    return (int)len;
}

static bool load_authorities(const struct slc_tls *tls, SSL_CTX *context, struct slc_error *error)
{
    char reason[REASON_BYTES];

    if (!tls->verify)
        return true;
    if (tls->ca_file && SSL_CTX_load_verify_file(context, tls->ca_file) != 1)
        return file_fail("redis.tls_ca_file", tls->ca_file, error);
    if (tls->ca_dir && SSL_CTX_load_verify_dir(context, tls->ca_dir) != 1)
        return file_fail("redis.tls_ca_dir", tls->ca_dir, error);
    if (!tls->ca_file && !tls->ca_dir && SSL_CTX_set_default_verify_paths(context) != 1)
        return slc_fail(error, SLC_ERR_CONFIG, "the system's authorities cannot be read: %s",
                        reason_of(reason, sizeof(reason)));
    return true;
}

static bool load_client_certificate(const struct slc_tls *tls, SSL_CTX *context,
                                    struct slc_error *error)
{
    const char *key_file = tls->key_file ? tls->key_file : tls->cert_file;

    if (!tls->cert_file)
        return !tls->key_file || slc_fail(error, SLC_ERR_CONFIG,
                                          "redis.tls_key_file is set without redis.tls_cert_file");
    if (SSL_CTX_use_certificate_chain_file(context, tls->cert_file) != 1)
        return file_fail("redis.tls_cert_file", tls->cert_file, error);
    SSL_CTX_set_default_passwd_cb(context, give_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, (void *)tls);
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return file_fail(tls->key_passphrase ? "redis.tls_key_file (with redis.tls_key_passphrase)"
                                             : "redis.tls_key_file",
                         key_file, error);
    return true;
}

static SSL_CTX *make_context(const struct slc_tls *tls, struct slc_error *error)
{
    SSL_CTX *context;

    ERR_clear_error();
    context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out for TLS");
        return NULL;
    }
    SSL_CTX_set_verify(context, tls->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    /* RESP says itself where a reply ends: a stream cut off is noticed there. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!load_authorities(tls, context, error) || !load_client_certificate(tls, context, error)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static void take_stamp(const char *path, struct stamp *ret)
{
    struct stat status;

    memset(ret, 0, sizeof(*ret));
    if (path && stat(path, &status) == 0) {
        ret->changed = status.st_mtim;
        ret->size_bytes = status.st_size;
        ret->inode = status.st_ino;
    }
}

/* ---- The socket under it, without SIGPIPE ---- */

static int bio_fd(BIO *bio)
{
    return ((const struct slc_stream *)BIO_get_data(bio))->fd;
}

static int bio_result(BIO *bio, ssize_t moved, bool writing)
{
    BIO_clear_retry_flags(bio);
    if (moved >= 0)
        return (int)moved;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (writing)
            BIO_set_retry_write(bio);
        else
            BIO_set_retry_read(bio);
    }
    return -1;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    ssize_t moved;

    do {
        moved = send(bio_fd(bio), bytes, (size_t)len, MSG_NOSIGNAL);
    } while (moved < 0 && errno == EINTR);
    return bio_result(bio, moved, true);
}

static int bio_read(BIO *bio, char *to, int len)
{
    ssize_t moved;

    do {
        moved = recv(bio_fd(bio), to, (size_t)len, 0);
    } while (moved < 0 && errno == EINTR);
    if (moved == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return bio_result(bio, moved, false);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slc_socket");

    if (method &&
        (BIO_meth_set_write(method, bio_write) != 1 || BIO_meth_set_read(method, bio_read) != 1 ||
         BIO_meth_set_ctrl(method, bio_ctrl) != 1)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* Under the lock. Certificates that are just being replaced do not fit together
 * for a moment: those that were good stay in use then. */
static bool load_locked(struct slc_tls *tls, struct slc_error *error)
{
    struct stamp stamps[3];
    SSL_CTX *context;

    take_stamp(tls->ca_file, &stamps[0]);
    take_stamp(tls->cert_file, &stamps[1]);
    take_stamp(tls->key_file, &stamps[2]);
    if (!tls->method && !(tls->method = make_method()))
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for TLS");
    if (tls->context && memcmp(stamps, tls->stamps, sizeof(stamps)) == 0)
        return true;
    context = make_context(tls, error);
    if (!context)
        return tls->context != NULL;
    SSL_CTX_free(tls->context);
    tls->context = context;
    memcpy(tls->stamps, stamps, sizeof(stamps));
    return true;
}

bool slc_tls_load(struct slc_tls *tls, struct slc_error *error)
{
    pthread_mutex_lock(&tls->mutex);
    bool good = load_locked(tls, error);
    pthread_mutex_unlock(&tls->mutex);
    return good;
}

/* ---- A stream ---- */

struct state {
    SSL *ssl;
    struct slc_tls *own; /* of a URL without settings */
    size_t record_len;   /* of `record`, which has to be written again as it is */
    bool failed;         /* no close_notify may follow (SSL_shutdown(3)) */
    char record[RECORD_BYTES];
};

static void tls_close(struct slc_stream *stream)
{
    struct state *state = stream->state;

    if (state) {
        if (state->ssl && !state->failed && stream->fd >= 0 && SSL_is_init_finished(state->ssl))
            (void)SSL_shutdown(state->ssl);
        SSL_free(state->ssl);
        slc_tls_free(state->own);
        explicit_bzero(state->record, sizeof(state->record)); /* the login went through here */
        free(state);
        ERR_clear_error();
    }
    stream->state = NULL;
    slc_socket_close(stream);
}

static SSL *new_ssl(struct slc_tls *tls, struct slc_stream *stream, struct slc_error *error)
{
    SSL *ssl = NULL;
    BIO *bio = NULL;

    pthread_mutex_lock(&tls->mutex);
    if (!load_locked(tls, error)) {
        pthread_mutex_unlock(&tls->mutex);
        return NULL;
    }
    ssl = SSL_new(tls->context);
    bio = ssl ? BIO_new(tls->method) : NULL;
    pthread_mutex_unlock(&tls->mutex);
    if (!bio) {
        SSL_free(ssl);
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out for TLS");
        return NULL;
    }
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return ssl;
}

/* SNI (RFC 6066, which knows no addresses) and the name that the certificate has
 * to bear (RFC 9525). */
static bool expect_name(const struct slc_tls *tls, SSL *ssl, const char *host,
                        struct slc_error *error)
{
    const char *name = tls->server_name ? tls->server_name : host;
    unsigned char address[sizeof(struct in6_addr)];
    bool good;

    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        good = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    } else {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        good = SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
    }
    return good || slc_fail(error, SLC_ERR_CONFIG,
                            "\"%.200s\" is no name that a TLS server could have", name);
}

static bool handshake_fail(const struct state *state, const struct slc_redis_url *url, int kind,
                           int errno_value, struct slc_error *error)
{
    long verified = SSL_get_verify_result(state->ssl);
    unsigned long code = ERR_peek_last_error();
    char reason[REASON_BYTES];

    if (kind == SSL_ERROR_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return slc_fail(error, SLC_ERR_AUTH,
                        "the certificate of the Redis at %.200s:%u is not to be trusted: %s; check "
                        "redis.tls_ca_file, redis.tls_server_name and the server's certificate",
                        url->host, (unsigned)url->port, X509_verify_cert_error_string(verified));
    if (kind == SSL_ERROR_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "what listens at %.200s:%u speaks no TLS; use redis:// or its TLS port",
                        url->host, (unsigned)url->port);
    if (kind == SSL_ERROR_SSL && !ERR_SYSTEM_ERROR(code))
        return slc_fail(error, SLC_ERR_AUTH,
                        "no TLS with the Redis at %.200s:%u: %s; does it want a client certificate "
                        "(redis.tls_cert_file), or an older TLS than 1.2?",
                        url->host, (unsigned)url->port, reason_of(reason, sizeof(reason)));
    return slc_fail(error, SLC_ERR_CONNECTION,
                    "the connection to %.200s:%u was lost while TLS began: %s; is that its TLS "
                    "port?",
                    url->host, (unsigned)url->port,
                    errno_value ? strerror_r(errno_value, reason, sizeof(reason))
                                : "the server closed it");
}

static bool shake_hands(struct slc_stream *stream, const struct slc_redis_url *url,
                        int64_t deadline_usec, struct slc_error *error)
{
    struct state *state = stream->state;

    for (;;) {
        int status, kind, waited;

        ERR_clear_error();
        errno = 0;
        status = SSL_connect(state->ssl);
        if (status == 1)
            return true;
        kind = SSL_get_error(state->ssl, status);
        if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE) {
            state->failed = true;
            return handshake_fail(state, url, kind, errno, error);
        }
        waited = slc_stream_wait(stream, kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
                                 deadline_usec, NULL);
        if (waited == 0)
            return slc_fail(error, SLC_ERR_TIMEOUT,
                            "the Redis at %.200s:%u did not answer TLS in time; is that its TLS "
                            "port?",
                            url->host, (unsigned)url->port);
        if (waited < 0)
            return handshake_fail(state, url, SSL_ERROR_SYSCALL, -waited, error);
    }
}

static bool tls_connect(struct slc_stream *stream, const struct slc_redis_url *url,
                        int64_t deadline_usec, struct slc_error *error)
{
    struct slc_tls *tls = url->settings ? url->settings->tls : NULL;
    struct state *state;

    if (!slc_tcp_connect(stream, url, deadline_usec, error))
        return false;
    state = calloc(1, sizeof(*state));
    stream->state = state;
    if (!state) {
        tls_close(stream);
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for TLS");
    }
    if (!tls)
        tls = state->own = slc_tls_new(NULL, error);
    state->ssl = tls ? new_ssl(tls, stream, error) : NULL;
    if (!state->ssl || !expect_name(tls, state->ssl, url->host, error) ||
        !shake_hands(stream, url, deadline_usec, error)) {
        tls_close(stream);
        return false;
    }
    return true;
}

/* What SSL_read() and SSL_write() say when they moved nothing. */
static ssize_t stopped(struct slc_stream *stream, int status)
{
    struct state *state = stream->state;
    int saved_errno = errno, kind = SSL_get_error(state->ssl, status);

    if (kind == SSL_ERROR_WANT_READ)
        return SLC_STREAM_WANT_READ;
    if (kind == SSL_ERROR_WANT_WRITE)
        return SLC_STREAM_WANT_WRITE;
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    state->failed = true;
    if (kind == SSL_ERROR_SSL && !ERR_SYSTEM_ERROR(ERR_peek_last_error())) {
        /* An alert: TLS 1.3 refuses a client's certificate after the handshake. */
        int alert = ERR_GET_REASON(ERR_peek_last_error()) - SSL_AD_REASON_OFFSET;

        stream->is_refused = alert > 0 && alert != SSL_AD_INTERNAL_ERROR;
        if (!stream->reason[0])
            (void)reason_of(stream->reason, sizeof(stream->reason));
        ERR_clear_error();
        errno = EPROTO;
        return SLC_STREAM_FAILED;
    }
    ERR_clear_error();
    errno = saved_errno;
    return errno == 0 ? 0 : SLC_STREAM_FAILED;
}

static ssize_t tls_read(struct slc_stream *stream, void *to, size_t len)
{
    struct state *state = stream->state;
    size_t total = 0, moved = 0;
    int status = 1;

    while (total < len) {
        ERR_clear_error();
        errno = 0;
        status = SSL_read_ex(state->ssl, (char *)to + total, len - total, &moved);
        if (status != 1)
            break;
        total += moved;
    }
    stream->has_unread = SSL_pending(state->ssl) > 0;
    stream->also_wants = 0;
    if (status != 1) {
        ssize_t why = stopped(stream, status);

        if (why == SLC_STREAM_WANT_WRITE)
            stream->also_wants = POLLOUT;
        /* What ends the stream shows again at the next call. */
        if (total == 0)
            return why;
    }
    return (ssize_t)total;
}

/* The next bytes, from `skip` on, up to a whole record. */
static size_t gather(struct state *state, const struct iovec *parts, int count, size_t skip)
{
    size_t len = 0;

    for (int i = 0; i < count && len < RECORD_BYTES; i++) {
        size_t room = RECORD_BYTES - len, open = parts[i].iov_len;

        if (skip >= open) {
            skip -= open;
            continue;
        }
        open -= skip;
        if (open > room)
            open = room;
        memcpy(state->record + len, (const char *)parts[i].iov_base + skip, open);
        len += open;
        skip = 0;
    }
    return len;
}

/* A record that could not leave is kept and tried again by the next call, which
 * comes with the same bytes, as they were not counted as written. */
static ssize_t tls_write(struct slc_stream *stream, const struct iovec *parts, int count)
{
    struct state *state = stream->state;
    size_t total = 0;

    for (int records = 0; records < RECORDS_AT_ONCE; records++) {
        size_t moved = 0;
        int status;

        if (state->record_len == 0)
            state->record_len = gather(state, parts, count, total);
        if (state->record_len == 0)
            break;
        ERR_clear_error();
        errno = 0;
        status = SSL_write_ex(state->ssl, state->record, state->record_len, &moved);
        if (status != 1) {
            ssize_t why = stopped(stream, status);

            if (total > 0)
                break;
            if (why == 0) {
                errno = EPIPE;
                return SLC_STREAM_FAILED;
            }
            return why;
        }
        total += state->record_len;
        state->record_len = 0;
    }
    return (ssize_t)total;
}

void slc_tls_describe(const struct slc_stream *stream, char *text, size_t size_bytes)
{
    const struct state *state = stream->state;

    if (size_bytes)
        *text = '\0';
    if (state && state->ssl)
        (void)snprintf(text, size_bytes, "%s, %s", SSL_get_version(state->ssl),
                       SSL_get_cipher_name(state->ssl));
}

const struct slc_transport slc_tls_transport = {
    .name = "tls",
    .connect = tls_connect,
    .read = tls_read,
    .write = tls_write,
    .close = tls_close,
};
