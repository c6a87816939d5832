#include "frame/type.h"

#include <stdint.h>

static const struct {
    const char *name;
    size_t width_bytes;
} types[SLC_N_TYPES] = {
    [SLC_TYPE_NULL] = {"null", 0},
    [SLC_TYPE_BOOL] = {"bool", sizeof(uint8_t)},
    [SLC_TYPE_INT64] = {"int64", sizeof(int64_t)},
    [SLC_TYPE_UINT64] = {"uint64", sizeof(uint64_t)},
    [SLC_TYPE_FLOAT64] = {"float64", sizeof(double)},
    [SLC_TYPE_DATE] = {"date", sizeof(int32_t)},
    [SLC_TYPE_DATETIME] = {"datetime", sizeof(int64_t)},
    [SLC_TYPE_TEXT] = {"text", sizeof(struct slc_str)},
    [SLC_TYPE_JSON] = {"json", sizeof(struct slc_str)},
};

enum slc_type slc_type_join(enum slc_type a, enum slc_type b)
{
    if (a == b || b == SLC_TYPE_NULL)
        return a;
    if (a == SLC_TYPE_NULL)
        return b;
    if (a > b) {
        enum slc_type swap = a;

        a = b;
        b = swap;
    }
    if (b == SLC_TYPE_FLOAT64 && (a == SLC_TYPE_INT64 || a == SLC_TYPE_UINT64))
        return SLC_TYPE_FLOAT64;
    if (a == SLC_TYPE_DATE && b == SLC_TYPE_DATETIME)
        return SLC_TYPE_DATETIME;
    return SLC_TYPE_TEXT;
}

size_t slc_type_width_bytes(enum slc_type type)
{
    return types[type].width_bytes;
}

const char *slc_type_name(enum slc_type type)
{
    return types[type].name;
}

bool slc_type_from_name(struct slc_str name, enum slc_type *ret_type)
{
    for (int i = 0; i < SLC_N_TYPES; i++)
        if (slc_str_is(name, types[i].name)) {
            *ret_type = (enum slc_type)i;
            return true;
        }
    return false;
}
