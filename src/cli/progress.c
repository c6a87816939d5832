#include "cli/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/text.h"

struct slc_progress_bar {
    const char *name;
    const struct slc_load_progress *progress;
    int64_t started_usec;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended; /* on the monotonic clock */
    bool is_ended;
};

static int terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
        return 80;
    return size.ws_col;
}

/* "1.2 s left", once there is something to tell it from. */
static void append_time_left(struct slc_buf *line, const struct slc_progress_bar *bar, double share)
{
    double seconds = (double)(slc_monotonic_usec() - bar->started_usec) / 1e6;
    double left = share > 0.02 ? seconds / share - seconds : -1;

    if (left < 0)
        return;
    if (left >= 90)
        slc_buf_printf(line, "  %.0f min left", left / 60);
    else
        slc_buf_printf(line, "  %.0f s left", left);
}

static void draw(const struct slc_progress_bar *bar)
{
    SLC_AUTO_BUF struct slc_buf tail = {0}, line = {0};
    const struct slc_load_progress *progress = bar->progress;
    enum slc_load_stage stage = (enum slc_load_stage)progress->stage;
    double share = slc_load_progress_share(progress);
    int columns = terminal_columns(), head = 20, width, filled;
    int64_t rows = stage == SLC_STAGE_SURVEY ? progress->rows_read : progress->rows_written;

    slc_buf_printf(&tail, " %3.0f %%  ", share * 100);
    slc_text_count(&tail, rows);
    slc_buf_append_text(&tail, " rows");
    append_time_left(&tail, bar, share);
    slc_buf_append_text(&line, "\r\033[K");
    slc_text_cell(&line, slc_str_from(bar->name), head, false);
    slc_buf_printf(&line, "  %-8s ", slc_load_stage_name(stage));
    width = columns - head - 11 - 2 - (int)tail.len - 1;
    if (width >= 8) {
        filled = (int)(share * width);
        slc_buf_append_byte(&line, '[');
        for (int i = 0; i < width; i++)
            slc_buf_append_byte(&line, i < filled ? '#' : i == filled ? '>' : ' ');
        slc_buf_append_byte(&line, ']');
    }
    slc_buf_append_str(&line, slc_buf_view(&tail));
    if (!line.failed)
        slc_write_all(STDERR_FILENO, line.data, line.len, NULL);
}

static void *draw_thread(void *context)
{
    struct slc_progress_bar *bar = context;

    pthread_mutex_lock(&bar->lock);
    while (!bar->is_ended) {
        struct timespec next;

        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_nsec += 100 * 1000000;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        pthread_cond_timedwait(&bar->ended, &bar->lock, &next);
        if (!bar->is_ended)
            draw(bar);
    }
    pthread_mutex_unlock(&bar->lock);
    return NULL;
}

struct slc_progress_bar *slc_progress_bar_start(const char *name,
                                                const struct slc_load_progress *progress)
{
    struct slc_progress_bar *bar;
    pthread_condattr_t attributes;

    if (!slc_cli_stderr_is_terminal())
        return NULL;
    bar = calloc(1, sizeof(*bar));
    if (!bar)
        return NULL;
    bar->name = name;
    bar->progress = progress;
    bar->started_usec = slc_monotonic_usec();
    pthread_mutex_init(&bar->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&bar->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&bar->thread, NULL, draw_thread, bar) != 0) {
        free(bar);
        return NULL;
    }
    return bar;
}

void slc_progress_bar_stop(struct slc_progress_bar *bar)
{
    static const char clear[] = "\r\033[K";

    if (!bar)
        return;
    pthread_mutex_lock(&bar->lock);
    bar->is_ended = true;
    pthread_cond_signal(&bar->ended);
    pthread_mutex_unlock(&bar->lock);
    pthread_join(bar->thread, NULL);
    slc_write_all(STDERR_FILENO, clear, sizeof(clear) - 1, NULL);
    pthread_mutex_destroy(&bar->lock);
    pthread_cond_destroy(&bar->ended);
    free(bar);
}
