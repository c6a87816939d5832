#include "store/crc64.h"

#include <string.h>

#ifdef SLC_HAVE_ISAL
#include <isa-l.h>
#endif

#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* 0xad93d23594c935a9 reflected */

void slc_crc64_init(struct slc_crc64 *crc)
{
    for (uint64_t byte = 0; byte < 256; byte++) {
        uint64_t value = byte;

        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
        crc->table[0][byte] = value;
    }
    for (int k = 1; k < 8; k++)
        for (int byte = 0; byte < 256; byte++)
            crc->table[k][byte] =
                crc->table[k - 1][byte] >> 8 ^ crc->table[0][crc->table[k - 1][byte] & 255];
}

/* Eight bytes at a step (M. Kounavis, F. Berry: slicing-by-8). */
uint64_t slc_crc64_by_tables(const struct slc_crc64 *crc, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint64_t value = 0;

    for (; len >= 8; len -= 8, at += 8) {
        uint64_t next = 0;

        for (int i = 0; i < 8; i++) /* one load where numbers are stored so */
            next |= (uint64_t)at[i] << (8 * i);
        next ^= value;
        value = crc->table[7][next & 255] ^ crc->table[6][next >> 8 & 255] ^
                crc->table[5][next >> 16 & 255] ^ crc->table[4][next >> 24 & 255] ^
                crc->table[3][next >> 32 & 255] ^ crc->table[2][next >> 40 & 255] ^
                crc->table[1][next >> 48 & 255] ^ crc->table[0][next >> 56];
    }
    for (; len > 0; len--, at++)
        value = value >> 8 ^ crc->table[0][(value ^ *at) & 255];
    return value;
}

uint64_t slc_crc64(const struct slc_crc64 *crc, const void *bytes, size_t len)
{
#ifdef SLC_HAVE_ISAL
    /* ISA-L's begins and ends inverted. */
    (void)crc;
    return ~crc64_jones_refl(~UINT64_C(0), bytes, len);
#else
    return slc_crc64_by_tables(crc, bytes, len);
#endif
}
