#include "cli/findings_view.h"

#include "cli/text.h"
#include "report/show.h"

enum { MOST_NAMES = 10, NAME_COLUMNS = 40 };

/* Print the sentence as a point. */
static void append_point(struct slc_buf *out, struct slc_buf *sentence, int columns)
{
    slc_buf_append_byte(sentence, '.');
    slc_buf_append_text(out, "- ");
    slc_text_wrap(out, slc_buf_view(sentence), 2, 2, columns);
    slc_buf_append_byte(out, '\n');
    out->failed |= sentence->failed;
}

static void append_column(struct slc_buf *text, const struct slc_finding *finding)
{
    struct slc_str name = {.data = finding->text.data, .len = finding->subject_bytes};

    slc_text_clip(text, name, NAME_COLUMNS);
    if (finding->detail.len == 0)
        return;
    slc_buf_append_text(text, " (");
    slc_buf_append_str(text, finding->detail);
    slc_buf_append_byte(text, ')');
}

/* All columns with a finding of the kind, of which findings->items[at] is the
 * first. */
static void append_kind(struct slc_buf *text, const struct slc_findings *findings, int64_t at)
{
    enum slc_finding_kind kind = findings->items[at].kind;
    const char *advice = slc_finding_advice(kind);
    int64_t n = 0;

    slc_buf_append_text(text, slc_finding_heading(kind));
    for (int64_t i = at; i < findings->n; i++) {
        if (findings->items[i].kind != kind || ++n > MOST_NAMES)
            continue;
        slc_buf_append_text(text, n == 1 ? ": " : ", ");
        append_column(text, &findings->items[i]);
    }
    if (n > MOST_NAMES) {
        slc_buf_append_text(text, " and ");
        slc_show_count(text, n - MOST_NAMES);
        slc_buf_append_text(text, " more");
    }
    slc_buf_append_text(text, advice[0] ? "; " : "");
    slc_buf_append_text(text, advice);
}

void slc_findings_view(const struct slc_findings *findings, int columns, struct slc_buf *out)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    uint64_t seen = UINT64_C(1) << SLC_FINDING_MISSING;
    size_t before = out->len;

    for (int64_t i = 0; i < findings->n; i++) {
        const struct slc_finding *finding = &findings->items[i];

        if (seen >> finding->kind & 1)
            continue;
        seen |= UINT64_C(1) << finding->kind;
        slc_buf_clear(&text);
        if (finding->column < 0)
            slc_buf_append_str(&text, finding->text);
        else
            append_kind(&text, findings, i);
        append_point(out, &text, columns);
    }
    if (out->len == before)
        slc_buf_append_text(out, "- Nothing out of the ordinary.\n");
}
