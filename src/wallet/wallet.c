#include "wallet/wallet.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "base/file.h"
#include "wallet/format.h"

enum { LOCK_PATIENCE_MS = 10000 };

static const struct slc_wallet_cost usual_cost = {.passes = 3, .memory_kib = 64 * 1024};

struct slc_wallet {
    char *path; /* owned */
    struct slc_wallet_header header;
    struct slc_secret keys;
    struct slc_secret plain;                                 /* what is sealed */
    struct slc_wallet_entry entries[SLC_WALLET_ENTRIES_MAX]; /* views of `plain` */
    size_t count;
};

/* ---- Making ----------------------------------------------------------- */

void slc_wallet_free(struct slc_wallet *wallet)
{
    if (!wallet)
        return;
    slc_secret_release(&wallet->keys);
    slc_secret_release(&wallet->plain);
    free(wallet->path);
    free(wallet);
}

void slc_wallet_freep(struct slc_wallet **wallet)
{
    slc_wallet_free(*wallet);
}

static struct slc_wallet *wallet_alloc(const char *path, struct slc_error *error)
{
    struct slc_wallet *wallet = calloc(1, sizeof(*wallet));

    if (wallet && (wallet->path = strdup(path)))
        return wallet;
    slc_wallet_free(wallet);
    slc_fail(error, SLC_ERR_MEMORY, "no memory for the wallet");
    return NULL;
}

bool slc_wallet_passphrase_check(struct slc_str passphrase, struct slc_error *error)
{
    if (passphrase.len >= SLC_WALLET_PASSPHRASE_MIN_BYTES &&
        passphrase.len <= SLC_WALLET_PASSPHRASE_MAX_BYTES)
        return true;
    return slc_fail(error, SLC_ERR_CONFIG, "a new passphrase has to have %d to %d bytes",
                    (int)SLC_WALLET_PASSPHRASE_MIN_BYTES, (int)SLC_WALLET_PASSPHRASE_MAX_BYTES);
}

bool slc_wallet_change_passphrase(struct slc_wallet *wallet, struct slc_str passphrase,
                                  const struct slc_wallet_cost *cost, struct slc_error *error)
{
    struct slc_wallet_header header = {.cost = cost ? *cost : usual_cost};
    struct slc_secret keys = {0};

    if (!slc_wallet_passphrase_check(passphrase, error))
        return false;
    if (sodium_init() < 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "libsodium cannot be used on this machine");
    randombytes_buf(header.salt, sizeof(header.salt));
    if (!slc_wallet_keys_derive(&header, passphrase, &keys, error)) {
        slc_secret_release(&keys);
        return false;
    }
    slc_secret_release(&wallet->keys);
    wallet->keys = keys;
    wallet->header = header;
    return true;
}

struct slc_wallet *slc_wallet_new(const char *path, struct slc_str passphrase,
                                  const struct slc_wallet_cost *cost, struct slc_error *error)
{
    struct slc_wallet *wallet = wallet_alloc(path, error);

    if (wallet && slc_wallet_change_passphrase(wallet, passphrase, cost, error) &&
        slc_wallet_entries_write(NULL, 0, &wallet->plain, error))
        return wallet;
    slc_wallet_free(wallet);
    return NULL;
}

struct slc_wallet *slc_wallet_open(const char *path, struct slc_str passphrase,
                                   struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf file = {0};
    SLC_AUTO_WALLET struct slc_wallet *wallet = wallet_alloc(path, error);
    struct slc_wallet *opened = wallet;
    struct slc_str view;

    if (!wallet || !slc_file_read(AT_FDCWD, path, (size_t)SLC_WALLET_FILE_MAX_BYTES, &file, error))
        return NULL;
    view = slc_buf_view(&file);
    if (!slc_wallet_header_parse(view, &wallet->header, error) ||
        !slc_wallet_keys_derive(&wallet->header, passphrase, &wallet->keys, error) ||
        !slc_wallet_unseal(view, &wallet->header, &wallet->keys, &wallet->plain, error) ||
        !slc_wallet_entries_read(slc_secret_view(&wallet->plain), wallet->entries, &wallet->count,
                                 error)) {
        slc_error_locate(error, path, 0, (struct slc_str){0});
        return NULL;
    }
    wallet = NULL;
    return opened;
}

/* ---- Entries ---------------------------------------------------------- */

size_t slc_wallet_count(const struct slc_wallet *wallet)
{
    return wallet->count;
}

struct slc_str slc_wallet_name(const struct slc_wallet *wallet, size_t i)
{
    return i < wallet->count ? wallet->entries[i].name : (struct slc_str){0};
}

/* The place of `name`, or where it would be; true when it is there. */
static bool find(const struct slc_wallet *wallet, struct slc_str name, size_t *ret_place)
{
    size_t place = 0;
    int order = 1;

    while (place < wallet->count && (order = slc_str_cmp(wallet->entries[place].name, name)) < 0)
        place++;
    *ret_place = place;
    return place < wallet->count && order == 0;
}

bool slc_wallet_get(const struct slc_wallet *wallet, struct slc_str name, struct slc_str *ret_value)
{
    size_t place;

    if (!find(wallet, name, &place))
        return false;
    *ret_value = wallet->entries[place].value;
    return true;
}

/* Take these entries over, which may still be views of the present text. */
static bool replace(struct slc_wallet *wallet, const struct slc_wallet_entry *entries, size_t count,
                    struct slc_error *error)
{
    struct slc_secret plain = {0};

    if (!slc_wallet_entries_write(entries, count, &plain, error))
        return false;
    if (!slc_wallet_entries_read(slc_secret_view(&plain), wallet->entries, &wallet->count, error)) {
        slc_secret_release(&plain);
        return false;
    }
    slc_secret_release(&wallet->plain);
    wallet->plain = plain;
    return true;
}

bool slc_wallet_set(struct slc_wallet *wallet, struct slc_str name, struct slc_str value,
                    bool *ret_is_new, struct slc_error *error)
{
    struct slc_wallet_entry entries[SLC_WALLET_ENTRIES_MAX + 1];
    size_t count = wallet->count, place;
    bool is_new;

    if (!slc_wallet_name_check(name, error) || !slc_wallet_value_check(value, error))
        return false;
    is_new = !find(wallet, name, &place);
    if (is_new && count == SLC_WALLET_ENTRIES_MAX)
        return slc_fail(error, SLC_ERR_LIMIT, "the wallet is full: it holds %d entries",
                        (int)SLC_WALLET_ENTRIES_MAX);
    memcpy(entries, wallet->entries, count * sizeof(*entries));
    if (is_new) {
        memmove(entries + place + 1, entries + place, (count - place) * sizeof(*entries));
        count++;
    }
    entries[place] = (struct slc_wallet_entry){.name = name, .value = value};
    if (!replace(wallet, entries, count, error))
        return false;
    if (ret_is_new)
        *ret_is_new = is_new;
    return true;
}

bool slc_wallet_remove(struct slc_wallet *wallet, struct slc_str name, struct slc_error *error)
{
    struct slc_wallet_entry entries[SLC_WALLET_ENTRIES_MAX];
    size_t place;

    if (!slc_wallet_name_check(name, error))
        return false;
    if (!find(wallet, name, &place))
        return slc_fail(error, SLC_ERR_NOT_FOUND, "the wallet %s has no \"%.*s\"", wallet->path,
                        SLC_STR_ARG(name));
    memcpy(entries, wallet->entries, wallet->count * sizeof(*entries));
    memmove(entries + place, entries + place + 1, (wallet->count - place - 1) * sizeof(*entries));
    return replace(wallet, entries, wallet->count - 1, error);
}

/* ---- The file --------------------------------------------------------- */

/* The folder of `path`, "." when it names none. Owned by the caller. */
static char *folder_of(const char *path)
{
    size_t len = strlen(path) - slc_path_base(slc_str_from(path)).len;

    return len ? strndup(path, len) : strdup(".");
}

/* What slc_file_replace() names its temporary files: ".BASE.<16 hex>.tmp". The
 * lock is held, so that none of them is anybody's. */
static void remove_leftovers(const char *path)
{
    SLC_AUTO_FREE char *folder = folder_of(path);
    struct slc_str base = slc_path_base(slc_str_from(path));
    DIR *dir = folder ? opendir(folder) : NULL;
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        struct slc_str name = slc_str_from(entry->d_name);

        if (name.len == base.len + 22 && name.data[0] == '.' &&
            memcmp(name.data + 1, base.data, base.len) == 0 && name.data[base.len + 1] == '.' &&
            memcmp(name.data + name.len - 4, ".tmp", 4) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}

bool slc_wallet_save(const struct slc_wallet *wallet, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf file = {0};
    struct slc_wallet_header header = wallet->header;

    if (!slc_wallet_seal(slc_secret_view(&wallet->plain), &header, &wallet->keys, &file, error))
        return false;
    remove_leftovers(wallet->path);
    return slc_file_replace(AT_FDCWD, wallet->path, slc_buf_view(&file), 0600, error);
}

int slc_wallet_lock(const char *path, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf lock_path = {0};
    SLC_AUTO_FREE char *folder = folder_of(path);
    const char *text;

    slc_buf_printf(&lock_path, "%s.lock", path);
    text = slc_buf_text(&lock_path);
    if (!text || !folder) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the wallet's path");
        return -1;
    }
    return slc_dir_make(folder, 0700, error) ? slc_file_lock(text, LOCK_PATIENCE_MS, error) : -1;
}
