#include <stdlib.h>

#include "reader/cells.h"

/* pandas 2.x, pandas/_libs/parsers.pyx, STR_NA_VALUES. */
static const char *const default_texts[] = {
    "",     "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A",  "NA",       "NULL", "NaN",     "None",     "n/a",  "nan",  "null",
};

enum { N_DEFAULT = sizeof(default_texts) / sizeof(default_texts[0]) };

/* Whether some style of numbers or another makes a value of it. */
static bool may_be_value(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            return true;
    return slc_cell_type(text.data, text.len, NULL) != SLC_TYPE_TEXT;
}

static void add(struct slc_na_set *set, struct slc_str text)
{
    set->texts[set->n_texts++] = text;
    if (text.len)
        set->lengths_by_first[(unsigned char)text.data[0]] |= UINT32_C(1)
                                                              << (text.len < 31 ? text.len : 31);
}

bool slc_na_set_init(struct slc_na_set *set, bool with_defaults, const struct slc_str *more,
                     int64_t n_more)
{
    *set = (struct slc_na_set){0};
    set->texts = calloc((size_t)n_more + N_DEFAULT, sizeof(*set->texts));
    if (!set->texts)
        return false;
    for (int i = 0; with_defaults && i < N_DEFAULT; i++)
        add(set, slc_str_from(default_texts[i]));
    for (int64_t i = 0; i < n_more; i++) {
        add(set, more[i]);
        set->typed |= may_be_value(more[i]);
    }
    return true;
}

void slc_na_set_release(struct slc_na_set *set)
{
    if (!set)
        return;
    free(set->texts);
    *set = (struct slc_na_set){0};
}

bool slc_na_set_find(const struct slc_na_set *set, const char *text, size_t len)
{
    struct slc_str wanted = {.data = text, .len = len};

    for (int64_t i = 0; i < set->n_texts; i++)
        if (slc_str_eq(set->texts[i], wanted))
            return true;
    return false;
}
