#include "job/names_in_use.h"

#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct name_count {
    char *ticket_name; /* owned */
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    const struct name_count *x = a, *y = b;

    return strcmp(x->ticket_name, y->ticket_name);
}

static struct name_count *find(const struct slc_names_in_use *names, const char *ticket_name)
{
    struct name_count wanted = {.ticket_name = (char *)ticket_name}; /* only compared */
    void *node = tfind(&wanted, &names->tree, by_name);

    return node ? *(struct name_count **)node : NULL;
}

bool slc_names_in_use_add(struct slc_names_in_use *names, const char *ticket_name)
{
    struct name_count *entry = find(names, ticket_name);

    if (entry) {
        entry->count++;
        return true;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry)
        entry->ticket_name = strdup(ticket_name);
    if (!entry || !entry->ticket_name || !tsearch(entry, &names->tree, by_name)) {
        if (entry)
            free(entry->ticket_name);
        free(entry);
        return false;
    }
    entry->count = 1;
    return true;
}

void slc_names_in_use_remove(struct slc_names_in_use *names, const char *ticket_name)
{
    struct name_count *entry = find(names, ticket_name);

    if (!entry || --entry->count > 0)
        return;
    tdelete(entry, &names->tree, by_name);
    free(entry->ticket_name);
    free(entry);
}

bool slc_names_in_use_has(const struct slc_names_in_use *names, const char *ticket_name)
{
    return find(names, ticket_name) != NULL;
}
