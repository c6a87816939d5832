/* From a survey to a plan. */
#ifndef SLC_LOAD_FIT_H
#define SLC_LOAD_FIT_H

#include "config/config.h"
#include "load/survey.h"
#include "prep/plan_document.h"

/* Fit a plan on what the survey found, by the options under prep.*, and sign it
 * with where it comes from: the base name of `path`, `sha256` (may be NULL), the
 * rows, the time. `index_field` is the field of the row keys or -1. Release it with
 * slc_plan_document_release(). Errors: CONFIG (options that do not suit the
 * columns), MEMORY. */
bool slc_fit_document(const struct slc_config *config, const struct slc_survey *survey,
                      int64_t index_field, const char *path, const char *sha256,
                      struct slc_plan_document *ret_document, struct slc_error *error);

#endif
