/* Files: reading whole with a bound, replacing atomically, safe names. */
#ifndef SLC_BASE_FILE_H
#define SLC_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* Read a whole regular file of at most `max_bytes` into `buf` (appended).
 * Errors: NOT_FOUND, IO, LIMIT. */
bool slc_file_read(int dir_fd, const char *path, size_t max_bytes, struct slc_buf *buf,
                   struct slc_error *error);

/* Replace (or make) `path` in one step: a temporary file in the same folder,
 * fsync, rename, fsync of the folder. On failure the old file is as it was and
 * no temporary file is left. Its mode is exactly `mode`, whatever the umask is.
 * `dir_fd` may be AT_FDCWD. Errors: IO, NOT_FOUND (no such folder), NAME (the
 * path is too long). */
bool slc_file_replace(int dir_fd, const char *path, struct slc_str contents, mode_t mode,
                      struct slc_error *error);

/* `path` names something that is there and no regular file: a device, a FIFO,
 * /dev/stdout. Such a thing is written to and never replaced. */
bool slc_file_is_special(const char *path);

/* For output that a user names: slc_file_replace(), but what is special is
 * written to, and a file that is there keeps its mode. Errors: as there. */
bool slc_file_put(const char *path, struct slc_str contents, mode_t mode, struct slc_error *error);

/* Take the lock that the file `path` stands for (flock(2) on it; made with mode
 * 0600 where it is not there), waiting for at most `patience_ms`. Returns the
 * descriptor, whose closing gives it back; -1 on error. Errors: CONFLICT
 * (somebody else has it), IO, NOT_FOUND. */
int slc_file_lock(const char *path, int64_t patience_ms, struct slc_error *error);

/* mkdir -p; existing folders are fine. New ones get `mode`. */
bool slc_dir_make(const char *path, mode_t mode, struct slc_error *error);

/* Write all of it, going on after EINTR and short writes. */
bool slc_write_all(int fd, const void *bytes, size_t len, struct slc_error *error);

/* The part of `path` behind its last '/'. */
struct slc_str slc_path_base(struct slc_str path);

/* A plain file name: not empty, not "." or "..", no '/', no control characters, valid UTF-8, at
 * most 255 bytes. */
bool slc_name_is_plain(struct slc_str name);

#endif
