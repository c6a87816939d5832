#include "store/partitions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* A whole block: in memory, or at that place in the file. */
struct block {
    char *bytes; /* owned; NULL: in the file */
    int64_t offset;
};

struct partition {
    struct block *blocks;
    size_t n_blocks, capacity;
    char *open; /* the block that is being filled; owned */
    size_t open_len;
};

struct slc_partitions {
    const char *const *folders;
    int fd; /* -1: there is none yet */
    int64_t file_bytes;
    int64_t memory_blocks; /* whole ones that may still be kept in memory */
    int64_t count;
    struct partition partitions[];
};

struct slc_partitions *slc_partitions_new(int64_t wanted, int64_t memory_bytes,
                                          const char *const *folders, struct slc_error *error)
{
    /* One half for the blocks that are being filled, the other for whole ones. */
    int64_t most = memory_bytes / 2 / SLC_PARTITION_BLOCK_BYTES;
    int64_t count = wanted < most ? wanted : most;
    struct slc_partitions *partitions;

    count = count < 1 ? 1 : count;
    partitions = calloc(1, sizeof(*partitions) + (size_t)count * sizeof(struct partition));
    if (!partitions) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were grouped");
        return NULL;
    }
    partitions->folders = folders;
    partitions->fd = -1;
    partitions->count = count;
    partitions->memory_blocks = memory_bytes / SLC_PARTITION_BLOCK_BYTES - count;
    return partitions;
}

int64_t slc_partitions_count(const struct slc_partitions *partitions)
{
    return partitions->count;
}

int64_t slc_partitions_spilled_bytes(const struct slc_partitions *partitions)
{
    return partitions->file_bytes;
}

/* ---- The file ---- */

/* On a file system that has no files without names it has one for a moment. */
static int open_in(const char *folder)
{
    SLC_AUTO_BUF struct slc_buf path = {0};
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    slc_buf_printf(&path, "%s/.sluice-rows-XXXXXX", folder);
    if (!slc_buf_text(&path))
        return -1;
    fd = mkostemp(path.data, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path.data);
    return fd;
}

static bool open_file(struct slc_partitions *partitions, struct slc_error *error)
{
    int reason = ENOENT;

    for (const char *const *folder = partitions->folders; folder && *folder; folder++) {
        partitions->fd = open_in(*folder);
        if (partitions->fd >= 0)
            return true;
        reason = errno;
    }
    return slc_fail(error, SLC_ERR_IO,
                    "there is no folder for a temporary file to group rows in; set state_dir or "
                    "TMPDIR to one that can be written to, or give load.memory more: %s",
                    strerror(reason));
}

static bool spill(struct slc_partitions *partitions, const char *bytes, int64_t *ret_offset,
                  struct slc_error *error)
{
    size_t done = 0;

    if (partitions->fd < 0 && !open_file(partitions, error))
        return false;
    while (done < SLC_PARTITION_BLOCK_BYTES) {
        ssize_t n = pwrite(partitions->fd, bytes + done, SLC_PARTITION_BLOCK_BYTES - done,
                           partitions->file_bytes + (int64_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return slc_fail_errno(error, n < 0 ? errno : EIO,
                                  "the temporary file that rows are grouped in cannot be written");
        done += (size_t)n;
    }
    *ret_offset = partitions->file_bytes;
    partitions->file_bytes += SLC_PARTITION_BLOCK_BYTES;
    return true;
}

static bool load_block(const struct slc_partitions *partitions, int64_t offset, char *bytes,
                       struct slc_error *error)
{
    size_t done = 0;

    while (done < SLC_PARTITION_BLOCK_BYTES) {
        ssize_t n = pread(partitions->fd, bytes + done, SLC_PARTITION_BLOCK_BYTES - done,
                          offset + (int64_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return slc_fail_errno(error, n < 0 ? errno : EIO,
                                  "the temporary file that rows are grouped in cannot be read");
        done += (size_t)n;
    }
    return true;
}

/* ---- Appending ---- */

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were grouped");
}

static bool add_block(struct partition *partition, struct block block)
{
    if (partition->n_blocks == partition->capacity) {
        size_t capacity = partition->capacity ? 2 * partition->capacity : 8;
        struct block *blocks = realloc(partition->blocks, capacity * sizeof(*blocks));

        if (!blocks)
            return false;
        partition->blocks = blocks;
        partition->capacity = capacity;
    }
    partition->blocks[partition->n_blocks++] = block;
    return true;
}

/* The block being filled is full. */
static bool put_away(struct slc_partitions *partitions, struct partition *partition,
                     struct slc_error *error)
{
    struct block block = {0};

    if (partitions->memory_blocks > 0) {
        block.bytes = partition->open;
        if (!add_block(partition, block))
            return no_memory(error);
        partitions->memory_blocks--;
        partition->open = NULL;
    } else if (!spill(partitions, partition->open, &block.offset, error)) {
        return false;
    } else if (!add_block(partition, block)) {
        return no_memory(error);
    }
    partition->open_len = 0;
    return true;
}

bool slc_partitions_append(struct slc_partitions *partitions, int64_t index, const void *bytes,
                           size_t len, struct slc_error *error)
{
    struct partition *partition = &partitions->partitions[index];
    const char *from = bytes;

    while (len > 0) {
        size_t room, part;

        if (partition->open_len == SLC_PARTITION_BLOCK_BYTES &&
            !put_away(partitions, partition, error))
            return false;
        if (!partition->open && !(partition->open = malloc(SLC_PARTITION_BLOCK_BYTES)))
            return no_memory(error);
        room = SLC_PARTITION_BLOCK_BYTES - partition->open_len;
        part = len < room ? len : room;
        memcpy(partition->open + partition->open_len, from, part);
        partition->open_len += part;
        from += part;
        len -= part;
    }
    return true;
}

/* ---- Reading ---- */

bool slc_partitions_read(struct slc_partitions *partitions, int64_t index,
                         bool (*take)(void *context, const char *bytes, size_t len), void *context,
                         struct slc_error *error)
{
    struct partition *partition = &partitions->partitions[index];
    char *buffer = NULL;
    bool good = true;

    for (size_t i = 0; good && i < partition->n_blocks; i++) {
        struct block *block = &partition->blocks[i];

        if (block->bytes) {
            good = take(context, block->bytes, SLC_PARTITION_BLOCK_BYTES);
            free(block->bytes);
            block->bytes = NULL;
            partitions->memory_blocks++;
            continue;
        }
        if (!buffer && !(buffer = malloc(SLC_PARTITION_BLOCK_BYTES)))
            good = no_memory(error);
        good = good && load_block(partitions, block->offset, buffer, error) &&
               take(context, buffer, SLC_PARTITION_BLOCK_BYTES);
    }
    free(buffer);
    if (good && partition->open_len > 0)
        good = take(context, partition->open, partition->open_len);
    free(partition->open);
    partition->open = NULL;
    partition->open_len = 0;
    if (good)
        partition->n_blocks = 0;
    return good;
}

void slc_partitions_free(struct slc_partitions *partitions)
{
    if (!partitions)
        return;
    for (int64_t i = 0; i < partitions->count; i++) {
        struct partition *partition = &partitions->partitions[i];

        for (size_t k = 0; k < partition->n_blocks; k++)
            free(partition->blocks[k].bytes);
        free(partition->blocks);
        free(partition->open);
    }
    if (partitions->fd >= 0)
        close(partitions->fd);
    free(partitions);
}
