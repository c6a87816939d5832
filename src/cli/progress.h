/* The progress bar of a load, on a terminal.
 *
 *     sample_us_users  delivery  [#########>      ]  61 %  3,050 rows  1.2 s left
 */
#ifndef SLC_CLI_PROGRESS_H
#define SLC_CLI_PROGRESS_H

#include "load/load.h"

struct slc_progress_bar;

/* Start to draw on standard error, from a thread of its own, ten times a
 * second; `name` and `progress` are borrowed until the end. NULL, and nothing is
 * drawn, when standard error is no terminal. */
struct slc_progress_bar *slc_progress_bar_start(const char *name,
                                                const struct slc_load_progress *progress);

/* Take the bar off the screen. NULL is fine. */
void slc_progress_bar_stop(struct slc_progress_bar *bar);

#endif
