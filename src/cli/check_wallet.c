/* sluice check: the wallet. By then every reference to it was resolved. */
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/text.h"
#include "cli/wallet_access.h"

enum { LOCAL_STATUS = 2 };

static void append_source(const struct slc_config *config, struct slc_buf *detail)
{
    struct slc_error error = {0};
    const char *source;

    if (!slc_wallet_access_source(config, &source, &error)) {
        slc_buf_append_text(detail, "; ");
        slc_text_safe(detail, slc_str_from(error.message));
    } else if (source) {
        slc_buf_append_text(detail, "; its passphrase is in ");
        slc_buf_append_text(detail, source);
    } else {
        slc_buf_append_text(detail, "; its passphrase is asked for on a terminal");
    }
}

void slc_check_wallet(struct slc_check *check, const struct slc_config *config)
{
    SLC_AUTO_FREE char *path = slc_wallet_access_path(config, NULL);
    SLC_AUTO_BUF struct slc_buf detail = {0};
    enum slc_check_level level = SLC_CHECK_OK;
    struct stat status;

    /* None is fine: a value that refers to one was an error before this. */
    if (!path || stat(path, &status) < 0)
        return;
    slc_text_safe(&detail, slc_str_from(path));
    if (!S_ISREG(status.st_mode)) {
        level = SLC_CHECK_FAIL;
        slc_buf_append_text(&detail, " is no file: set wallet.path");
    } else if (status.st_mode & (S_IRWXG | S_IRWXO)) {
        level = SLC_CHECK_WARN;
        slc_buf_append_text(&detail, " is open to others, who could try passphrases or replace it: "
                                     "chmod 600");
    } else {
        append_source(config, &detail);
    }
    slc_check_note(check, level, "wallet", LOCAL_STATUS, &detail);
}
