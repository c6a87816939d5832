#include "prep/plan_bind.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"

enum { SHOWN_COLUMNS = 5, SHOWN_NAME_BYTES = 40 };

/* ---- Matching by name ------------------------------------------------------ */

struct named {
    struct slc_str name;
    int64_t at;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a, *right = b;

    return slc_str_cmp(left->name, right->name);
}

/* By plan column the field of that name, -1: none; and the other way round. */
struct match {
    int64_t *field_of;
    int64_t *column_of;
};

static bool match_names(const struct slc_plan *plan, const struct slc_schema *schema,
                        struct slc_arena *arena, struct match *ret_match)
{
    SLC_AUTO_FREE struct named *fields = calloc((size_t)schema->n_fields + 1, sizeof(*fields));
    struct match match = {
        .field_of = slc_arena_calloc(arena, (size_t)plan->n_columns + 1, sizeof(int64_t)),
        .column_of = slc_arena_calloc(arena, (size_t)schema->n_fields + 1, sizeof(int64_t)),
    };

    if (!fields || !match.field_of || !match.column_of)
        return false;
    for (int64_t i = 0; i < schema->n_fields; i++) {
        fields[i] = (struct named){.name = schema->fields[i].name, .at = i};
        match.column_of[i] = -1;
    }
    qsort(fields, (size_t)schema->n_fields, sizeof(*fields), compare_named);
    for (int64_t i = 0; i < plan->n_columns; i++) {
        struct named wanted = {.name = plan->columns[i].name};
        const struct named *found =
            bsearch(&wanted, fields, (size_t)schema->n_fields, sizeof(*fields), compare_named);

        match.field_of[i] = found ? found->at : -1;
        if (found)
            match.column_of[found->at] = i;
    }
    *ret_match = match;
    return true;
}

/* The plan has something to do with the column, but to hand out its keys. */
static bool is_wanted(const struct slc_column_plan *column)
{
    return column->dropped == SLC_KEPT && !column->is_index;
}

bool slc_plan_read_types(const struct slc_plan *plan, const struct slc_schema *schema,
                         int64_t index, enum slc_type *types, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct match match;

    if (!match_names(plan, schema, &arena, &match))
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was matched");
    for (int64_t i = 0; i < schema->n_fields; i++) {
        const struct slc_column_plan *column =
            match.column_of[i] >= 0 ? &plan->columns[match.column_of[i]] : NULL;

        types[i] = column && is_wanted(column) && i != index ? column->in_type : SLC_TYPE_NULL;
    }
    return true;
}

struct slc_str slc_plan_index(const struct slc_plan *plan)
{
    for (int64_t i = 0; i < plan->n_columns; i++)
        if (plan->columns[i].is_index)
            return plan->columns[i].name;
    return (struct slc_str){.data = "", .len = 0};
}

/* ---- The difference ---------------------------------------------------------- */

/* One kind of difference, as a list that is cut after a few names. */
struct list {
    struct slc_buf text;
    int64_t n;
};

static void list_name(struct list *list, const char *title, struct slc_str name)
{
    struct slc_str shown = slc_utf8_clip(name, SHOWN_NAME_BYTES);

    list->n++;
    if (list->n > SHOWN_COLUMNS)
        return;
    slc_buf_append_text(&list->text, list->n == 1 ? title : ", ");
    slc_buf_append_byte(&list->text, '"');
    slc_buf_append_str(&list->text, shown);
    slc_buf_append_text(&list->text, shown.len < name.len ? "...\"" : "\"");
}

static void list_end(struct list *list, struct slc_buf *message)
{
    if (list->n == 0)
        return;
    if (message->len > 0)
        slc_buf_append_text(message, "; ");
    slc_buf_append_str(message, slc_buf_view(&list->text));
    if (list->n > SHOWN_COLUMNS)
        slc_buf_printf(message, " and %lld more", (long long)(list->n - SHOWN_COLUMNS));
}

/* A value of every type can be read as text, so a column that became text says
 * nothing of what it holds but that it does not suit. */
static void list_type(struct list *list, const struct slc_column_plan *column, enum slc_type found)
{
    list_name(list, "of another type: ", column->name);
    if (list->n > SHOWN_COLUMNS)
        return;
    if (column->in_type == SLC_TYPE_NULL)
        slc_buf_printf(&list->text, " (empty in the plan, %s in the file)", slc_type_name(found));
    else if (found == SLC_TYPE_TEXT)
        slc_buf_printf(&list->text, " (%s in the plan, other values in the file)",
                       slc_type_name(column->in_type));
    else
        slc_buf_printf(&list->text, " (%s in the plan, %s in the file)",
                       slc_type_name(column->in_type), slc_type_name(found));
}

struct difference {
    struct list missing, retyped, keyless, added;
};

static void find_difference(const struct slc_plan *plan, const struct slc_schema *schema,
                            int64_t index, const struct match *match, struct difference *d)
{
    for (int64_t i = 0; i < plan->n_columns; i++) {
        const struct slc_column_plan *column = &plan->columns[i];
        int64_t field = match->field_of[i];

        if (field == index && field >= 0)
            continue;
        if (column->is_index && field >= 0)
            list_name(&d->keyless, "the index of the plan, but not of this load: ", column->name);
        else if (column->is_index)
            continue;
        else if (column->dropped == SLC_KEPT && field < 0)
            list_name(&d->missing, "missing in the file: ", column->name);
        else if (column->dropped == SLC_KEPT &&
                 slc_type_join(schema->fields[field].type, column->in_type) != column->in_type)
            list_type(&d->retyped, column, schema->fields[field].type);
    }
    for (int64_t i = 0; i < schema->n_fields; i++)
        if (match->column_of[i] < 0 && i != index)
            list_name(&d->added, "new in the file: ", schema->fields[i].name);
}

static bool refuse_difference(const struct difference *d, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf message = {0};
    struct list lists[] = {d->missing, d->retyped, d->keyless, d->added};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_end(&lists[i], &message);
    if (!slc_buf_text(&message))
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was matched");
    return slc_fail(error, SLC_ERR_DATA, "the plan does not fit the file: %s",
                    slc_buf_text(&message));
}

static bool check_fit(const struct slc_plan *plan, const struct slc_schema *schema, int64_t index,
                      const struct match *match, struct slc_error *error)
{
    struct difference d = {0};
    bool good;

    find_difference(plan, schema, index, match, &d);
    good = d.missing.n + d.retyped.n + d.keyless.n == 0;
    if (!good)
        refuse_difference(&d, error);
    slc_buf_release(&d.missing.text);
    slc_buf_release(&d.retyped.text);
    slc_buf_release(&d.keyless.text);
    slc_buf_release(&d.added.text);
    return good;
}

/* ---- bind ---------------------------------------------------------------------- */

static void bind_field(const struct slc_plan *plan, const struct slc_field *field, int64_t column,
                       bool is_index, struct slc_column_plan *ret)
{
    if (column >= 0 && is_wanted(&plan->columns[column]) && !is_index) {
        *ret = plan->columns[column];
        return;
    }
    *ret = slc_column_plan_as_is(field);
    ret->is_index = is_index;
    if (!is_index)
        ret->dropped = column >= 0 ? plan->columns[column].dropped : SLC_DROPPED_BY_OPTION;
}

static bool bind(const struct slc_plan *plan, const struct slc_schema *schema, int64_t index,
                 const struct match *match, struct slc_plan_binding *binding)
{
    struct slc_arena *arena = &binding->plan.arena;
    size_t n = (size_t)schema->n_fields + 1;

    binding->plan.n_columns = schema->n_fields;
    binding->plan.columns = slc_arena_calloc(arena, n, sizeof(*binding->plan.columns));
    binding->row_columns = slc_arena_calloc(arena, n, sizeof(int64_t));
    binding->new_columns = slc_arena_calloc(arena, n, sizeof(int64_t));
    if (!binding->plan.columns || !binding->row_columns || !binding->new_columns)
        return false;
    for (int64_t i = 0; i < schema->n_fields; i++) {
        bind_field(plan, &schema->fields[i], match->column_of[i], i == index,
                   &binding->plan.columns[i]);
        if (match->column_of[i] < 0 && i != index)
            binding->new_columns[binding->n_new_columns++] = i;
    }
    for (int64_t i = 0; i < plan->n_columns; i++)
        if (is_wanted(&plan->columns[i]) && match->field_of[i] != index)
            binding->row_columns[binding->n_row_columns++] = match->field_of[i];
    return true;
}

bool slc_plan_bind(const struct slc_plan *plan, const struct slc_schema *schema, int64_t index,
                   struct slc_plan_binding *ret_binding, struct slc_error *error)
{
    struct slc_plan_binding binding = {0};
    struct match match;

    if (!match_names(plan, schema, &binding.plan.arena, &match)) {
        slc_plan_binding_release(&binding);
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was matched");
    }
    if (!check_fit(plan, schema, index, &match, error)) {
        slc_plan_binding_release(&binding);
        return false;
    }
    if (!bind(plan, schema, index, &match, &binding)) {
        slc_plan_binding_release(&binding);
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was matched");
    }
    *ret_binding = binding;
    return true;
}

void slc_plan_binding_release(struct slc_plan_binding *binding)
{
    if (!binding)
        return;
    slc_plan_release(&binding->plan);
    *binding = (struct slc_plan_binding){0};
}
