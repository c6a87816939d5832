#include "cli/text.h"

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"

struct range {
    uint32_t first, last;
};

static const struct range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x093a, 0x093a}, {0x0941, 0x0948}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20f0}, {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};

static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
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

/* The next character, fit to print; moves on by at least a byte. */
static uint32_t next_char(struct slc_str *s)
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
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
        (c >= 0x2066 && c <= 0x2069))
        return ' ';
    return c;
}

int slc_text_width(struct slc_str s)
{
    int width = 0;

    while (s.len > 0)
        width += char_width(next_char(&s));
    return width;
}

void slc_text_clip(struct slc_buf *buf, struct slc_str s, int width)
{
    bool cut = slc_text_width(s) > width;
    int used = 0;

    if (width <= 0)
        return;
    while (s.len > 0) {
        uint32_t c = next_char(&s);

        if (used + char_width(c) > width - cut)
            break;
        used += char_width(c);
        slc_utf8_append(buf, c);
    }
    if (cut)
        slc_buf_append_text(buf, "…");
}

void slc_text_cell(struct slc_buf *buf, struct slc_str s, int width, bool right)
{
    int pad = width - slc_text_width(s);

    for (int i = 0; right && i < pad; i++)
        slc_buf_append_byte(buf, ' ');
    slc_text_clip(buf, s, width);
    for (int i = 0; !right && i < pad; i++)
        slc_buf_append_byte(buf, ' ');
}

void slc_text_count(struct slc_buf *buf, int64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)count);
    int sign = count < 0;

    for (int i = 0; i < len; i++) {
        if (i > sign && (len - i) % 3 == 0)
            slc_buf_append_byte(buf, ',');
        slc_buf_append_byte(buf, digits[i]);
    }
}

void slc_text_bytes(struct slc_buf *buf, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (fabs(value) >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000;
        unit++;
    }
    slc_buf_printf(buf, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void slc_text_number(struct slc_buf *buf, double value)
{
    double size = fabs(value);

    if (!isfinite(value))
        slc_buf_append_text(buf, isnan(value) ? "-" : value > 0 ? "inf" : "-inf");
    else if (value == floor(value) && size < 1e7)
        slc_text_count(buf, (int64_t)value);
    else if (size >= 1e7 || (size < 1e-3 && size > 0))
        slc_buf_printf(buf, "%.2e", value);
    else if (size >= 1000)
        slc_buf_printf(buf, "%.0f", value);
    else
        slc_buf_printf(buf, "%.4g", value);
}
