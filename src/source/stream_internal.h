/* What scan.c and rewrite.c share; for src/source alone. */
#ifndef SLC_SOURCE_STREAM_INTERNAL_H
#define SLC_SOURCE_STREAM_INTERNAL_H

#include <pthread.h>

#include "source/stream.h"

struct slc_stream {
    char *path; /* owned */
    int dir_fd;
    pthread_mutex_t rewriting; /* one thread at a time between re-reading and replacing */
};

/* The text of a ticket (appended) and its status. The ticket's name has been
 * checked. Errors: NAME, NOT_FOUND, LIMIT, IO, MEMORY. */
bool slc_stream_read_text(const struct slc_stream *stream, const char *ticket_name,
                          struct slc_buf *text, struct stat *ret_status, struct slc_error *error);

/* A ticket's file name: plain, "x.ticket", not too long. Errors: NAME. */
bool slc_ticket_name_check(struct slc_str name, struct slc_error *error);

#endif
