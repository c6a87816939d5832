/* From configuration to what the rooms below want to know. */
#ifndef SLC_LOAD_SETTINGS_H
#define SLC_LOAD_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"
#include "frame/schema.h"
#include "prep/plan.h"
#include "reader/reader.h"

/* The texts of the options live in `arena`. */
bool slc_reader_options_from(const struct slc_config *config, struct slc_arena *arena,
                             struct slc_reader_options *ret_options, struct slc_error *error);

/* One wish a field. A setting for a column that the table does not have is an
 * error (CONFIG) that names the nearest one. */
bool slc_prep_options_from(const struct slc_config *config, const struct slc_schema *schema,
                           int64_t index_column, struct slc_arena *arena,
                           struct slc_prep_options *ret_options, struct slc_error *error);

/* load.threads, or the number of processors this process may use; fewer when
 * load.memory has no room for so many. */
int slc_load_threads(const struct slc_config *config);

/* Let the calling thread stand back for others by load.nice. */
void slc_load_stand_back(int nice);

/* The field of that name, or the only one of it but for case. DATA: there is
 * none (names the nearest) or several. -1 for an empty name. */
bool slc_find_index(const struct slc_schema *schema, struct slc_str wanted, int64_t *ret_column,
                    struct slc_error *error);

#endif
