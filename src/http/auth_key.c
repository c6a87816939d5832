#include "http/auth_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/digest.h"

static const char prefix[] = "sha256:";

enum {
    PREFIX_LEN = sizeof(prefix) - 1,
    SALT_HEX = 2 * SLC_AUTH_SALT_BYTES,
    DERIVE_ROUNDS = 100000,
};

static bool hash_secret(const uint8_t salt[SLC_AUTH_SALT_BYTES], struct slc_str secret,
                        uint8_t hash[SLC_AUTH_HASH_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned len = 0;
    bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, salt, SLC_AUTH_SALT_BYTES) == 1 &&
              EVP_DigestUpdate(context, secret.data ? secret.data : "", secret.len) == 1 &&
              EVP_DigestFinal_ex(context, hash, &len) == 1 && len == SLC_AUTH_HASH_BYTES;

    EVP_MD_CTX_free(context);
    return ok;
}

static bool check_length(struct slc_str secret, struct slc_error *error)
{
    return (secret.len > 0 && secret.len <= SLC_AUTH_SECRET_MAX_BYTES) ||
           slc_fail(error, SLC_ERR_CONFIG, "a key has to have 1 to %d bytes",
                    SLC_AUTH_SECRET_MAX_BYTES);
}

static bool finish(struct slc_auth_key *key, struct slc_str secret, struct slc_auth_key *ret_key,
                   struct slc_error *error)
{
    if (!hash_secret(key->salt, secret, key->hash))
        return slc_fail(error, SLC_ERR_INTERNAL, "SHA-256 failed");
    *ret_key = *key;
    return true;
}

bool slc_auth_key_make(struct slc_str secret, struct slc_auth_key *ret_key, struct slc_error *error)
{
    struct slc_auth_key key;

    return check_length(secret, error) && slc_random_bytes(key.salt, sizeof(key.salt), error) &&
           finish(&key, secret, ret_key, error);
}

bool slc_auth_key_derive(struct slc_str secret, struct slc_auth_key *ret_key,
                         struct slc_error *error)
{
    static const char purpose[] = "sluice: the salt of a key";
    struct slc_auth_key key;

    if (!check_length(secret, error))
        return false;
    if (PKCS5_PBKDF2_HMAC(secret.data, (int)secret.len, (const unsigned char *)purpose,
                          sizeof(purpose) - 1, DERIVE_ROUNDS, EVP_sha256(), sizeof(key.salt),
                          key.salt) != 1)
        return slc_fail(error, SLC_ERR_INTERNAL, "PBKDF2 failed");
    return finish(&key, secret, ret_key, error);
}

bool slc_auth_key_id(const struct slc_auth_key *key, char id[SLC_AUTH_KEY_ID_BYTES])
{
    uint8_t digest[SLC_AUTH_HASH_BYTES];

    if (!hash_secret(key->salt,
                     (struct slc_str){.data = (const char *)key->hash, .len = sizeof(key->hash)},
                     digest))
        return false;
    slc_hex_encode(digest, (SLC_AUTH_KEY_ID_BYTES - 1) / 2, id);
    return true;
}

bool slc_auth_key_matches(const struct slc_auth_key *key, struct slc_str secret)
{
    uint8_t hash[SLC_AUTH_HASH_BYTES];
    bool equal;

    if (secret.len == 0 || secret.len > SLC_AUTH_SECRET_MAX_BYTES ||
        !hash_secret(key->salt, secret, hash))
        return false;
    equal = slc_equal_constant_time(
        (struct slc_str){.data = (const char *)hash, .len = sizeof(hash)},
        (struct slc_str){.data = (const char *)key->hash, .len = sizeof(key->hash)});
    OPENSSL_cleanse(hash, sizeof(hash));
    return equal;
}

void slc_auth_key_format(const struct slc_auth_key *key, char text[SLC_AUTH_KEY_TEXT_BYTES])
{
    char *salt = text + PREFIX_LEN, *hash = salt + SALT_HEX + 1;

    memcpy(text, prefix, PREFIX_LEN);
    slc_hex_encode(key->salt, sizeof(key->salt), salt);
    hash[-1] = ':';
    slc_hex_encode(key->hash, sizeof(key->hash), hash);
}

bool slc_auth_key_is_text_form(struct slc_str text)
{
    text = slc_str_trim(text);
    return text.len > PREFIX_LEN && memcmp(text.data, prefix, PREFIX_LEN) == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_decode(const char *hex, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

bool slc_auth_key_parse(struct slc_str text, struct slc_auth_key *ret_key, struct slc_error *error)
{
    struct slc_auth_key key;
    const char *salt, *hash;

    text = slc_str_trim(text);
    if (text.len != SLC_AUTH_KEY_TEXT_BYTES - 1 || !slc_auth_key_is_text_form(text))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "a key's hash is written sha256:<32 hex digits>:<64 hex digits>");
    salt = text.data + PREFIX_LEN;
    hash = salt + SALT_HEX + 1;
    if (hash[-1] != ':' || !hex_decode(salt, key.salt, sizeof(key.salt)) ||
        !hex_decode(hash, key.hash, sizeof(key.hash)))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "a key's hash is written sha256:<32 hex digits>:<64 hex digits>");
    *ret_key = key;
    return true;
}

bool slc_auth_secret_make(char secret[SLC_AUTH_SECRET_TEXT_BYTES], struct slc_error *error)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[33] = {0}; /* 32 random ones and a zero to fill the last group of three */
    size_t len = 0;

    if (!slc_random_bytes(bytes, 32, error))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i += 3) {
        unsigned group = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];

        for (int shift = 18; shift >= 0 && len < SLC_AUTH_SECRET_TEXT_BYTES - 1; shift -= 6)
            secret[len++] = alphabet[group >> shift & 63];
    }
    secret[len] = '\0';
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return true;
}
