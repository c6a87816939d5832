#include "report/mail_send.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/mail_address.h"

enum { REPLY_BYTES = 160, CONNECT_SECONDS = 30 };

struct slc_mail_sender {
    struct slc_mail_server server;
    CURL *curl;
    char reply[REPLY_BYTES]; /* the server's last line */
    char curl_error[CURL_ERROR_SIZE];
};

/* What is being sent: the header To:, then the message. */
struct payload {
    struct slc_str head, rest;
};

const char *slc_mail_url_check(struct slc_str url)
{
    static const char *const schemes[] = {"smtp://", "smtps://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (url.len > len && memcmp(url.data, schemes[i], len) == 0)
            return NULL;
    }
    return "is no URL of the form smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://";
}

/* ---- For libcurl -------------------------------------------------------- */

static size_t take(struct slc_str *from, char *to, size_t room)
{
    size_t n = from->len < room ? from->len : room;

    if (n > 0)
        memcpy(to, from->data, n);
    from->data += n;
    from->len -= n;
    return n;
}

static size_t read_payload(char *to, size_t size, size_t count, void *state)
{
    struct payload *payload = state;
    size_t n = take(&payload->head, to, size * count);

    return n + take(&payload->rest, to + n, size * count - n);
}

/* Each line that the server says. What it says to a login is not kept. */
static size_t keep_reply(char *line, size_t size, size_t count, void *state)
{
    struct slc_mail_sender *sender = state;
    struct slc_str reply = slc_str_trim((struct slc_str){.data = line, .len = size * count});

    if (reply.len > 3 && reply.data[0] >= '4' && reply.data[0] <= '5') {
        if (reply.len > REPLY_BYTES - 1)
            reply.len = REPLY_BYTES - 1;
        /* Text by RFC 5321, 4.2; but it is somebody else's, and goes into JSON. */
        for (size_t i = 0; i < reply.len; i++) {
            unsigned char c = (unsigned char)reply.data[i];

            sender->reply[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
        }
        sender->reply[reply.len] = '\0';
    }
    return size * count;
}

static int check_stop(void *state, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct slc_mail_sender *sender = state;

    (void)a, (void)b, (void)c, (void)d;
    return sender->server.stop && atomic_load(sender->server.stop);
}

/* ---- The sender --------------------------------------------------------- */

static bool set_up(struct slc_mail_sender *sender)
{
    const struct slc_mail_server *server = &sender->server;
    CURL *curl = sender->curl;
    CURLcode bad = CURLE_OK;

#define SET(option, value) (bad = bad ? bad : curl_easy_setopt(curl, option, value))
    SET(CURLOPT_ERRORBUFFER, sender->curl_error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_PROXY, ""); /* the environment's proxies are not asked */
    SET(CURLOPT_URL, server->url);
    SET(CURLOPT_USE_SSL, server->needs_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    SET(CURLOPT_TIMEOUT_MS, (long)(server->timeout_sec * 1000) + 1);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, read_payload);
    SET(CURLOPT_HEADERFUNCTION, keep_reply);
    SET(CURLOPT_HEADERDATA, sender);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, check_stop);
    SET(CURLOPT_XFERINFODATA, sender);
    if (*server->user)
        SET(CURLOPT_USERNAME, server->user);
    if (*server->password)
        SET(CURLOPT_PASSWORD, server->password);
    if (*server->ca_file)
        SET(CURLOPT_CAINFO, server->ca_file);
#undef SET
    return bad == CURLE_OK;
}

struct slc_mail_sender *slc_mail_sender_new(const struct slc_mail_server *server,
                                            struct slc_error *error)
{
    const char *wrong = slc_mail_url_check(slc_str_from(server->url));
    struct slc_mail_sender *sender;

    if (wrong) {
        slc_fail(error, SLC_ERR_CONFIG, "mail.url %s", wrong);
        return NULL;
    }
    sender = calloc(1, sizeof(*sender));
    if (!sender || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(sender);
        slc_fail(error, SLC_ERR_MEMORY, "no memory to send mails");
        return NULL;
    }
    sender->server = *server;
    sender->curl = curl_easy_init();
    if (sender->curl && set_up(sender))
        return sender;
    slc_mail_sender_free(sender);
    slc_fail(error, SLC_ERR_INTERNAL, "libcurl cannot send mails as it is set");
    return NULL;
}

void slc_mail_sender_free(struct slc_mail_sender *sender)
{
    if (!sender)
        return;
    curl_easy_cleanup(sender->curl);
    curl_global_cleanup();
    free(sender);
}

/* ---- Sending ------------------------------------------------------------ */

/* RFC 5321 4.2.1 and RFC 4954 6: what is about the login or the encryption may be
 * mended in the configuration. */
static bool is_final(long code)
{
    return code >= 500 && code < 600 && code != 502 && code != 503 && code != 530 && code != 534 &&
           code != 535 && code != 538;
}

static bool fail(const struct slc_mail_sender *sender, CURLcode result, long code,
                 struct slc_error *error)
{
    const char *reply = sender->reply[0] ? sender->reply : curl_easy_strerror(result);

    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "the mail server's name cannot be resolved; is mail.url right?");
    case CURLE_COULDNT_CONNECT:
        return slc_fail(error, SLC_ERR_CONNECTION, "the mail server cannot be reached: %s",
                        sender->curl_error);
    case CURLE_OPERATION_TIMEDOUT:
        return slc_fail(error, SLC_ERR_TIMEOUT, "the mail server took too long");
    case CURLE_ABORTED_BY_CALLBACK:
        return slc_fail(error, SLC_ERR_CANCELLED, "stopped while a mail was sent");
    case CURLE_LOGIN_DENIED:
        return slc_fail(error, SLC_ERR_AUTH,
                        "the mail server refused the login (%ld); are mail.user and mail.password "
                        "right?",
                        code);
    case CURLE_USE_SSL_FAILED:
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "the mail server offers no STARTTLS; use smtps:// where it can, or set "
                        "mail.tls=none to send without encryption");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "no trusted encryption with the mail server: %s; mail.ca_file names who is "
                        "trusted",
                        sender->curl_error);
    default:
        return slc_fail(
            error, code >= 400 ? SLC_ERR_SERVER : SLC_ERR_CONNECTION,
            code >= 400 ? "the mail server refused: %s" : "the mail server went away: %s", reply);
    }
}

bool slc_mail_send(struct slc_mail_sender *sender, const char *from, const char *to,
                   struct slc_str message, bool *ret_is_final, struct slc_error *error)
{
    char head[SLC_MAIL_ADDRESS_MAX_BYTES + 16], envelope[SLC_MAIL_ADDRESS_MAX_BYTES + 3];
    struct payload payload = {.rest = message};
    struct curl_slist *recipients = NULL;
    CURLcode result = CURLE_OUT_OF_MEMORY;
    long code = 0;

    *ret_is_final = false;
    payload.head.data = head;
    payload.head.len = (size_t)snprintf(head, sizeof(head), "To: <%s>\r\n", to);
    (void)snprintf(envelope, sizeof(envelope), "<%s>", to);
    sender->reply[0] = sender->curl_error[0] = '\0';
    recipients = curl_slist_append(NULL, envelope);
    (void)snprintf(envelope, sizeof(envelope), "<%s>", from);
    if (recipients && curl_easy_setopt(sender->curl, CURLOPT_MAIL_FROM, envelope) == CURLE_OK &&
        curl_easy_setopt(sender->curl, CURLOPT_MAIL_RCPT, recipients) == CURLE_OK &&
        curl_easy_setopt(sender->curl, CURLOPT_INFILESIZE_LARGE,
                         (curl_off_t)(payload.head.len + message.len)) == CURLE_OK &&
        curl_easy_setopt(sender->curl, CURLOPT_READDATA, &payload) == CURLE_OK)
        result = curl_easy_perform(sender->curl);
    curl_slist_free_all(recipients);
    (void)curl_easy_setopt(sender->curl, CURLOPT_MAIL_RCPT, NULL);
    if (result == CURLE_OK)
        return true;
    (void)curl_easy_getinfo(sender->curl, CURLINFO_RESPONSE_CODE, &code);
    *ret_is_final =
        result != CURLE_LOGIN_DENIED && result != CURLE_USE_SSL_FAILED && is_final(code);
    return fail(sender, result, code, error);
}
