/* Inside api: looking at a directory that may hang. A mount whose other side is
 * gone can hold who touches it for minutes, or for ever; so a thread of its own
 * touches it, and who asks waits only as long as he has patience. */
#ifndef SLC_API_PROBE_H
#define SLC_API_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct slc_probe;

/* `look` says whether the directory can be read; NULL: by opening it. The path
 * is copied. NULL when memory ran out. */
struct slc_probe *slc_probe_new(const char *path, bool (*look)(const char *path));

/* Look, and wait for at most `patience_usec`. False when it cannot be read, or
 * that takes longer; while an earlier look still hangs nobody waits. Any thread. */
bool slc_probe_ask(struct slc_probe *probe, int64_t patience_usec);

/* Does not wait for a look that hangs: it frees the rest when it ends. NULL is fine. */
void slc_probe_free(struct slc_probe *probe);

#endif
