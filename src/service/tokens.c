#include "service/tokens.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum {
    FILE_MAX_BYTES =
        SLC_TOKENS_MAX * (SLC_TOKEN_NAME_BYTES + SLC_STAMP_BYTES + SLC_AUTH_KEY_TEXT_BYTES + 3),
    LOCK_PATIENCE_MS = 10000,
};

static bool join(char path[PATH_MAX], const char *state_dir, const char *name,
                 struct slc_error *error)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", state_dir, name) < PATH_MAX)
        return true;
    return slc_fail(error, SLC_ERR_CONFIG, "the path in state_dir is too long");
}

static bool name_is_good(struct slc_str name)
{
    bool good = name.len > 0 && name.len < SLC_TOKEN_NAME_BYTES && name.data[0] != '-';

    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.data[i];

        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    }
    return good;
}

/* ---- Reading ---------------------------------------------------------- */

/* What is before the next `separator`; `rest` is what is behind it. */
static struct slc_str cut(struct slc_str *rest, char separator)
{
    const char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    struct slc_str piece = *rest;

    if (end)
        piece.len = (size_t)(end - rest->data);
    rest->data += piece.len + (end != NULL);
    rest->len -= piece.len + (end != NULL);
    return piece;
}

static size_t find(const struct slc_tokens *tokens, struct slc_str name)
{
    size_t i = 0;

    while (i < tokens->count && !slc_str_is(name, tokens->items[i].name))
        i++;
    return i;
}

static bool parse_line(struct slc_str line, struct slc_token *token)
{
    struct slc_str name = cut(&line, ' '), made = cut(&line, ' ');

    if (!name_is_good(name) || made.len != SLC_STAMP_BYTES - 1 ||
        !slc_auth_key_parse(line, &token->key, NULL))
        return false;
    for (size_t i = 0; i < made.len; i++)
        if (!strchr("0123456789-:", made.data[i]))
            return false;
    memcpy(token->name, name.data, name.len);
    token->name[name.len] = '\0';
    memcpy(token->made, made.data, made.len);
    token->made[made.len] = '\0';
    return true;
}

bool slc_tokens_read(const char *state_dir, struct slc_tokens *ret_tokens, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_tokens tokens = {0};
    struct slc_error why = {0};
    struct slc_str rest;
    char path[PATH_MAX];

    if (!join(path, state_dir, "tokens", error))
        return false;
    if (!slc_file_read(AT_FDCWD, path, FILE_MAX_BYTES, &text, &why)) {
        if (why.code != SLC_ERR_NOT_FOUND)
            return slc_fail(error, SLC_ERR_CONFIG, "%s", why.message);
        *ret_tokens = tokens;
        return true;
    }
    rest = slc_buf_view(&text);
    for (int line = 1; rest.len > 0; line++) {
        if (tokens.count == SLC_TOKENS_MAX ||
            !parse_line(cut(&rest, '\n'), &tokens.items[tokens.count]) ||
            find(&tokens, slc_str_from(tokens.items[tokens.count].name)) < tokens.count)
            return slc_fail(error, SLC_ERR_CONFIG,
                            "%s: line %d is no token, one too many, or of a name that is taken; "
                            "take the line out",
                            path, line);
        tokens.count++;
    }
    *ret_tokens = tokens;
    return true;
}

/* ---- Changing --------------------------------------------------------- */

static int lock(const char *state_dir, struct slc_error *error)
{
    char path[PATH_MAX];

    if (!join(path, state_dir, "tokens.lock", error) || !slc_dir_make(state_dir, 0700, error))
        return -1;
    return slc_file_lock(path, LOCK_PATIENCE_MS, error);
}

static bool write_all(const char *state_dir, const struct slc_tokens *tokens,
                      struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    char path[PATH_MAX];

    for (size_t i = 0; i < tokens->count; i++) {
        char key[SLC_AUTH_KEY_TEXT_BYTES];

        slc_auth_key_format(&tokens->items[i].key, key);
        slc_buf_printf(&text, "%s %s %s\n", tokens->items[i].name, tokens->items[i].made, key);
    }
    if (text.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the tokens");
    return join(path, state_dir, "tokens", error) &&
           slc_file_replace(AT_FDCWD, path, slc_buf_view(&text), 0600, error);
}

static bool choose_name(const struct slc_tokens *tokens, const char *name,
                        char ret_name[SLC_TOKEN_NAME_BYTES], struct slc_error *error)
{
    if (name && !name_is_good(slc_str_from(name)))
        return slc_fail(error, SLC_ERR_NAME,
                        "a token's name has 1 to %d letters, digits, '-', '_' or '.'",
                        SLC_TOKEN_NAME_BYTES - 1);
    if (name && find(tokens, slc_str_from(name)) < tokens->count)
        return slc_fail(error, SLC_ERR_CONFLICT, "there is a token \"%s\" already", name);
    if (tokens->count == SLC_TOKENS_MAX)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "there are %d tokens, and more are not kept: sluice token rm NAME",
                        (int)SLC_TOKENS_MAX);
    for (int i = 1; !name && i <= SLC_TOKENS_MAX; i++) {
        (void)snprintf(ret_name, SLC_TOKEN_NAME_BYTES, "token-%d", i);
        if (find(tokens, slc_str_from(ret_name)) == tokens->count)
            return true;
    }
    (void)snprintf(ret_name, SLC_TOKEN_NAME_BYTES, "%s", name);
    return true;
}

bool slc_tokens_add(const char *state_dir, const char *name, char ret_name[SLC_TOKEN_NAME_BYTES],
                    char secret[SLC_AUTH_SECRET_TEXT_BYTES], struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = lock(state_dir, error);
    struct slc_tokens tokens;
    struct slc_token *token;

    if (fd < 0 || !slc_tokens_read(state_dir, &tokens, error) ||
        !choose_name(&tokens, name, ret_name, error) || !slc_auth_secret_make(secret, error))
        return false;
    token = &tokens.items[tokens.count];
    (void)snprintf(token->name, sizeof(token->name), "%s", ret_name);
    slc_stamp_now(token->made);
    if (!slc_auth_key_make(slc_str_from(secret), &token->key, error))
        return false;
    tokens.count++;
    return write_all(state_dir, &tokens, error);
}

bool slc_tokens_remove(const char *state_dir, const char *name, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = lock(state_dir, error);
    struct slc_tokens tokens;
    size_t place;

    if (fd < 0 || !slc_tokens_read(state_dir, &tokens, error))
        return false;
    place = find(&tokens, slc_str_from(name));
    if (place == tokens.count)
        return slc_fail(error, SLC_ERR_NOT_FOUND, "there is no token \"%.80s\"", name);
    tokens.count--;
    memmove(tokens.items + place, tokens.items + place + 1,
            (tokens.count - place) * sizeof(*tokens.items));
    return write_all(state_dir, &tokens, error);
}
