/* The wallet's header and its entries: whatever the bytes, they are refused or
 * make sense, and entries that make sense are written as they were. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wallet/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_header(struct slc_str file)
{
    struct slc_wallet_header header;

    if (!slc_wallet_header_parse(file, &header, NULL))
        return;
    check(header.cost.passes >= 1 && header.cost.passes <= SLC_WALLET_PASSES_MAX);
    check(header.cost.memory_kib <= SLC_WALLET_MEMORY_MAX_KIB);
    check(file.len == SLC_WALLET_HEADER_BYTES + header.plain_bytes + SLC_WALLET_TAG_BYTES);
}

static void check_entries(struct slc_str plain)
{
    static struct slc_wallet_entry entries[SLC_WALLET_ENTRIES_MAX];
    SLC_AUTO_SECRET struct slc_secret again = {0};
    size_t count, written;

    if (!slc_wallet_entries_read(plain, entries, &count, NULL))
        return;
    check(slc_wallet_entries_write(entries, count, &again, NULL));
    written = again.len < plain.len ? again.len : plain.len;
    check(memcmp(again.data, plain.data, written) == 0);
}

/* The first bit says which of the two the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_str rest = {(const char *)data + 1, size - 1};

    if (size < 1)
        return 0;
    if (data[0] & 1)
        check_header(rest);
    else
        check_entries(rest);
    return 0;
}
