/* The configuration file: YAML 1.1 by libyaml's event parser. Mappings are
 * flattened into dotted keys; the option table does the rest. */
#include "config/internal.h"

#include <fcntl.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"

enum { FILE_BYTES = 1 << 20 };

struct loader {
    struct slc_config *config;
    yaml_parser_t parser;
    const char *path; /* the file's */
    struct slc_str contents;
    int load;
    struct slc_buf key; /* the dotted key of the value at hand */
    struct slc_error *error;
};

static void event_delete(yaml_event_t *event)
{
    if (event->type != YAML_NO_EVENT)
        yaml_event_delete(event);
}
#define AUTO_EVENT SLC_CLEANUP(event_delete)

static struct slc_source source_at(const struct loader *loader, const yaml_event_t *event)
{
    return (struct slc_source){.origin = SLC_ORIGIN_FILE,
                               .name = loader->path,
                               .line = (int64_t)event->start_mark.line + 1,
                               .load = loader->load};
}

static bool no_memory(struct loader *loader)
{
    return slc_fail(loader->error, SLC_ERR_MEMORY, "out of memory for the configuration");
}

static int64_t line_of_offset(struct slc_str contents, size_t offset)
{
    int64_t line = 1;

    for (size_t i = 0; i < offset && i < contents.len; i++)
        line += contents.data[i] == '\n';
    return line;
}

static bool next_event(struct loader *loader, yaml_event_t *ret_event)
{
    const yaml_parser_t *parser = &loader->parser;
    struct slc_source source = {.origin = SLC_ORIGIN_FILE, .name = loader->path};

    if (yaml_parser_parse(&loader->parser, ret_event))
        return true;
    ret_event->type = YAML_NO_EVENT;
    if (parser->error == YAML_MEMORY_ERROR)
        return no_memory(loader);
    source.line = parser->error == YAML_READER_ERROR
                      ? line_of_offset(loader->contents, parser->problem_offset)
                      : (int64_t)parser->problem_mark.line + 1;
    return slc_config_blame(loader->error, &source, "not valid YAML: %s%s%s",
                            parser->context ? parser->context : "", parser->context ? ", " : "",
                            parser->problem ? parser->problem : "cannot be read");
}

static struct slc_str scalar_text(const yaml_event_t *event)
{
    return (struct slc_str){.data = (const char *)event->data.scalar.value,
                            .len = event->data.scalar.length};
}

/* YAML 1.1 tag:yaml.org,2002:null. */
static bool is_null(const yaml_event_t *event)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slc_str_is(scalar_text(event), words[i]))
            return true;
    return false;
}

/* Nothing is set here, but the name has to be one all the same. */
static bool check_empty(struct loader *loader, const yaml_event_t *event)
{
    struct slc_str key = slc_buf_view(&loader->key);
    struct slc_source source = source_at(loader, event);

    if (key.len == 0 || slc_option_is_section(key) || slc_option_find(key))
        return true;
    return slc_config_blame_unknown(key, &source, loader->error);
}

static bool load_scalar(struct loader *loader, const yaml_event_t *event)
{
    struct slc_source source = source_at(loader, event);

    if (is_null(event))
        return check_empty(loader, event);
    if (loader->key.len == 0)
        return slc_config_blame(loader->error, &source, "a mapping of sections is expected");
    return slc_config_put(loader->config, slc_buf_view(&loader->key),
                          (struct slc_input){.text = scalar_text(event)}, &source, loader->error);
}

/* The texts of a sequence, one behind the other, and their lengths. */
static bool read_items(struct loader *loader, struct slc_buf *bytes, struct slc_buf *lengths)
{
    for (;;) {
        AUTO_EVENT yaml_event_t event = {0};
        struct slc_source source;
        struct slc_str text;

        if (!next_event(loader, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return !bytes->failed && !lengths->failed ? true : no_memory(loader);
        source = source_at(loader, &event);
        if (event.type != YAML_SCALAR_EVENT)
            return slc_config_blame(loader->error, &source, "%.*s: a list holds texts only",
                                    SLC_STR_ARG(slc_buf_view(&loader->key)));
        text = scalar_text(&event);
        slc_buf_append_str(bytes, text);
        slc_buf_append(lengths, &text.len, sizeof(text.len));
    }
}

static bool load_sequence(struct loader *loader, const yaml_event_t *start)
{
    SLC_AUTO_BUF struct slc_buf bytes = {0};
    SLC_AUTO_BUF struct slc_buf lengths = {0};
    struct slc_source source = source_at(loader, start);
    struct slc_str *items;
    size_t count;
    bool done;

    if (loader->key.len == 0)
        return slc_config_blame(loader->error, &source, "a mapping of sections is expected");
    if (!read_items(loader, &bytes, &lengths))
        return false;
    count = lengths.len / sizeof(size_t);
    items = calloc(count + 1, sizeof(*items));
    if (!items)
        return no_memory(loader);
    for (size_t i = 0, at = 0; i < count; i++) {
        memcpy(&items[i].len, lengths.data + i * sizeof(size_t), sizeof(size_t));
        items[i].data = items[i].len ? bytes.data + at : "";
        at += items[i].len;
    }
    done = slc_config_put(loader->config, slc_buf_view(&loader->key),
                          (struct slc_input){.items = items, .count = count, .is_list = true},
                          &source, loader->error);
    free(items);
    return done;
}

static bool load_value(struct loader *loader, const yaml_event_t *event, int depth);

static bool load_pair(struct loader *loader, const yaml_event_t *key, int depth)
{
    AUTO_EVENT yaml_event_t value = {0};
    struct slc_source source = source_at(loader, key);
    size_t outer = loader->key.len;
    bool done;

    if (key->type != YAML_SCALAR_EVENT || key->data.scalar.length == 0)
        return slc_config_blame(loader->error, &source, "a key has to be a plain text");
    if (key->data.scalar.length + outer > SLC_CONFIG_KEY_BYTES)
        return slc_config_blame(loader->error, &source, "a key is longer than %d bytes",
                                (int)SLC_CONFIG_KEY_BYTES);
    if (outer)
        slc_buf_append_byte(&loader->key, '.');
    slc_buf_append_str(&loader->key, scalar_text(key));
    if (loader->key.failed)
        return no_memory(loader);
    if (!next_event(loader, &value))
        return false;
    done = load_value(loader, &value, depth);
    loader->key.len = outer;
    return done;
}

static bool load_mapping(struct loader *loader, const yaml_event_t *start, int depth)
{
    struct slc_str key = slc_buf_view(&loader->key);
    struct slc_source source = source_at(loader, start);

    if (depth >= SLC_CONFIG_DEPTH)
        return slc_config_blame(loader->error, &source, "%.*s: nested too deeply",
                                SLC_STR_ARG(key));
    if (slc_option_find(key))
        return slc_config_blame(loader->error, &source, "%.*s takes a value, not a section",
                                SLC_STR_ARG(key));
    for (bool empty = true;; empty = false) {
        AUTO_EVENT yaml_event_t event = {0};

        if (!next_event(loader, &event))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT)
            return !empty || check_empty(loader, start);
        if (!load_pair(loader, &event, depth + 1))
            return false;
    }
}

static bool load_value(struct loader *loader, const yaml_event_t *event, int depth)
{
    struct slc_source source = source_at(loader, event);

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return load_scalar(loader, event);
    case YAML_SEQUENCE_START_EVENT:
        return load_sequence(loader, event);
    case YAML_MAPPING_START_EVENT:
        return load_mapping(loader, event, depth);
    default:
        return slc_config_blame(loader->error, &source,
                                "%.*s: aliases (*name) are not supported; write the value out",
                                SLC_STR_ARG(slc_buf_view(&loader->key)));
    }
}

static bool load_stream(struct loader *loader)
{
    bool seen = false;

    for (;;) {
        AUTO_EVENT yaml_event_t event = {0};
        struct slc_source source;

        if (!next_event(loader, &event))
            return false;
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_STREAM_END_EVENT:
            return true;
        case YAML_DOCUMENT_START_EVENT:
            source = source_at(loader, &event);
            if (seen)
                return slc_config_blame(loader->error, &source,
                                        "a second document; one file is one configuration");
            seen = true;
            break;
        default:
            if (!load_value(loader, &event, 0))
                return false;
        }
    }
}

bool slc_config_load_file(struct slc_config *config, const char *path, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf contents = {0};
    struct loader loader = {.config = config, .path = path, .error = error};
    struct slc_error inner = {0};
    bool done;

    if (!slc_file_read(AT_FDCWD, path, FILE_BYTES, &contents, &inner)) {
        slc_fail(error, inner.code == SLC_ERR_MEMORY ? SLC_ERR_MEMORY : SLC_ERR_CONFIG,
                 "the configuration file cannot be read: %s", inner.message);
        slc_error_locate(error, path, 0, (struct slc_str){0});
        return false;
    }
    if (!yaml_parser_initialize(&loader.parser))
        return no_memory(&loader);
    loader.contents = slc_buf_view(&contents);
    loader.load = slc_config_next_load(config);
    yaml_parser_set_input_string(&loader.parser, (const unsigned char *)loader.contents.data,
                                 loader.contents.len);
    done = load_stream(&loader);
    slc_buf_release(&loader.key);
    yaml_parser_delete(&loader.parser);
    return done;
}
