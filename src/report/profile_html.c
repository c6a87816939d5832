#include "report/profile_html.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/num.h"
#include "base/time.h"
#include "page_assets.h"
#include "report/page_internal.h"

enum { FINDINGS_OPEN = 12, FINDINGS_MORE = 300, HOVER_COLUMNS = 100, TITLE_CHARS = 200 };

/* The kinds of columns in the order they are named, see slc_page_kind(). */
static const struct {
    char letter;
    const char *one, *many, *button;
} kinds[] = {{'n', "number", "numbers", "Numbers"},
             {'d', "date", "dates", "Dates"},
             {'s', "text", "texts", "Texts"},
             {'b', "boolean", "booleans", "Booleans"},
             {'e', "empty", "empty", "Empty"}};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* 'sha256-...' of a content security policy: base64 of the digest. */
static void write_source_hash(struct slc_page *page, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[SLC_SHA256_HEX_BYTES];
    uint32_t bits = 0;
    int n_bits = 0;

    slc_sha256_hex(slc_str_from(text), hex);
    slc_page_raw(page, "'sha256-");
    for (const char *at = hex; *at; at++) {
        bits = bits << 4 | (uint32_t)hex_digit(*at);
        for (n_bits += 4; n_bits >= 6; n_bits -= 6)
            slc_buf_append_byte(page->out, digits[bits >> (n_bits - 6) & 63]);
    }
    /* 256 bits leave four over, and 32 bytes one "=". */
    slc_buf_append_byte(page->out, digits[bits << (6 - n_bits) & 63]);
    slc_page_raw(page, "='");
}

static void write_head(struct slc_page *page)
{
    slc_page_raw(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                       "base-uri 'none'; form-action 'none'; img-src data:; style-src ");
    write_source_hash(page, page_style);
    slc_page_raw(page, "; script-src ");
    write_source_hash(page, page_script);
    slc_page_raw(page,
                 "\"/><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>"
                 "<meta name=\"color-scheme\" content=\"light dark\"/>"
                 "<meta name=\"referrer\" content=\"no-referrer\"/>"
                 "<meta name=\"generator\" content=\"sluice " SLC_VERSION "\"/>"
                 "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/"
                 "2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%232f6fe0' d='M1 15V9h4v6zm5 "
                 "0V2h4v13zm5 0V6h4v9z'/%3E%3C/svg%3E\"/><title>");
    slc_page_text(page, page->in->title, TITLE_CHARS);
    slc_page_raw(page, " – profile</title><style>");
    slc_page_raw(page, page_style);
    slc_page_raw(page, "</style></head>\n<body><a class=\"skip\" href=\"#columns\">Skip to the "
                       "columns</a>");
}

static void open_tile(struct slc_page *page, const char *label)
{
    slc_page_raw(page, "<div><dt>");
    slc_page_raw(page, label);
    slc_page_raw(page, "</dt><dd>");
}

static void close_tile(struct slc_page *page)
{
    slc_page_raw(page, "</dd></div>");
}

static void write_missing_tile(struct slc_page *page)
{
    const struct slc_profile_page *in = page->in;
    int64_t n_missing = 0, n_columns = 0;

    for (int64_t i = 0; i < in->schema->n_fields; i++) {
        n_missing += in->summaries[i].n_missing;
        n_columns += in->summaries[i].n_missing > 0;
    }
    open_tile(page, "Missing cells");
    slc_page_share(page, n_missing, in->n_rows * in->schema->n_fields);
    if (n_columns > 0) {
        slc_page_raw(page, "<small>in ");
        slc_page_plural(page, n_columns, "column", "columns");
        slc_page_raw(page, "</small>");
    }
    close_tile(page);
}

static void write_memory_tile(struct slc_page *page)
{
    const struct slc_profile_page *in = page->in;

    if (in->memory_before_bytes < 0)
        return;
    open_tile(page, "In memory");
    slc_page_bytes(page, in->memory_before_bytes);
    if (in->memory_after_bytes >= 0) {
        slc_page_raw(page, "<small>");
        slc_page_bytes(page, in->memory_after_bytes);
        slc_page_raw(page, " downcast</small>");
    }
    close_tile(page);
}

static void write_tiles(struct slc_page *page)
{
    const struct slc_profile_page *in = page->in;

    slc_page_raw(page, "<dl class=\"T\">");
    open_tile(page, "Rows");
    slc_page_count(page, in->n_rows);
    close_tile(page);
    open_tile(page, "Columns");
    slc_page_count(page, in->schema->n_fields);
    close_tile(page);
    write_missing_tile(page);
    open_tile(page, "Rejected rows");
    slc_page_count(page, in->n_rejected);
    if (in->n_rejected > 0) {
        slc_page_raw(page, "<small>");
        slc_page_share(page, in->n_rejected, in->n_rows + in->n_rejected);
        slc_page_raw(page, "</small>");
    }
    close_tile(page);
    if (in->size_bytes >= 0) {
        open_tile(page, "File size");
        slc_page_bytes(page, in->size_bytes);
        close_tile(page);
    }
    write_memory_tile(page);
    slc_page_raw(page, "</dl>");
}

static int64_t count_kind(const struct slc_page *page, char letter)
{
    int64_t n = 0;

    for (int64_t i = 0; i < page->in->schema->n_fields; i++)
        n += slc_page_kind(page->in->summaries[i].type) == letter;
    return n;
}

/* A strip that shows how many columns are of which kind, and its legend. */
static void write_mix(struct slc_page *page)
{
    int64_t n_fields = page->in->schema->n_fields, at = 0;

    slc_page_raw(page, "<svg class=\"mix\" aria-hidden=\"true\">");
    for (int i = 0; i < N_KINDS; i++) {
        int64_t n = count_kind(page, kinds[i].letter);

        if (n == 0)
            continue;
        slc_buf_printf(page->out, "<rect class=\"%c\" fill=\"currentColor\" height=\"100%%\" x=\"",
                       kinds[i].letter);
        slc_page_percent(page, at, n_fields);
        slc_page_raw(page, "\" width=\"");
        slc_page_percent(page, n, n_fields);
        slc_page_raw(page, "\"/>");
        at += n;
    }
    slc_page_raw(page, "</svg><ul class=\"K\">");
    for (int i = 0; i < N_KINDS; i++) {
        int64_t n = count_kind(page, kinds[i].letter);

        if (n == 0)
            continue;
        slc_buf_printf(page->out, "<li class=\"%c\"><span>", kinds[i].letter);
        slc_page_plural(page, n, kinds[i].one, kinds[i].many);
        slc_page_raw(page, "</span></li>");
    }
    slc_page_raw(page, "</ul>");
}

static void write_header(struct slc_page *page)
{
    slc_page_raw(page, "<header><p class=\"k\">sluice · data profile</p><h1><bdi>");
    slc_page_text(page, page->in->title, TITLE_CHARS);
    slc_page_raw(page, "</bdi></h1>");
    if (page->in->dialect.len > 0) {
        slc_page_raw(page, "<p class=\"k\">");
        slc_page_text(page, page->in->dialect, TITLE_CHARS);
        slc_page_raw(page, "</p>");
    }
    write_tiles(page);
    if (page->in->schema->n_fields > 0)
        write_mix(page);
    slc_page_raw(page, "</header>\n");
}

static void open_finding(struct slc_page *page, enum slc_severity severity)
{
    slc_buf_printf(page->out, "<li><span class=\"w w%d\">%s</span><span>", severity,
                   slc_severity_name(severity));
}

static void close_finding(struct slc_page *page)
{
    slc_page_raw(page, "</span></li>");
}

/* A note of a gap of less than 5 %: of those there are many in wide tables. */
static bool is_small_gap(const struct slc_finding *finding)
{
    return finding->severity == SLC_SEVERITY_NOTE && slc_page_is_bare(finding);
}

/* The findings from *at on, but those of small gaps, up to `most`; *at is where
 * it stopped. */
static void write_finding_items(struct slc_page *page, int64_t most, int64_t *at)
{
    for (int64_t n = 0; *at < page->findings.n && n < most; ++*at) {
        const struct slc_finding *finding = &page->findings.items[*at];

        if (is_small_gap(finding))
            continue;
        open_finding(page, finding->severity);
        slc_page_finding(page, finding, true);
        close_finding(page);
        n++;
    }
}

static void write_small_gaps(struct slc_page *page, int64_t n_gaps)
{
    if (n_gaps == 0)
        return;
    open_finding(page, SLC_SEVERITY_NOTE);
    slc_page_plural(page, n_gaps, "column has", "columns have");
    slc_page_raw(page, n_gaps == 1 ? " a gap of less than 5 %" : " gaps of less than 5 %");
    close_finding(page);
}

static void write_more_findings(struct slc_page *page, int64_t n, int64_t at)
{
    slc_page_raw(page, "<details><summary>");
    slc_page_count(page, n);
    slc_page_raw(page, " more</summary><ul>");
    write_finding_items(page, FINDINGS_MORE, &at);
    slc_page_raw(page, "</ul>");
    if (n > FINDINGS_MORE) {
        slc_page_raw(page, "<p>");
        slc_page_count(page, n - FINDINGS_MORE);
        slc_page_raw(page, " more stand at their columns.</p>");
    }
    slc_page_raw(page, "</details>");
}

static void write_findings(struct slc_page *page)
{
    int64_t n = 0, n_gaps = 0, open, at = 0;

    for (int64_t i = 0; i < page->findings.n; i++)
        n_gaps += is_small_gap(&page->findings.items[i]);
    n = page->findings.n - n_gaps;
    /* Not folded away for the sake of a few. */
    open = n <= FINDINGS_OPEN + 3 ? n : FINDINGS_OPEN;
    slc_page_raw(page, "<section><h2>Findings</h2><div class=\"F\">");
    if (page->findings.n == 0)
        slc_page_raw(page, "<p>Nothing stands out: no gaps, no constant, repeated or odd "
                           "columns.</p>");
    else
        slc_page_raw(page, "<ul>");
    write_finding_items(page, open, &at);
    write_small_gaps(page, n_gaps);
    slc_page_raw(page, page->findings.n > 0 ? "</ul>" : "");
    if (n > open)
        write_more_findings(page, n - open, at);
    slc_page_raw(page, "</div></section>\n");
}

static bool has_marked_columns(const struct slc_page *page)
{
    for (int64_t i = 0; i < page->in->schema->n_fields; i++)
        if (page->first_finding[i] >= 0)
            return true;
    return false;
}

static void write_tools(struct slc_page *page)
{
    slc_page_raw(page,
                 "<div class=\"tools\" id=\"tools\" role=\"search\" hidden=\"\"><input id=\"find\" "
                 "type=\"search\" placeholder=\"Find a column\" aria-label=\"Find a column\" "
                 "autocomplete=\"off\" spellcheck=\"false\"/>");
    for (int i = 0; i < N_KINDS; i++) {
        int64_t n = count_kind(page, kinds[i].letter);

        if (n > 0 && n < page->in->schema->n_fields)
            slc_buf_printf(page->out,
                           "<button type=\"button\" data-t=\"%c\" aria-pressed=\"false\">%s"
                           "</button>",
                           kinds[i].letter, kinds[i].button);
    }
    if (has_marked_columns(page))
        slc_page_raw(page, "<button type=\"button\" data-t=\"f\" aria-pressed=\"false\">With "
                           "findings</button>");
    slc_page_raw(page, "<output id=\"shown\" aria-live=\"polite\"></output></div>");
}

/* A number for the script to sort by; dates as days. */
static void write_key(struct slc_page *page, const struct slc_summary *summary, double value)
{
    char text[SLC_NUM_TEXT_BYTES];

    if (summary->type == SLC_TYPE_DATETIME)
        value /= (double)SLC_USEC_PER_DAY;
    slc_page_raw(page, " ");
    if (value - value == 0.0)
        slc_buf_append(page->out, text,
                       (size_t)(slc_write_double(text, (double)(float)value) - text));
    else
        slc_page_raw(page, "-");
}

static void write_levels(struct slc_page *page, const struct slc_summary *summary)
{
    slc_page_raw(page, "<td class=\"r w4\">");
    slc_page_value(page, &summary->min, SLC_PAGE_CELL_CHARS);
    slc_page_raw(page, "</td><td class=\"r w4\">");
    slc_page_level(page, summary->type, summary->mean);
    slc_page_raw(page, "</td><td class=\"r w4\">");
    slc_page_value(page, &summary->max, SLC_PAGE_CELL_CHARS);
    slc_page_raw(page, "</td>");
}

static void write_top_cell(struct slc_page *page, const struct slc_summary *summary)
{
    slc_page_raw(page, "<td class=\"v w4\" colspan=\"3\">");
    if (summary->n_top > 0) {
        slc_page_raw(page, "<bdi>");
        slc_page_value(page, &summary->top[0].value, SLC_PAGE_CELL_CHARS);
        slc_page_raw(page, "</bdi>");
        if (summary->top[0].count > 1) {
            slc_page_raw(page, " <span class=\"g\">");
            slc_page_share(page, summary->top[0].count, summary->n_rows - summary->n_missing);
            slc_page_raw(page, "</span>");
        }
    }
    slc_page_raw(page, "</td>");
}

static void write_row(struct slc_page *page, int64_t column)
{
    const struct slc_summary *summary = &page->in->summaries[column];
    char kind = slc_page_kind(summary->type);

    slc_buf_printf(page->out, "<tr data-t=\"%c\" data-k=\"%lld %lld", kind,
                   (long long)summary->n_missing, (long long)summary->n_distinct);
    if (kind == 'n' || kind == 'd') {
        write_key(page, summary, summary->finite_min);
        write_key(page, summary, summary->mean);
        write_key(page, summary, summary->finite_max);
    }
    slc_page_raw(page, page->first_finding[column] >= 0 ? "\" data-f=\"\">" : "\">");
    slc_page_raw(page, "<th scope=\"row\"><a href=\"#c");
    slc_page_int(page, column);
    slc_page_raw(page, "\"><bdi>");
    slc_page_text(page, page->in->schema->fields[column].name, SLC_PAGE_NAME_CHARS);
    slc_buf_printf(page->out, "</bdi></a></th><td class=\"t w5 %c\">%s</td><td class=\"r\">", kind,
                   slc_type_name(summary->type));
    if (summary->n_missing > 0) {
        slc_page_raw(page, "<svg class=\"m\" aria-hidden=\"true\"><rect height=\"100%\" width=\"");
        slc_page_percent(page, summary->n_missing, summary->n_rows);
        slc_page_raw(page, "\"/></svg>");
        slc_page_share(page, summary->n_missing, summary->n_rows);
    }
    slc_page_raw(page, "</td><td class=\"r\">");
    slc_page_distinct_tilde(page, summary);
    slc_page_count(page, summary->n_distinct);
    slc_page_raw(page, "</td>");
    if (kind == 'n' || kind == 'd')
        write_levels(page, summary);
    else
        write_top_cell(page, summary);
    slc_buf_printf(page->out, "<td class=\"%c\">", kind);
    slc_page_spark(page, column, summary);
    slc_page_raw(page, "</td></tr>\n");
}

static void write_overview(struct slc_page *page)
{
    slc_page_raw(page, "<section><h2 id=\"columns\">Columns</h2>");
    write_tools(page);
    slc_page_raw(
        page, "<div class=\"O\" tabindex=\"0\" role=\"region\" aria-label=\"Overview of the "
              "columns\"><table><caption>One line a column; texts show their most frequent value "
              "in place of minimum, mean and maximum.</caption><thead id=\"head\"><tr>"
              "<th scope=\"col\" data-s=\"name\">Column</th>"
              "<th scope=\"col\" class=\"w5\" data-s=\"kind\">Type</th>"
              "<th scope=\"col\" class=\"r\" data-s=\"0\">Missing</th>"
              "<th scope=\"col\" class=\"r\" data-s=\"1\">Distinct</th>"
              "<th scope=\"col\" class=\"r w4\" data-s=\"2\">Min</th>"
              "<th scope=\"col\" class=\"r w4\" data-s=\"3\">Mean</th>"
              "<th scope=\"col\" class=\"r w4\" data-s=\"4\">Max</th>"
              "<th scope=\"col\">Shape</th></tr></thead><tbody id=\"rows\">\n");
    for (int64_t i = 0; i < page->in->schema->n_fields; i++)
        write_row(page, i);
    slc_page_raw(page, "</tbody></table></div>");
    if (page->distinct_error > 0.0) {
        slc_page_raw(page, "<p class=\"a\">~ an estimate with a standard error of ");
        slc_page_error(page, page->distinct_error);
        slc_page_raw(page, " at most</p>");
    }
    slc_page_raw(page, "</section>\n");
}

static void write_cards(struct slc_page *page)
{
    slc_page_raw(page, "<section><h2>Column by column</h2>"
                       /* The lines between the bars of every histogram. */
                       "<svg width=\"0\" height=\"0\" aria-hidden=\"true\"><defs><path id=\"G\" "
                       "class=\"G\" d=\"");
    for (int i = 1; i < SLC_HISTOGRAM_BINS; i++)
        slc_buf_printf(page->out, "M%d0 0V100", i);
    slc_page_raw(page, "\"/></defs></svg><div class=\"C\">\n");
    for (int64_t i = 0; i < page->in->schema->n_fields; i++)
        slc_page_card(page, i);
    slc_page_raw(page, "</div></section>\n");
}

static void write_foot(struct slc_page *page)
{
    slc_page_raw(page, "<footer><p>The data as it was read, before any preprocessing. Missing "
                       "values are left out of every other number, infinite ones of mean, "
                       "deviation, quartiles and bars.</p><p>sluice " SLC_VERSION);
    if (page->in->made_usec > 0) {
        slc_page_raw(page, " · ");
        slc_page_level(page, SLC_TYPE_DATETIME, (double)page->in->made_usec);
        slc_page_raw(page, " UTC");
    }
    if (page->in->sha256.len > 0) {
        slc_page_raw(page, " · SHA-256 <bdi>");
        slc_page_text(page, page->in->sha256, SLC_SHA256_HEX_BYTES);
        slc_page_raw(page, "</bdi>");
    }
    slc_page_raw(page, "</p></footer><script>");
    slc_page_raw(page, page_script);
    slc_page_raw(page, "</script></body></html>\n");
}

/* Chain each column's findings in their order. */
static bool chain_findings(struct slc_page *page)
{
    int64_t n_fields = page->in->schema->n_fields;

    page->first_finding = calloc((size_t)n_fields + 1, sizeof(*page->first_finding));
    page->next_finding = calloc((size_t)page->findings.n + 1, sizeof(*page->next_finding));
    if (!page->first_finding || !page->next_finding)
        return false;
    for (int64_t i = 0; i < n_fields; i++)
        page->first_finding[i] = -1;
    for (int64_t i = page->findings.n - 1; i >= 0; i--) {
        int64_t column = page->findings.items[i].column;

        if (column < 0 || is_small_gap(&page->findings.items[i]))
            continue;
        page->next_finding[i] = page->first_finding[column];
        page->first_finding[column] = i;
    }
    return true;
}

bool slc_profile_html(struct slc_buf *out, const struct slc_profile_page *in)
{
    struct slc_page page = {
        .out = out, .in = in, .has_hover = in->schema->n_fields <= HOVER_COLUMNS};
    struct slc_findings_input input = {.schema = in->schema,
                                       .summaries = in->summaries,
                                       .n_rows = in->n_rows,
                                       .n_rejected = in->n_rejected,
                                       .first_reject_row = in->first_reject_row,
                                       .first_reject_reason = in->first_reject_reason};
    bool is_done = slc_findings_make(&input, 0, &page.findings) && chain_findings(&page);

    if (is_done) {
        write_head(&page);
        write_header(&page);
        slc_page_raw(&page, "<main>");
        write_findings(&page);
        write_overview(&page);
        write_cards(&page);
        slc_page_raw(&page, "</main>");
        write_foot(&page);
    }
    free(page.first_finding);
    free(page.next_finding);
    slc_findings_release(&page.findings);
    slc_buf_release(&page.scratch);
    return is_done && !out->failed;
}
