/* Inside wallet: the file, byte by byte. Whole numbers are little-endian.
 *
 *     0   8  "SLCWALET"
 *     8   1  version: 1
 *     9   1  how the key is made: 1 = Argon2id version 1.3, one lane (RFC 9106)
 *    10   1  cipher: 1 = XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha)
 *    11   1  0
 *    12   4  Argon2id: passes, 1 to 16
 *    16   4  Argon2id: memory in KiB, 1024 to 262144
 *    20   4  length of the sealed text, its tag left out
 *    24  16  Argon2id: salt
 *    40  24  nonce, new at each writing
 *    64  16  BLAKE2b-128 of bytes 0 to 63 under a key of its own
 *    80   n  sealed text; bytes 0 to 79 are authenticated with it
 *  80+n  16  its Poly1305 tag
 *
 * Argon2id gives a master key of 32 bytes; crypto_kdf_derive_from_key() of
 * libsodium (BLAKE2b) makes two of it, context "slcwalet": number 1 seals,
 * number 2 is for the hash of the header, which tells a wrong passphrase from a
 * damaged file. The sealed text, padded with zeros to a multiple of 256:
 *
 *     0   4  number of entries
 *            each, ordered by name, no name twice:
 *         1    length of the name
 *         .    name
 *         2    length of the value
 *         .    value
 */
#ifndef SLC_WALLET_FORMAT_H
#define SLC_WALLET_FORMAT_H

#include "base/buf.h"
#include "wallet/wallet.h"

enum {
    SLC_WALLET_HEADER_BYTES = 80,
    SLC_WALLET_TAG_BYTES = 16,
    SLC_WALLET_SALT_BYTES = 16,
    SLC_WALLET_NONCE_BYTES = 24,
    SLC_WALLET_KEY_BYTES = 32,
    SLC_WALLET_CHECK_BYTES = 16,
    SLC_WALLET_PADDING_BYTES = 256,
    /* Every entry at its longest, padded. */
    SLC_WALLET_PLAIN_MAX_BYTES =
        (4 + SLC_WALLET_ENTRIES_MAX * (3 + SLC_WALLET_NAME_MAX_BYTES + SLC_WALLET_VALUE_MAX_BYTES) +
         SLC_WALLET_PADDING_BYTES) /
        SLC_WALLET_PADDING_BYTES * SLC_WALLET_PADDING_BYTES,
    SLC_WALLET_FILE_MAX_BYTES =
        SLC_WALLET_HEADER_BYTES + SLC_WALLET_PLAIN_MAX_BYTES + SLC_WALLET_TAG_BYTES,
    SLC_WALLET_PASSES_MAX = 16,
    SLC_WALLET_MEMORY_MIN_KIB = 1024,
    SLC_WALLET_MEMORY_MAX_KIB = 256 * 1024,
};

struct slc_wallet_header {
    struct slc_wallet_cost cost;
    uint32_t plain_bytes;
    unsigned char salt[SLC_WALLET_SALT_BYTES];
    unsigned char nonce[SLC_WALLET_NONCE_BYTES];
    unsigned char check[SLC_WALLET_CHECK_BYTES];
};

/* Read the header of a whole file, whose length has to fit. Errors: CONFIG. */
bool slc_wallet_header_parse(struct slc_str file, struct slc_wallet_header *ret_header,
                             struct slc_error *error);

/* The two keys, one behind the other. Errors: MEMORY, INTERNAL. */
bool slc_wallet_keys_derive(const struct slc_wallet_header *header, struct slc_str passphrase,
                            struct slc_secret *keys, struct slc_error *error);

/* The sealed text of a file whose header was parsed. Errors: CONFIG (the
 * passphrase is wrong; the file was damaged or altered), MEMORY. */
bool slc_wallet_unseal(struct slc_str file, const struct slc_wallet_header *header,
                       const struct slc_secret *keys, struct slc_secret *plain,
                       struct slc_error *error);

/* Append a whole file; the header gets a new nonce, its length and its hash.
 * Errors: MEMORY, INTERNAL. */
bool slc_wallet_seal(struct slc_str plain, struct slc_wallet_header *header,
                     const struct slc_secret *keys, struct slc_buf *file, struct slc_error *error);

/* ---- The entries of a text -------------------------------------------- */

struct slc_wallet_entry {
    struct slc_str name, value; /* within the text */
};

/* All entries, each checked. `entries` has room for SLC_WALLET_ENTRIES_MAX.
 * Errors: CONFIG. */
bool slc_wallet_entries_read(struct slc_str plain, struct slc_wallet_entry *entries,
                             size_t *ret_count, struct slc_error *error);

/* The padded text of the entries, which are ordered. Errors: MEMORY, INTERNAL. */
bool slc_wallet_entries_write(const struct slc_wallet_entry *entries, size_t count,
                              struct slc_secret *plain, struct slc_error *error);

#endif
