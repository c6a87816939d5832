/* SIGINT and SIGTERM during long work: asked to stop, it stops in order. */
#ifndef SLC_CLI_STOP_H
#define SLC_CLI_STOP_H

#include <stdatomic.h>

/* From now on the two signals set the flag; a second one kills as usual. */
void slc_stop_catch(void);

/* The flag, for `cancel` of load/ and source/. */
const atomic_bool *slc_stop_flag(void);

/* 128 + the signal's number when one came, as shells have it, else `status`. */
int slc_stop_status(int status);

#endif
