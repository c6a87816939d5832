#include "wallet/format.h"

#include <sodium.h>
#include <string.h>

static const char magic[8] = {'S', 'L', 'C', 'W', 'A', 'L', 'E', 'T'};

enum {
    VERSION = 1,
    KEY_BY_ARGON2ID = 1,
    CIPHER_XCHACHA20_POLY1305 = 1,
    AT_VERSION = 8,
    AT_PASSES = 12,
    AT_MEMORY = 16,
    AT_LENGTH = 20,
    AT_SALT = 24,
    AT_NONCE = 40,
    AT_CHECK = 64,
    SEAL_KEY = 1,
    CHECK_KEY = 2,
};

_Static_assert(SLC_WALLET_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                   SLC_WALLET_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES &&
                   SLC_WALLET_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES &&
                   SLC_WALLET_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES &&
                   SLC_WALLET_KEY_BYTES == crypto_kdf_KEYBYTES,
               "the sizes of the format are libsodium's");

static uint32_t get32(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;

    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> 8 * i & 0xff);
}

/* ---- Header ----------------------------------------------------------- */

static bool fail_damaged(struct slc_error *error, const char *what)
{
    return slc_fail(error, SLC_ERR_CONFIG,
                    "the wallet is damaged or was altered (%s); nothing was changed: put a copy of "
                    "it back, or remove it and set its entries anew",
                    what);
}

static bool check_cost(const struct slc_wallet_cost *cost)
{
    return cost->passes >= 1 && cost->passes <= SLC_WALLET_PASSES_MAX &&
           cost->memory_kib >= SLC_WALLET_MEMORY_MIN_KIB &&
           cost->memory_kib <= SLC_WALLET_MEMORY_MAX_KIB;
}

bool slc_wallet_header_parse(struct slc_str file, struct slc_wallet_header *ret_header,
                             struct slc_error *error)
{
    const char *at = file.data;
    struct slc_wallet_header header;

    if (file.len < sizeof(magic) || memcmp(at, magic, sizeof(magic)) != 0)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "this is no wallet of sluice, or its beginning was altered");
    if (file.len < SLC_WALLET_HEADER_BYTES)
        return fail_damaged(error, "it ends within its header");
    if (at[AT_VERSION] != VERSION || at[AT_VERSION + 1] != KEY_BY_ARGON2ID ||
        at[AT_VERSION + 2] != CIPHER_XCHACHA20_POLY1305 || at[AT_VERSION + 3] != 0)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the wallet is of a version that this sluice does not know, or was "
                        "altered; version %d is known",
                        (int)VERSION);
    header.cost = (struct slc_wallet_cost){.passes = get32(at + AT_PASSES),
                                           .memory_kib = get32(at + AT_MEMORY)};
    header.plain_bytes = get32(at + AT_LENGTH);
    if (!check_cost(&header.cost))
        return fail_damaged(error, "its key would take more or less work than is allowed");
    if (header.plain_bytes == 0 || header.plain_bytes > SLC_WALLET_PLAIN_MAX_BYTES ||
        header.plain_bytes % SLC_WALLET_PADDING_BYTES != 0)
        return fail_damaged(error, "its length cannot be");
    if (file.len != (size_t)SLC_WALLET_HEADER_BYTES + header.plain_bytes + SLC_WALLET_TAG_BYTES)
        return fail_damaged(error, "it is not as long as it says");
    memcpy(header.salt, at + AT_SALT, sizeof(header.salt));
    memcpy(header.nonce, at + AT_NONCE, sizeof(header.nonce));
    memcpy(header.check, at + AT_CHECK, sizeof(header.check));
    *ret_header = header;
    return true;
}

static void header_write(const struct slc_wallet_header *header, char *at)
{
    memcpy(at, magic, sizeof(magic));
    at[AT_VERSION] = VERSION;
    at[AT_VERSION + 1] = KEY_BY_ARGON2ID;
    at[AT_VERSION + 2] = CIPHER_XCHACHA20_POLY1305;
    at[AT_VERSION + 3] = 0;
    put32(at + AT_PASSES, header->cost.passes);
    put32(at + AT_MEMORY, header->cost.memory_kib);
    put32(at + AT_LENGTH, header->plain_bytes);
    memcpy(at + AT_SALT, header->salt, sizeof(header->salt));
    memcpy(at + AT_NONCE, header->nonce, sizeof(header->nonce));
    memcpy(at + AT_CHECK, header->check, sizeof(header->check));
}

/* ---- Keys ------------------------------------------------------------- */

static const unsigned char *key_of(const struct slc_secret *keys, int number)
{
    return (const unsigned char *)keys->data + (size_t)(number - 1) * SLC_WALLET_KEY_BYTES;
}

bool slc_wallet_keys_derive(const struct slc_wallet_header *header, struct slc_str passphrase,
                            struct slc_secret *keys, struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret master = {0};

    if (!slc_secret_reserve(&master, SLC_WALLET_KEY_BYTES, error) ||
        !slc_secret_reserve(keys, (size_t)2 * SLC_WALLET_KEY_BYTES, error))
        return false;
    if (crypto_pwhash_argon2id((unsigned char *)master.data, SLC_WALLET_KEY_BYTES, passphrase.data,
                               passphrase.len, header->salt, header->cost.passes,
                               (size_t)header->cost.memory_kib * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the wallet's key: %u KiB are needed",
                        header->cost.memory_kib);
    for (int number = SEAL_KEY; number <= CHECK_KEY; number++)
        crypto_kdf_derive_from_key(
            (unsigned char *)keys->data + (size_t)(number - 1) * SLC_WALLET_KEY_BYTES,
            SLC_WALLET_KEY_BYTES, (uint64_t)number, "slcwalet", (const unsigned char *)master.data);
    keys->len = keys->capacity;
    return true;
}

static void hash_header(const char *header, const struct slc_secret *keys,
                        unsigned char check[SLC_WALLET_CHECK_BYTES])
{
    crypto_generichash(check, SLC_WALLET_CHECK_BYTES, (const unsigned char *)header, AT_CHECK,
                       key_of(keys, CHECK_KEY), SLC_WALLET_KEY_BYTES);
}

/* ---- Sealing ---------------------------------------------------------- */

bool slc_wallet_unseal(struct slc_str file, const struct slc_wallet_header *header,
                       const struct slc_secret *keys, struct slc_secret *plain,
                       struct slc_error *error)
{
    unsigned char check[SLC_WALLET_CHECK_BYTES];
    unsigned long long len = 0;

    hash_header(file.data, keys, check);
    if (sodium_memcmp(check, header->check, sizeof(check)) != 0)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the wallet does not open: the passphrase is wrong, or the beginning of "
                        "the file was altered; nothing was changed");
    if (!slc_secret_reserve(plain, header->plain_bytes, error))
        return false;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)plain->data, &len, NULL,
            (const unsigned char *)file.data + SLC_WALLET_HEADER_BYTES,
            file.len - SLC_WALLET_HEADER_BYTES, (const unsigned char *)file.data,
            SLC_WALLET_HEADER_BYTES, header->nonce, key_of(keys, SEAL_KEY)) != 0)
        return fail_damaged(error, "the passphrase is right, but the entries are not as written");
    plain->len = (size_t)len;
    return true;
}

bool slc_wallet_seal(struct slc_str plain, struct slc_wallet_header *header,
                     const struct slc_secret *keys, struct slc_buf *file, struct slc_error *error)
{
    char *at = slc_buf_reserve(file, SLC_WALLET_HEADER_BYTES + plain.len + SLC_WALLET_TAG_BYTES);
    unsigned long long len = 0;

    if (!at)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the wallet");
    header->plain_bytes = (uint32_t)plain.len;
    randombytes_buf(header->nonce, sizeof(header->nonce));
    header_write(header, at);
    hash_header(at, keys, header->check);
    memcpy(at + AT_CHECK, header->check, sizeof(header->check));
    if (crypto_aead_xchacha20poly1305_ietf_encrypt(
            (unsigned char *)at + SLC_WALLET_HEADER_BYTES, &len, (const unsigned char *)plain.data,
            plain.len, (const unsigned char *)at, SLC_WALLET_HEADER_BYTES, NULL, header->nonce,
            key_of(keys, SEAL_KEY)) != 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "the wallet cannot be sealed");
    file->len += SLC_WALLET_HEADER_BYTES + (size_t)len;
    return true;
}
