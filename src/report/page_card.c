#include <math.h>

#include "report/page_internal.h"

static void open_fact(struct slc_page *page, const char *label)
{
    slc_page_raw(page, "<div><dt>");
    slc_page_raw(page, label);
    slc_page_raw(page, "</dt><dd>");
}

static void close_fact(struct slc_page *page)
{
    slc_page_raw(page, "</dd></div>");
}

static void count_fact(struct slc_page *page, const char *label, int64_t count)
{
    open_fact(page, label);
    slc_page_count(page, count);
    close_fact(page);
}

/* Of which more than some decimals say nothing. */
static void rounded_fact(struct slc_page *page, const char *label, double value, double unit)
{
    double rounded = round(value / unit) * unit;

    open_fact(page, label);
    slc_page_number(page, rounded == 0.0 ? 0.0 : rounded);
    close_fact(page);
}

static void number_fact(struct slc_page *page, const char *label, double value)
{
    open_fact(page, label);
    slc_page_number(page, value);
    close_fact(page);
}

static void level_fact(struct slc_page *page, const char *label, enum slc_type type, double level)
{
    open_fact(page, label);
    slc_page_level(page, type, level);
    close_fact(page);
}

static void value_fact(struct slc_page *page, const char *label, const struct slc_value *value)
{
    open_fact(page, label);
    slc_page_value(page, value, SLC_PAGE_VALUE_CHARS);
    close_fact(page);
}

static void quantile_fact(struct slc_page *page, const char *label,
                          const struct slc_summary *summary, int quantile)
{
    open_fact(page, label);
    slc_page_quantile_tilde(page, summary);
    slc_page_level(page, summary->type, summary->quantiles[quantile]);
    close_fact(page);
}

static void distinct_fact(struct slc_page *page, const struct slc_summary *summary)
{
    open_fact(page, "Distinct");
    slc_page_distinct_tilde(page, summary);
    slc_page_count(page, summary->n_distinct);
    if (!summary->distinct_is_exact)
        slc_buf_printf(page->out, " <small>± %.1f %%</small>", summary->distinct_error * 100.0);
    close_fact(page);
}

/* Two facts a line: what it looks like on the left, where it lies on the right. */
static void number_facts(struct slc_page *page, const struct slc_summary *summary)
{
    distinct_fact(page, summary);
    value_fact(page, "Minimum", &summary->min);
    number_fact(page, "Mean", summary->mean);
    quantile_fact(page, "25 %", summary, 0);
    number_fact(page, "Std dev", summary->std);
    quantile_fact(page, "Median", summary, 1);
    rounded_fact(page, "Skewness", summary->skewness, 1e-3);
    quantile_fact(page, "75 %", summary, 2);
    count_fact(page, "Zeros", summary->n_zero);
    value_fact(page, "Maximum", &summary->max);
    count_fact(page, "Negative", summary->n_negative);
    number_fact(page, "Sum", summary->sum);
    if (summary->n_infinite > 0)
        count_fact(page, "Infinite", summary->n_infinite);
}

static void date_facts(struct slc_page *page, const struct slc_summary *summary)
{
    enum slc_type type = summary->type;

    count_fact(page, "Values", summary->n_rows - summary->n_missing);
    value_fact(page, "Earliest", &summary->min);
    distinct_fact(page, summary);
    quantile_fact(page, "25 %", summary, 0);
    open_fact(page, "Std dev");
    slc_page_spread(page, type, summary->std);
    close_fact(page);
    quantile_fact(page, "Median", summary, 1);
    open_fact(page, "Span");
    slc_page_spread(page, type, summary->finite_max - summary->finite_min);
    close_fact(page);
    quantile_fact(page, "75 %", summary, 2);
    level_fact(page, "Mean", type == SLC_TYPE_DATETIME ? type : SLC_TYPE_DATE, summary->mean);
    value_fact(page, "Latest", &summary->max);
}

static void text_facts(struct slc_page *page, const struct slc_summary *summary)
{
    distinct_fact(page, summary);
    rounded_fact(page, "Mean length", summary->text_mean_len, 1e-2);
    count_fact(page, "Shortest", summary->text_min_len);
    count_fact(page, "Longest", summary->text_max_len);
}

static void card_head(struct slc_page *page, int64_t column, const struct slc_summary *summary)
{
    slc_page_raw(page, "<article class=\"c\" id=\"c");
    slc_page_int(page, column);
    slc_page_raw(page, "\"><header><h3><bdi>");
    slc_page_text(page, page->in->schema->fields[column].name, SLC_PAGE_NAME_CHARS);
    slc_buf_printf(page->out, "</bdi></h3><p><span class=\"t %c\">%s</span> · %lld</p></header>",
                   slc_page_kind(summary->type), slc_type_name(summary->type),
                   (long long)column + 1);
}

static void card_missing(struct slc_page *page, const struct slc_summary *summary)
{
    if (summary->n_missing == 0)
        return;
    slc_page_raw(page, "<svg class=\"M\" aria-hidden=\"true\"><rect height=\"100%\" width=\"");
    slc_page_percent(page, summary->n_missing, summary->n_rows);
    slc_page_raw(page, "\"/></svg><p>");
    slc_page_count(page, summary->n_missing);
    slc_page_raw(page, " missing · ");
    slc_page_share(page, summary->n_missing, summary->n_rows);
    slc_page_raw(page, "</p>");
}

static void card_findings(struct slc_page *page, int64_t column)
{
    bool is_open = false;

    for (int64_t at = page->first_finding[column]; at >= 0; at = page->next_finding[at]) {
        const struct slc_finding *finding = &page->findings.items[at];

        if (slc_page_is_bare(finding)) /* the bar above says it */
            continue;
        slc_page_raw(page, is_open ? "" : "<ul class=\"f\">");
        is_open = true;
        slc_buf_printf(page->out, "<li class=\"w%d\"><span>", finding->severity);
        slc_page_finding(page, finding, false);
        slc_page_raw(page, "</span></li>");
    }
    slc_page_raw(page, is_open ? "</ul>" : "");
}

/* Beside each "~" stands its sign; here is what it means. */
static void card_errors(struct slc_page *page, const struct slc_summary *summary)
{
    bool has_quantiles = slc_page_kind(summary->type) == 'n' || slc_page_kind(summary->type) == 'd';

    if (summary->distinct_is_exact && (summary->quantiles_are_exact || !has_quantiles) &&
        summary->top_is_exact)
        return;
    slc_page_raw(page, "<p class=\"a\">~ estimated:");
    if (!summary->distinct_is_exact) {
        slc_page_raw(page, " distinct with a standard error of ");
        slc_page_error(page, summary->distinct_error);
        slc_page_raw(page, ".");
    }
    if (has_quantiles && !summary->quantiles_are_exact) {
        slc_page_raw(page, " Quartiles and bars within ");
        slc_page_error(page, summary->quantile_error);
        slc_page_raw(page, " of the ranks (99 of 100 cases).");
    }
    if (!summary->top_is_exact && !has_quantiles)
        slc_page_raw(page, " Counts of frequent values are exact, but one that came up late may be "
                           "left out.");
    slc_page_raw(page, "</p>");
}

void slc_page_card(struct slc_page *page, int64_t column)
{
    const struct slc_summary *summary = &page->in->summaries[column];
    char kind = slc_page_kind(summary->type);
    bool has_values = summary->n_rows > summary->n_missing;

    card_head(page, column, summary);
    card_missing(page, summary);
    card_findings(page, column);
    if (has_values) {
        slc_buf_printf(page->out, "<div class=\"%c\">", kind);
        if (kind == 'n' || kind == 'd')
            slc_page_histogram(page, column, summary);
        if (kind == 's' || kind == 'b' ||
            (summary->distinct_is_exact && summary->n_distinct <= SLC_TOP_VALUES &&
             summary->n_distinct > 1))
            slc_page_top(page, summary);
        slc_page_raw(page, "</div>");
        /* Two times with their labels do not fit beside each other. */
        if (kind != 'b')
            slc_page_raw(page, summary->type == SLC_TYPE_DATETIME ? "<dl class=\"o1\">" : "<dl>");
        if (kind == 'n')
            number_facts(page, summary);
        else if (kind == 'd')
            date_facts(page, summary);
        else if (kind == 's')
            text_facts(page, summary);
        if (kind != 'b')
            slc_page_raw(page, "</dl>");
        card_errors(page, summary);
    }
    slc_page_raw(page, "</article>\n");
}
