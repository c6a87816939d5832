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
#include "report/show.h"

enum { NAME_COLUMNS = 20, STAGE_COLUMNS = 8, LEAST_BAR = 8 };

struct slc_progress_bar {
    const char *name;
    const struct slc_load_progress *progress;
    bool reads_only;
    int64_t last_position_bytes;
    bool reads_again; /* columns whose type turned out to be wider */
    bool is_drawn;
    int64_t started_usec;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended; /* on the monotonic clock */
    bool is_ended;
};

static int terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 1)
        return 80;
    return size.ws_col;
}

/* "2 s left", once there is something to tell it from. */
static void append_time_left(struct slc_buf *line, const struct slc_progress_bar *bar, double share)
{
    double seconds = (double)(slc_monotonic_usec() - bar->started_usec) / 1e6;
    double left = seconds / share - seconds;

    if (share < 0.02 || seconds < 0.5)
        return;
    if (left >= 90)
        slc_buf_printf(line, "  %.0f min left", left / 60);
    else
        slc_buf_printf(line, "  %.0f s left", left);
}

static double share_done(const struct slc_progress_bar *bar)
{
    const struct slc_load_progress *progress = bar->progress;
    double size = (double)progress->size_bytes, share;

    if (bar->reads_only)
        share = size > 0 ? (double)progress->position_bytes / size : 0;
    else
        share = slc_load_progress_share(progress);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

static const char *stage_name(struct slc_progress_bar *bar)
{
    int64_t position = bar->progress->position_bytes;

    if (!bar->reads_only)
        return slc_load_stage_name((enum slc_load_stage)bar->progress->stage);
    bar->reads_again |= position < bar->last_position_bytes;
    bar->last_position_bytes = position;
    return bar->reads_again ? "again" : "reading";
}

static void append_bar(struct slc_buf *line, int width, double share)
{
    int filled = (int)(share * width);

    slc_buf_append_byte(line, '[');
    for (int i = 0; i < width; i++)
        slc_buf_append_byte(line, i < filled ? '#' : i == filled ? '>' : ' ');
    slc_buf_append_byte(line, ']');
}

static void draw(struct slc_progress_bar *bar)
{
    SLC_AUTO_BUF struct slc_buf tail = {0}, line = {0}, shown = {0};
    const struct slc_load_progress *progress = bar->progress;
    bool reads = bar->reads_only || progress->stage == SLC_STAGE_SURVEY;
    double share = share_done(bar);
    int columns = terminal_columns();
    int name_columns = columns < 80 ? columns / 5 : NAME_COLUMNS, width;

    if (progress->size_bytes > 0) {
        slc_buf_printf(&tail, " %3.0f %%  ", share * 100);
        slc_show_count(&tail, reads ? progress->rows_read : progress->rows_written);
        slc_buf_append_text(&tail, " rows");
        append_time_left(&tail, bar, share);
    } else { /* nothing tells how much there will be */
        slc_buf_append_byte(&tail, ' ');
        slc_show_bytes(&tail, progress->position_bytes);
    }
    slc_text_cell(&line, slc_str_from(bar->name), name_columns, false);
    slc_buf_printf(&line, "  %-*s ", STAGE_COLUMNS, stage_name(bar));
    width = columns - name_columns - STAGE_COLUMNS - 3 - 2 - (int)tail.len - 1;
    if (width >= LEAST_BAR)
        append_bar(&line, width, share);
    slc_buf_append_str(&line, slc_buf_view(&tail));
    /* A line that wraps could not be taken off the screen. */
    slc_buf_append_text(&shown, "\r\033[K");
    slc_text_clip(&shown, slc_buf_view(&line), columns - 1);
    bar->is_drawn = true;
    if (!line.failed && !shown.failed)
        (void)slc_write_all(STDERR_FILENO, shown.data, shown.len, NULL);
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

static void free_bar(struct slc_progress_bar *bar)
{
    pthread_mutex_destroy(&bar->lock);
    pthread_cond_destroy(&bar->ended);
    free(bar);
}

struct slc_progress_bar *
slc_progress_bar_start(const char *name, const struct slc_load_progress *progress, bool reads_only)
{
    struct slc_progress_bar *bar;
    pthread_condattr_t attributes;

    if (!slc_cli_stderr_is_terminal() || slc_cli_terminal_is_dumb())
        return NULL;
    bar = calloc(1, sizeof(*bar));
    if (!bar)
        return NULL;
    bar->name = name;
    bar->progress = progress;
    bar->reads_only = reads_only;
    bar->started_usec = slc_monotonic_usec();
    pthread_mutex_init(&bar->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&bar->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&bar->thread, NULL, draw_thread, bar) != 0) {
        free_bar(bar);
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
    if (bar->is_drawn)
        (void)slc_write_all(STDERR_FILENO, clear, sizeof(clear) - 1, NULL);
    free_bar(bar);
}
