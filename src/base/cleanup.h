/* Scope-bound release, after systemd's CODING_STYLE: a variable declared with
 * one of these attributes is released when it goes out of scope, whatever the
 * way out. Every release function takes NULL. */
#ifndef SLC_BASE_CLEANUP_H
#define SLC_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLC_CLEANUP(function) __attribute__((cleanup(function)))

static inline void slc_freep(void *p)
{
    free(*(void **)p);
}

static inline void slc_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void slc_fclosep(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

#define SLC_AUTO_FREE SLC_CLEANUP(slc_freep)
#define SLC_AUTO_CLOSE SLC_CLEANUP(slc_closep)
#define SLC_AUTO_FCLOSE SLC_CLEANUP(slc_fclosep)

#endif
