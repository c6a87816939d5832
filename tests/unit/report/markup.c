#include "markup.h"

#include <stdio.h>

#include "base/buf.h"

enum { MAX_DEPTH = 64, MAX_ATTRIBUTES = 16 };

struct walk {
    struct slc_str page;
    size_t at;
    struct slc_str stack[MAX_DEPTH];
    int depth;
    struct slc_buf ids, links; /* each as " id " */
    struct markup *seen;
};

static bool wrong(struct walk *walk, const char *what)
{
    size_t from = walk->at > 40 ? walk->at - 40 : 0;
    size_t len = walk->page.len - from < 80 ? walk->page.len - from : 80;

    snprintf(walk->seen->wrong, sizeof(walk->seen->wrong), "%s near %.*s", what, (int)len,
             walk->page.data + from);
    return false;
}

static bool is_at(const struct walk *walk, const char *text)
{
    size_t len = strlen(text);

    return walk->page.len - walk->at >= len && memcmp(walk->page.data + walk->at, text, len) == 0;
}

static char look(const struct walk *walk)
{
    return walk->at < walk->page.len ? walk->page.data[walk->at] : '\0';
}

static struct slc_str take_name(struct walk *walk)
{
    size_t from = walk->at;

    while ((look(walk) >= 'a' && look(walk) <= 'z') || (look(walk) >= 'A' && look(walk) <= 'Z') ||
           (look(walk) >= '0' && look(walk) <= '9') || look(walk) == '-')
        walk->at++;
    return (struct slc_str){.data = walk->page.data + from, .len = walk->at - from};
}

static bool is_entity(struct walk *walk)
{
    return is_at(walk, "&amp;") || is_at(walk, "&lt;") || is_at(walk, "&gt;") ||
           is_at(walk, "&quot;") || is_at(walk, "&#39;");
}

static bool starts(struct slc_str s, const char *text)
{
    return s.len >= strlen(text) && memcmp(s.data, text, strlen(text)) == 0;
}

static void keep(struct slc_buf *buf, struct slc_str s)
{
    slc_buf_append_byte(buf, ' ');
    slc_buf_append_str(buf, s);
    slc_buf_append_byte(buf, ' ');
}

static bool holds(struct slc_buf *buf, struct slc_str word)
{
    SLC_AUTO_BUF struct slc_buf padded = {0};

    keep(&padded, word);
    return memmem(buf->data ? buf->data : "", buf->len, padded.data, padded.len);
}

static bool check_attribute(struct walk *walk, struct slc_str name, struct slc_str value)
{
    if (starts(name, "on") || slc_str_is(name, "style") || slc_str_is(name, "src"))
        return wrong(walk, "an attribute that runs or loads");
    if (slc_str_is(name, "href") && !starts(value, "#") && !starts(value, "data:image/svg+xml,"))
        return wrong(walk, "a link that leads away");
    if (slc_str_is(name, "href") && starts(value, "#"))
        keep(&walk->links, (struct slc_str){value.data + 1, value.len - 1});
    if (slc_str_is(name, "id")) {
        if (holds(&walk->ids, value))
            return wrong(walk, "an id twice");
        keep(&walk->ids, value);
    }
    return true;
}

static bool take_attributes(struct walk *walk)
{
    struct slc_str names[MAX_ATTRIBUTES];
    int n = 0;

    while (look(walk) == ' ') {
        struct slc_str name, value;

        walk->at++;
        name = take_name(walk);
        if (name.len == 0 || !is_at(walk, "=\"") || n == MAX_ATTRIBUTES)
            return wrong(walk, "an attribute that is none");
        for (int i = 0; i < n; i++)
            if (slc_str_eq(names[i], name))
                return wrong(walk, "an attribute twice");
        names[n++] = name;
        walk->at += 2;
        value.data = walk->page.data + walk->at;
        while (walk->at < walk->page.len && look(walk) != '"') {
            if (look(walk) == '<' || (look(walk) == '&' && !is_entity(walk)))
                return wrong(walk, "a character that is not escaped");
            walk->at++;
        }
        value.len = (size_t)(walk->page.data + walk->at - value.data);
        walk->at++;
        if (!check_attribute(walk, name, value))
            return false;
    }
    return true;
}

static bool is_known(struct slc_str name)
{
    static const char known[] =
        " html head meta link title style body a header main footer section article p h1 h2 h3 bdi "
        "dl dt dd div small svg rect path use defs g ul ol li span b abbr details summary input "
        "button output table caption thead tbody tr th td figure figcaption script ";
    SLC_AUTO_BUF struct slc_buf padded = {0};

    keep(&padded, name);
    return memmem(known, sizeof(known) - 1, padded.data, padded.len);
}

static void count(struct markup *seen, struct slc_str name)
{
    seen->n_elements++;
    seen->n_scripts += slc_str_is(name, "script");
    seen->n_styles += slc_str_is(name, "style");
    seen->n_articles += slc_str_is(name, "article");
    seen->n_rows += slc_str_is(name, "tr");
    seen->n_svgs += slc_str_is(name, "svg");
}

/* The text of a style or script goes on to its end tag, whatever is in it. */
static bool take_raw(struct walk *walk, struct slc_str name)
{
    const char *end_tag = slc_str_is(name, "script") ? "</script>" : "</style>";
    const char *from = walk->page.data + walk->at;
    const char *end = memmem(from, walk->page.len - walk->at, end_tag, strlen(end_tag));
    struct slc_str text = {.data = from, .len = end ? (size_t)(end - from) : 0};

    if (!end)
        return wrong(walk, "an element without an end");
    *(slc_str_is(name, "script") ? &walk->seen->script : &walk->seen->style) = text;
    walk->at += text.len + strlen(end_tag);
    return true;
}

static bool take_tag(struct walk *walk)
{
    bool is_end;
    struct slc_str name;

    walk->at++;
    is_end = look(walk) == '/';
    walk->at += is_end;
    name = take_name(walk);
    if (!is_known(name))
        return wrong(walk, "an element that does not belong here");
    if (is_end) {
        if (look(walk) != '>' || walk->depth == 0 || !slc_str_eq(walk->stack[--walk->depth], name))
            return wrong(walk, "an end tag that ends nothing");
        walk->at++;
        return true;
    }
    count(walk->seen, name);
    if (!take_attributes(walk))
        return false;
    if (is_at(walk, "/>")) {
        walk->at += 2;
        return true;
    }
    if (look(walk) != '>' || walk->depth == MAX_DEPTH)
        return wrong(walk, "a tag without an end");
    walk->at++;
    if (slc_str_is(name, "script") || slc_str_is(name, "style"))
        return take_raw(walk, name);
    walk->stack[walk->depth++] = name;
    return true;
}

static bool check_links(struct walk *walk)
{
    size_t at = 0;

    while (at < walk->links.len) {
        struct slc_str link = {.data = walk->links.data + at + 1};

        while (link.data[link.len] != ' ')
            link.len++;
        if (!holds(&walk->ids, link)) {
            walk->at = 0;
            snprintf(walk->seen->wrong, sizeof(walk->seen->wrong), "no place for the link #%.*s",
                     SLC_STR_ARG(link));
            return false;
        }
        at += link.len + 2;
    }
    return true;
}

static bool take_page(struct walk *walk)
{
    const char *doctype = "<!doctype html>\n";

    if (!is_at(walk, doctype))
        return wrong(walk, "no doctype");
    walk->at = strlen(doctype);
    while (walk->at < walk->page.len) {
        if (look(walk) == '<') {
            if (!take_tag(walk))
                return false;
        } else if (look(walk) == '&' && !is_entity(walk)) {
            return wrong(walk, "a & that is not escaped");
        } else if ((unsigned char)look(walk) < ' ' && look(walk) != '\n') {
            return wrong(walk, "a control character");
        } else {
            walk->at++;
        }
    }
    return walk->depth == 0 ? check_links(walk) : wrong(walk, "elements that are not closed");
}

bool markup_check(struct slc_str page, struct markup *ret)
{
    struct walk walk = {.page = page, .seen = ret};
    bool good;

    *ret = (struct markup){0};
    good = take_page(&walk);
    slc_buf_release(&walk.ids);
    slc_buf_release(&walk.links);
    return good;
}
