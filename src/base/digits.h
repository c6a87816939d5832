/* Eight decimal digits at once in a 64-bit word, from text (Lemire, "Quickly parsing eight
 * digits", 2018) and to text. The first digit is the lowest byte. */
#ifndef SLC_BASE_DIGITS_H
#define SLC_BASE_DIGITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The eight bytes at `text`, all of which have to be readable. */
static inline uint64_t slc_load_eight(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The first n bytes of `word`, 1 to 8, as if zeros stood before them. */
static inline uint64_t slc_pad_to_eight(uint64_t word, size_t n)
{
    return n == 8 ? word : word << (64 - 8 * n) | UINT64_C(0x3030303030303030) >> (8 * n);
}

static inline bool slc_are_eight_digits(uint64_t word)
{
    return ((word & UINT64_C(0xf0f0f0f0f0f0f0f0)) |
            ((word + UINT64_C(0x0606060606060606)) & UINT64_C(0xf0f0f0f0f0f0f0f0)) >> 4) ==
           UINT64_C(0x3333333333333333);
}

/* Their value; only when they are digits. */
static inline uint32_t slc_eight_digits(uint64_t word)
{
    word -= UINT64_C(0x3030303030303030);
    word = word * 10 + (word >> 8);
    return (
        uint32_t)(((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
                   ((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
                  32);
}

/* The other way: the eight digits of a number, with leading zeros, as slc_load_eight()
 * would read them. The halves, quarters and eighths of the number stand side by side
 * in one word (P. Khuong, "How to print integers really fast"). */
static inline uint64_t slc_text_of_eight(uint32_t v)
{
    uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
    uint64_t high = fours * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
    uint64_t twos = high | (fours - 100 * high) << 16;
    uint64_t tens = twos * 103 >> 10 & UINT64_C(0x000f000f000f000f);

    return (tens | (twos - 10 * tens) << 8) + UINT64_C(0x3030303030303030);
}

static inline void slc_store_eight(char *to, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(to, &word, sizeof(word));
}

#endif
