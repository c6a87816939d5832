#include "redis/scan.h"

#include <string.h>

#include "base/num.h"

/* RESP2 bounds a bulk string to 512 MB by default and 4 GB at the most; a
 * length beyond this is garbage. Arrays the same. */
#define MAX_LENGTH (INT64_C(1) << 33)

/* One value of the reply under way is whole. What the server says of its own
 * accord (RESP3: pushes, attributes) is no reply. */
static void value_done(struct slc_scan *scan)
{
    scan->state = SLC_SCAN_TYPE;
    if (--scan->values_left == 0 && !scan->is_aside)
        scan->replies++;
}

/* `value` is the integer of a line; alone says that it is the whole reply. */
static void integer_done(struct slc_scan *scan, int64_t value, bool alone)
{
    if (alone) {
        scan->integer_sum = (int64_t)((uint64_t)scan->integer_sum + (uint64_t)value);
        if (scan->on_integer)
            scan->on_integer(scan->context, scan->replies, value);
    }
    value_done(scan);
}

/* The line in scan->line is whole. */
static bool line_done(struct slc_scan *scan)
{
    int64_t number = 0;
    bool is_number = scan->line_len < SLC_SCAN_LINE_BYTES &&
                     slc_parse_int64(scan->line, scan->line_len, &number);

    switch (scan->type) {
    case '+':
    case '_':
    case '#':
    case ',':
    case '(':
        value_done(scan);
        return true;
    case '-':
        scan->has_error = true;
        value_done(scan);
        return true;
    case ':':
        if (is_number)
            integer_done(scan, number, scan->values_left == 1 && !scan->in_array);
        return is_number;
    case '$':
    case '=':
    case '!':
        if (!is_number || number < -1 || number > MAX_LENGTH || (number < 0 && scan->type != '$'))
            return false;
        scan->line_len = 0;
        if (number < 0) {
            value_done(scan);
        } else {
            scan->skip_bytes = (uint64_t)number + 2;
            scan->state = SLC_SCAN_BULK;
        }
        return true;
    default: /* arrays, sets; maps and attributes of pairs */
        if (!is_number || number < -1 || number > MAX_LENGTH ||
            scan->values_left > (uint64_t)MAX_LENGTH)
            return false;
        scan->in_array = true;
        if (number > 0 && (scan->type == '%' || scan->type == '|'))
            number *= 2;
        if (number > 0)
            scan->values_left += (uint64_t)number;
        /* An attribute inside of a reply stands before a value and is none. */
        if (scan->type == '|' && !scan->is_aside)
            scan->state = SLC_SCAN_TYPE;
        else
            value_done(scan);
        return true;
    }
}

/* The type byte of a value. */
static bool begin_value(struct slc_scan *scan, char type)
{
    if (!memchr("+-:$*_#,(=!%~>|", type, 15) || (type == '>' && scan->values_left > 0))
        return false;
    if (scan->values_left == 0) {
        scan->values_left = 1;
        scan->in_array = false;
        scan->is_aside = type == '>' || type == '|';
    }
    scan->type = type;
    scan->line_len = 0;
    scan->state = SLC_SCAN_LINE;
    return true;
}

static void keep_line(struct slc_scan *scan, const char *at, size_t len)
{
    size_t room = SLC_SCAN_LINE_BYTES - scan->line_len;
    size_t kept = len < room ? len : room;

    memcpy(scan->line + scan->line_len, at, kept);
    scan->line_len += kept;
}

/* An error may be a bulk string in RESP3. */
static void bulk_done(struct slc_scan *scan)
{
    if (scan->type == '!') {
        scan->has_error = true;
        if (scan->line_len >= 2 && memcmp(scan->line + scan->line_len - 2, "\r\n", 2) == 0)
            scan->line_len -= 2;
    }
    value_done(scan);
}

/* Bytes of a line up to its CR; returns where the scan goes on. */
static const char *feed_line(struct slc_scan *scan, const char *at, const char *end)
{
    const char *cr = memchr(at, '\r', (size_t)(end - at));
    size_t len = (size_t)((cr ? cr : end) - at);

    keep_line(scan, at, len);
    if (!cr)
        return end;
    scan->state = SLC_SCAN_LF;
    return cr + 1;
}

/* A run of whole ":123\r\n" replies, the answers to what the bulk writer sends:
 * returns behind the last one, which is `at` when there is none. */
static const char *feed_integers(struct slc_scan *scan, const char *at, const char *end)
{
    /* The longest line that is taken here: ':', 18 digits (which cannot
     * overflow), CR, LF. The rest goes the general way. */
    while (end - at >= 21 && *at == ':') {
        const char *digit = at + 1;
        int64_t value = 0;

        while (digit < at + 19 && (unsigned char)(*digit - '0') <= 9)
            value = value * 10 + (*digit++ - '0');
        if (digit == at + 1 || digit[0] != '\r' || digit[1] != '\n')
            break;
        at = digit + 2;
        scan->values_left = 1;
        scan->is_aside = false;
        integer_done(scan, value, true);
    }
    return at;
}

bool slc_scan_feed(struct slc_scan *scan, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len;

    while (at < end && !scan->has_error) {
        switch (scan->state) {
        case SLC_SCAN_TYPE:
            if (scan->values_left == 0)
                at = feed_integers(scan, at, end);
            if (at < end && !begin_value(scan, *at++))
                return false;
            break;
        case SLC_SCAN_LINE:
            at = feed_line(scan, at, end);
            break;
        case SLC_SCAN_LF:
            if (*at++ != '\n' || !line_done(scan))
                return false;
            break;
        case SLC_SCAN_BULK: {
            uint64_t left = (uint64_t)(end - at);
            uint64_t skip = left < scan->skip_bytes ? left : scan->skip_bytes;

            if (scan->type == '!')
                keep_line(scan, at, skip);
            at += skip;
            scan->skip_bytes -= skip;
            if (scan->skip_bytes == 0)
                bulk_done(scan);
            break;
        }
        }
    }
    return true;
}
