/* What happens when a data file or a signal is read, for programs linked with
 * -Wl,--wrap=read: a hook is called before every read(2) of a file whose name
 * ends in ".csv", with its path; another one before every read(2) of a signalfd. */
#ifndef SLC_TEST_READ_HOOK_H
#define SLC_TEST_READ_HOOK_H

/* 0: read; else the errno to fail with. NULL: no hook. */
extern int (*_Atomic read_hook)(const char *path);
extern void (*_Atomic signal_read_hook)(void);

#endif
