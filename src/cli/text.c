#include "cli/text.h"

#include <math.h>

#include "base/json.h"
#include "base/utf8.h"
#include "report/show.h"

struct range {
    uint32_t first, last;
};

#include "width.h"

/* Combining marks upon one character; real scripts need no more. */
enum { MOST_MARKS = 6 };

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;

        if (c < ranges[middle].first)
            n = middle;
        else if (c > ranges[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static int char_width(uint32_t c)
{
    if (c < 0x300)
        return 1;
    if (in_ranges(c, zero_width, sizeof(zero_width) / sizeof(zero_width[0])))
        return 0;
    return in_ranges(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

/* Marks, embeddings, overrides and isolates of the bidirectional algorithm. */
static bool turns_direction(uint32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static uint32_t decode(struct slc_str *s)
{
    const unsigned char *p = (const unsigned char *)s->data;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = p[0];

    if (len > s->len || slc_utf8_valid_prefix(s->data, len) != len) {
        len = 1;
        c = 0xfffd;
    } else if (len > 1) {
        c = p[0] & (0xffu >> (len + 1));
        for (size_t i = 1; i < len; i++)
            c = c << 6 | (p[i] & 0x3fu);
    }
    s->data += len;
    s->len -= len;
    return c;
}

/* Characters as they are shown, one after the other. */
struct shown {
    struct slc_str rest;
    int marks; /* in a row so far */
};

/* False at the end. */
static bool next_char(struct shown *shown, uint32_t *ret_c, int *ret_width)
{
    while (shown->rest.len > 0) {
        uint32_t c = decode(&shown->rest);

        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            c = ' ';
        if (turns_direction(c))
            continue;
        *ret_width = char_width(c);
        shown->marks = *ret_width == 0 ? shown->marks + 1 : 0;
        if (shown->marks > MOST_MARKS)
            continue;
        *ret_c = c;
        return true;
    }
    return false;
}

int slc_text_width(struct slc_str s)
{
    struct shown shown = {.rest = s};
    int64_t width = 0;
    uint32_t c;
    int one;

    while (next_char(&shown, &c, &one))
        width += one;
    return width > INT32_MAX ? INT32_MAX : (int)width;
}

/* Returns the columns that were used. */
static int clip(struct slc_buf *buf, struct slc_str s, int width)
{
    struct shown shown = {.rest = s};
    bool cut = slc_text_width(s) > width;
    int used = 0, one;
    uint32_t c;

    if (width <= 0)
        return 0;
    while (next_char(&shown, &c, &one)) {
        if (used + one > width - cut)
            break;
        used += one;
        slc_utf8_append(buf, c);
    }
    if (cut)
        slc_buf_append_text(buf, "…");
    return used + cut;
}

static void append_spaces(struct slc_buf *buf, int count)
{
    while (count-- > 0)
        slc_buf_append_byte(buf, ' ');
}

void slc_text_clip(struct slc_buf *buf, struct slc_str s, int width)
{
    clip(buf, s, width);
}

void slc_text_safe(struct slc_buf *buf, struct slc_str s)
{
    clip(buf, s, INT32_MAX);
}

void slc_text_cell(struct slc_buf *buf, struct slc_str s, int width, bool right)
{
    SLC_AUTO_BUF struct slc_buf shown = {0};
    int used = clip(&shown, s, width);

    if (right)
        append_spaces(buf, width - used);
    slc_buf_append_str(buf, slc_buf_view(&shown));
    if (!right)
        append_spaces(buf, width - used);
    buf->failed |= shown.failed;
}

void slc_text_json(struct slc_buf *buf, struct slc_str s)
{
    SLC_AUTO_BUF struct slc_buf mended = {0};

    if (!slc_utf8_is_valid(s)) {
        while (s.len > 0)
            slc_utf8_append(&mended, decode(&s));
        s = slc_buf_view(&mended);
    }
    slc_json_string(buf, s);
    buf->failed |= mended.failed;
}

void slc_text_wrap(struct slc_buf *buf, struct slc_str s, int column, int indent, int width)
{
    bool line_is_empty = true;

    for (;;) {
        struct slc_str word;
        const char *space;
        int columns;

        s = slc_str_trim(s);
        if (s.len == 0)
            return;
        space = memchr(s.data, ' ', s.len);
        word = (struct slc_str){.data = s.data, .len = space ? (size_t)(space - s.data) : s.len};
        s.data += word.len;
        s.len -= word.len;
        columns = slc_text_width(word);
        if (!line_is_empty && column + 1 + columns > width) {
            slc_buf_append_byte(buf, '\n');
            append_spaces(buf, indent);
            column = indent;
            line_is_empty = true;
        }
        if (!line_is_empty) {
            slc_buf_append_byte(buf, ' ');
            column++;
        }
        slc_text_safe(buf, word);
        column += columns;
        line_is_empty = false;
    }
}

/* Three digits and k, M, G, T, P or E; `value` is below 1e21. */
static void append_scaled(struct slc_buf *buf, double value)
{
    static const char units[] = " kMGTPE";
    size_t unit = 0;

    while (fabs(value) >= 999.5 && unit + 2 < sizeof(units)) {
        value /= 1000;
        unit++;
    }
    slc_buf_printf(buf,
                   fabs(value) >= 99.95   ? "%.0f%.*s"
                   : fabs(value) >= 9.995 ? "%.1f%.*s"
                                          : "%.2f%.*s",
                   value, unit > 0, &units[unit]);
}

void slc_text_count_short(struct slc_buf *buf, int64_t count, int64_t most)
{
    if (count <= most && count >= -most)
        slc_show_count(buf, count);
    else
        append_scaled(buf, (double)count);
}

void slc_text_number(struct slc_buf *buf, double value)
{
    double size = fabs(value);

    if (!isfinite(value))
        slc_buf_append_text(buf, isnan(value) ? "-" : value > 0 ? "inf" : "-inf");
    else if (size < 1e6 && (value == floor(value) || size >= 1000))
        slc_show_count(buf, llround(value));
    else if (size >= 1e15 || size < 1e-3)
        slc_buf_printf(buf, "%.1e", value);
    else if (size >= 1000)
        append_scaled(buf, value);
    else
        slc_buf_printf(buf, "%.4g", value);
}

void slc_text_percent(struct slc_buf *buf, int64_t part, int64_t whole)
{
    double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

    if (part == 0 || whole == 0)
        slc_buf_append_text(buf, "0%");
    else if (part == whole)
        slc_buf_append_text(buf, "100%");
    else if (percent < 0.1)
        slc_buf_append_text(buf, "<0.1%");
    else if (percent > 99.9)
        slc_buf_append_text(buf, ">99.9%");
    else
        slc_buf_printf(buf, "%.1f%%", percent);
}
