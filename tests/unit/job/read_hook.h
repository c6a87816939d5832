/* What happens when a data file is read, for programs linked with
 * -Wl,--wrap=read: the hook is called before every read(2) of a file whose name
 * ends in ".csv", with its path. */
#ifndef SLC_TEST_READ_HOOK_H
#define SLC_TEST_READ_HOOK_H

/* 0: read; else the errno to fail with. NULL: no hook. Set it while nothing is read. */
extern int (*read_hook)(const char *path);

#endif
