#include "base/str.h"

#include <stdlib.h>

bool slc_str_eq_nocase(struct slc_str a, struct slc_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (slc_ascii_lower(a.data[i]) != slc_ascii_lower(b.data[i]))
            return false;
    return true;
}

int slc_str_cmp(struct slc_str a, struct slc_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

size_t slc_str_distance(struct slc_str a, struct slc_str b)
{
    enum { LONGEST = 63 };
    size_t row[LONGEST + 1];
    size_t a_len = a.len < LONGEST ? a.len : LONGEST;
    size_t b_len = b.len < LONGEST ? b.len : LONGEST;

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replace = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t best = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = replace < best ? replace : best;
        }
    }
    return row[b_len];
}

char *slc_str_dup(struct slc_str s)
{
    char *copy = malloc(s.len + 1);

    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}
