/* The option table as documentation: text, Markdown, JSON, an example file, a manual page. */
#include "config/internal.h"

#include <string.h>

#include "base/json.h"

enum { LINE_BYTES = 78 };

static struct slc_str section_of(const struct slc_option *option)
{
    const char *dot = strchr(option->key, '.');

    return (struct slc_str){.data = option->key, .len = dot ? (size_t)(dot - option->key) : 0};
}

/* The words of `text` on lines of at most LINE_BYTES, each behind `indent`. */
static void wrap(struct slc_buf *buf, const char *indent, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (column > 0 && column + 1 + word > LINE_BYTES) {
            slc_buf_append_byte(buf, '\n');
            column = 0;
        }
        if (column == 0) {
            slc_buf_append_text(buf, indent);
            column = strlen(indent);
        } else {
            slc_buf_append_byte(buf, ' ');
            column++;
        }
        slc_buf_append(buf, text, word);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    if (column > 0)
        slc_buf_append_byte(buf, '\n');
}

static void append_default(struct slc_buf *buf, const struct slc_option *option)
{
    if (option->flags & SLC_OPTION_PER_COLUMN)
        slc_buf_append_text(buf, "not set");
    else if (!*option->default_text)
        slc_buf_append_text(buf, "empty");
    else
        slc_buf_append_text(buf, option->default_text);
}

/* "SLUICE_HTTP_PORT, APP_PORT" */
static void append_variables(struct slc_buf *buf, const struct slc_option *option,
                             const char *around)
{
    slc_buf_append_text(buf, around);
    slc_option_variable(option, buf);
    slc_buf_append_text(buf, around);
    if (option->old_variable) {
        slc_buf_append_text(buf, ", ");
        slc_buf_append_text(buf, around);
        slc_buf_append_text(buf, option->old_variable);
        slc_buf_append_text(buf, around);
    }
}

static bool starts_section(size_t i)
{
    return i == 0 || !slc_str_eq(section_of(slc_option_at(i)), section_of(slc_option_at(i - 1)));
}

/* ---- Text ------------------------------------------------------------- */

static void text_option(struct slc_buf *buf, const struct slc_option *option)
{
    SLC_AUTO_BUF struct slc_buf line = {0};
    const char *text;
    size_t range_at;

    slc_buf_printf(buf, "%s\n", option->key);
    slc_buf_printf(&line, "%s, default: ", slc_option_kind_name(option->kind));
    append_default(&line, option);
    slc_buf_append_text(&line, "; ");
    range_at = line.len;
    slc_option_range(option, &line);
    if (line.len == range_at)
        line.len -= 2;
    text = slc_buf_text(&line);
    wrap(buf, "    ", text ? text : "");
    wrap(buf, "    ", option->help);
    slc_buf_append_text(buf, "    ");
    append_variables(buf, option, "");
    if (option->flags & SLC_OPTION_PER_FILE)
        slc_buf_append_text(buf, "; in a ticket's options");
    slc_buf_append_text(buf, "\n\n");
    buf->failed = buf->failed || line.failed;
}

static void describe_text(struct slc_buf *buf)
{
    wrap(buf, "",
         "Every option, as KEY in the YAML file, as an environment variable, and as --set "
         "KEY=VALUE. The command line wins over the environment, that over the file, and that "
         "over the default. Sizes take KiB, MiB, GiB or kB, MB, GB; durations are seconds or "
         "take ms, s, m, h, d.");
    slc_buf_append_byte(buf, '\n');
    for (size_t i = 0; i < slc_option_count(); i++)
        text_option(buf, slc_option_at(i));
    if (buf->len > 0 && !buf->failed)
        buf->len--; /* one line end at the end, not two */
}

/* ---- Markdown --------------------------------------------------------- */

/* A cell of a table: what Markdown would read as markup is escaped. */
static void markdown_cell(struct slc_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (strchr("|<>*_`[]\\$", *text))
            slc_buf_append_byte(buf, '\\');
        slc_buf_append_byte(buf, *text);
    }
}

static void markdown_option(struct slc_buf *buf, const struct slc_option *option)
{
    SLC_AUTO_BUF struct slc_buf range = {0};
    const char *text;

    slc_buf_printf(buf, "| `%s` | %s | ", option->key, slc_option_kind_name(option->kind));
    if (!*option->default_text)
        append_default(buf, option);
    else
        slc_buf_printf(buf, "`%s`", option->default_text);
    slc_buf_append_text(buf, " | ");
    slc_option_range(option, &range);
    text = slc_buf_text(&range);
    markdown_cell(buf, text ? text : "");
    slc_buf_append_text(buf, option->flags & SLC_OPTION_PER_FILE ? " | yes | " : " | | ");
    append_variables(buf, option, "`");
    slc_buf_append_text(buf, " | ");
    markdown_cell(buf, option->help);
    slc_buf_append_text(buf, " |\n");
    buf->failed = buf->failed || range.failed;
}

static void describe_markdown(struct slc_buf *buf)
{
    slc_buf_append_text(
        buf, "# Options\n\n"
             "Every option is a key of the YAML file, an environment variable, and "
             "`--set KEY=VALUE` on the command line. The command line wins over the environment, "
             "that over the file, and that over the default. The options marked *ticket* may also "
             "stand in a ticket's `options`, for its file alone.\n\n"
             "Sizes take `KiB`, `MiB`, `GiB` or `kB`, `MB`, `GB`; durations are seconds or take "
             "`ms`, `s`, `m`, `h`, `d`. This page is written by `sluice options --markdown`.\n");
    for (size_t i = 0; i < slc_option_count(); i++) {
        struct slc_str section = section_of(slc_option_at(i));

        if (starts_section(i)) {
            slc_buf_append_text(buf, "\n## ");
            slc_buf_append_str(buf, section.len ? section : SLC_STR("Without a section"));
            slc_buf_append_text(buf,
                                "\n\n| Option | Type | Default | Allowed | Ticket | Variables | "
                                "Meaning |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        }
        markdown_option(buf, slc_option_at(i));
    }
}

/* ---- JSON ------------------------------------------------------------- */

static void json_option(struct slc_buf *buf, const struct slc_option *option)
{
    SLC_AUTO_BUF struct slc_buf variable = {0};
    SLC_AUTO_BUF struct slc_buf range = {0};

    slc_buf_append_text(buf, "  {");
    slc_json_member_text(buf, "key", option->key);
    slc_json_member_text(buf, "type", slc_option_kind_name(option->kind));
    slc_json_key(buf, "default");
    if (option->flags & SLC_OPTION_PER_COLUMN)
        slc_buf_append_text(buf, "null");
    else
        slc_json_text(buf, option->default_text);
    if (option->kind == SLC_OPTION_INT || option->kind == SLC_OPTION_NUMBER ||
        option->kind == SLC_OPTION_SIZE || option->kind == SLC_OPTION_DURATION) {
        slc_json_member_double(buf, "minimum", option->min);
        slc_json_member_double(buf, "maximum", option->max);
    }
    if (option->choices) {
        slc_json_key(buf, "choices");
        slc_buf_append_byte(buf, '[');
        for (size_t i = 0; option->choices[i]; i++) {
            slc_json_comma(buf);
            slc_json_text(buf, option->choices[i]);
        }
        slc_buf_append_byte(buf, ']');
    }
    slc_option_range(option, &range);
    slc_json_member_string(buf, "allowed", slc_buf_view(&range));
    slc_option_variable(option, &variable);
    slc_json_member_string(buf, "variable", slc_buf_view(&variable));
    slc_json_key(buf, "old_variable");
    if (option->old_variable)
        slc_json_text(buf, option->old_variable);
    else
        slc_buf_append_text(buf, "null");
    slc_json_member_bool(buf, "ticket", option->flags & SLC_OPTION_PER_FILE);
    slc_json_member_bool(buf, "secret", option->flags & SLC_OPTION_SECRET);
    slc_json_member_text(buf, "help", option->help);
    slc_buf_append_byte(buf, '}');
    buf->failed = buf->failed || variable.failed || range.failed;
}

static void describe_json(struct slc_buf *buf)
{
    slc_buf_append_text(buf, "[\n");
    for (size_t i = 0; i < slc_option_count(); i++) {
        json_option(buf, slc_option_at(i));
        slc_buf_append_text(buf, i + 1 < slc_option_count() ? ",\n" : "\n");
    }
    slc_buf_append_text(buf, "]\n");
}

/* ---- The example file ------------------------------------------------- */

static void yaml_comment(struct slc_buf *buf, const char *indent, const struct slc_option *option)
{
    SLC_AUTO_BUF struct slc_buf line = {0};
    SLC_AUTO_BUF struct slc_buf start = {0};
    const char *text, *start_text;
    size_t at;

    slc_buf_printf(&start, "%s# ", indent);
    slc_buf_append_text(&line, option->help);
    at = line.len;
    slc_buf_append_text(&line, " (");
    slc_option_range(option, &line);
    if (line.len == at + 2)
        line.len = at;
    else
        slc_buf_append_byte(&line, ')');
    text = slc_buf_text(&line);
    start_text = slc_buf_text(&start);
    if (text && start_text)
        wrap(buf, start_text, text);
    else
        buf->failed = true;
}

/* A JSON string is a YAML double-quoted scalar. */
static void yaml_value(struct slc_buf *buf, const struct slc_option *option)
{
    if (option->kind == SLC_OPTION_TEXT || option->kind == SLC_OPTION_CHARACTER)
        slc_json_text(buf, option->default_text);
    else
        slc_buf_append_text(buf, option->default_text);
}

static void describe_yaml(struct slc_buf *buf)
{
    slc_buf_append_text(buf, "# The configuration of sluice. Every option stands here, commented "
                             "out, at its default.\n");
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        struct slc_str section = section_of(option);
        const char *indent = section.len ? "  " : "";

        if (option->flags & SLC_OPTION_PER_COLUMN)
            continue;
        slc_buf_append_byte(buf, '\n');
        if (section.len && starts_section(i))
            slc_buf_printf(buf, "%.*s:\n", SLC_STR_ARG(section));
        yaml_comment(buf, indent, option);
        slc_buf_printf(buf, "%s#%s: ", indent, option->key + section.len + (section.len > 0));
        yaml_value(buf, option);
        slc_buf_append_byte(buf, '\n');
        if (strcmp(option->key, "prep.downcast") == 0)
            slc_buf_append_text(buf, "\n"
                                     "  # Single columns, by name: impute, impute_value, scale, "
                                     "scale_min, scale_max,\n"
                                     "  # scale_clip, json_repair, downcast, and drop (true "
                                     "leaves the column out).\n"
                                     "  #columns:\n"
                                     "    #age: {impute: median, scale: none}\n"
                                     "    #notes: {drop: true}\n");
    }
}

/* ---- The manual page -------------------------------------------------- */

/* Text as roff shows it as it stands. A line never starts with a control
 * character: all of them are set in from a word of ours or start with a letter. */
static void man_text(struct slc_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\')
            slc_buf_append_text(buf, "\\e");
        else if (*text == '-')
            slc_buf_append_text(buf, "\\-");
        else if (*text == '\'')
            slc_buf_append_text(buf, "\\(aq");
        else if (*text == '^')
            slc_buf_append_text(buf, "\\(ha");
        else if (*text == '~')
            slc_buf_append_text(buf, "\\(ti");
        else
            slc_buf_append_byte(buf, *text);
    }
}

static void man_option(struct slc_buf *buf, const struct slc_option *option)
{
    SLC_AUTO_BUF struct slc_buf line = {0};
    const char *text;
    size_t at;

    slc_buf_printf(buf, ".TP\n.B %s\n", option->key);
    slc_buf_append_text(&line, option->help);
    slc_buf_printf(&line, "\nType: %s. Default: ", slc_option_kind_name(option->kind));
    append_default(&line, option);
    slc_buf_append_text(&line, ". Allowed: ");
    at = line.len;
    slc_option_range(option, &line);
    if (line.len == at)
        slc_buf_append_text(&line, "any");
    slc_buf_append_text(&line, ".\nVariable: ");
    append_variables(&line, option, "");
    slc_buf_append_text(&line, option->flags & SLC_OPTION_PER_FILE
                                   ? ". May stand in a ticket\'s options.\n"
                                   : ".\n");
    text = slc_buf_text(&line);
    if (text)
        man_text(buf, text);
    else
        buf->failed = true;
}

static void describe_man(struct slc_buf *buf)
{
    slc_buf_append_text(
        buf,
        ".\\\" Written by: sluice options \\-\\-man\n"
        ".TH SLUICE.YAML 5 \"\" \"sluice\" \"File Formats\"\n"
        ".SH NAME\n"
        "sluice.yaml \\- the configuration of sluice\n"
        ".SH SYNOPSIS\n"
        ".I ./sluice.yaml\n.br\n.I /etc/sluice/sluice.yaml\n"
        ".SH DESCRIPTION\n"
        "A YAML file of sections and keys. The file is the one that \\-\\-config or\n"
        "$SLUICE_CONFIG names, else the first of those above that is there. Every key is also an\n"
        "environment variable, and an argument KEY=VALUE of \\-\\-set. The command line wins\n"
        "over the environment, that over the file, and that over the default. A key that is not\n"
        "known is an error.\n"
        ".PP\n"
        "Sizes take KiB, MiB, GiB or kB, MB, GB; durations are seconds or take ms, s, m, h, d.\n"
        ".SH EXAMPLE\n.nf\n"
        "redis:\n"
        "  url: redis://127.0.0.1:6379/0\n"
        "source:\n"
        "  stream_dir: /var/lib/sluice/IN_STREAM\n"
        "watch: true\n"
        "prep:\n"
        "  columns:\n"
        "    age: {impute: median, scale: none}\n"
        ".fi\n"
        ".SH OPTIONS\n");
    for (size_t i = 0; i < slc_option_count(); i++) {
        struct slc_str section = section_of(slc_option_at(i));

        if (starts_section(i)) {
            slc_buf_append_text(buf, ".SS ");
            slc_buf_append_str(buf, section.len ? section : SLC_STR("Without a section"));
            slc_buf_append_byte(buf, '\n');
        }
        man_option(buf, slc_option_at(i));
    }
    slc_buf_append_text(buf, ".SH SEE ALSO\n.BR sluice (1)\n");
}

void slc_config_describe(enum slc_describe_format format, struct slc_buf *buf)
{
    switch (format) {
    case SLC_DESCRIBE_TEXT:
        describe_text(buf);
        break;
    case SLC_DESCRIBE_MARKDOWN:
        describe_markdown(buf);
        break;
    case SLC_DESCRIBE_JSON:
        describe_json(buf);
        break;
    case SLC_DESCRIBE_YAML:
        describe_yaml(buf);
        break;
    case SLC_DESCRIBE_MAN:
        describe_man(buf);
        break;
    }
}
