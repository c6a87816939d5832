/* What is kept of a column of texts. */
#ifndef SLC_PROFILE_TEXTS_H
#define SLC_PROFILE_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/chunk.h"
#include "profile/digest128.h"
#include "profile/hll.h"
#include "profile/profile.h"
#include "profile/sizes.h"
#include "profile/text_table.h"
#include "profile/top.h"

enum {
    SLC_TEXT_SHOWN_BYTES = 256, /* to which min, max and first are clipped */
    /* Kept of them for comparing: a character's bytes more, since where the clip
     * falls must not decide which text is the smaller one. */
    SLC_TEXT_KEPT_BYTES = SLC_TEXT_SHOWN_BYTES + 8,
};

struct slc_text_extreme {
    uint64_t prefix; /* the first 8 bytes as a big-endian number, zeros behind a shorter text */
    size_t len;
    char bytes[SLC_TEXT_KEPT_BYTES];
};

struct slc_text_sketch {
    struct slc_hll hll;
    struct slc_leaders leaders;
    uint64_t one_hash; /* of the text that all are, while is_one */
    bool is_one;       /* no two texts differ */
};

struct slc_texts {
    enum slc_type type;
    int64_t n;
    struct slc_text_extreme min, max;
    int64_t min_chars, max_chars; /* meaningful when n > 0 */
    /* Of the texts that came after the table was given up; the table's own are
     * in its slots. */
    int64_t chars, bytes;
    struct slc_text_table table;
    struct slc_text_sketch *sketch; /* owned; not NULL: the table was given up */
};

/* NULL when memory ran out. */
struct slc_texts *slc_texts_new(enum slc_type type);
void slc_texts_free(struct slc_texts *texts);

/* Fold the column's `n_rows` values; the digest takes in those that are not
 * missing. False when memory ran out. */
bool slc_texts_fold(struct slc_texts *texts, const struct slc_column *column, int64_t n_rows,
                    const struct slc_sizes *sizes, struct slc_digest128 *digest);

/* Characters and bytes of all texts. */
void slc_texts_sizes(const struct slc_texts *texts, int64_t *ret_chars, int64_t *ret_bytes);

#endif
