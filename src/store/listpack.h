/* Small hashes as Redis keeps them: entries of a listpack (redis/src/listpack.c),
 * which are the form that rows are grouped in, and the ziplist of Redis 6 and
 * older (ziplist.c), which is made of them. */
#ifndef SLC_STORE_LISTPACK_H
#define SLC_STORE_LISTPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    SLC_LISTPACK_HEADER_BYTES = 6, /* its length and the number of entries */
    SLC_LISTPACK_ENTRY_BYTES = 10, /* the most that an entry takes besides its text */
    SLC_ZIPLIST_HEADER_BYTES = 10,
};

/* A text as an entry at `to`, which has room; returns the end. A whole number,
 * written as it is printed, becomes an integer, as Redis does. */
char *slc_listpack_write(char *to, const char *text, size_t len);
/* The entry that the number's text would give. */
char *slc_listpack_write_integer(char *to, int64_t value);

/* End an entry whose text was written at `to` + slc_listpack_header(len_guess):
 * the header is put before it, the text moved when the guess was wrong. Never an
 * integer. Returns the end. */
char *slc_listpack_wrap(char *to, char *text, size_t len);

/* The bytes before a text of that length. */
static inline size_t slc_listpack_header(size_t len)
{
    return len < 64 ? 1 : len < 4096 ? 2 : 5;
}

/* Header and end of a listpack around `len` bytes of `n_entries` entries, which
 * stand at `to` + SLC_LISTPACK_HEADER_BYTES; returns the end. */
char *slc_listpack_close(char *to, size_t len, size_t n_entries);

/* An entry read: its text, or an integer. */
struct slc_listpack_entry {
    bool is_integer;
    int64_t integer;
    struct slc_str text;
};

/* Take one of our own entries off the front of `*entries`. */
struct slc_listpack_entry slc_listpack_take(struct slc_str *entries);

/* The entries as a ziplist at `to`, which has room for SLC_ZIPLIST_BOUND();
 * returns the end. */
#define SLC_ZIPLIST_BOUND(len, n_entries) (SLC_ZIPLIST_HEADER_BYTES + 1 + (len) + 10 * (n_entries))
char *slc_ziplist_write(char *to, struct slc_str entries, size_t n_entries);

#endif
