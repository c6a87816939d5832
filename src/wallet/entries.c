/* The text within a wallet: names and values. */
#include <string.h>

#include "base/utf8.h"
#include "wallet/format.h"

static bool fail_entries(struct slc_error *error, const char *what)
{
    return slc_fail(error, SLC_ERR_CONFIG, "the wallet's entries make no sense: %s", what);
}

bool slc_wallet_name_check(struct slc_str name, struct slc_error *error)
{
    bool good = name.len > 0 && name.len <= SLC_WALLET_NAME_MAX_BYTES && name.data[0] != '-' &&
                name.data[0] != '.';

    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.data[i];

        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    }
    return good || slc_fail(error, SLC_ERR_NAME,
                            "a name in the wallet has 1 to %d letters, digits, '-', '_' or '.', "
                            "and does not begin with '-' or '.'",
                            (int)SLC_WALLET_NAME_MAX_BYTES);
}

bool slc_wallet_value_check(struct slc_str value, struct slc_error *error)
{
    if (value.len == 0)
        return slc_fail(error, SLC_ERR_CONFIG, "the value is empty");
    if (value.len > SLC_WALLET_VALUE_MAX_BYTES)
        return slc_fail(error, SLC_ERR_LIMIT, "the value has more than the %d bytes allowed",
                        (int)SLC_WALLET_VALUE_MAX_BYTES);
    if (memchr(value.data, '\0', value.len) || !slc_utf8_is_valid(value))
        return slc_fail(error, SLC_ERR_CONFIG, "the value is no text: it has to be UTF-8, no NUL");
    return true;
}

/* Take `len` bytes off the front. */
static bool take(struct slc_str *rest, size_t len, struct slc_str *ret_piece)
{
    if (rest->len < len)
        return false;
    *ret_piece = (struct slc_str){.data = rest->data, .len = len};
    rest->data += len;
    rest->len -= len;
    return true;
}

/* A whole number of `width` bytes, little-endian. */
static bool take_number(struct slc_str *rest, size_t width, size_t *ret_number)
{
    struct slc_str piece;
    size_t number = 0;

    if (!take(rest, width, &piece))
        return false;
    for (size_t i = 0; i < width; i++)
        number |= (size_t)(unsigned char)piece.data[i] << 8 * i;
    *ret_number = number;
    return true;
}

static bool take_entry(struct slc_str *rest, struct slc_wallet_entry *entry)
{
    size_t len;

    return take_number(rest, 1, &len) && take(rest, len, &entry->name) &&
           take_number(rest, 2, &len) && take(rest, len, &entry->value);
}

bool slc_wallet_entries_read(struct slc_str plain, struct slc_wallet_entry *entries,
                             size_t *ret_count, struct slc_error *error)
{
    size_t count;

    if (!take_number(&plain, 4, &count) || count > SLC_WALLET_ENTRIES_MAX)
        return fail_entries(error, "there are too many");
    for (size_t i = 0; i < count; i++) {
        if (!take_entry(&plain, &entries[i]))
            return fail_entries(error, "one is cut off");
        if (!slc_wallet_name_check(entries[i].name, NULL) ||
            !slc_wallet_value_check(entries[i].value, NULL))
            return fail_entries(error, "a name or a value is not allowed");
        if (i > 0 && slc_str_cmp(entries[i - 1].name, entries[i].name) >= 0)
            return fail_entries(error, "they are not in order");
    }
    if (plain.len >= SLC_WALLET_PADDING_BYTES)
        return fail_entries(error, "there is more behind them than there should be");
    for (size_t i = 0; i < plain.len; i++)
        if (plain.data[i] != 0)
            return fail_entries(error, "there is something behind them");
    *ret_count = count;
    return true;
}

static void put_number(struct slc_secret *to, size_t width, size_t number)
{
    for (size_t i = 0; i < width; i++)
        to->data[to->len++] = (char)(number >> 8 * i & 0xff);
}

static void put(struct slc_secret *to, struct slc_str bytes)
{
    memcpy(to->data + to->len, bytes.data, bytes.len);
    to->len += bytes.len;
}

bool slc_wallet_entries_write(const struct slc_wallet_entry *entries, size_t count,
                              struct slc_secret *plain, struct slc_error *error)
{
    size_t len = 4;

    for (size_t i = 0; i < count; i++)
        len += 3 + entries[i].name.len + entries[i].value.len;
    len =
        (len + SLC_WALLET_PADDING_BYTES - 1) / SLC_WALLET_PADDING_BYTES * SLC_WALLET_PADDING_BYTES;
    if (!slc_secret_reserve(plain, len, error))
        return false;
    put_number(plain, 4, count);
    for (size_t i = 0; i < count; i++) {
        put_number(plain, 1, entries[i].name.len);
        put(plain, entries[i].name);
        put_number(plain, 2, entries[i].value.len);
        put(plain, entries[i].value);
    }
    memset(plain->data + plain->len, 0, len - plain->len);
    plain->len = len;
    return true;
}
