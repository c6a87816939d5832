#include "reader/csv_split.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "reader/input.h"
#include "reader/raw.h"
#include "reader/sniff.h"

#if defined(__x86_64__) && !defined(SLC_PORTABLE)
#define SLC_HAVE_AVX2 1
#include <immintrin.h>
#endif

bool slc_csv_fail_nul(int64_t offset, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_FORMAT,
                    "this is not a text table (a NUL byte at offset %lld); give a CSV or TSV file, "
                    "or set reader.encoding if it is UTF-16 without a byte order mark",
                    (long long)offset);
}

bool slc_csv_fail_long_row(const struct slc_reader *reader, int64_t offset, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_LIMIT,
                    "the row that starts at byte %lld is longer than the %lld bytes that are "
                    "allowed; is a quote opened there and never closed?",
                    (long long)offset, (long long)reader->options.max_row_bytes);
}

/* The cells of all rows that are taken stand one behind the other, then those of the row
 * that has no end yet. */
struct split {
    struct slc_raw *raw;
    const struct slc_csv_dialect *dialect;
    int64_t max_row_bytes;
    const char *bad_text_reason;
    size_t n_columns;
    size_t n_cells;
    size_t row;       /* the first cell of the row without an end */
    bool careful;     /* rows of the right width are looked at, too */
    bool all_utf8;    /* as far as anybody knows */
    bool failed;      /* memory ran out */
    int64_t long_row; /* where a row that is too long starts; -1: none */
    /* What the bytes are; set by split_rows(). */
    bool has_quotes, has_nul, is_ascii;
};

/* ---- Rows ------------------------------------------------------------------ */

static void reject(struct split *s, int64_t start, int64_t end, const char *reason)
{
    s->failed |= !slc_raw_reject(s->raw, start, end, reason);
}

static const char *width_reason(struct split *s, size_t n_fields)
{
    char text[96];
    int len =
        snprintf(text, sizeof(text), "expected %zu fields, found %zu", s->n_columns, n_fields);
    struct slc_str copy =
        slc_arena_copy(&s->raw->arena, (struct slc_str){.data = text, .len = (size_t)len});

    return copy.data ? copy.data : "wrong number of fields";
}

/* A row of one field is as good as none when it is nothing but white space. */
static inline bool is_blank(const char *text, int64_t len)
{
    for (int64_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    return true;
}

/* Whether the row of `n_fields` fields in bytes [start, end) is taken; counts it, or says why not.
 */
static bool take_row(struct split *s, size_t n_fields, int64_t start, int64_t end)
{
    const char *bytes = s->raw->bytes;

    if (n_fields == 1 && (is_blank(bytes + start, end - start) ||
                          (s->dialect->comment && bytes[start] == s->dialect->comment)))
        return false;
    s->raw->n_records++;
    if (end - start > s->max_row_bytes)
        s->long_row = start;
    if (n_fields != s->n_columns) {
        reject(s, start, end, width_reason(s, n_fields));
        return false;
    }
    if (!s->all_utf8 &&
        !slc_utf8_is_valid((struct slc_str){bytes + start, (size_t)(end - start)})) {
        reject(s, start, end, s->bad_text_reason);
        return false;
    }
    return true;
}

/* The row that ends at byte `end` has the cells up to `next`; they are taken out when it is not
 * taken. */
static void end_row(struct split *s, size_t next, int64_t end)
{
    struct slc_cell *cells = s->raw->cells;

    if (take_row(s, next - s->row, cells[s->row].start, end)) {
        s->row = next;
        return;
    }
    memmove(cells + s->row, cells + next, (s->n_cells - next) * sizeof(*cells));
    s->n_cells -= next - s->row;
}

/* End the rows that end among the 64 bytes from `base` on, whose cells were written already. */
static inline void end_rows(struct split *s, uint64_t structural, uint64_t row_ends, int64_t base)
{
    for (; row_ends; row_ends &= row_ends - 1) {
        uint64_t behind = structural & ~(row_ends ^ (row_ends - 1));
        size_t next = s->n_cells - (size_t)__builtin_popcountll(behind);

        if (!s->careful && next - s->row == s->n_columns) {
            s->row = next;
            s->raw->n_records++;
        } else {
            end_row(s, next, base + __builtin_ctzll(row_ends));
        }
    }
}

/* ---- Cells ------------------------------------------------------------------ */

enum { STEP_CELLS = 8 }; /* are written at a time, however many there are */

static size_t count_bits_portable(const uint64_t *words, size_t n_words)
{
    size_t n = 0;

    for (size_t i = 0; i < n_words; i++)
        n += (size_t)__builtin_popcountll(words[i]);
    return n;
}

static void split_rows_portable(struct split *s)
{
    const struct slc_raw *raw = s->raw;
    size_t n = (size_t)raw->n_bytes, n_words = SLC_SCAN_WORDS(n);
    char delimiter = s->dialect->delimiter, quote = s->dialect->quote;
    uint32_t start = 0;

    for (size_t word = 0; word < n_words; word++) {
        uint64_t row_ends = 0;

        for (uint64_t bits = raw->structural[word]; bits; bits &= bits - 1) {
            uint32_t at = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);

            raw->cells[s->n_cells++] = (struct slc_cell){.start = start, .len = at - start};
            if (raw->bytes[at] != delimiter)
                row_ends |= bits & -bits;
            start = at + 1;
        }
        end_rows(s, raw->structural[word], row_ends, (int64_t)word * 64);
    }
    s->has_quotes = quote && memchr(raw->bytes, quote, n);
    s->has_nul = memchr(raw->bytes, '\0', n);
    s->is_ascii = false;
}

#ifdef SLC_HAVE_AVX2
#define WITH_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

static bool have_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

WITH_AVX2 static size_t count_bits_avx2(const uint64_t *words, size_t n_words)
{
    size_t n = 0;

    for (size_t i = 0; i < n_words; i++)
        n += (size_t)__builtin_popcountll(words[i]);
    return n;
}

/* Whether any byte of the two is so. */
struct seen {
    __m256i quotes, zeros, high;
};

/* The line ends among 64 bytes. */
WITH_AVX2 static inline uint64_t look_at(const char *bytes, __m256i quote, struct seen *seen)
{
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    const __m256i *block = (const __m256i *)(const void *)bytes;
    __m256i a = _mm256_loadu_si256(block), b = _mm256_loadu_si256(block + 1);
    __m256i ends_a = _mm256_or_si256(_mm256_cmpeq_epi8(a, lf), _mm256_cmpeq_epi8(a, cr));
    __m256i ends_b = _mm256_or_si256(_mm256_cmpeq_epi8(b, lf), _mm256_cmpeq_epi8(b, cr));

    seen->quotes = _mm256_or_si256(
        seen->quotes, _mm256_or_si256(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote)));
    seen->zeros = _mm256_or_si256(seen->zeros,
                                  _mm256_cmpeq_epi8(_mm256_min_epu8(a, b), _mm256_setzero_si256()));
    seen->high = _mm256_or_si256(seen->high, _mm256_or_si256(a, b));
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(ends_b) << 32 |
           (uint32_t)_mm256_movemask_epi8(ends_a);
}

/* Write the cells that end at the n bits of `structural` and, since their number cannot be
 * guessed and a wrong guess costs more than a few cells, some more that mean nothing. */
WITH_AVX2 static inline void write_cells(struct slc_cell *to, uint64_t structural, size_t n,
                                         uint32_t base, uint32_t start)
{
    for (size_t i = 0; i < n; i += STEP_CELLS)
        for (size_t k = i; k < i + STEP_CELLS; k++) {
            uint32_t at = base + (uint32_t)_tzcnt_u64(structural);

            to[k] = (struct slc_cell){.start = start, .len = at - start};
            start = at + 1;
            structural = _blsr_u64(structural);
        }
}

WITH_AVX2 static void split_rows_avx2(struct split *s)
{
    const struct slc_raw *raw = s->raw;
    const __m256i quote = _mm256_set1_epi8(s->dialect->quote);
    size_t n = (size_t)raw->n_bytes;
    struct seen seen = {0};
    uint32_t start = 0;

    for (size_t at = 0; at < n; at += 64) {
        uint64_t structural = raw->structural[at / 64], line_ends;
        size_t n_cells = (size_t)__builtin_popcountll(structural);
        char last[64];
        const char *bytes = raw->bytes + at;

        if (n - at < 64) { /* what is behind is not looked at */
            memset(last, ' ', sizeof(last));
            bytes = memcpy(last, bytes, n - at);
        }
        line_ends = look_at(bytes, quote, &seen);
        if (!structural)
            continue;
        write_cells(raw->cells + s->n_cells, structural, n_cells, (uint32_t)at, start);
        start = (uint32_t)(at + 64 - (size_t)__builtin_clzll(structural));
        s->n_cells += n_cells;
        end_rows(s, structural, structural & line_ends, (int64_t)at);
    }
    s->has_quotes = s->dialect->quote && !_mm256_testz_si256(seen.quotes, seen.quotes);
    s->has_nul = !_mm256_testz_si256(seen.zeros, seen.zeros);
    s->is_ascii = _mm256_movemask_epi8(seen.high) == 0;
}
#endif

static size_t count_bits(const uint64_t *words, size_t n_words)
{
#ifdef SLC_HAVE_AVX2
    if (have_avx2())
        return count_bits_avx2(words, n_words);
#endif
    return count_bits_portable(words, n_words);
}

static void split_rows(struct split *s)
{
    s->n_cells = s->row = 0;
#ifdef SLC_HAVE_AVX2
    if (have_avx2())
        split_rows_avx2(s);
    else
#endif
        split_rows_portable(s);
}

/* ---- Together --------------------------------------------------------------- */

static void unquote_cells(const struct split *s)
{
    char *bytes = s->raw->bytes, quote = s->dialect->quote, escape = s->dialect->escape;

    for (size_t i = 0; i < s->row; i++) {
        struct slc_cell *cell = &s->raw->cells[i];
        char *text = bytes + cell->start;
        struct slc_str plain;

        if (!escape && *text != quote)
            continue;
        plain = escape ? slc_unescape(text, cell->len, quote, escape)
                       : slc_unquote(text, cell->len, quote);
        cell->start = (uint32_t)(plain.data - bytes);
        cell->len = (uint32_t)plain.len;
    }
}

bool slc_csv_split(const struct slc_reader *reader, const struct slc_csv_dialect *dialect,
                   struct slc_raw *raw, struct slc_error *error)
{
    size_t n = (size_t)raw->n_bytes, n_cells = count_bits(raw->structural, SLC_SCAN_WORDS(n));
    struct split s = {
        .raw = raw,
        .dialect = dialect,
        .max_row_bytes = reader->options.max_row_bytes,
        .bad_text_reason = slc_input_bad_text_reason(reader->input),
        .n_columns = (size_t)reader->schema.n_fields,
        /* A row of one cell may be blank. */
        .careful = reader->schema.n_fields == 1 || raw->n_bytes > reader->options.max_row_bytes,
        .all_utf8 = true,
        .long_row = -1,
    };

    raw->n_columns = reader->schema.n_fields;
    if (!slc_raw_reserve_cells(raw, (int64_t)n_cells + STEP_CELLS, error))
        return false;
    split_rows(&s);
    if (s.has_nul)
        return slc_csv_fail_nul(
            raw->offset_bytes + ((const char *)memchr(raw->bytes, '\0', n) - raw->bytes), error);
    if (!s.is_ascii && slc_utf8_valid_prefix(raw->bytes, n) != n) {
        s.all_utf8 = false; /* once more, with a look at each row */
        s.careful = true;
        raw->n_records = raw->n_rejects = 0;
        split_rows(&s);
    }
    if (s.long_row >= 0)
        return slc_csv_fail_long_row(reader, raw->offset_bytes + s.long_row, error);
    raw->n_rows = (int64_t)(s.row / s.n_columns);
    if (s.has_quotes || dialect->escape)
        unquote_cells(&s);
    if (s.failed || !slc_raw_number_records(raw))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk's rejected rows");
    return true;
}
