/* A survey laid out for people: a line a column, then what is worth knowing in
 * plain words. */
#ifndef SLC_CLI_PROFILE_VIEW_H
#define SLC_CLI_PROFILE_VIEW_H

#include "base/buf.h"
#include "load/survey.h"
#include "reader/reader.h"

/* What is known about the file apart from its columns. */
struct slc_profile_facts {
    const char *path;
    const struct slc_reader *reader;
    const struct slc_survey *survey;
    double seconds;
};

/* For a terminal of `columns`. */
void slc_profile_view(const struct slc_profile_facts *facts, int columns, struct slc_buf *out);

/* One object: facts and the PROFILE document (docs/profile.md). */
void slc_profile_view_json(const struct slc_profile_facts *facts, struct slc_buf *out);

#endif
