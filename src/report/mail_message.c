#include "report/mail_message.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "report/mail_address.h"

enum { LINE_BYTES = 76, WORD_BYTES = 45 /* of an encoded-word: 60 characters of base64 */ };

/* ---- Header texts ------------------------------------------------------ */

static bool is_plain(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || (unsigned char)text.data[i] > 0x7e)
            return false;
    /* What looks like an encoded-word would be taken for one. */
    return !memmem(text.data ? text.data : "", text.len, "=?", 2);
}

/* =?UTF-8?B?...?= of at most 75 characters, each of whole characters. */
static void append_encoded_words(struct slc_buf *out, struct slc_str text)
{
    while (text.len > 0) {
        unsigned char encoded[4 * (WORD_BYTES / 3) + 1];
        struct slc_str word = slc_utf8_clip(text, WORD_BYTES);

        if (word.len == 0) /* no UTF-8: bytes as they come */
            word.len = text.len < WORD_BYTES ? text.len : WORD_BYTES;
        EVP_EncodeBlock(encoded, (const unsigned char *)word.data, (int)word.len);
        slc_buf_printf(out, "=?UTF-8?B?%s?=", (const char *)encoded);
        text.data += word.len;
        text.len -= word.len;
        if (text.len > 0)
            slc_buf_append_text(out, "\r\n ");
    }
}

/* Plain words, folded before a word that would reach beyond the line. */
static void append_folded(struct slc_buf *out, struct slc_str text, size_t column)
{
    size_t at = 0;

    while (at < text.len) {
        size_t end = at;

        while (end < text.len && (end == at || text.data[end] != ' '))
            end++;
        if (column + (end - at) > LINE_BYTES && text.data[at] == ' ' && end - at > 1) {
            slc_buf_append_text(out, "\r\n");
            column = 0;
        }
        slc_buf_append(out, text.data + at, end - at);
        column += end - at;
        at = end;
    }
}

static bool has_long_word(struct slc_str text)
{
    size_t run = 0;

    for (size_t i = 0; i < text.len; i++) {
        run = text.data[i] == ' ' ? 0 : run + 1;
        if (run > LINE_BYTES - 12)
            return true;
    }
    return false;
}

void slc_mail_header(struct slc_buf *out, const char *name, struct slc_str text)
{
    SLC_AUTO_BUF struct slc_buf clean = {0};

    for (size_t i = 0; i < text.len; i++)
        slc_buf_append_byte(&clean, (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f
                                        ? ' '
                                        : text.data[i]);
    text = slc_str_trim(slc_buf_view(&clean));
    slc_buf_printf(out, "%s: ", name);
    if (is_plain(text) && !has_long_word(text)) {
        append_folded(out, text, strlen(name) + 2);
    } else {
        slc_buf_append_text(out, "\r\n ");
        append_encoded_words(out, text);
    }
    slc_buf_append_text(out, "\r\n");
    out->failed |= clean.failed;
}

void slc_mail_date(struct slc_buf *out, int64_t usec)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t seconds = usec / SLC_USEC_PER_SEC, day = seconds / 86400, of_day = seconds % 86400;
    struct slc_civil date = slc_civil_from_days((int32_t)day);

    slc_buf_printf(out, "%s, %02u %s %04d %02d:%02d:%02d +0000", days[day % 7], (unsigned)date.day,
                   months[date.month - 1], (int)date.year, (int)(of_day / 3600),
                   (int)(of_day / 60 % 60), (int)(of_day % 60));
}

/* A display name is an atom, a quoted string, or encoded (RFC 5322 3.4). */
static void append_from(struct slc_buf *out, const struct slc_mail_message *message)
{
    struct slc_str name = message->from_name;

    slc_buf_append_text(out, "From: ");
    if (name.len > 0 && is_plain(name) && name.len < LINE_BYTES - 10) {
        slc_buf_append_byte(out, '"');
        for (size_t i = 0; i < name.len; i++) {
            if (name.data[i] == '"' || name.data[i] == '\\')
                slc_buf_append_byte(out, '\\');
            slc_buf_append_byte(out, name.data[i]);
        }
        slc_buf_append_text(out, "\"\r\n ");
    } else if (name.len > 0) {
        slc_buf_append_text(out, "\r\n ");
        append_encoded_words(out, name);
        slc_buf_append_text(out, "\r\n ");
    }
    slc_buf_printf(out, "<%.*s>\r\n", SLC_STR_ARG(message->from_address));
}

/* ---- Bodies ------------------------------------------------------------ */

void slc_mail_quoted_printable(struct slc_buf *out, struct slc_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool ends_line = i + 1 == text.len || text.data[i + 1] == '\n';
        /* White space at the end of a line may be lost on the way; a line "."
         * or "From " may be changed. */
        bool plain = c > 0x20 && c < 0x7f && c != '=' && !(column == 0 && (c == '.' || c == 'F'));
        size_t width;

        if (c == '\n') {
            slc_buf_append_text(out, "\r\n");
            column = 0;
            continue;
        }
        plain = plain || ((c == ' ' || c == '\t') && !ends_line);
        width = plain ? 1 : 3;
        if (column + width > LINE_BYTES - 1) {
            slc_buf_append_text(out, "=\r\n");
            column = 0;
            plain = plain && c != '.' && c != 'F';
            width = plain ? 1 : 3;
        }
        if (plain) {
            slc_buf_append_byte(out, (char)c);
        } else {
            slc_buf_append_byte(out, '=');
            slc_buf_append_byte(out, digits[c >> 4]);
            slc_buf_append_byte(out, digits[c & 15]);
        }
        column += width;
    }
    slc_buf_append_text(out, "\r\n");
}

static void append_part(struct slc_buf *out, const char *boundary, const char *subtype,
                        struct slc_str text)
{
    slc_buf_printf(out,
                   "--%s\r\n"
                   "Content-Type: text/%s; charset=utf-8\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\n"
                   "\r\n",
                   boundary, subtype);
    slc_mail_quoted_printable(out, text);
}

bool slc_mail_message_write(const struct slc_mail_message *message, struct slc_buf *out,
                            struct slc_error *error)
{
    /* "=_" cannot be in quoted-printable text (RFC 2045 6.7). */
    char boundary[80];
    struct slc_str domain = slc_mail_address_domain(message->from_address);

    (void)snprintf(boundary, sizeof(boundary), "=_%.60s", message->id);
    append_from(out, message);
    slc_mail_header(out, "Subject", message->subject);
    slc_buf_append_text(out, "Date: ");
    slc_mail_date(out, message->date_usec);
    slc_buf_printf(out,
                   "\r\nMessage-ID:\r\n <%s.%" PRId64 "@%.*s>\r\n"
                   "Auto-Submitted: auto-generated\r\n"
                   "X-Auto-Response-Suppress: All\r\n"
                   "MIME-Version: 1.0\r\n"
                   "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n"
                   "\r\n",
                   message->id, message->date_usec, SLC_STR_ARG(domain), boundary);
    append_part(out, boundary, "plain", message->text);
    append_part(out, boundary, "html", message->html);
    slc_buf_printf(out, "--%s--\r\n", boundary);
    return !out->failed || slc_fail(error, SLC_ERR_MEMORY, "no memory for a mail");
}
