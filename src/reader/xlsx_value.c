#include "reader/xlsx_value.h"

#include <math.h>

#include "base/num.h"

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* A number whose text says the same in fewer characters: 1.0, 1E3, 007. */
static bool is_roundabout(struct slc_str s)
{
    size_t sign = s.data[0] == '-';
    char last = s.data[s.len - 1];
    bool exponent = false, point = false;

    for (size_t i = 0; i < s.len; i++) {
        exponent |= (s.data[i] | 0x20) == 'e';
        point |= s.data[i] == '.';
    }
    return exponent || (point && (last == '0' || last == '.')) ||
           (s.len > sign + 1 && s.data[sign] == '0' && is_digit(s.data[sign + 1]));
}

/* The number at `text` up to `end`, in place, as it will be typed. */
static char *settle_number(char *text, char *end)
{
    struct slc_str s = slc_str_trim((struct slc_str){text, (size_t)(end - text)});
    char *to = text;
    double value;

    if (s.data != to)
        memmove(to, s.data, s.len);
    s.data = to;
    end = to + s.len;
    if (s.len == 0 || !is_roundabout(s) || !slc_parse_double(s.data, s.len, &value))
        return end;
    if (fabs(value) < 0x1p53 && floor(value) == value)
        return slc_write_int64(to, (int64_t)value);
    if (s.len > 1 && s.data[s.data[0] == '-'] == '0' && isfinite(value))
        return slc_write_double(to, value);
    return end;
}

/* The number at `text` up to `end` by its style; NULL when it is no date that
 * there can be. */
static char *settle_value(const struct slc_workbook *book, char *text, char *end, uint32_t style)
{
    enum slc_xlsx_kind kind =
        style < book->n_kinds ? (enum slc_xlsx_kind)book->kinds[style] : SLC_XLSX_NUMBER;
    struct slc_str s;
    double serial;

    if (kind == SLC_XLSX_NUMBER)
        return settle_number(text, end);
    s = slc_str_trim((struct slc_str){text, (size_t)(end - text)});
    if (!slc_parse_double(s.data, s.len, &serial))
        return end;
    return slc_xlsx_write_serial(text, serial, kind, book->since_1904);
}

/* ISO 8601 text of a strict workbook: midnight is left out where the style
 * shows no time. */
static char *settle_iso_date(const struct slc_workbook *book, char *text, char *end, uint32_t style)
{
    enum { DATE_BYTES = 10 };
    char *p = text + DATE_BYTES;

    if (style >= book->n_kinds || book->kinds[style] != SLC_XLSX_DATE || end <= p || *p != 'T')
        return end;
    for (p++; p < end; p++)
        if (*p != '0' && *p != ':' && *p != '.')
            return end;
    return text + DATE_BYTES;
}

static char *write_text(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    return to + len;
}

static char *settle_boolean(char *text, char *end)
{
    struct slc_str s = slc_str_trim((struct slc_str){text, (size_t)(end - text)});

    if (s.len == 0)
        return text;
    if (slc_str_is(s, "0") || slc_str_eq_nocase(s, SLC_STR("false")))
        return write_text(text, "false");
    return write_text(text, "true");
}

char *slc_xlsx_settle(const struct slc_workbook *book, char *text, char *end,
                      enum slc_xlsx_type type, uint32_t style)
{
    switch (type) {
    case SLC_XLSX_CELL_NUMBER:
        return settle_value(book, text, end, style);
    case SLC_XLSX_CELL_BOOLEAN:
        return settle_boolean(text, end);
    case SLC_XLSX_CELL_ISO_DATE:
        return settle_iso_date(book, text, end, style);
    case SLC_XLSX_CELL_ERROR:
        return NULL;
    case SLC_XLSX_CELL_SHARED:
    case SLC_XLSX_CELL_STRING:
    case SLC_XLSX_CELL_INLINE:
        break;
    }
    return end;
}
