#include <math.h>

#include "report/page_internal.h"

enum { BIN_WIDTH = 10, CHART_HEIGHT = 100, LEAST_HEIGHT = 2, BOX_WIDTH = 1000, SPARK_VALUES = 4 };

void slc_page_percent(struct slc_page *page, int64_t part, int64_t whole)
{
    int64_t hundredths = whole > 0 ? (int64_t)llround(10000.0 * (double)part / (double)whole) : 0;

    slc_page_int(page, hundredths / 100);
    if (hundredths % 100)
        slc_buf_printf(page->out, hundredths % 10 ? ".%02d" : ".%01d",
                       (int)(hundredths % 10 ? hundredths % 100 : hundredths % 100 / 10));
    slc_page_raw(page, "%");
}

/* The histogram's range, as docs/profile.md has it. */
static void range_of(const struct slc_summary *summary, double *ret_low, double *ret_high)
{
    double low = summary->finite_min, high = summary->finite_max;

    if (low == high && slc_type_is_number(summary->type)) {
        low -= 0.5;
        high += 0.5;
    }
    *ret_low = low;
    *ret_high = high;
}

static int fullest_bin(const struct slc_summary *summary)
{
    int best = 0;

    for (int i = 1; i < summary->n_bins; i++)
        if (summary->histogram[i] > summary->histogram[best])
            best = i;
    return best;
}

/* One outline for all bars; a bar that is not empty can be seen. */
static void write_outline(struct slc_page *page, const struct slc_summary *summary)
{
    int64_t most = summary->histogram[fullest_bin(summary)], before = 0;

    slc_buf_printf(page->out, "M0 %d", (int)CHART_HEIGHT);
    for (int i = 0; i < summary->n_bins; i++) {
        int64_t height =
            most > 0 ? llround((double)summary->histogram[i] / (double)most * (double)CHART_HEIGHT)
                     : 0;

        if (summary->histogram[i] > 0 && height < LEAST_HEIGHT)
            height = LEAST_HEIGHT;
        if (height != before) {
            slc_page_raw(page, "v");
            slc_page_int(page, before - height);
        }
        slc_buf_printf(page->out, "h%d", (int)BIN_WIDTH);
        before = height;
    }
    slc_buf_printf(page->out, "V%dz", (int)CHART_HEIGHT);
}

static void write_bin(struct slc_page *page, const struct slc_summary *summary, int bin)
{
    double low, high;

    range_of(summary, &low, &high);
    slc_page_level(page, summary->type, low + (high - low) * bin / summary->n_bins);
    slc_page_raw(page, " to ");
    slc_page_level(page, summary->type, low + (high - low) * (bin + 1) / summary->n_bins);
    slc_page_raw(page, ": ");
    slc_page_raw(page, summary->quantiles_are_exact ? "" : "~");
    slc_page_count(page, summary->histogram[bin]);
}

static void write_bars(struct slc_page *page, int64_t column, const struct slc_summary *summary)
{
    slc_buf_printf(page->out,
                   "<svg class=\"h\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
                   "role=\"img\" aria-label=\"Histogram of %d bars, the highest at ",
                   summary->n_bins * BIN_WIDTH, (int)CHART_HEIGHT, summary->n_bins);
    write_bin(page, summary, fullest_bin(summary));
    slc_page_raw(page, "\"><path id=\"h");
    slc_page_int(page, column);
    slc_page_raw(page, "\" d=\"");
    write_outline(page, summary);
    slc_page_raw(page, "\"/><use href=\"#G\"/>");
    for (int i = 0; page->has_hover && i < summary->n_bins; i++) {
        slc_buf_printf(page->out, "<rect x=\"%d\" width=\"%d\" height=\"%d\"><title>",
                       i * BIN_WIDTH, (int)BIN_WIDTH, (int)CHART_HEIGHT);
        write_bin(page, summary, i);
        slc_page_raw(page, "</title></rect>");
    }
    slc_page_raw(page, "</svg>");
}

static int64_t box_place(const struct slc_summary *summary, double level)
{
    double low, high, place;

    range_of(summary, &low, &high);
    place = (level - low) / (high - low) * BOX_WIDTH;
    return place > 0.0 ? place < BOX_WIDTH ? llround(place) : BOX_WIDTH : 0;
}

/* From least to greatest a line, the middle half a box, the median a stroke. */
static void write_box(struct slc_page *page, const struct slc_summary *summary)
{
    int64_t left = box_place(summary, summary->quantiles[0]);
    int64_t middle = box_place(summary, summary->quantiles[1]);
    int64_t right = box_place(summary, summary->quantiles[2]);

    if (isnan(summary->quantiles[1]) || summary->finite_min == summary->finite_max)
        return;
    slc_buf_printf(page->out,
                   "<svg class=\"q\" viewBox=\"0 0 %d 14\" preserveAspectRatio=\"none\" "
                   "aria-hidden=\"true\"><path d=\"M0 4v6M0 7H%lldM%lld 7H%dM%d 4v6\"/>",
                   (int)BOX_WIDTH, (long long)left, (long long)right, (int)BOX_WIDTH,
                   (int)BOX_WIDTH);
    slc_buf_printf(page->out,
                   "<path class=\"x\" d=\"M%lld 2H%lldV12H%lldz\"/>"
                   "<path class=\"y\" d=\"M%lld 1V13\"/></svg>",
                   (long long)left, (long long)right, (long long)left, (long long)middle);
}

void slc_page_histogram(struct slc_page *page, int64_t column, const struct slc_summary *summary)
{
    double low, high;

    if (summary->n_bins == 0)
        return;
    range_of(summary, &low, &high);
    slc_page_raw(page, "<figure><p class=\"p\">highest bar ");
    slc_page_quantile_tilde(page, summary);
    slc_page_count(page, summary->histogram[fullest_bin(summary)]);
    slc_page_raw(page, "</p>");
    write_bars(page, column, summary);
    write_box(page, summary);
    slc_page_raw(page, "<figcaption><span>");
    slc_page_level(page, summary->type, low);
    if (summary->type != SLC_TYPE_DATETIME) {
        slc_page_raw(page, "</span><span>");
        slc_page_level(page, summary->type, low + (high - low) / 2.0);
    }
    slc_page_raw(page, "</span><span>");
    slc_page_level(page, summary->type, high);
    slc_page_raw(page, "</span></figcaption></figure>");
}

static void write_bar(struct slc_page *page, const struct slc_value *value, int64_t count,
                      int64_t n_values)
{
    slc_page_raw(page, "<li><svg aria-hidden=\"true\"><rect height=\"100%\" width=\"");
    slc_page_percent(page, count, n_values);
    slc_page_raw(page, "\"/></svg><span><bdi>");
    if (slc_type_is_text(value->type) && value->text.len == 0)
        slc_page_raw(page, "“”");
    slc_page_value(page, value, SLC_PAGE_VALUE_CHARS);
    slc_page_raw(page, "</bdi></span><b>");
    slc_page_count(page, count);
    slc_page_raw(page, " · ");
    slc_page_share(page, count, n_values);
    slc_page_raw(page, "</b></li>");
}

static void write_examples(struct slc_page *page, const struct slc_summary *summary)
{
    slc_page_raw(page, "<p class=\"H\">");
    slc_page_raw(page, summary->distinct_is_exact ? "No value comes twice. The least"
                                                  : "Some of the values");
    slc_page_raw(page, "</p><ul class=\"V\">");
    for (int i = 0; i < summary->n_top && i < 5; i++) {
        slc_page_raw(page, "<li><span><bdi>");
        slc_page_value(page, &summary->top[i].value, SLC_PAGE_VALUE_CHARS);
        slc_page_raw(page, "</bdi></span></li>");
    }
    slc_page_raw(page, "</ul>");
}

void slc_page_top(struct slc_page *page, const struct slc_summary *summary)
{
    int64_t n_values = summary->n_rows - summary->n_missing, others = n_values;
    int64_t n_others = summary->n_distinct - summary->n_top;

    if (summary->n_top == 0)
        return;
    if (summary->top[0].count == 1 && summary->n_distinct > 1) {
        write_examples(page, summary);
        return;
    }
    slc_page_raw(page, "<p class=\"H\">Most frequent");
    if (!summary->top_is_exact)
        slc_page_raw(page, " of the values followed");
    slc_page_raw(page, "</p><ol class=\"V\">");
    for (int i = 0; i < summary->n_top; i++) {
        write_bar(page, &summary->top[i].value, summary->top[i].count, n_values);
        others -= summary->top[i].count;
    }
    if (others > 0 && n_others > 0) {
        slc_page_raw(page, "<li class=\"o\"><span>");
        slc_page_distinct_tilde(page, summary);
        slc_page_plural(page, n_others, "other value", "other values");
        slc_page_raw(page, "</span><b>");
        slc_page_count(page, others);
        slc_page_raw(page, " · ");
        slc_page_share(page, others, n_values);
        slc_page_raw(page, "</b></li>");
    }
    slc_page_raw(page, "</ol>");
}

void slc_page_spark(struct slc_page *page, int64_t column, const struct slc_summary *summary)
{
    int64_t n_values = summary->n_rows - summary->n_missing, at = 0;

    if (n_values == 0)
        return;
    if (summary->n_bins > 0) {
        slc_buf_printf(page->out,
                       "<svg class=\"S\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
                       "aria-hidden=\"true\"><use href=\"#h",
                       summary->n_bins * BIN_WIDTH, (int)CHART_HEIGHT);
        slc_page_int(page, column);
        slc_page_raw(page, "\"/></svg>");
        return;
    }
    slc_page_raw(page, "<svg class=\"S\" aria-hidden=\"true\">");
    for (int i = 0; i < summary->n_top && i < SPARK_VALUES; i++) {
        if ((double)summary->top[i].count * 100.0 < (double)n_values)
            break;
        slc_page_raw(page, "<rect y=\"6\" height=\"10\" x=\"");
        slc_page_percent(page, at, n_values);
        slc_page_raw(page, "\" width=\"");
        slc_page_percent(page, summary->top[i].count, n_values);
        slc_page_raw(page, "\"/>");
        at += summary->top[i].count;
    }
    if (at < n_values) {
        slc_page_raw(page, "<rect class=\"o\" y=\"6\" height=\"10\" x=\"");
        slc_page_percent(page, at, n_values);
        slc_page_raw(page, "\" width=\"100%\"/>");
    }
    slc_page_raw(page, "</svg>");
}
