/* CRC-64 with the polynomial of Jones, reflected, as at the end of what DUMP
 * answers and RESTORE takes (redis/src/crc64.c). */
#ifndef SLC_STORE_CRC64_H
#define SLC_STORE_CRC64_H

#include <stddef.h>
#include <stdint.h>

struct slc_crc64 {
    uint64_t table[8][256];
};

/* Fill the tables in; where ISA-L does the work by carry-less multiplication
 * they are not needed. */
void slc_crc64_init(struct slc_crc64 *crc);

/* Of "123456789" it is e9c6d914c4b8d9ca. */
uint64_t slc_crc64(const struct slc_crc64 *crc, const void *bytes, size_t len);

/* The same without ISA-L. */
uint64_t slc_crc64_by_tables(const struct slc_crc64 *crc, const void *bytes, size_t len);

#endif
