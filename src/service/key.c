#include "service/key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

enum { KEY_FILE_MAX_BYTES = 4096, SSH_FILE_MAX_BYTES = 64 * 1024, SSH_BLOB_MAX_BYTES = 16384 };

/* ---- The fingerprint of an SSH public key -------------------------------- */

/* The word in front; `*rest` is what is behind it. */
static struct slc_str next_word(struct slc_str *rest)
{
    struct slc_str trimmed = slc_str_trim(*rest), word = trimmed;

    word.len = 0;
    while (word.len < trimmed.len && !slc_ascii_space(trimmed.data[word.len]))
        word.len++;
    rest->data = trimmed.data + word.len;
    rest->len = trimmed.len - word.len;
    return word;
}

/* The bytes of base64 text, -1 when it is none. */
static int decode(struct slc_str text, unsigned char *bytes)
{
    int len, padding = 0;

    if (text.len == 0 || text.len % 4 != 0 || text.len > SSH_BLOB_MAX_BYTES / 3 * 4)
        return -1;
    while (padding < 2 && text.data[text.len - 1 - (size_t)padding] == '=')
        padding++;
    len = EVP_DecodeBlock(bytes, (const unsigned char *)text.data, (int)text.len);
    return len < 0 ? -1 : len - padding;
}

/* The blob begins with the length and the text of the key's type. */
static bool names_type(const unsigned char *blob, int len, struct slc_str type)
{
    size_t named;

    if (len < 4)
        return false;
    named = (size_t)blob[0] << 24 | (size_t)blob[1] << 16 | (size_t)blob[2] << 8 | blob[3];
    return named == type.len && (size_t)len - 4 >= named && memcmp(blob + 4, type.data, named) == 0;
}

bool slc_ssh_fingerprint(struct slc_str line, char fingerprint[SLC_SSH_FINGERPRINT_BYTES],
                         struct slc_error *error)
{
    unsigned char blob[SSH_BLOB_MAX_BYTES], digest[SHA256_DIGEST_LENGTH];
    unsigned char text[SLC_SSH_FINGERPRINT_BYTES];
    struct slc_str type = next_word(&line), encoded = next_word(&line);
    int len = decode(encoded, blob);

    if (len < 0 || !names_type(blob, len, type))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "this is no SSH public key; a line \"ssh-ed25519 AAAA... NAME\" is "
                        "expected, as in a file whose name ends in .pub");
    SHA256(blob, (size_t)len, digest);
    EVP_EncodeBlock(text, digest, sizeof(digest));
    /* 32 bytes are 43 characters and one '=' that ssh-keygen leaves out. */
    snprintf(fingerprint, SLC_SSH_FINGERPRINT_BYTES, "SHA256:%.43s", (const char *)text);
    return true;
}

static bool add_ssh_key(const char *path, struct slc_service_keys *keys, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    char fingerprint[SLC_SSH_FINGERPRINT_BYTES];
    struct slc_error why = {0};

    if (!slc_file_read(AT_FDCWD, path, SSH_FILE_MAX_BYTES, &text, &why) ||
        !slc_ssh_fingerprint(slc_buf_view(&text), fingerprint, &why))
        return slc_fail(error, SLC_ERR_CONFIG, "auth.ssh_public_key: %s: %s", path, why.message);
    return slc_auth_key_derive(slc_str_from(fingerprint), &keys->keys[keys->count++], error);
}

/* ---- The key of the installation ----------------------------------------- */

static bool make_key(const char *path, struct slc_service_keys *keys, struct slc_error *error)
{
    struct slc_auth_key *key = &keys->keys[keys->count];
    char line[SLC_AUTH_KEY_TEXT_BYTES + 1];
    size_t len;

    if (!slc_auth_secret_make(keys->made, error) ||
        !slc_auth_key_make(slc_str_from(keys->made), key, error))
        return false;
    slc_auth_key_format(key, line);
    len = strlen(line);
    line[len] = '\n';
    keys->count++;
    return slc_file_replace(AT_FDCWD, path, (struct slc_str){.data = line, .len = len + 1}, 0600,
                            error);
}

/* `state_dir`/key.hash; NULL when memory ran out. */
static const char *path_of_kept(const char *state_dir, struct slc_buf *path)
{
    slc_buf_printf(path, "%s/key.hash", state_dir);
    return slc_buf_text(path);
}

void slc_service_keys_unmake(const char *state_dir)
{
    SLC_AUTO_BUF struct slc_buf path = {0};
    const char *name = path_of_kept(state_dir, &path);

    if (name)
        (void)unlink(name);
}

static bool kept_key(const char *state_dir, struct slc_service_keys *keys, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf path = {0};
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_error why = {0};
    const char *name = path_of_kept(state_dir, &path);

    if (!name)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the key");
    if (slc_file_read(AT_FDCWD, name, KEY_FILE_MAX_BYTES, &text, &why)) {
        if (slc_auth_key_parse(slc_buf_view(&text), &keys->keys[keys->count], &why)) {
            keys->count++;
            return true;
        }
        return slc_fail(error, SLC_ERR_CONFIG,
                        "%s does not hold the hash of a key; remove it, and the next start makes a "
                        "new key",
                        name);
    }
    if (why.code != SLC_ERR_NOT_FOUND)
        return slc_fail(error, SLC_ERR_CONFIG, "%s: %s", name, why.message);
    return make_key(name, keys, error);
}

static bool add_tokens(const char *state_dir, struct slc_service_keys *keys,
                       struct slc_error *error)
{
    struct slc_tokens tokens;

    if (!slc_tokens_read(state_dir, &tokens, error))
        return false;
    for (size_t i = 0; i < tokens.count; i++)
        keys->keys[keys->count++] = tokens.items[i].key;
    return true;
}

bool slc_service_keys(const struct slc_config *config, const char *state_dir,
                      struct slc_service_keys *ret_keys, struct slc_error *error)
{
    struct slc_service_keys keys = {0};
    struct slc_str given = slc_str_from(slc_config_text(config, "auth.key"));
    const char *ssh = slc_config_text(config, "auth.ssh_public_key");
    bool good;

    if (given.len == 0)
        good = kept_key(state_dir, &keys, error);
    else if (slc_auth_key_is_text_form(given))
        good = slc_auth_key_parse(given, &keys.keys[keys.count++], error);
    else
        good = slc_auth_key_derive(given, &keys.keys[keys.count++], error);
    if (good && *ssh)
        good = add_ssh_key(ssh, &keys, error);
    good = good && add_tokens(state_dir, &keys, error);
    if (good)
        *ret_keys = keys;
    else if (keys.made[0])
        slc_service_keys_unmake(state_dir);
    OPENSSL_cleanse(&keys, sizeof(keys));
    return good;
}
