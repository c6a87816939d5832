#include "report/mail_address.h"

#include "base/utf8.h"

enum { LOCAL_MAX_BYTES = 64, LABEL_MAX_BYTES = 63 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322 3.2.3 */
static bool is_atext(char c)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+/=?^_`{|}~-", c));
}

static bool is_dot_atom(struct slc_str text)
{
    bool after_dot = true;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.' ? after_dot : !is_atext(text.data[i]))
            return false;
        after_dot = text.data[i] == '.';
    }
    return !after_dot;
}

static bool is_domain(struct slc_str text)
{
    size_t label = 0;

    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.data[i] : '.';

        if (c == '.') {
            if (label == 0 || label > LABEL_MAX_BYTES || text.data[i - 1] == '-')
                return false;
            label = 0;
        } else if (is_alnum(c) || (c == '-' && label > 0)) {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

bool slc_mail_address_is_valid(struct slc_str address)
{
    const char *at = address.len ? memchr(address.data, '@', address.len) : NULL;
    struct slc_str local = {.data = address.data};

    if (!at || address.len > SLC_MAIL_ADDRESS_MAX_BYTES)
        return false;
    local.len = (size_t)(at - address.data);
    return local.len > 0 && local.len <= LOCAL_MAX_BYTES && is_dot_atom(local) &&
           is_domain(slc_mail_address_domain(address));
}

struct slc_str slc_mail_address_domain(struct slc_str address)
{
    const char *at = memchr(address.data, '@', address.len);

    return (struct slc_str){.data = at + 1, .len = (size_t)(address.data + address.len - (at + 1))};
}

/* ---- Lists ------------------------------------------------------------ */

static bool same(struct slc_str a, struct slc_str b)
{
    struct slc_str a_domain = slc_mail_address_domain(a), b_domain = slc_mail_address_domain(b);

    return a.len == b.len && slc_str_eq_nocase(a_domain, b_domain) &&
           memcmp(a.data, b.data, a.len - a_domain.len) == 0;
}

static bool has(const struct slc_mail_addresses *list, struct slc_str address)
{
    for (size_t i = 0; i < list->count; i++)
        if (same(slc_str_from(list->items[i]), address))
            return true;
    return false;
}

static bool is_separator(char c)
{
    return c == ',' || c == ';' || c == ' ' || c == '\t';
}

bool slc_mail_addresses_add(struct slc_mail_addresses *list, struct slc_str text,
                            struct slc_error *error)
{
    size_t count = list->count, at = 0;

    while (at < text.len) {
        struct slc_str address = {.data = text.data + at};

        while (at < text.len && !is_separator(text.data[at]))
            at++;
        address.len = (size_t)(text.data + at - address.data);
        at += at < text.len;
        if (address.len == 0)
            continue;
        if (!slc_mail_address_is_valid(address)) {
            list->count = count;
            return slc_fail(error, SLC_ERR_DATA,
                            "value is not a valid email address: it needs the form name@domain");
        }
        if (has(list, address))
            continue;
        if (list->count == SLC_MAIL_ADDRESSES_MAX) {
            list->count = count;
            return slc_fail(error, SLC_ERR_LIMIT, "more than %d email addresses",
                            (int)SLC_MAIL_ADDRESSES_MAX);
        }
        memcpy(list->items[list->count], address.data, address.len);
        list->items[list->count][address.len] = '\0';
        list->count++;
    }
    return true;
}

bool slc_mail_domain_is_allowed(struct slc_str domain, const char *const *domains, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slc_str allowed = slc_str_from(domains[i]), end = domain;

        if (allowed.len > 0 && allowed.data[0] == '.' && domain.len > allowed.len) {
            end.data += domain.len - allowed.len;
            end.len = allowed.len;
        }
        if (slc_str_eq_nocase(end, allowed))
            return true;
    }
    return count == 0;
}

bool slc_mail_sender_parse(struct slc_str text, struct slc_str *ret_name,
                           struct slc_str *ret_address)
{
    struct slc_str name = {.data = "", .len = 0}, address = slc_str_trim(text);

    if (address.len > 0 && address.data[address.len - 1] == '>') {
        const char *open = memchr(address.data, '<', address.len);

        if (!open)
            return false;
        name = slc_str_trim(
            (struct slc_str){.data = address.data, .len = (size_t)(open - address.data)});
        address = (struct slc_str){.data = open + 1,
                                   .len = (size_t)(address.data + address.len - 1 - (open + 1))};
    }
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
            return false;
    if (!slc_mail_address_is_valid(address) || !slc_utf8_is_valid(name) || name.len > 200)
        return false;
    *ret_name = name;
    *ret_address = address;
    return true;
}
