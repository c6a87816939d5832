#include "report/mail_doc.h"

#include <inttypes.h>

#include "report/show.h"

#define FONT "font-family:Segoe UI,Helvetica,Arial,sans-serif"
#define INK "#1f2933"
#define DIM "#616e7c"
#define LINE "#e4e7eb"
#define BAR "#3b7dd8"

enum { NAME_COLUMNS = 28, BAR_PIXELS = 160, HISTOGRAM_PIXELS = 36, TEXT_COLUMNS = 76 };

static const char *color_of(enum slc_mail_tone tone)
{
    return tone == SLC_MAIL_GOOD ? "#1f7a4d" : tone == SLC_MAIL_WARN ? "#a15c00" : "#b42318";
}

void slc_mail_doc_release(struct slc_mail_doc *doc)
{
    slc_buf_release(&doc->text);
    slc_buf_release(&doc->html);
    slc_buf_release(&doc->scratch);
}

bool slc_mail_doc_failed(const struct slc_mail_doc *doc)
{
    return doc->text.failed || doc->html.failed || doc->scratch.failed;
}

/* ---- Texts ------------------------------------------------------------- */

/* What cannot be seen made visible, in doc->scratch. */
static struct slc_str visible(struct slc_mail_doc *doc, struct slc_str text, size_t max_chars)
{
    slc_buf_clear(&doc->scratch);
    slc_show_text(&doc->scratch, text, max_chars);
    return slc_buf_view(&doc->scratch);
}

static void escape(struct slc_buf *html, struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '&':
            slc_buf_append_text(html, "&amp;");
            break;
        case '<':
            slc_buf_append_text(html, "&lt;");
            break;
        case '>':
            slc_buf_append_text(html, "&gt;");
            break;
        case '"':
            slc_buf_append_text(html, "&quot;");
            break;
        default:
            slc_buf_append_byte(html, text.data[i]);
        }
    }
}

/* The words on lines of at most TEXT_COLUMNS bytes, further ones indented; the
 * cursor stands in `column`. */
static void wrap_at(struct slc_buf *buf, size_t column, size_t indent, struct slc_str text)
{
    bool starts = true; /* nothing but white space stands before the next word */

    for (size_t at = 0, end; at < text.len; at = end + 1) {
        for (end = at; end < text.len && text.data[end] != ' ';)
            end++;
        if (!starts && column + 1 + (end - at) > TEXT_COLUMNS) {
            slc_buf_append_byte(buf, '\n');
            for (column = 0; column < indent; column++)
                slc_buf_append_byte(buf, ' ');
        } else if (!starts) {
            slc_buf_append_byte(buf, ' ');
            column++;
        }
        slc_buf_append(buf, text.data + at, end - at);
        column += end - at;
        starts = false;
    }
    slc_buf_append_byte(buf, '\n');
}

static void wrap(struct slc_buf *buf, const char *first, size_t indent, struct slc_str text)
{
    slc_buf_append_text(buf, first);
    wrap_at(buf, strlen(first), indent, text);
}

static void underline(struct slc_buf *buf, char mark, size_t len)
{
    for (size_t i = 0; i < len && i < TEXT_COLUMNS; i++)
        slc_buf_append_byte(buf, mark);
    slc_buf_append_byte(buf, '\n');
}

/* ---- The whole --------------------------------------------------------- */

void slc_mail_doc_begin(struct slc_mail_doc *doc, struct slc_str title, enum slc_mail_tone tone)
{
    struct slc_str shown = visible(doc, title, SLC_MAIL_SENTENCE_CHARS);

    wrap(&doc->text, "", 0, shown);
    underline(&doc->text, '=', shown.len);
    slc_buf_append_text(
        &doc->html,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>sluice</title></head>\n"
        "<body style=\"margin:0;padding:0;background:#f5f7fa\">\n"
        "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
        "border=\"0\" bgcolor=\"#f5f7fa\"><tr><td align=\"center\" style=\"padding:16px 8px\">\n"
        "<table role=\"presentation\" width=\"640\" cellpadding=\"0\" cellspacing=\"0\" "
        "border=\"0\" bgcolor=\"#ffffff\" style=\"width:100%;max-width:640px;border:1px solid " LINE
        "\">\n<tr><td style=\"padding:20px 24px;border-top:4px solid ");
    slc_buf_printf(&doc->html,
                   "%s;" FONT ";font-size:14px;line-height:20px;color:" INK "\">\n"
                   "<h1 style=\"margin:0 0 12px;font-size:20px;line-height:26px\">",
                   color_of(tone));
    escape(&doc->html, shown);
    slc_buf_append_text(&doc->html, "</h1>\n");
}

void slc_mail_doc_end(struct slc_mail_doc *doc, struct slc_str foot)
{
    slc_buf_append_text(&doc->text, "\n-- \n");
    wrap(&doc->text, "", 0, visible(doc, foot, SLC_MAIL_SENTENCE_CHARS));
    slc_buf_append_text(&doc->html,
                        "<p style=\"margin:24px 0 0;padding-top:8px;border-top:1px solid " LINE
                        ";font-size:12px;line-height:16px;color:" DIM "\">");
    escape(&doc->html, slc_buf_view(&doc->scratch));
    slc_buf_append_text(&doc->html,
                        "</p>\n</td></tr></table>\n</td></tr></table>\n</body></html>\n");
}

/* ---- Parts ------------------------------------------------------------- */

void slc_mail_doc_part(struct slc_mail_doc *doc, struct slc_str name, struct slc_str state,
                       enum slc_mail_tone tone)
{
    SLC_AUTO_BUF struct slc_buf line = {0};

    slc_buf_append_str(&line, visible(doc, name, SLC_MAIL_NAME_CHARS));
    slc_buf_append_text(&doc->html,
                        "<h2 style=\"margin:28px 0 8px;padding-top:12px;border-top:1px solid " LINE
                        ";font-size:17px;line-height:24px\">");
    escape(&doc->html, slc_buf_view(&line));
    slc_buf_printf(&doc->html,
                   " <span style=\"font-size:12px;font-weight:bold;color:%s\">%.*s</span></h2>\n",
                   color_of(tone), SLC_STR_ARG(state));
    slc_buf_append_text(&line, ": ");
    slc_buf_append_str(&line, state);
    slc_buf_append_text(&doc->text, "\n\n");
    wrap(&doc->text, "", 0, slc_buf_view(&line));
    underline(&doc->text, '-', line.len);
    doc->scratch.failed |= line.failed;
}

void slc_mail_doc_heading(struct slc_mail_doc *doc, const char *heading)
{
    slc_buf_printf(&doc->text, "\n%s\n", heading);
    slc_buf_printf(&doc->html,
                   "<h3 style=\"margin:16px 0 4px;font-size:13px;line-height:18px;color:" DIM
                   "\">%s</h3>\n",
                   heading);
}

void slc_mail_doc_paragraph(struct slc_mail_doc *doc, struct slc_str sentence,
                            enum slc_mail_tone tone)
{
    struct slc_str shown = visible(doc, sentence, SLC_MAIL_SENTENCE_CHARS);

    wrap(&doc->text, "", 0, shown);
    slc_buf_printf(&doc->html, "<p style=\"margin:0 0 8px;color:%s\">",
                   tone == SLC_MAIL_GOOD ? INK : color_of(tone));
    escape(&doc->html, shown);
    slc_buf_append_text(&doc->html, "</p>\n");
}

void slc_mail_doc_item(struct slc_mail_doc *doc, struct slc_str sentence)
{
    struct slc_str shown = visible(doc, sentence, SLC_MAIL_SENTENCE_CHARS);

    wrap(&doc->text, "  - ", 4, shown);
    slc_buf_append_text(&doc->html, "<p style=\"margin:0 0 2px;padding-left:12px\">&bull; ");
    escape(&doc->html, shown);
    slc_buf_append_text(&doc->html, "</p>\n");
}

/* ---- Facts ------------------------------------------------------------- */

void slc_mail_doc_facts_begin(struct slc_mail_doc *doc)
{
    doc->row = 0;
    slc_buf_append_text(&doc->html,
                        "<table cellpadding=\"0\" cellspacing=\"0\" border=\"0\" width=\"100%\" "
                        "style=\"" FONT ";font-size:13px;line-height:18px;color:" INK "\">\n");
}

static void append_bar(struct slc_buf *html, double share)
{
    int width = (int)(share * BAR_PIXELS + 0.5);

    /* What is there is seen, however little it is. */
    width = width < 1 ? 1 : width > BAR_PIXELS ? BAR_PIXELS : width;
    slc_buf_printf(html,
                   "<td width=\"%d\" style=\"padding:3px 0 3px 8px;border-bottom:1px solid " LINE
                   "\"><table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" "
                   "border=\"0\"><tr><td width=\"%d\" height=\"10\" bgcolor=\"" BAR
                   "\" style=\"font-size:0;line-height:0\">&nbsp;</td></tr></table></td>",
                   BAR_PIXELS + 8, width);
}

void slc_mail_doc_fact(struct slc_mail_doc *doc, struct slc_str name, struct slc_str value,
                       double share)
{
    struct slc_str shown = visible(doc, name, SLC_MAIL_NAME_CHARS);
    size_t start = doc->text.len;

    slc_buf_append_text(&doc->text, "  ");
    slc_buf_append_str(&doc->text, shown);
    do
        slc_buf_append_byte(&doc->text, ' ');
    while (!doc->text.failed && doc->text.len - start < NAME_COLUMNS);
    slc_buf_append_text(
        &doc->html,
        "<tr><td width=\"26%\" valign=\"top\" style=\"padding:3px 12px 3px 0;border-bottom:1px "
        "solid " LINE ";color:" DIM "\">");
    escape(&doc->html, shown);
    shown = visible(doc, value, SLC_MAIL_SENTENCE_CHARS);
    wrap_at(&doc->text, doc->text.len - start, NAME_COLUMNS, shown);
    slc_buf_append_text(
        &doc->html,
        "</td><td valign=\"top\" style=\"padding:3px 0;border-bottom:1px solid " LINE "\">");
    escape(&doc->html, shown);
    slc_buf_append_text(&doc->html, "</td>");
    if (share >= 0)
        append_bar(&doc->html, share);
    slc_buf_append_text(&doc->html, "</tr>\n");
    doc->row++;
}

void slc_mail_doc_facts_end(struct slc_mail_doc *doc)
{
    slc_buf_append_text(&doc->html, "</table>\n");
}

/* ---- Histograms -------------------------------------------------------- */

static void append_columns(struct slc_buf *html, const int64_t *counts, size_t n, int64_t most)
{
    slc_buf_printf(html, "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"1\" "
                         "border=\"0\"><tr>");
    for (size_t i = 0; i < n; i++) {
        int height =
            most > 0 ? (int)((double)counts[i] / (double)most * HISTOGRAM_PIXELS + 0.5) : 0;

        height = counts[i] > 0 && height < 1 ? 1 : height;
        slc_buf_printf(html, "<td valign=\"bottom\" width=\"10\" height=\"%d\">", HISTOGRAM_PIXELS);
        if (height > 0)
            slc_buf_printf(html,
                           "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" "
                           "border=\"0\"><tr><td width=\"10\" height=\"%d\" bgcolor=\"" BAR
                           "\" style=\"font-size:0;line-height:0\"></td></tr></table>",
                           height);
        slc_buf_append_text(html, "</td>");
    }
    slc_buf_append_text(html, "</tr></table>\n");
}

void slc_mail_doc_histogram(struct slc_mail_doc *doc, struct slc_str name, const int64_t *counts,
                            size_t n, struct slc_str range)
{
    static const char *const heights[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    struct slc_str shown = visible(doc, name, SLC_MAIL_NAME_CHARS);
    int64_t most = 0;

    for (size_t i = 0; i < n; i++)
        most = counts[i] > most ? counts[i] : most;
    slc_buf_printf(&doc->text, "  %-*.*s ", NAME_COLUMNS - 3, SLC_STR_ARG(shown));
    for (size_t i = 0; i < n; i++) {
        int height = most > 0 ? (int)((double)counts[i] / (double)most * 8 + 0.5) : 0;

        slc_buf_append_text(&doc->text, heights[counts[i] > 0 && height < 1 ? 1 : height]);
    }
    slc_buf_printf(&doc->text, "  %.*s\n", SLC_STR_ARG(range));
    slc_buf_append_text(
        &doc->html,
        "<tr><td width=\"26%\" valign=\"bottom\" style=\"padding:6px 12px 3px 0;border-bottom:1px "
        "solid " LINE ";color:" DIM "\">");
    escape(&doc->html, shown);
    slc_buf_append_text(&doc->html,
                        "</td><td valign=\"bottom\" style=\"padding:6px 0 3px;border-bottom:1px "
                        "solid " LINE "\">");
    append_columns(&doc->html, counts, n, most);
    slc_buf_append_text(&doc->html, "<span style=\"font-size:11px;color:" DIM "\">");
    escape(&doc->html, range);
    slc_buf_append_text(&doc->html, "</span></td></tr>\n");
}
