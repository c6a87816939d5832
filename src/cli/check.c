#include "cli/check.h"

#include "base/json.h"
#include "cli/text.h"

enum { LEVEL_COLUMNS = 6, SUBJECT_COLUMNS = 15 };

static const char *const levels[] = {"ok", "warn", "fail"};

static void append_level(struct slc_check *check, enum slc_check_level level)
{
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};

    if (check->is_colored)
        slc_buf_append_text(&check->lines, colors[level]);
    slc_text_cell(&check->lines, slc_str_from(levels[level]), LEVEL_COLUMNS, false);
    if (check->is_colored)
        slc_buf_append_text(&check->lines, "\033[0m");
}

void slc_check_note(struct slc_check *check, enum slc_check_level level, const char *subject,
                    int status, struct slc_buf *detail)
{
    enum { INDENT = LEVEL_COLUMNS + SUBJECT_COLUMNS };

    append_level(check, level);
    slc_text_cell(&check->lines, slc_str_from(subject), SUBJECT_COLUMNS, false);
    slc_text_wrap(&check->lines, slc_buf_view(detail), INDENT, INDENT, check->columns);
    slc_buf_append_byte(&check->lines, '\n');

    slc_json_comma(&check->json);
    slc_buf_append_text(&check->json, "{\"check\":");
    slc_json_text(&check->json, subject);
    slc_json_member_text(&check->json, "status", levels[level]);
    slc_json_key(&check->json, "detail");
    slc_text_json(&check->json, slc_buf_view(detail));
    slc_buf_append_byte(&check->json, '}');

    check->lines.failed |= detail->failed;
    slc_buf_clear(detail);
    if (level > check->worst)
        check->worst = level;
    if (level != SLC_CHECK_FAIL)
        return;
    check->n_failed++;
    /* What is wrong here comes before what is wrong elsewhere. */
    if (check->status != 2)
        check->status = status;
}

void slc_check_release(struct slc_check *check)
{
    slc_buf_release(&check->lines);
    slc_buf_release(&check->json);
}
