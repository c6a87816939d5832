#include "reader/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/utf8.h"
#include "reader/raw.h"

enum { BLOCK_BYTES = 128 << 10, LONGEST_CHARACTER_BYTES = 4 };

enum packing { PLAIN, GZIP, ZSTD };

struct slc_input {
    struct slc_reader *reader;
    enum packing packing;
    enum slc_encoding encoding; /* never AUTO */
    bool replaces;              /* what is no text becomes U+FFFD */
    char description[32];

    /* Packed bytes as they are in the file. */
    unsigned char *packed; /* owned, BLOCK_BYTES; NULL for a plain file */
    size_t packed_at, packed_end;
    z_stream gzip;
    bool gzip_ready;
    ZSTD_DCtx *zstd;
    bool between_members; /* a gzip member or zstd frame has just ended */

    /* Unpacked bytes that are not yet UTF-8. */
    unsigned char *units; /* owned, BLOCK_BYTES; NULL for UTF-8 taken as it is */
    size_t units_at, units_end;
    bool units_ended;
    char pending[LONGEST_CHARACTER_BYTES]; /* of a character that did not fit */
    size_t pending_at, pending_end;
};

/* ---- The file ---------------------------------------------------------- */

static int64_t read_file(struct slc_input *input, void *to, size_t len, struct slc_error *error)
{
    for (;;) {
        ssize_t got = read(input->reader->fd, to, len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            slc_fail_errno(error, errno, "cannot read");
            return -1;
        }
        slc_reader_saw_bytes(input->reader, to, (size_t)got);
        input->reader->position_bytes += got;
        return got;
    }
}

/* ---- Unpacking --------------------------------------------------------- */

static bool refill_packed(struct slc_input *input, struct slc_error *error)
{
    int64_t got;

    if (input->packed_at < input->packed_end)
        return true;
    got = read_file(input, input->packed, BLOCK_BYTES, error);
    if (got < 0)
        return false;
    input->packed_at = 0;
    input->packed_end = (size_t)got;
    return true;
}

/* Behind a member comes another one or, as gzip -d has it, nothing of worth. */
static bool gzip_goes_on(struct slc_input *input)
{
    if (input->packed[input->packed_at] != 0x1f)
        return false;
    return inflateReset(&input->gzip) == Z_OK;
}

static int64_t read_gzip(struct slc_input *input, char *to, size_t len, struct slc_error *error)
{
    z_stream *z = &input->gzip;

    z->next_out = (unsigned char *)to;
    z->avail_out = (unsigned)len;
    while (z->avail_out == (unsigned)len) {
        int status;

        if (!refill_packed(input, error))
            return -1;
        if (input->packed_at == input->packed_end) {
            if (input->between_members)
                return 0;
            slc_fail(error, SLC_ERR_FORMAT, "the gzip data end early; is the file complete?");
            return -1;
        }
        if (input->between_members && !gzip_goes_on(input)) {
            input->packed_at = input->packed_end; /* the rest counts for the digest alone */
            continue;
        }
        input->between_members = false;
        z->next_in = input->packed + input->packed_at;
        z->avail_in = (unsigned)(input->packed_end - input->packed_at);
        status = inflate(z, Z_NO_FLUSH);
        input->packed_at = input->packed_end - z->avail_in;
        if (status == Z_STREAM_END) {
            input->between_members = true;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            slc_fail(error, SLC_ERR_FORMAT, "the gzip data are damaged (%s)",
                     z->msg ? z->msg : "unknown reason");
            return -1;
        }
    }
    return (int64_t)(len - z->avail_out);
}

static int64_t read_zstd(struct slc_input *input, char *to, size_t len, struct slc_error *error)
{
    ZSTD_outBuffer out = {.dst = to, .size = len};

    while (out.pos == 0) {
        ZSTD_inBuffer in;
        size_t status;

        if (!refill_packed(input, error))
            return -1;
        if (input->packed_at == input->packed_end && input->between_members)
            return 0;
        in = (ZSTD_inBuffer){
            .src = input->packed, .size = input->packed_end, .pos = input->packed_at};
        status = ZSTD_decompressStream(input->zstd, &out, &in);
        if (ZSTD_isError(status)) {
            slc_fail(error, SLC_ERR_FORMAT, "the zstd data are damaged (%s)",
                     ZSTD_getErrorName(status));
            return -1;
        }
        if (input->packed_at == input->packed_end && out.pos == 0) {
            slc_fail(error, SLC_ERR_FORMAT, "the zstd data end early; is the file complete?");
            return -1;
        }
        input->packed_at = in.pos;
        input->between_members = status == 0;
    }
    return (int64_t)out.pos;
}

static int64_t read_unpacked(struct slc_input *input, char *to, size_t len, struct slc_error *error)
{
    enum { MOST_BYTES = 1 << 30 }; /* zlib counts in unsigned int */

    if (len > MOST_BYTES)
        len = MOST_BYTES;
    switch (input->packing) {
    case GZIP:
        return read_gzip(input, to, len, error);
    case ZSTD:
        return read_zstd(input, to, len, error);
    case PLAIN:
        break;
    }
    return read_file(input, to, len, error);
}

static bool start_packing(struct slc_input *input, struct slc_error *error)
{
    if (input->packing == PLAIN)
        return true;
    input->packed = malloc(BLOCK_BYTES);
    if (input->packing == GZIP)
        input->gzip_ready = inflateInit2(&input->gzip, 16 + MAX_WBITS) == Z_OK;
    else
        input->zstd = ZSTD_createDCtx();
    if (!input->packed || (input->packing == GZIP ? !input->gzip_ready : !input->zstd))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to unpack the file");
    return true;
}

/* ---- Encodings --------------------------------------------------------- */

/* The code point of the next units, -1 when there are too few. What is no text
 * becomes bytes that are no UTF-8, so that its row is rejected. */
static int32_t next_utf16(struct slc_input *input)
{
    const unsigned char *p = input->units + input->units_at;
    size_t left = input->units_end - input->units_at;
    bool big = input->encoding == SLC_ENCODING_UTF16BE;
    int32_t unit, low;

    if (left < 2)
        return -1;
    unit = big ? p[0] << 8 | p[1] : p[1] << 8 | p[0];
    if (unit < 0xd800 || unit > 0xdbff) {
        input->units_at += 2;
        return unit;
    }
    if (left < 4) {
        if (!input->units_ended)
            return -1;
        input->units_at += 2;
        return unit;
    }
    low = big ? p[2] << 8 | p[3] : p[3] << 8 | p[2];
    if (low < 0xdc00 || low > 0xdfff) {
        input->units_at += 2;
        return unit;
    }
    input->units_at += 4;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/* Lone surrogates get the three bytes of the same scheme, which RFC 3629 bars. */
static char *write_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* The length of what one U+FFFD stands for at p, where no valid sequence is: the
 * longest start of one, or a byte (the Unicode Standard, 3.9, "maximal
 * subparts"). 0: it may become valid with what comes behind the `left` bytes. */
static size_t invalid_length(const unsigned char *p, size_t left, bool ended)
{
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    size_t wanted = p[0] < 0xc2 || p[0] > 0xf4 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, n = 1;

    while (n < wanted && n < left && p[n] >= low && p[n] <= high) {
        low = 0x80;
        high = 0xbf;
        n++;
    }
    return n < wanted && n == left && !ended ? 0 : n;
}

/* UTF-8 with U+FFFD for what is none; room for at least one character. */
static char *replace_invalid(struct slc_input *input, char *to, const char *last)
{
    while (to <= last && input->units_at < input->units_end) {
        const unsigned char *p = input->units + input->units_at;
        size_t left = input->units_end - input->units_at;
        size_t room = (size_t)(last - to) + LONGEST_CHARACTER_BYTES;
        size_t n = slc_utf8_valid_prefix((const char *)p, left < room ? left : room);

        memcpy(to, p, n);
        to += n;
        input->units_at += n;
        if (n > 0)
            continue;
        n = invalid_length(p, left, input->units_ended);
        if (n == 0)
            break;
        to = write_utf8(to, 0xfffd);
        input->units_at += n;
    }
    return to;
}

static bool refill_units(struct slc_input *input, struct slc_error *error)
{
    size_t left = input->units_end - input->units_at;
    int64_t got;

    memmove(input->units, input->units + input->units_at, left);
    input->units_at = 0;
    input->units_end = left;
    got = read_unpacked(input, (char *)input->units + left, BLOCK_BYTES - left, error);
    if (got < 0)
        return false;
    input->units_end += (size_t)got;
    input->units_ended = got == 0;
    return true;
}

static char *recode(struct slc_input *input, char *to, const char *last)
{
    if (input->encoding == SLC_ENCODING_UTF8)
        return replace_invalid(input, to, last);
    while (to <= last && input->units_at < input->units_end) {
        int32_t c;

        if (input->encoding == SLC_ENCODING_LATIN1) {
            to = write_utf8(to, input->units[input->units_at++]);
            continue;
        }
        c = next_utf16(input);
        if (c < 0 && !input->units_ended)
            break;
        if (c < 0) { /* half a unit at the end */
            input->units_at = input->units_end;
            if (input->replaces)
                to = write_utf8(to, 0xfffd);
            else
                *to++ = (char)0xff;
            break;
        }
        if (input->replaces && c >= 0xd800 && c <= 0xdfff)
            c = 0xfffd;
        to = write_utf8(to, (uint32_t)c);
    }
    return to;
}

static int64_t take_pending(struct slc_input *input, char *to, size_t len)
{
    size_t n = input->pending_end - input->pending_at;

    n = n < len ? n : len;
    memcpy(to, input->pending + input->pending_at, n);
    input->pending_at += n;
    return (int64_t)n;
}

static int64_t read_recoded(struct slc_input *input, char *to, size_t len, struct slc_error *error)
{
    while (input->pending_at == input->pending_end) {
        /* Without room for any character, one is made aside and given in parts. */
        bool tight = len < LONGEST_CHARACTER_BYTES;
        char *start = tight ? input->pending : to, *end;

        end = recode(input, start, tight ? start : to + len - LONGEST_CHARACTER_BYTES);
        if (end > start && !tight)
            return end - start;
        input->pending_at = 0;
        input->pending_end = (size_t)(tight ? end - start : 0);
        if (end > start)
            break;
        if (input->units_ended)
            return 0;
        if (!refill_units(input, error))
            return -1;
    }
    return take_pending(input, to, len);
}

static enum slc_encoding detect_encoding(const unsigned char *head, size_t len)
{
    if (len >= 2 && head[0] == 0xff && head[1] == 0xfe)
        return SLC_ENCODING_UTF16LE;
    if (len >= 2 && head[0] == 0xfe && head[1] == 0xff)
        return SLC_ENCODING_UTF16BE;
    return SLC_ENCODING_UTF8;
}

/* ---- Both together ----------------------------------------------------- */

int64_t slc_input_read(struct slc_input *input, char *to, size_t len, struct slc_error *error)
{
    if (len == 0)
        return 0;
    if (!input->units)
        return read_unpacked(input, to, len, error);
    return read_recoded(input, to, len, error);
}

bool slc_input_rewind(struct slc_input *input, struct slc_error *error)
{
    if (lseek(input->reader->fd, 0, SEEK_SET) < 0)
        return slc_fail_errno(error, errno, "cannot go back to the file's start");
    input->reader->position_bytes = 0;
    input->packed_at = input->packed_end = 0;
    input->between_members = false;
    input->units_at = input->units_end = 0;
    input->units_ended = false;
    input->pending_at = input->pending_end = 0;
    if (input->gzip_ready && inflateReset(&input->gzip) != Z_OK)
        return slc_fail(error, SLC_ERR_INTERNAL, "zlib cannot start again");
    if (input->zstd)
        ZSTD_DCtx_reset(input->zstd, ZSTD_reset_session_only);
    return true;
}

static enum packing detect_packing(const unsigned char *head, size_t len)
{
    if (len >= 2 && head[0] == 0x1f && head[1] == 0x8b)
        return GZIP;
    if (len >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
        return ZSTD;
    return PLAIN;
}

/* Read until `len` bytes are there or the input ends. */
static int64_t read_full(struct slc_input *input, unsigned char *to, size_t len,
                         struct slc_error *error)
{
    size_t have = 0;

    while (have < len) {
        int64_t got = read_unpacked(input, (char *)to + have, len - have, error);

        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (int64_t)have;
}

static bool choose_encoding(struct slc_input *input, struct slc_error *error)
{
    unsigned char head[2];
    int64_t got = read_full(input, head, sizeof(head), error);

    if (got < 0)
        return false;
    input->encoding = input->reader->options.encoding;
    if (input->encoding == SLC_ENCODING_AUTO)
        input->encoding = detect_encoding(head, (size_t)got);
    input->replaces = input->reader->options.invalid_text == SLC_INVALID_REPLACE;
    if (input->encoding == SLC_ENCODING_UTF8 && !input->replaces)
        return true;
    input->units = malloc(BLOCK_BYTES);
    if (!input->units)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to decode the file");
    return true;
}

static void describe(struct slc_input *input)
{
    static const char *const packings[] = {[PLAIN] = "", [GZIP] = "gzip", [ZSTD] = "zstd"};
    static const char *const encodings[] = {
        [SLC_ENCODING_UTF8] = "",
        [SLC_ENCODING_UTF16LE] = "UTF-16LE",
        [SLC_ENCODING_UTF16BE] = "UTF-16BE",
        [SLC_ENCODING_LATIN1] = "Latin-1",
    };
    const char *packing = packings[input->packing], *encoding = encodings[input->encoding];

    snprintf(input->description, sizeof(input->description), "%s%s%s", packing,
             packing[0] && encoding[0] ? ", " : "", encoding);
}

bool slc_input_open(struct slc_reader *reader, struct slc_error *error)
{
    struct slc_input *input = calloc(1, sizeof(*input));
    unsigned char head[4];
    int64_t got;

    if (!input)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    reader->input = input;
    input->reader = reader;
    if (!slc_input_rewind(input, error))
        return false;
    got = read_full(input, head, sizeof(head), error);
    if (got < 0)
        return false;
    input->packing = detect_packing(head, (size_t)got);
    if (!start_packing(input, error) || !slc_input_rewind(input, error) ||
        !choose_encoding(input, error))
        return false;
    describe(input);
    return slc_input_rewind(input, error);
}

void slc_input_close(struct slc_input *input)
{
    if (!input)
        return;
    if (input->gzip_ready)
        inflateEnd(&input->gzip);
    ZSTD_freeDCtx(input->zstd);
    free(input->packed);
    free(input->units);
    free(input);
}

const char *slc_input_description(const struct slc_input *input)
{
    return input->description;
}

const char *slc_input_bad_text_reason(const struct slc_input *input)
{
    return input->encoding == SLC_ENCODING_UTF8 ? "not valid UTF-8" : "not valid UTF-16";
}
