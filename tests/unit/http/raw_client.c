#include "raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static void die(const char *what)
{
    perror(what);
    abort();
}

void raw_open(struct raw_client *client, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->left_len = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
}

void raw_open_v6(struct raw_client *client, uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    address.sin6_addr = in6addr_loopback;
    client->left_len = 0;
    client->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
}

void raw_close(struct raw_client *client)
{
    close(client->fd);
    client->fd = -1;
}

bool raw_send(struct raw_client *client, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len) {
        ssize_t sent = send(client->fd, at, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool raw_send_text(struct raw_client *client, const char *text)
{
    return raw_send(client, text, strlen(text));
}

/* More bytes; false at the end. */
static bool fill(struct raw_client *client)
{
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    ssize_t got;

    if (client->left_len == sizeof(client->left))
        die("an answer is too long");
    if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
        die("no answer");
    got = recv(client->fd, client->left + client->left_len, sizeof(client->left) - client->left_len,
               0);
    if (got <= 0)
        return false;
    client->left_len += (size_t)got;
    return true;
}

static void drop(struct raw_client *client, size_t len)
{
    memmove(client->left, client->left + len, client->left_len - len);
    client->left_len -= len;
}

const char *raw_header(const struct raw_answer *answer, const char *name)
{
    static char value[1024];
    const char *line = strstr(answer->head, "\r\n");
    size_t len = strlen(name);

    for (; line && line[2]; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *start = line + 2 + len + 1;
            const char *end = strstr(start, "\r\n");

            start += *start == ' ';
            snprintf(value, sizeof(value), "%.*s", (int)(end - start), start);
            return value;
        }
    }
    return "";
}

static bool need(struct raw_client *client, size_t len)
{
    while (client->left_len < len) {
        if (!fill(client))
            return false;
    }
    return true;
}

static void take_body(struct raw_client *client, struct raw_answer *answer, size_t len)
{
    if (answer->body_len + len >= sizeof(answer->body) || !need(client, len))
        die("body");
    memcpy(answer->body + answer->body_len, client->left, len);
    answer->body_len += len;
    drop(client, len);
}

void raw_read(struct raw_client *client, struct raw_answer *answer, bool head_only)
{
    char *end;
    size_t head_len;
    const char *length;

    answer->status = 0;
    answer->head[0] = answer->body[0] = '\0';
    answer->body_len = 0;
    for (;;) {
        end = memmem(client->left, client->left_len, "\r\n\r\n", 4);
        if (end)
            break;
        if (!fill(client))
            return;
    }
    head_len = (size_t)(end - client->left) + 2;
    if (head_len >= sizeof(answer->head))
        die("head");
    memcpy(answer->head, client->left, head_len);
    answer->head[head_len] = '\0';
    drop(client, head_len + 2);
    if (sscanf(answer->head, "HTTP/1.%*d %d", &answer->status) != 1)
        die("status line");
    if (head_only || answer->status == 100)
        return;
    length = raw_header(answer, "content-length");
    if (*length)
        take_body(client, answer, strtoul(length, NULL, 10));
    answer->body[answer->body_len] = '\0';
}

bool raw_is_at_end(struct raw_client *client)
{
    return client->left_len == 0 && !fill(client);
}

void raw_call(uint16_t port, const char *request, struct raw_answer *answer)
{
    static struct raw_client client;

    raw_open(&client, port);
    if (!raw_send_text(&client, request))
        die("send");
    raw_read(&client, answer, strncmp(request, "HEAD ", 5) == 0);
    raw_close(&client);
}
