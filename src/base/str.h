/* String views: a pointer and a length over memory that somebody else owns.
 * Views are not NUL-terminated; print one with "%.*s" and SLC_STR_ARG(). */
#ifndef SLC_BASE_STR_H
#define SLC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slc_str {
    const char *data;
    size_t len; /* bytes */
};

#define SLC_STR(literal) ((struct slc_str){.data = (literal), .len = sizeof(literal) - 1})
#define SLC_STR_ARG(s) (int)(s).len, (s).data

static inline struct slc_str slc_str_from(const char *text)
{
    return (struct slc_str){.data = text, .len = text ? strlen(text) : 0};
}

static inline bool slc_str_eq(struct slc_str a, struct slc_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slc_str_is(struct slc_str a, const char *text)
{
    return slc_str_eq(a, slc_str_from(text));
}

/* ASCII only: the locale is never asked. */
static inline char slc_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool slc_ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Equal but for the case of ASCII letters. */
bool slc_str_eq_nocase(struct slc_str a, struct slc_str b);

/* Bytewise order, a shorter prefix first: <0, 0, >0. */
int slc_str_cmp(struct slc_str a, struct slc_str b);

/* Without ASCII white space at both ends. */
static inline struct slc_str slc_str_trim(struct slc_str s)
{
    while (s.len > 0 && slc_ascii_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && slc_ascii_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* Levenshtein distance of two short names (each cut at 63 bytes), for "did you
 * mean" hints. */
size_t slc_str_distance(struct slc_str a, struct slc_str b);

/* A NUL-terminated copy that the caller frees; NULL when memory ran out. */
char *slc_str_dup(struct slc_str s);

#endif
