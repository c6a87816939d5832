/* Inside job: calling the script that makes every change to the queue
 * (jobs.lua says what its functions take and answer). */
#ifndef SLC_JOB_SCRIPT_H
#define SLC_JOB_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "redis/connection.h"

enum { SLC_SCRIPT_ARGUMENTS_MAX = 20 };

/* "{R}:jobs" of the registry key R, to be freed; NULL: no memory. */
char *slc_script_base(const char *registry_key);

/* Call the function `argv[0]` (at most SLC_SCRIPT_ARGUMENTS_MAX words). Loads
 * the script when Redis does not have it. `ret` may be NULL. Errors: those of
 * slc_redis_command(). */
bool slc_script_command(struct slc_redis *redis, const char *base, size_t argc,
                        const struct slc_str argv[], struct slc_reply **ret,
                        struct slc_error *error);
#define slc_script_call(redis, base, ret, error, ...)                                              \
    slc_script_command((redis), (base),                                                            \
                       sizeof((struct slc_str[]){__VA_ARGS__}) / sizeof(struct slc_str),           \
                       (struct slc_str[]){__VA_ARGS__}, (ret), (error))

/* Append the call to a pipeline, as the last of it; its reply is read with
 * slc_script_read() after those before, which calls again when the script has to be loaded. */
bool slc_script_append(struct slc_redis *redis, const char *base, size_t argc,
                       const struct slc_str argv[], struct slc_error *error);
bool slc_script_read(struct slc_redis *redis, const char *base, size_t argc,
                     const struct slc_str argv[], struct slc_reply **ret, struct slc_error *error);

/* The answer of XREAD and XREADGROUP, in RESP2 an array of [stream, entries], in
 * RESP3 a map: the i-th stream and its entries, [[id, [field, value, ...]], ...].
 * False: there are no more. */
bool slc_script_entries(const struct slc_reply *reply, size_t i, struct slc_str *ret_stream,
                        const struct slc_reply **ret_entries);

/* A number as an argument; lives as long as `text`. */
static inline struct slc_str slc_script_number(char text[SLC_NUM_TEXT_BYTES], int64_t number)
{
    return (struct slc_str){.data = text, .len = (size_t)(slc_write_int64(text, number) - text)};
}

#endif
