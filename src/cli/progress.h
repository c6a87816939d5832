/* The progress bar of a load or a survey, on a terminal.
 *
 *     sample_us_users  delivery  [#########>      ]  61 %  3,050 rows  2 s left
 */
#ifndef SLC_CLI_PROGRESS_H
#define SLC_CLI_PROGRESS_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "load/load.h"

struct slc_progress_bar;

/* Start to draw on standard error, from a thread of its own, ten times a
 * second; `name` and `progress` are borrowed until the end. `reads_only`: a
 * survey is all that is done. NULL, and nothing is drawn, when standard error is
 * no terminal, or one that takes no escape sequences. */
struct slc_progress_bar *
slc_progress_bar_start(const char *name, const struct slc_load_progress *progress, bool reads_only);

/* Take the bar off the screen. NULL is fine. */
void slc_progress_bar_stop(struct slc_progress_bar *bar);

#endif
