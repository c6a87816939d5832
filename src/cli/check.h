/* What `sluice check` found, point by point. */
#ifndef SLC_CLI_CHECK_H
#define SLC_CLI_CHECK_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "config/config.h"

enum slc_check_level { SLC_CHECK_OK, SLC_CHECK_WARN, SLC_CHECK_FAIL };

/* Zero-initialised has found nothing yet. */
struct slc_check {
    struct slc_buf lines; /* for people */
    struct slc_buf json;  /* objects with commas between them */
    int columns;          /* of the terminal */
    bool is_colored;
    enum slc_check_level worst;
    int n_failed;
    int status; /* the exit status: 0, 2 (something here), 3 (a peer only) */
};

#define SLC_AUTO_CHECK SLC_CLEANUP(slc_check_release)

/* Note a point. `detail` says what is, and unless it is OK what to do; it is
 * cleared. `status` is the exit status of a failure, 2 or 3. */
void slc_check_note(struct slc_check *check, enum slc_check_level level, const char *subject,
                    int status, struct slc_buf *detail);

void slc_check_release(struct slc_check *check);

/* The checks. Nothing is changed, and nothing is started. */
void slc_check_stream_dir(struct slc_check *check, const struct slc_config *config);
void slc_check_state_dir(struct slc_check *check, const struct slc_config *config);
void slc_check_redis(struct slc_check *check, const struct slc_config *config);
void slc_check_http(struct slc_check *check, const struct slc_config *config);
void slc_check_key(struct slc_check *check, const struct slc_config *config);
void slc_check_wallet(struct slc_check *check, const struct slc_config *config);
void slc_check_log(struct slc_check *check, const struct slc_config *config);

#endif
