#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static EVP_MD_CTX *as_context(struct slc_sha256 *digest)
{
    return (EVP_MD_CTX *)(void *)digest;
}

struct slc_sha256 *slc_sha256_new(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (struct slc_sha256 *)(void *)context;
}

void slc_sha256_update(struct slc_sha256 *digest, const void *bytes, size_t len)
{
    EVP_DigestUpdate(as_context(digest), bytes, len);
}

void slc_sha256_finish(struct slc_sha256 *digest, char hex[SLC_SHA256_HEX_BYTES])
{
    unsigned char bytes[SLC_SHA256_BYTES];

    if (!digest)
        return;
    EVP_DigestFinal_ex(as_context(digest), bytes, NULL);
    EVP_MD_CTX_free(as_context(digest));
    if (hex)
        slc_hex_encode(bytes, sizeof(bytes), hex);
}

void slc_sha256_hex(struct slc_str s, char hex[SLC_SHA256_HEX_BYTES])
{
    unsigned char bytes[SLC_SHA256_BYTES];

    EVP_Digest(s.data, s.len, bytes, NULL, EVP_sha256(), NULL);
    slc_hex_encode(bytes, sizeof(bytes), hex);
}

void slc_hex_encode(const void *bytes, size_t len, char *hex)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = "0123456789abcdef"[p[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    hex[2 * len] = '\0';
}

bool slc_random_bytes(void *bytes, size_t len, struct slc_error *error)
{
    if (RAND_bytes(bytes, (int)len) != 1)
        return slc_fail(error, SLC_ERR_INTERNAL, "the system has no random bytes to give");
    return true;
}

bool slc_equal_constant_time(struct slc_str a, struct slc_str b)
{
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}
