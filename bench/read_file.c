/* read_file FILE [THREADS]: read a table and type every column, as the survey of
 * a load does, but without statistics. One line of JSON: rows, columns, types and the
 * seconds from opening the file to the last typed cell.
 *
 * A column whose type becomes wider than what earlier chunks were read as is
 * read once more, alone. Chunks are let go once they are typed. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "reader/reader.h"

enum { MAX_THREADS = 64 };

struct round {
    struct slc_reader *reader;
    int64_t n_columns;
    pthread_mutex_t lock;                /* all below */
    struct slc_column_request *requests; /* what is read, from the joint type so far */
    unsigned *facts;                     /* enum slc_facts */
    bool *stale;
    int64_t n_rows;
    struct slc_error error;
};

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void join_types(struct round *round, const struct slc_chunk *chunk)
{
    pthread_mutex_lock(&round->lock);
    round->n_rows += chunk->n_rows;
    for (int64_t i = 0; i < round->n_columns; i++) {
        const struct slc_column *column = &chunk->columns[i];
        enum slc_type was = round->requests[i].type, joint;

        if (round->requests[i].what == SLC_COLUMN_SKIP)
            continue;
        round->facts[i] |= slc_reader_facts(round->reader, chunk, i);
        joint = slc_reader_join(was, column->type, round->facts[i]);
        round->stale[i] |= was != SLC_TYPE_NULL && joint != was;
        round->requests[i].type = joint;
    }
    pthread_mutex_unlock(&round->lock);
}

static void *work(void *context)
{
    struct round *round = context;
    struct slc_chunk chunk = {0};
    struct slc_error error = {0};
    size_t n = (size_t)round->n_columns;
    SLC_AUTO_FREE struct slc_column_request *requests = calloc(n + 1, sizeof(*requests));
    int got = requests ? 1 : -1;

    while (got == 1 && (got = slc_reader_next(round->reader, &chunk, &error)) == 1) {
        pthread_mutex_lock(&round->lock);
        memcpy(requests, round->requests, n * sizeof(*requests));
        pthread_mutex_unlock(&round->lock);
        if (slc_reader_parse(round->reader, &chunk, requests, &error))
            join_types(round, &chunk);
        else
            got = -1;
        slc_reader_recycle(round->reader, &chunk);
    }
    slc_chunk_release(&chunk);
    if (got < 0) {
        pthread_mutex_lock(&round->lock);
        round->error = error;
        pthread_mutex_unlock(&round->lock);
    }
    return NULL;
}

static bool run(struct round *round, int n_threads)
{
    pthread_t threads[MAX_THREADS];
    int n = 0;

    round->n_rows = 0;
    while (n < n_threads - 1 && n < MAX_THREADS &&
           pthread_create(&threads[n], NULL, work, round) == 0)
        n++;
    work(round);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    return round->error.code == SLC_ERR_NONE;
}

/* What is stale is read again; whether there is any. */
static bool next_round(struct round *round)
{
    bool any = false;

    for (int64_t i = 0; i < round->n_columns; i++) {
        round->requests[i].what = round->stale[i] ? SLC_COLUMN_READ : SLC_COLUMN_SKIP;
        any |= round->stale[i];
        round->stale[i] = false;
    }
    return any;
}

static bool read_file(struct round *round, int fd, const char *name, int n_threads)
{
    struct slc_reader_options options = slc_reader_default_options();
    size_t n;

    options.digest = false;
    if (!slc_reader_open(fd, name, &options, &round->reader, &round->error))
        return false;
    round->n_columns = slc_reader_schema(round->reader)->n_fields;
    n = (size_t)round->n_columns;
    round->requests = calloc(n + 1, sizeof(*round->requests));
    round->facts = calloc(n + 1, sizeof(*round->facts));
    round->stale = calloc(n + 1, sizeof(*round->stale));
    if (!round->requests || !round->facts || !round->stale)
        return slc_fail(&round->error, SLC_ERR_MEMORY, "no memory for the columns");
    for (size_t i = 0; i < n; i++)
        round->requests[i].what = SLC_COLUMN_READ;
    while (run(round, n_threads)) {
        if (!next_round(round))
            return true;
        if (!slc_reader_rewind(round->reader, &round->error))
            return false;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct round round = {.lock = PTHREAD_MUTEX_INITIALIZER};
    char text[SLC_ERROR_TEXT_BYTES];
    int64_t n_threads = sysconf(_SC_NPROCESSORS_ONLN);
    double start = seconds_now();
    bool good;
    int fd;

    if (argc < 2 || argc > 3 ||
        (argc == 3 && (!slc_parse_int64(argv[2], strlen(argv[2]), &n_threads) || n_threads < 1))) {
        fprintf(stderr, "usage: read_file FILE [THREADS]\n");
        return 2;
    }
    fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "read_file: cannot open %s\n", argv[1]);
        return 1;
    }
    good = read_file(&round, fd, argv[1], (int)n_threads);
    if (good)
        printf("{\"rows\": %lld, \"columns\": %lld, \"seconds\": %.4f}\n", (long long)round.n_rows,
               (long long)round.n_columns, seconds_now() - start);
    else
        fprintf(stderr, "read_file: %s\n", slc_error_format(&round.error, text, sizeof(text)));
    slc_reader_close(round.reader);
    free(round.requests);
    free(round.facts);
    free(round.stale);
    return good ? 0 : 1;
}
