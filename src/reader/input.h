/* The bytes of a file as text: unpacked (gzip, zstd) and in UTF-8.
 *
 * What a file is packed with is told by its first bytes, never by its name. A
 * plain UTF-8 file is read straight into the caller's memory. For the formats'
 * own use. */
#ifndef SLC_READER_INPUT_H
#define SLC_READER_INPUT_H

#include "base/buf.h"
#include "reader/format.h"

struct slc_input;

/* Make reader->input, positioned at the file's start. Errors: FORMAT, IO, MEMORY. */
bool slc_input_open(struct slc_reader *reader, struct slc_error *error);
void slc_input_close(struct slc_input *input);

/* More bytes, at least one and at most `len`, as read(2) gives them. 0: the
 * end, -1: error (IO; FORMAT for packed data that are damaged or end early). A
 * UTF-16 byte order mark comes as U+FEFF, as UTF-8's own does. */
int64_t slc_input_read(struct slc_input *input, char *to, size_t len, struct slc_error *error);

/* Start from the first byte again. */
bool slc_input_rewind(struct slc_input *input, struct slc_error *error);

/* "gzip, UTF-16LE"; "" for plain UTF-8. */
const char *slc_input_description(const struct slc_input *input);

/* Why a row with bytes that are no text in the input's encoding is rejected. */
const char *slc_input_bad_text_reason(const struct slc_input *input);

#endif
