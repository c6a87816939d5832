#include "load/fit.h"

#include "base/file.h"
#include "base/time.h"
#include "base/utf8.h"
#include "load/settings.h"

/* A file name that is no UTF-8 is cut where it stops to be. */
static struct slc_str source_name(const char *path)
{
    struct slc_str base = slc_path_base(slc_str_from(path));

    base.len = slc_utf8_valid_prefix(base.data, base.len);
    return base;
}

bool slc_fit_document(const struct slc_config *config, const struct slc_survey *survey,
                      int64_t index_field, const char *path, const char *sha256,
                      struct slc_plan_document *ret_document, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_plan_document document = {0};
    struct slc_prep_options options;
    struct slc_plan_provenance from = {
        .n_rows = survey->n_rows,
        .source = source_name(path),
        .sha256 = slc_str_from(sha256 ? sha256 : ""),
        .version = SLC_STR(SLC_VERSION),
        .fitted_usec = slc_now_usec(),
    };

    if (!slc_prep_options_from(config, &survey->schema, index_field, &arena, &options, error))
        return false;
    options.today = slc_today_days();
    if (!slc_plan_fit(&survey->schema, survey->summaries, survey->profile, &options, &document.plan,
                      error))
        return false;
    if (!slc_plan_document_sign(&document, &from)) {
        slc_plan_document_release(&document);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the plan");
    }
    *ret_document = document;
    return true;
}
