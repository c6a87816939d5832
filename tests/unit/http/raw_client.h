/* A client for tests that sends any bytes and reads answers apart. It never
 * sleeps: reads wait for bytes or the end, at most 20 seconds. */
#ifndef SLC_TEST_RAW_CLIENT_H
#define SLC_TEST_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_answer {
    int status;        /* 0: the connection ended without an answer */
    char head[8192];   /* status line and headers, NUL-terminated */
    char body[262144]; /* NUL-terminated */
    size_t body_len;
};

struct raw_client {
    int fd;
    char left[262144]; /* read but not yet taken */
    size_t left_len;
};

void raw_open(struct raw_client *client, uint16_t port);
void raw_open_v6(struct raw_client *client, uint16_t port);
void raw_close(struct raw_client *client);
/* False when the other side has closed. */
bool raw_send(struct raw_client *client, const void *bytes, size_t len);
bool raw_send_text(struct raw_client *client, const char *text);
/* Read one answer by its content-length; `head_only` for HEAD. */
void raw_read(struct raw_client *client, struct raw_answer *answer, bool head_only);
/* True when the other side closes without another byte. */
bool raw_is_at_end(struct raw_client *client);

/* One request on a connection of its own. */
void raw_call(uint16_t port, const char *request, struct raw_answer *answer);

/* The value of a header, its name in any case; "" when it is not there. Valid
 * until the next call. */
const char *raw_header(const struct raw_answer *answer, const char *name);

#endif
