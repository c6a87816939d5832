/* Cursors as text: <load id>.<rows>.<part><at>[-<server>][.<next>{.<pending>}],
 * numbers in hexadecimal. */
#include "store/rows_reader.h"

#include <stdio.h>
#include <string.h>

#include "store/announce.h"

static const char parts[] = {
    [SLC_ROWS_ORDERED] = 'o', [SLC_ROWS_UNORDERED] = 'u', [SLC_ROWS_STEP] = 's'};

enum { NUMBER_BYTES = 17 };
_Static_assert(SLC_LOAD_ID_BYTES + (4 + SLC_ROWS_PENDING) * NUMBER_BYTES + 2 <
                   SLC_ROWS_CURSOR_BYTES,
               "the longest cursor has to fit");

static char *write_number(char *to, uint64_t number)
{
    char digits[NUMBER_BYTES];
    int len = snprintf(digits, sizeof(digits), "%llx", (unsigned long long)number);

    memcpy(to, digits, (size_t)len);
    return to + len;
}

void slc_rows_cursor_write(const char *load_id, int64_t n_rows, const struct slc_rows_place *place,
                           char cursor[SLC_ROWS_CURSOR_BYTES])
{
    char *to = cursor;

    if (place->part != SLC_ROWS_END) {
        memcpy(to, load_id, SLC_LOAD_ID_BYTES);
        to += SLC_LOAD_ID_BYTES;
        *to++ = '.';
        to = write_number(to, (uint64_t)n_rows);
        *to++ = '.';
        *to++ = parts[place->part];
        to = write_number(to, place->at);
        if (place->server != 0) {
            *to++ = '-';
            to = write_number(to, place->server);
        }
        for (size_t i = 0; (place->n_pending > 0 || place->next > 0) && i < place->n_pending + 1;
             i++) {
            *to++ = '.';
            to = write_number(to, i == 0 ? place->next : place->pending[i - 1]);
        }
    }
    *to = '\0';
}

/* Take 1 to 16 digits as we write them. */
static bool take_number(struct slc_str *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t len = 0;

    for (; len < text->len && len < NUMBER_BYTES - 1; len++) {
        char c = text->data[len];

        if (c >= '0' && c <= '9')
            number = number << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number << 4 | (uint64_t)(c - 'a' + 10);
        else
            break;
    }
    if (len == 0)
        return false;
    text->data += len;
    text->len -= len;
    *ret_number = number;
    return true;
}

static bool take_byte(struct slc_str *text, char byte)
{
    if (text->len == 0 || *text->data != byte)
        return false;
    text->data++;
    text->len--;
    return true;
}

static bool take_part(struct slc_str *text, enum slc_rows_part *ret_part)
{
    for (size_t i = 0; i < sizeof(parts); i++)
        if (take_byte(text, parts[i])) {
            *ret_part = (enum slc_rows_part)i;
            return true;
        }
    return false;
}

bool slc_rows_cursor_parse(struct slc_str cursor, char load_id[33], int64_t *ret_rows,
                           struct slc_rows_place *ret_place)
{
    struct slc_str text = cursor;
    struct slc_rows_place place = {0};
    uint64_t rows;

    if (text.len < SLC_LOAD_ID_BYTES || text.len >= SLC_ROWS_CURSOR_BYTES ||
        !slc_load_id_is_valid((struct slc_str){.data = text.data, .len = SLC_LOAD_ID_BYTES}))
        return false;
    text.data += SLC_LOAD_ID_BYTES;
    text.len -= SLC_LOAD_ID_BYTES;
    if (!take_byte(&text, '.') || !take_number(&text, &rows) || rows > INT64_MAX ||
        !take_byte(&text, '.') || !take_part(&text, &place.part) || !take_number(&text, &place.at))
        return false;
    if (take_byte(&text, '-') && !take_number(&text, &place.server))
        return false;
    if (text.len > 0 && (!take_byte(&text, '.') || !take_number(&text, &place.next)))
        return false;
    while (text.len > 0)
        if (place.n_pending == SLC_ROWS_PENDING || !take_byte(&text, '.') ||
            !take_number(&text, &place.pending[place.n_pending++]))
            return false;
    memcpy(load_id, cursor.data, SLC_LOAD_ID_BYTES);
    load_id[SLC_LOAD_ID_BYTES] = '\0';
    *ret_rows = (int64_t)rows;
    *ret_place = place;
    return true;
}

bool slc_rows_cursor_is_bound(struct slc_str cursor)
{
    struct slc_rows_place place;
    char load_id[33];
    int64_t n_rows;

    return slc_rows_cursor_parse(cursor, load_id, &n_rows, &place) && place.server != 0;
}
