#include "reader/xlsx_zip.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#ifdef SLC_HAVE_ISAL
#include <isa-l.h>
#else
#include <zlib.h>
#endif

#include "base/buf.h"

enum { PACKED_BYTES = 64 << 10 };

/* What libzip reads from. */
struct file {
    int fd;
    uint64_t size_bytes;
    uint64_t at;
    int error; /* errno of the last failure */
};

struct slc_zip {
    zip_t *archive;
    struct file file;
};

struct slc_zip_part {
    zip_file_t *file; /* the packed bytes */
    char *name;
    uint64_t size_bytes; /* as the directory has it */
    uint64_t done_bytes;
    uint32_t crc_wanted, crc;
    bool stored;
    bool ended;
    size_t packed_at, packed_end;
#ifdef SLC_HAVE_ISAL
    struct inflate_state inflate;
#else
    z_stream inflate;
    bool inflate_ready;
#endif
    unsigned char packed[PACKED_BYTES];
};

/* ---- The archive ------------------------------------------------------- */

static zip_int64_t read_at(struct file *file, void *to, uint64_t len)
{
    uint64_t done = 0;

    while (done < len) {
        ssize_t got = pread(file->fd, (char *)to + done, len - done, (off_t)(file->at + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            file->error = errno;
            return -1;
        }
        if (got == 0)
            break;
        done += (uint64_t)got;
    }
    file->at += done;
    return (zip_int64_t)done;
}

static zip_int64_t describe_file(const struct file *file, void *data, uint64_t len)
{
    zip_stat_t *stat = data;

    if (len < sizeof(*stat))
        return -1;
    zip_stat_init(stat);
    stat->valid = ZIP_STAT_SIZE;
    stat->size = file->size_bytes;
    return (zip_int64_t)sizeof(*stat);
}

/* libzip's source of bytes (zip_source_function(3)). */
static zip_int64_t serve(void *user, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    struct file *file = user;
    zip_error_t failure;
    zip_int64_t at;

    switch (command) {
    case ZIP_SOURCE_OPEN:
        file->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return read_at(file, data, len);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_STAT:
        return describe_file(file, data, len);
    case ZIP_SOURCE_SEEK:
        zip_error_init(&failure);
        at = zip_source_seek_compute_offset(file->at, file->size_bytes, data, len, &failure);
        if (at < 0)
            return -1;
        file->at = (uint64_t)at;
        return 0;
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)file->at;
    case ZIP_SOURCE_ERROR:
        zip_error_init(&failure);
        zip_error_set(&failure, ZIP_ER_READ, file->error);
        return zip_error_to_data(&failure, data, len);
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
        return -1;
    }
}

static bool fail_zip(zip_error_t *failure, const char *what, struct slc_error *error)
{
    if (zip_error_code_zip(failure) == ZIP_ER_MEMORY)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the archive");
    if (zip_error_code_zip(failure) == ZIP_ER_READ && zip_error_code_system(failure))
        return slc_fail_errno(error, zip_error_code_system(failure), "cannot read");
    return slc_fail(error, SLC_ERR_FORMAT, "%s (%s): it is cut off or damaged; copy the file again",
                    what, zip_error_strerror(failure));
}

static bool check_entries(struct slc_zip *zip, struct slc_error *error)
{
    zip_int64_t n = zip_get_num_entries(zip->archive, 0);

    if (n > SLC_ZIP_MAX_ENTRIES)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the archive has %lld parts; a workbook may have %d here", (long long)n,
                        SLC_ZIP_MAX_ENTRIES);
    return true;
}

bool slc_zip_open(int fd, struct slc_zip **ret_zip, struct slc_error *error)
{
    struct slc_zip *zip = calloc(1, sizeof(*zip));
    zip_source_t *source;
    zip_error_t failure;
    struct stat status;

    if (!zip)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the archive");
    if (fstat(fd, &status) < 0) {
        free(zip);
        return slc_fail_errno(error, errno, "cannot look at the file");
    }
    zip->file = (struct file){.fd = fd, .size_bytes = (uint64_t)status.st_size};
    zip_error_init(&failure);
    source = zip_source_function_create(serve, &zip->file, &failure);
    if (source)
        zip->archive = zip_open_from_source(source, ZIP_RDONLY, &failure);
    if (!zip->archive) {
        fail_zip(&failure, "this looks like a workbook, but its archive cannot be read", error);
        zip_source_free(source);
        zip_error_fini(&failure);
        free(zip);
        return false;
    }
    zip_error_fini(&failure);
    if (!check_entries(zip, error)) {
        slc_zip_close(zip);
        return false;
    }
    *ret_zip = zip;
    return true;
}

void slc_zip_close(struct slc_zip *zip)
{
    if (!zip)
        return;
    zip_discard(zip->archive);
    free(zip);
}

/* ---- Finding parts ----------------------------------------------------- */

static bool same_part(struct slc_str a, struct slc_str b)
{
    if (a.len && (a.data[0] == '/' || a.data[0] == '\\')) {
        a.data++;
        a.len--;
    }
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char x = a.data[i] == '\\' ? '/' : slc_ascii_lower(a.data[i]);

        if (x != slc_ascii_lower(b.data[i]))
            return false;
    }
    return true;
}

bool slc_zip_find(struct slc_zip *zip, struct slc_str name, int64_t *ret_index,
                  struct slc_error *error)
{
    zip_int64_t n = zip_get_num_entries(zip->archive, 0);
    int64_t exact = -1, near = -1, n_exact = 0, n_near = 0;

    for (zip_int64_t i = 0; i < n; i++) {
        struct slc_str other = slc_str_from(zip_get_name(zip->archive, (zip_uint64_t)i, 0));

        if (!other.data)
            continue;
        if (slc_str_eq(other, name)) {
            exact = i;
            n_exact++;
        } else if (same_part(other, name)) {
            near = i;
            n_near++;
        }
    }
    if (n_exact > 1 || (n_exact == 0 && n_near > 1))
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the archive holds \"%.*s\" more than once; open the workbook in a "
                        "spreadsheet program and save it again",
                        SLC_STR_ARG(name));
    *ret_index = n_exact ? exact : near;
    return true;
}

/* ---- Reading a part ---------------------------------------------------- */

static bool check_part(const zip_stat_t *stat, int64_t max_bytes, struct slc_error *error)
{
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD |
                                ZIP_STAT_ENCRYPTION_METHOD | ZIP_STAT_CRC;

    if ((stat->valid & wanted) != wanted)
        return slc_fail(error, SLC_ERR_FORMAT, "the archive does not describe \"%s\"", stat->name);
    if (stat->encryption_method != ZIP_EM_NONE)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the archive is protected by a password; save the workbook without one");
    if (stat->comp_method != ZIP_CM_STORE && stat->comp_method != ZIP_CM_DEFLATE)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "\"%s\" is packed by method %d, which workbooks do not use; open it in a "
                        "spreadsheet program and save it again",
                        stat->name, stat->comp_method);
    if (stat->size > (uint64_t)max_bytes)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "\"%s\" unpacks to %llu bytes; at most %lld are allowed", stat->name,
                        (unsigned long long)stat->size, (long long)max_bytes);
    if (stat->size > SLC_ZIP_FREE_BYTES && stat->size / SLC_ZIP_MAX_RATIO > stat->comp_size)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "\"%s\" unpacks from %llu to %llu bytes, more than %d for one: this looks "
                        "like a zip bomb; save the sheet as CSV if it is none",
                        stat->name, (unsigned long long)stat->comp_size,
                        (unsigned long long)stat->size, SLC_ZIP_MAX_RATIO);
    return true;
}

static bool start_inflate(struct slc_zip_part *part)
{
#ifdef SLC_HAVE_ISAL
    isal_inflate_init(&part->inflate);
    part->inflate.crc_flag = ISAL_DEFLATE;
    return true;
#else
    part->inflate_ready = inflateInit2(&part->inflate, -MAX_WBITS) == Z_OK;
    return part->inflate_ready;
#endif
}

bool slc_zip_part_open(struct slc_zip *zip, int64_t index, int64_t max_bytes,
                       struct slc_zip_part **ret_part, struct slc_error *error)
{
    struct slc_zip_part *part;
    zip_stat_t stat;

    zip_stat_init(&stat);
    if (zip_stat_index(zip->archive, (zip_uint64_t)index, 0, &stat) < 0)
        return fail_zip(zip_get_error(zip->archive), "a part cannot be found", error);
    if (!check_part(&stat, max_bytes, error))
        return false;
    part = malloc(sizeof(*part));
    if (part) {
        memset(part, 0, offsetof(struct slc_zip_part, packed));
        part->name = slc_str_dup(slc_str_from(stat.name));
    }
    if (!part || !part->name || !start_inflate(part)) {
        slc_zip_part_close(part);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to unpack \"%s\"", stat.name);
    }
    part->size_bytes = stat.size;
    part->crc_wanted = stat.crc;
    part->stored = stat.comp_method == ZIP_CM_STORE;
    part->file = zip_fopen_index(zip->archive, (zip_uint64_t)index, ZIP_FL_COMPRESSED);
    if (!part->file) {
        fail_zip(zip_get_error(zip->archive), "a part cannot be read", error);
        slc_zip_part_close(part);
        return false;
    }
    *ret_part = part;
    return true;
}

void slc_zip_part_close(struct slc_zip_part *part)
{
    if (!part)
        return;
#ifndef SLC_HAVE_ISAL
    if (part->inflate_ready)
        inflateEnd(&part->inflate);
#endif
    if (part->file)
        zip_fclose(part->file);
    free(part->name);
    free(part);
}

const char *slc_zip_part_name(const struct slc_zip_part *part)
{
    return part->name;
}

uint64_t slc_zip_part_size_bytes(const struct slc_zip_part *part)
{
    return part->size_bytes;
}

static bool fail_damaged(const struct slc_zip_part *part, const char *how, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_FORMAT,
                    "\"%s\" is damaged (%s): the archive is cut off or was changed; copy the file "
                    "again",
                    part->name, how);
}

/* Packed bytes at hand, or none at their end. */
static bool refill(struct slc_zip_part *part, struct slc_error *error)
{
    zip_int64_t got;

    if (part->packed_at < part->packed_end)
        return true;
    got = zip_fread(part->file, part->packed, PACKED_BYTES);
    if (got < 0)
        return fail_zip(zip_file_get_error(part->file), "a part cannot be read", error);
    part->packed_at = 0;
    part->packed_end = (size_t)got;
    return true;
}

#ifdef SLC_HAVE_ISAL
/* One step; *done grows. False when the data are no deflate stream. */
static bool inflate_step(struct slc_zip_part *part, unsigned char *to, size_t len, size_t *done)
{
    struct inflate_state *z = &part->inflate;
    int status;

    z->next_in = part->packed + part->packed_at;
    z->avail_in = (uint32_t)(part->packed_end - part->packed_at);
    z->next_out = to + *done;
    z->avail_out = (uint32_t)(len - *done);
    status = isal_inflate(z);
    part->packed_at = part->packed_end - z->avail_in;
    *done = len - z->avail_out;
    part->ended = z->block_state == ISAL_BLOCK_FINISH;
    return status >= 0;
}

static uint32_t crc_of(uint32_t crc, const void *bytes, size_t len)
{
    return crc32_gzip_refl(crc, bytes, len);
}
#else
static bool inflate_step(struct slc_zip_part *part, unsigned char *to, size_t len, size_t *done)
{
    z_stream *z = &part->inflate;
    int status;

    z->next_in = part->packed + part->packed_at;
    z->avail_in = (unsigned)(part->packed_end - part->packed_at);
    z->next_out = to + *done;
    z->avail_out = (unsigned)(len - *done);
    status = inflate(z, Z_NO_FLUSH);
    part->packed_at = part->packed_end - z->avail_in;
    *done = len - z->avail_out;
    part->ended = status == Z_STREAM_END;
    return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR;
}

static uint32_t crc_of(uint32_t crc, const void *bytes, size_t len)
{
    return (uint32_t)crc32_z(crc, bytes, len);
}
#endif

static bool inflate_some(struct slc_zip_part *part, unsigned char *to, size_t len, size_t *done,
                         struct slc_error *error)
{
    while (*done < len && !part->ended) {
        size_t before = *done;

        if (!refill(part, error))
            return false;
        if (!inflate_step(part, to, len, done))
            return fail_damaged(part, "no deflate stream", error);
        /* Without input left and without progress, nothing more will come. */
        if (part->packed_end == 0 && *done == before && !part->ended)
            return fail_damaged(part, "it ends early", error);
    }
    return true;
}

static bool copy_some(struct slc_zip_part *part, unsigned char *to, size_t len, size_t *done,
                      struct slc_error *error)
{
    while (*done < len && !part->ended) {
        size_t left;

        if (!refill(part, error))
            return false;
        left = part->packed_end - part->packed_at;
        part->ended = left == 0;
        left = left < len - *done ? left : len - *done;
        memcpy(to + *done, part->packed + part->packed_at, left);
        part->packed_at += left;
        *done += left;
    }
    return true;
}

int64_t slc_zip_part_read(struct slc_zip_part *part, void *to, size_t len, struct slc_error *error)
{
    enum { MOST_BYTES = 1 << 30 };
    size_t done = 0;
    bool good;

    if (len > MOST_BYTES)
        len = MOST_BYTES;
    good = part->stored ? copy_some(part, to, len, &done, error)
                        : inflate_some(part, to, len, &done, error);
    if (!good)
        return -1;
    part->done_bytes += done;
    part->crc = crc_of(part->crc, to, done);
    if (part->done_bytes > part->size_bytes) {
        fail_damaged(part, "it is longer than the directory says", error);
        return -1;
    }
    if (!part->ended)
        return (int64_t)done;
    if (part->done_bytes != part->size_bytes) {
        fail_damaged(part, "it is shorter than the directory says", error);
        return -1;
    }
    if (part->crc != part->crc_wanted) {
        fail_damaged(part, "its checksum is wrong", error);
        return -1;
    }
    return (int64_t)done;
}
