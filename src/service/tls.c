#include "service/tls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/file.h"

enum { PEM_MAX_BYTES = 1 << 20 };

static char *read_pem(const char *path, struct slc_error *error)
{
    struct slc_buf text = {0};
    char *stolen = NULL;

    if (slc_file_read(AT_FDCWD, path, PEM_MAX_BYTES, &text, error)) {
        if (memchr(text.data, '\0', text.len))
            slc_fail(error, SLC_ERR_CONFIG, "%s is no PEM file", path);
        else if (!(stolen = slc_buf_steal(&text, NULL)))
            slc_fail(error, SLC_ERR_MEMORY, "no memory for %s", path);
    }
    slc_buf_release(&text);
    return stolen;
}

/* A key that asks for a passphrase is refused, not waited for at a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *state)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)state;
    return -1;
}

static bool check_pair(const struct slc_service_tls *tls, const char *cert_path,
                       const char *key_path, struct slc_error *error)
{
    BIO *cert_bio = BIO_new_mem_buf(tls->cert, -1), *key_bio = BIO_new_mem_buf(tls->key, -1);
    X509 *cert = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, no_passphrase, NULL) : NULL;
    EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL) : NULL;
    bool good;

    if (!cert)
        good = slc_fail(error, SLC_ERR_CONFIG, "%s holds no certificate (PEM)", cert_path);
    else if (!key)
        good = slc_fail(error, SLC_ERR_CONFIG, "%s holds no private key without passphrase (PEM)",
                        key_path);
    else
        good = X509_check_private_key(cert, key) == 1 ||
               slc_fail(error, SLC_ERR_CONFIG, "%s is not the key of the certificate in %s",
                        key_path, cert_path);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    return good;
}

bool slc_service_tls_read(const struct slc_config *config, struct slc_service_tls *ret_tls,
                          struct slc_error *error)
{
    const char *cert_path = slc_config_text(config, "http.tls_cert_file");
    const char *key_path = slc_config_text(config, "http.tls_key_file");
    struct slc_service_tls tls = {0};

    *ret_tls = tls;
    if (!*cert_path && !*key_path)
        return true;
    if (!*cert_path || !*key_path)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "http.tls_cert_file and http.tls_key_file belong together; %s is missing",
                        *cert_path ? "http.tls_key_file" : "http.tls_cert_file");
    tls.cert = read_pem(cert_path, error);
    tls.key = tls.cert ? read_pem(key_path, error) : NULL;
    if (!tls.key || !check_pair(&tls, cert_path, key_path, error)) {
        slc_service_tls_release(&tls);
        return false;
    }
    *ret_tls = tls;
    return true;
}

void slc_service_tls_release(struct slc_service_tls *tls)
{
    if (tls->key)
        OPENSSL_cleanse(tls->key, strlen(tls->key));
    free(tls->key);
    free(tls->cert);
    *tls = (struct slc_service_tls){0};
}
