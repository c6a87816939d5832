#include "redis/line.h"

#include <pthread.h>
#include <stdlib.h>

struct question {
    struct question *next;
    slc_redis_line_answer *answer;
    void *state;
    size_t count;
    struct slc_buf commands;
    struct slc_reply *replies[SLC_REDIS_LINE_COMMANDS_MAX]; /* owned */
};

/* Somebody who wants a connection. */
struct wish {
    struct wish *next;
    struct slc_redis_pool *pool;
    slc_redis_line_connected *connected;
    void *state;
};

struct slc_redis_line {
    struct slc_redis_pool *pool;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t asked;
    struct question *first, **end;
    size_t waiting, waiting_bytes;
    struct wish *wishes;
    bool stopping;
};

static void free_question(struct question *question)
{
    slc_buf_release(&question->commands);
    for (size_t i = 0; i < question->count; i++)
        slc_reply_free(question->replies[i]);
    free(question);
}

/* All that waits; false when the line is to stop. */
static bool take_all(struct slc_redis_line *line, struct question **questions, struct wish **wishes)
{
    bool going;

    pthread_mutex_lock(&line->lock);
    while (!line->first && !line->wishes && !line->stopping)
        pthread_cond_wait(&line->asked, &line->lock);
    going = !line->stopping;
    if (going) {
        *questions = line->first;
        *wishes = line->wishes;
        line->wishes = NULL;
        line->first = NULL;
        line->end = &line->first;
        line->waiting = line->waiting_bytes = 0;
    }
    pthread_mutex_unlock(&line->lock);
    return going;
}

/* The first `answered` of them have their replies, the others get the error. */
static void answer_all(struct question *questions, size_t answered, const struct slc_error *error)
{
    while (questions) {
        struct question *next = questions->next;

        if (answered > 0)
            questions->answer(questions->state, questions->replies, NULL);
        else
            questions->answer(questions->state, NULL, error);
        free_question(questions);
        answered -= answered > 0;
        questions = next;
    }
}

static bool read_replies(struct slc_redis *redis, struct question *question,
                         struct slc_error *error)
{
    for (size_t i = 0; i < question->count; i++)
        if (!slc_redis_read(redis, &question->replies[i], error))
            return false;
    return true;
}

/* One round trip for all of them. All replies are read before the first answer:
 * whom an answer wakes would take the processor away from reading the others. */
static void ask_all(struct slc_redis_line *line, struct question *questions)
{
    struct slc_error error; /* filled in where it counts */
    struct slc_redis *redis = slc_redis_pool_take_reader(line->pool, &error);
    bool good = redis != NULL;
    size_t answered = 0;

    for (struct question *question = questions; good && question; question = question->next)
        good = slc_redis_append_encoded(redis, slc_buf_view(&question->commands), question->count,
                                        &error);
    for (struct question *question = questions; good && question; question = question->next) {
        good = read_replies(redis, question, &error);
        answered += good;
    }
    slc_redis_pool_give(line->pool, redis);
    answer_all(questions, answered, &error);
}

static void grant_all(struct wish *wishes, bool stopping)
{
    while (wishes) {
        struct wish *next = wishes->next;

        wishes->connected(wishes->state, stopping ? NULL : slc_redis_pool_take(wishes->pool, NULL));
        free(wishes);
        wishes = next;
    }
}

static void *run(void *argument)
{
    struct slc_redis_line *line = argument;
    struct question *questions;
    struct wish *wishes;

    while (take_all(line, &questions, &wishes)) {
        if (questions)
            ask_all(line, questions);
        grant_all(wishes, false);
    }
    return NULL;
}

struct slc_redis_line *slc_redis_line_start(struct slc_redis_pool *pool, struct slc_error *error)
{
    struct slc_redis_line *line = calloc(1, sizeof(*line));

    if (!line) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory to ask Redis with");
        return NULL;
    }
    line->pool = pool;
    line->end = &line->first;
    pthread_mutex_init(&line->lock, NULL);
    pthread_cond_init(&line->asked, NULL);
    if (pthread_create(&line->thread, NULL, run, line) == 0)
        return line;
    pthread_cond_destroy(&line->asked);
    pthread_mutex_destroy(&line->lock);
    free(line);
    slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread to ask Redis with");
    return NULL;
}

/* With the lock held; NULL when it may wait. */
static bool may_wait(const struct slc_redis_line *line, const struct question *question,
                     struct slc_error *error)
{
    if (line->stopping)
        return slc_fail(error, SLC_ERR_CANCELLED, "the service is stopping");
    if (line->waiting >= SLC_REDIS_LINE_WAITING_MAX ||
        line->waiting_bytes + question->commands.len > SLC_REDIS_LINE_BYTES_MAX)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "too many questions wait for Redis, which is slow or away; try again");
    return true;
}

bool slc_redis_line_ask(struct slc_redis_line *line, struct slc_buf *commands, size_t count,
                        slc_redis_line_answer *answer, void *state, struct slc_error *error)
{
    struct question *question = malloc(sizeof(*question));
    bool good = question && !commands->failed;

    if (!good || count == 0 || count > SLC_REDIS_LINE_COMMANDS_MAX) {
        free(question);
        slc_buf_release(commands);
        return slc_fail(error, good ? SLC_ERR_INTERNAL : SLC_ERR_MEMORY,
                        good ? "a question to Redis has too many commands"
                             : "no memory to ask Redis with");
    }
    *question =
        (struct question){.answer = answer, .state = state, .count = count, .commands = *commands};
    *commands = (struct slc_buf){0};
    pthread_mutex_lock(&line->lock);
    good = may_wait(line, question, error);
    if (good) {
        *line->end = question;
        line->end = &question->next;
        line->waiting++;
        line->waiting_bytes += question->commands.len;
        if (line->waiting == 1)
            pthread_cond_signal(&line->asked);
    }
    pthread_mutex_unlock(&line->lock);
    if (!good)
        free_question(question);
    return good;
}

bool slc_redis_line_connect(struct slc_redis_line *line, struct slc_redis_pool *pool,
                            slc_redis_line_connected *connected, void *state,
                            struct slc_error *error)
{
    struct wish *wish = malloc(sizeof(*wish));
    bool good;

    if (!wish)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to connect to Redis");
    *wish = (struct wish){.pool = pool, .connected = connected, .state = state};
    pthread_mutex_lock(&line->lock);
    good = !line->stopping;
    if (good) {
        wish->next = line->wishes;
        line->wishes = wish;
        pthread_cond_signal(&line->asked);
    }
    pthread_mutex_unlock(&line->lock);
    if (good)
        return true;
    free(wish);
    return slc_fail(error, SLC_ERR_CANCELLED, "the service is stopping");
}

void slc_redis_line_stop(struct slc_redis_line *line)
{
    struct slc_error error;

    if (!line)
        return;
    pthread_mutex_lock(&line->lock);
    line->stopping = true;
    pthread_cond_signal(&line->asked);
    pthread_mutex_unlock(&line->lock);
    pthread_join(line->thread, NULL);
    (void)slc_fail(&error, SLC_ERR_CANCELLED, "the service is stopping");
    answer_all(line->first, 0, &error);
    grant_all(line->wishes, true);
    pthread_cond_destroy(&line->asked);
    pthread_mutex_destroy(&line->lock);
    free(line);
}
