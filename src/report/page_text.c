#include "base/num.h"
#include "report/page_internal.h"

void slc_page_raw(struct slc_page *page, const char *markup)
{
    slc_buf_append_text(page->out, markup);
}

void slc_page_int(struct slc_page *page, int64_t value)
{
    char text[SLC_NUM_TEXT_BYTES];

    slc_buf_append(page->out, text, (size_t)(slc_write_int64(text, value) - text));
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void slc_page_escape(struct slc_page *page, struct slc_str text)
{
    size_t from = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *instead = entity(text.data[i]);

        if (!instead)
            continue;
        slc_buf_append(page->out, text.data + from, i - from);
        slc_buf_append_text(page->out, instead);
        from = i + 1;
    }
    if (from < text.len)
        slc_buf_append(page->out, text.data + from, text.len - from);
}

static struct slc_buf *begin(struct slc_page *page)
{
    slc_buf_clear(&page->scratch);
    return &page->scratch;
}

static void end(struct slc_page *page)
{
    slc_page_escape(page, slc_buf_view(&page->scratch));
    if (page->scratch.failed)
        page->out->failed = true;
}

void slc_page_text(struct slc_page *page, struct slc_str text, size_t max_chars)
{
    slc_show_text(begin(page), text, max_chars);
    end(page);
}

void slc_page_count(struct slc_page *page, int64_t count)
{
    slc_show_count(begin(page), count);
    end(page);
}

void slc_page_plural(struct slc_page *page, int64_t count, const char *one, const char *many)
{
    slc_show_plural(begin(page), count, one, many);
    end(page);
}

void slc_page_number(struct slc_page *page, double value)
{
    slc_show_number(begin(page), value);
    end(page);
}

void slc_page_share(struct slc_page *page, int64_t part, int64_t whole)
{
    slc_show_share(begin(page), part, whole);
    end(page);
}

void slc_page_bytes(struct slc_page *page, int64_t bytes)
{
    slc_show_bytes(begin(page), bytes);
    end(page);
}

void slc_page_level(struct slc_page *page, enum slc_type type, double level)
{
    slc_show_level(begin(page), type, level);
    end(page);
}

void slc_page_spread(struct slc_page *page, enum slc_type type, double spread)
{
    slc_show_spread(begin(page), type, spread);
    end(page);
}

void slc_page_value(struct slc_page *page, const struct slc_value *value, size_t max_chars)
{
    slc_show_value(begin(page), value, max_chars);
    end(page);
}

void slc_page_error(struct slc_page *page, double error)
{
    slc_buf_printf(page->out, "%.3g %%", error * 100.0);
}

void slc_page_distinct_tilde(struct slc_page *page, const struct slc_summary *summary)
{
    if (summary->distinct_is_exact)
        return;
    if (summary->distinct_error > page->distinct_error)
        page->distinct_error = summary->distinct_error;
    slc_page_raw(page, "<abbr title=\"estimate, standard error ");
    slc_page_error(page, summary->distinct_error);
    slc_page_raw(page, "\">~</abbr>");
}

void slc_page_quantile_tilde(struct slc_page *page, const struct slc_summary *summary)
{
    if (summary->quantiles_are_exact)
        return;
    slc_page_raw(page, "<abbr title=\"estimate, within ");
    slc_page_error(page, summary->quantile_error);
    slc_page_raw(page, " of the ranks in 99 of 100 cases\">~</abbr>");
}

void slc_page_finding(struct slc_page *page, const struct slc_finding *finding, bool with_link)
{
    size_t n = finding->subject_bytes;
    struct slc_str subject = {.data = finding->text.data, .len = n};
    struct slc_str rest = {.data = finding->text.data + n, .len = finding->text.len - n};

    if (n > 0 && with_link) {
        slc_page_raw(page, "<a href=\"#c");
        slc_page_int(page, finding->column);
        slc_page_raw(page, "\"><bdi>");
        slc_page_escape(page, subject);
        slc_page_raw(page, "</bdi></a>");
    }
    /* On the column's own card the name goes without saying. */
    if (!with_link && n > 0 && rest.len > 1)
        rest = slc_str_trim((struct slc_str){.data = rest.data + (rest.data[0] == ':'),
                                             .len = rest.len - (rest.data[0] == ':')});
    slc_page_raw(page, "<bdi>");
    slc_page_escape(page, rest);
    slc_page_raw(page, "</bdi>");
}

bool slc_page_is_bare(const struct slc_finding *finding)
{
    return finding->kind == SLC_FINDING_MISSING || finding->kind == SLC_FINDING_MOSTLY_MISSING;
}

char slc_page_kind(enum slc_type type)
{
    switch (type) {
    case SLC_TYPE_INT64:
    case SLC_TYPE_UINT64:
    case SLC_TYPE_FLOAT64:
        return 'n';
    case SLC_TYPE_DATE:
    case SLC_TYPE_DATETIME:
        return 'd';
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        return 's';
    case SLC_TYPE_BOOL:
        return 'b';
    case SLC_TYPE_NULL:
        break;
    }
    return 'e';
}
