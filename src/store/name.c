/* Which names a replica may have. */
#include "base/utf8.h"
#include "store/store.h"

enum { MAX_NAME_BYTES = 200 };

static bool ends_with(struct slc_str s, struct slc_str end)
{
    return s.len >= end.len &&
           slc_str_eq((struct slc_str){.data = s.data + s.len - end.len, .len = end.len}, end);
}

static bool starts_with(struct slc_str s, struct slc_str start)
{
    return s.len >= start.len &&
           slc_str_eq((struct slc_str){.data = s.data, .len = start.len}, start);
}

/* The C0 and C1 controls, and DEL. */
static bool has_control(struct slc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < s.len && (unsigned char)s.data[i + 1] < 0xa0)
            return true;
    }
    return false;
}

/* NAME and NAME.META must not be a key of the registry's: R, R:... */
static bool is_registrys(struct slc_str name, struct slc_str registry_key)
{
    static const struct slc_str meta = {.data = ".META", .len = 5};

    if (starts_with(name, registry_key) &&
        (name.len == registry_key.len || name.data[registry_key.len] == ':'))
        return true;
    return ends_with(registry_key, meta) && registry_key.len == name.len + meta.len &&
           starts_with(registry_key, name);
}

bool slc_store_check_name(struct slc_str name, struct slc_str registry_key, struct slc_error *error)
{
    if (name.len == 0)
        return slc_fail(error, SLC_ERR_NAME, "a replica's name is empty; rename the data file");
    if (name.len > MAX_NAME_BYTES)
        return slc_fail(error, SLC_ERR_NAME,
                        "a replica's name is longer than %d bytes; rename the data file",
                        MAX_NAME_BYTES);
    if (!slc_utf8_is_valid(name))
        return slc_fail(error, SLC_ERR_NAME,
                        "a replica's name is not valid UTF-8; rename the data file");
    if (has_control(name))
        return slc_fail(error, SLC_ERR_NAME,
                        "a replica's name holds a control character; rename the data file");
    if (memchr(name.data, '/', name.len) || slc_str_is(name, ".") || slc_str_is(name, ".."))
        return slc_fail(error, SLC_ERR_NAME,
                        "the replica name \"%.*s\" could be taken for a path; rename the data file",
                        SLC_STR_ARG(name));
    if (is_registrys(name, registry_key))
        return slc_fail(
            error, SLC_ERR_NAME,
            "the replica name \"%.*s\" belongs to the registry; rename the data file or "
            "set store.registry_key",
            SLC_STR_ARG(name));
    if (ends_with(name, SLC_STR(".META")))
        return slc_fail(
            error, SLC_ERR_NAME,
            "the replica name \"%.*s\" ends in .META, as only metadata does; rename the "
            "data file",
            SLC_STR_ARG(name));
    return true;
}
