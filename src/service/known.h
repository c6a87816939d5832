/* Inside service: which ticket each replica has, as far as the watch loop has
 * seen, so that a second ticket for one replica is noticed when it comes.
 *
 * Only digests are kept: 16 bytes a replica, and a false alarm is harmless. */
#ifndef SLC_SERVICE_KNOWN_H
#define SLC_SERVICE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty and valid. */
struct slc_known {
    struct slc_known_entry {
        uint64_t replica, ticket; /* digests; replica 0: free */
    } * entries;                  /* owned */
    size_t count, capacity;
};

void slc_known_release(struct slc_known *known);

/* Forget all; the memory is kept. */
void slc_known_clear(struct slc_known *known);

/* That replica has that ticket; false when it is known to have another one (which
 * stays), or memory ran out. */
bool slc_known_put(struct slc_known *known, const char *replica, const char *ticket_name);

#endif
