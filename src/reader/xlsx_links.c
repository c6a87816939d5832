#include "reader/xlsx_links.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "reader/xlsx_xml.h"

enum { MAX_RELS_BYTES = 16 << 20 };

struct read {
    struct slc_arena *arena;
    struct slc_xlsx_links *links;
    int64_t capacity;
};

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the workbook");
}

static bool reserve(struct read *read, struct slc_error *error)
{
    struct slc_xlsx_links *links = read->links;
    struct slc_xlsx_link *more;

    if (links->n < read->capacity)
        return true;
    if (links->n >= SLC_XLSX_MAX_LINKS)
        return slc_fail(error, SLC_ERR_LIMIT, "the workbook has more than %d relationships",
                        SLC_XLSX_MAX_LINKS);
    read->capacity = read->capacity ? 2 * read->capacity : 16;
    more = slc_arena_alloc(read->arena, (size_t)read->capacity * sizeof(*more));
    if (!more)
        return no_memory(error);
    if (links->n)
        memcpy(more, links->links, (size_t)links->n * sizeof(*more));
    links->links = more;
    return true;
}

/* "relationship" namespaces differ between the editions; only this end counts. */
static const char *behind_slash(const char *type)
{
    const char *slash = strrchr(type, '/');

    return slash ? slash + 1 : type;
}

static bool on_open(void *user, const char *name, const char **attributes, struct slc_error *error)
{
    struct read *read = user;
    const char *bar = strrchr(name, '|'), *id, *type, *target, *mode;
    struct slc_xlsx_link *link;

    if (!bar || strcmp(bar + 1, "Relationship") != 0)
        return true;
    id = slc_xml_attribute(attributes, "Id");
    type = slc_xml_attribute(attributes, "Type");
    target = slc_xml_attribute(attributes, "Target");
    mode = slc_xml_attribute(attributes, "TargetMode");
    if (!id || !type || !target)
        return true;
    if (!reserve(read, error))
        return false;
    link = &read->links->links[read->links->n];
    link->id = slc_arena_copy(read->arena, slc_str_from(id));
    link->type = slc_arena_copy(read->arena, slc_str_from(behind_slash(type)));
    link->target = slc_arena_copy(read->arena, slc_str_from(target));
    link->is_external = mode && strcmp(mode, "External") == 0;
    if (!link->id.data || !link->type.data || !link->target.data)
        return no_memory(error);
    read->links->n++;
    return true;
}

/* The length of the part of a path up to and with its last slash. */
static size_t folder_length(struct slc_str path)
{
    size_t len = path.len;

    while (len > 0 && path.data[len - 1] != '/')
        len--;
    return len;
}

bool slc_xlsx_links_read(struct slc_zip *zip, struct slc_str part, struct slc_arena *arena,
                         struct slc_xlsx_links *ret_links, struct slc_error *error)
{
    static const struct slc_xml_handler handler = {.open = on_open};
    struct read read = {.arena = arena, .links = ret_links};
    SLC_AUTO_BUF struct slc_buf path = {0};
    size_t folder = folder_length(part);
    int64_t index;

    *ret_links = (struct slc_xlsx_links){.part = part};
    slc_buf_append(&path, part.data, folder);
    slc_buf_append_text(&path, "_rels/");
    slc_buf_append(&path, part.data + folder, part.len - folder);
    slc_buf_append_text(&path, ".rels");
    if (path.failed)
        return no_memory(error);
    if (!slc_zip_find(zip, slc_buf_view(&path), &index, error))
        return false;
    return index < 0 || slc_xml_parse(zip, index, MAX_RELS_BYTES, &handler, &read, error);
}

const struct slc_xlsx_link *slc_xlsx_links_of_type(const struct slc_xlsx_links *links,
                                                   const char *type)
{
    for (int64_t i = 0; i < links->n; i++)
        if (slc_str_is(links->links[i].type, type))
            return &links->links[i];
    return NULL;
}

const struct slc_xlsx_link *slc_xlsx_links_of_id(const struct slc_xlsx_links *links,
                                                 struct slc_str id)
{
    for (int64_t i = 0; i < links->n; i++)
        if (slc_str_eq(links->links[i].id, id))
            return &links->links[i];
    return NULL;
}

static int hex_value(char c)
{
    c = slc_ascii_lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent signs resolved, slashes the right way round. */
static void append_plain(struct slc_buf *out, struct slc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        int high = i + 2 < s.len ? hex_value(s.data[i + 1]) : -1;
        int low = i + 2 < s.len ? hex_value(s.data[i + 2]) : -1;
        char c = s.data[i] == '\\' ? '/' : s.data[i];

        if (c == '%' && high >= 0 && low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        slc_buf_append_byte(out, c);
    }
}

/* Take "." and ".." out of `path`; false when it climbs above the start. */
static bool normalise(struct slc_str path, struct slc_buf *out)
{
    size_t at = 0;

    while (at < path.len) {
        const char *slash = memchr(path.data + at, '/', path.len - at);
        size_t end = slash ? (size_t)(slash - path.data) : path.len;
        struct slc_str step = {path.data + at, end - at};

        at = end + 1;
        if (step.len == 0 || slc_str_is(step, "."))
            continue;
        if (slc_str_is(step, "..")) {
            if (out->len == 0)
                return false;
            out->len = folder_length((struct slc_str){out->data, out->len - 1});
            continue;
        }
        slc_buf_append_str(out, step);
        slc_buf_append_byte(out, '/');
    }
    if (out->len == 0)
        return false;
    out->len--;
    return true;
}

bool slc_xlsx_link_resolve(const struct slc_xlsx_links *links, const struct slc_xlsx_link *link,
                           struct slc_arena *arena, struct slc_str *ret_part,
                           struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf path = {0};
    SLC_AUTO_BUF struct slc_buf plain = {0};
    struct slc_str target = link->target;
    bool is_absolute = target.len && (target.data[0] == '/' || target.data[0] == '\\');
    bool good;

    if (!is_absolute)
        slc_buf_append(&path, links->part.data, folder_length(links->part));
    append_plain(&path, target);
    good = !link->is_external && !memchr(target.data, ':', target.len) &&
           !memchr(slc_buf_view(&path).data, '\0', path.len) &&
           normalise(slc_buf_view(&path), &plain);
    if (path.failed || plain.failed)
        return no_memory(error);
    if (!good)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the workbook's part \"%.*s\" lies outside of the archive; such a link is "
                        "not followed",
                        SLC_STR_ARG(slc_str_trim(
                            (struct slc_str){target.data, target.len < 200 ? target.len : 200})));
    *ret_part = slc_arena_copy(arena, slc_buf_view(&plain));
    return ret_part->data || no_memory(error);
}
