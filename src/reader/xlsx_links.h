/* The relationships of an Open Packaging Conventions part: its .rels. */
#ifndef SLC_READER_XLSX_LINKS_H
#define SLC_READER_XLSX_LINKS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "reader/xlsx_zip.h"

enum { SLC_XLSX_MAX_LINKS = 1 << 16 };

struct slc_xlsx_link {
    struct slc_str id;
    struct slc_str type;   /* "worksheet", "styles": behind the last slash */
    struct slc_str target; /* as it stands there */
    bool is_external;
};

struct slc_xlsx_links {
    struct slc_str part; /* whose they are; "" for the package's */
    struct slc_xlsx_link *links;
    int64_t n;
};

/* Read the relationships of `part` into `arena`; none when it has none. */
bool slc_xlsx_links_read(struct slc_zip *zip, struct slc_str part, struct slc_arena *arena,
                         struct slc_xlsx_links *ret_links, struct slc_error *error);

/* The first of that type or id, NULL when there is none. */
const struct slc_xlsx_link *slc_xlsx_links_of_type(const struct slc_xlsx_links *links,
                                                   const char *type);
const struct slc_xlsx_link *slc_xlsx_links_of_id(const struct slc_xlsx_links *links,
                                                 struct slc_str id);

/* The part that the link leads to, as a name without a slash at its start.
 * FORMAT when it leads out of the archive. */
bool slc_xlsx_link_resolve(const struct slc_xlsx_links *links, const struct slc_xlsx_link *link,
                           struct slc_arena *arena, struct slc_str *ret_part,
                           struct slc_error *error);

#endif
