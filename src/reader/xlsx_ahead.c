#include "reader/xlsx_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { WORTH_IT_BYTES = 1 << 20, STACK_BYTES = 256 << 10 };

struct block {
    int64_t len; /* 0: the part's end; -1: `error` */
    char bytes[SLC_AHEAD_BLOCK_BYTES];
};

struct slc_zip_ahead {
    struct slc_zip_part *part;
    pthread_t thread;
    pthread_mutex_t lock;   /* the counts and `stopped` */
    pthread_cond_t changed; /* any of them */
    uint64_t n_made, n_taken;
    bool stopped;
    size_t at; /* in the block that is being taken */
    struct slc_error error;
    struct block blocks[SLC_AHEAD_BLOCKS]; /* those between the counts are the reader's */
};

/* Wait for a block that may be written; false when nobody wants it any more. */
static bool wait_for_room(struct slc_zip_ahead *ahead)
{
    bool wanted;

    pthread_mutex_lock(&ahead->lock);
    while (!ahead->stopped && ahead->n_made - ahead->n_taken == SLC_AHEAD_BLOCKS)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    wanted = !ahead->stopped;
    pthread_mutex_unlock(&ahead->lock);
    return wanted;
}

static void move_on(struct slc_zip_ahead *ahead, uint64_t *count)
{
    pthread_mutex_lock(&ahead->lock);
    ++*count;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

static void *inflate_all(void *context)
{
    struct slc_zip_ahead *ahead = context;
    int64_t len = 1;

    while (len > 0 && wait_for_room(ahead)) {
        struct block *block = &ahead->blocks[ahead->n_made % SLC_AHEAD_BLOCKS];

        len = slc_zip_part_read(ahead->part, block->bytes, sizeof(block->bytes), &ahead->error);
        block->len = len;
        move_on(ahead, &ahead->n_made);
    }
    return NULL;
}

/* Signals are for the threads of the program. */
static bool start_thread(struct slc_zip_ahead *ahead)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    bool good;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    good = pthread_create(&ahead->thread, &attributes, inflate_all, ahead) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return good;
}

static void discard(struct slc_zip_ahead *ahead)
{
    pthread_mutex_destroy(&ahead->lock);
    pthread_cond_destroy(&ahead->changed);
    free(ahead);
}

struct slc_zip_ahead *slc_zip_ahead_start(struct slc_zip_part *part)
{
    struct slc_zip_ahead *ahead;

    if (slc_zip_part_size_bytes(part) < WORTH_IT_BYTES)
        return NULL;
    ahead = malloc(sizeof(*ahead));
    if (!ahead)
        return NULL;
    memset(ahead, 0, offsetof(struct slc_zip_ahead, blocks));
    ahead->part = part;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    if (!start_thread(ahead)) {
        discard(ahead);
        return NULL;
    }
    return ahead;
}

/* The block that is next; it stays so until move_on(). */
static struct block *wait_for_block(struct slc_zip_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    while (ahead->n_made == ahead->n_taken)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    pthread_mutex_unlock(&ahead->lock);
    return &ahead->blocks[ahead->n_taken % SLC_AHEAD_BLOCKS];
}

int64_t slc_zip_ahead_read(struct slc_zip_ahead *ahead, void *to, size_t len,
                           struct slc_error *error)
{
    size_t done = 0;

    while (done < len) {
        struct block *block = wait_for_block(ahead);
        size_t left;

        if (block->len <= 0) { /* and stays there for the next call */
            if (block->len < 0 && error)
                *error = ahead->error;
            return block->len < 0 ? -1 : (int64_t)done;
        }
        left = (size_t)block->len - ahead->at;
        left = left < len - done ? left : len - done;
        memcpy((char *)to + done, block->bytes + ahead->at, left);
        done += left;
        ahead->at += left;
        if (ahead->at == (size_t)block->len) {
            ahead->at = 0;
            move_on(ahead, &ahead->n_taken);
        }
    }
    return (int64_t)done;
}

void slc_zip_ahead_stop(struct slc_zip_ahead *ahead)
{
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->stopped = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    discard(ahead);
}
