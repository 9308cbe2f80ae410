/* kv_rocksdb_log.c — looks through the write-ahead logs before RocksDB replays them.
 *
 * RocksDB ends the replay at the first record that it cannot read and drops what follows, without a
 * word to its caller. After a power failure that is right: the last write was never acknowledged.
 * But a record is written only after the one before it has been synced, so whole records *behind*
 * an unreadable one prove that acknowledged commits were damaged later; then nobody should go on
 * unasked.
 *
 * Format (RocksDB wiki, "Write Ahead Log File Format"): blocks of 32 KiB; in them records of u32
 * masked CRC-32C of type and payload · u16 size · u8 type · payload; a batch is one FULL record or
 * FIRST, MIDDLE …, LAST; fewer than 7 bytes at the end of a block are padding.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_rocksdb_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "storage/files_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOG_BLOCK_BYTES = 32 << 10,
    LOG_HEADER_BYTES = 7,
    LOG_FULL = 1,
    LOG_FIRST = 2,
    LOG_LAST = 4,
};

static const uint32_t LOG_CRC_POLYNOMIAL = 0x82f63b78u; /* CRC-32C, reflected */
static const uint32_t LOG_CRC_MASK = 0xa282ead8u;

struct log_scan {
    size_t size, offset; /* bytes; of the first record that is not whole */
    bool commits;        /* whole ones are before it */
    bool damaged;
    bool proven; /* whole commits follow it */
};

struct log_crc {
    uint32_t table[8][256];
};

static void log_crc_prepare(struct log_crc *crc)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ ((value & 1) != 0 ? LOG_CRC_POLYNOMIAL : 0);
        crc->table[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++) {
            uint32_t below = crc->table[slice - 1][byte];
            crc->table[slice][byte] = (below >> 8) ^ crc->table[0][below & 0xff];
        }
}

/* Eight bytes at a time ("slicing by 8", Kounavis and Berry 2005). */
static uint32_t log_crc_of(const struct log_crc *crc, const unsigned char *bytes, size_t size)
{
    uint32_t value = ~0u;

    CHECK(bytes != NULL || size == 0);
    for (; size >= 8; bytes += 8, size -= 8) {
        uint32_t low = value ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                                (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
        value = crc->table[7][low & 0xff] ^ crc->table[6][low >> 8 & 0xff] ^
                crc->table[5][low >> 16 & 0xff] ^ crc->table[4][low >> 24] ^
                crc->table[3][bytes[4]] ^ crc->table[2][bytes[5]] ^ crc->table[1][bytes[6]] ^
                crc->table[0][bytes[7]];
    }
    for (; size > 0; bytes++, size--)
        value = (value >> 8) ^ crc->table[0][(value ^ *bytes) & 0xff];
    return ~value;
}

/* A block of a log; the last one may be short. */
struct log_block {
    unsigned char bytes[LOG_BLOCK_BYTES];
    size_t size;
};

/* Bytes of the whole record at `at`, 0 if there is none. */
static size_t log_record(const struct log_crc *crc, const struct log_block *block, size_t at,
                         unsigned *type)
{
    const unsigned char *header = block->bytes + at;
    uint32_t stored, computed;
    size_t payload;

    CHECK(at <= block->size);
    if (at + LOG_HEADER_BYTES > block->size)
        return 0;
    payload = (size_t)header[4] | (size_t)header[5] << 8;
    *type = header[6];
    if (*type < LOG_FULL || *type > LOG_LAST || at + LOG_HEADER_BYTES + payload > block->size)
        return 0;
    stored = (uint32_t)header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16 |
             (uint32_t)header[3] << 24;
    computed = log_crc_of(crc, header + LOG_HEADER_BYTES - 1, payload + 1);
    computed = (computed >> 15 | computed << 17) + LOG_CRC_MASK;
    return stored == computed ? LOG_HEADER_BYTES + payload : 0;
}

/* Walks whole records from *at on; does a commit begin in one of them? */
static bool log_walk(const struct log_crc *crc, const struct log_block *block, size_t *at)
{
    bool begins = false;
    unsigned type;

    for (size_t size; (size = log_record(crc, block, *at, &type)) > 0; *at += size)
        begins = begins || type == LOG_FULL || type == LOG_FIRST;
    return begins;
}

/* Nothing but padding from `at` on? */
static bool log_block_ends(const struct log_block *block, size_t at)
{
    return at == block->size ||
           (block->size == LOG_BLOCK_BYTES && block->size - at < LOG_HEADER_BYTES);
}

/* The record at `at` is damaged: where its size says that the next one begins, or the end. */
static size_t log_behind(const struct log_block *block, size_t at)
{
    const unsigned char *header = block->bytes + at;

    if (at + LOG_HEADER_BYTES > block->size)
        return block->size;
    at += LOG_HEADER_BYTES + ((size_t)header[4] | (size_t)header[5] << 8);
    return at < block->size ? at : block->size;
}

static void log_scan_block(const struct log_crc *crc, const struct log_block *block, size_t start,
                           struct log_scan *scan)
{
    size_t at = 0;
    bool begins = log_walk(crc, block, &at);

    CHECK(block->size > 0);
    if (scan->damaged)
        scan->proven = scan->proven || begins;
    else
        scan->commits = scan->commits || begins;
    if (scan->damaged || log_block_ends(block, at))
        return;
    scan->damaged = true;
    scan->offset = start + at;
    at = log_behind(block, at);
    scan->proven = log_walk(crc, block, &at);
}

static enum status log_scan_file(const struct log_crc *crc, const char *path, const char *name,
                                 struct log_scan *scan, struct error *err)
{
    struct log_block *block = mem_alloc(sizeof(*block));
    FILE *file = fopen(path, "rbe");
    enum status status = STATUS_OK;

    *scan = (struct log_scan){.damaged = false};
    if (file == NULL) {
        mem_free(block);
        return file_error(errno, "open", name, err);
    }
    while ((block->size = fread(block->bytes, 1, LOG_BLOCK_BYTES, file)) > 0) {
        log_scan_block(crc, block, scan->size, scan);
        scan->size += block->size;
    }
    if (ferror(file))
        status = file_error(EIO, "read", name, err);
    (void)fclose(file);
    mem_free(block);
    return status;
}

/* The number of a log's name, 0 for other names. */
static uint64_t log_number(const char *name)
{
    size_t digits = strspn(name, "0123456789");

    return digits > 0 && strcmp(name + digits, ".log") == 0 ? strtoull(name, NULL, 10) : 0;
}

static int log_compare_newest(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? 1 : a > b ? -1 : 0;
}

static enum status log_judge(const struct rocks_kv *kv, const char *name,
                             const struct log_scan *scan, bool newer, struct error *err)
{
    CHECK(scan->damaged && scan->offset <= scan->size);
    if (kv->options.refuse_damaged_log && (scan->proven || newer))
        return error_set(
            err, STATUS_CORRUPT,
            "log file %s is damaged at byte %zu and whole commits follow: acknowledged "
            "writes would be lost. Restore a backup, or start once with "
            "storage.rocksdb.accept_damaged_log = true to go on without them",
            name, scan->offset);
    log_warn("log file %s: the last %zu of %zu bytes are not whole and are left out", name,
             scan->size - scan->offset, scan->size);
    return STATUS_OK;
}

/* One log; *newer: a newer one holds whole commits, so this one had been synced. */
static enum status log_check(const struct rocks_kv *kv, const struct log_crc *crc, uint64_t number,
                             bool *newer, struct error *err)
{
    struct log_scan scan;
    struct buf path;
    enum status status;
    const char *name;

    buf_init(&path);
    buf_printf(&path, "%s/%06llu.log", kv->path, (unsigned long long)number);
    name = strrchr(path.data, '/') + 1;
    status = log_scan_file(crc, path.data, name, &scan, err);
    if (status == STATUS_OK && scan.damaged)
        status = log_judge(kv, name, &scan, *newer, err);
    *newer = *newer || scan.commits || scan.proven;
    buf_clear(&path);
    return status;
}

enum status rocks_check_logs(const struct rocks_kv *kv, struct error *err)
{
    DIR *folder = opendir(kv->path);
    enum status status = STATUS_OK;
    struct log_crc *crc;
    struct buf numbers;
    bool newer = false;

    if (folder == NULL)
        return STATUS_OK; /* RocksDB says what is wrong with it */
    buf_init(&numbers);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        uint64_t number = log_number(entry->d_name);
        if (number > 0)
            buf_append(&numbers, &number, sizeof(number));
    }
    (void)closedir(folder);
    uint64_t *sorted = (uint64_t *)(void *)numbers.data;
    size_t count = numbers.size / sizeof(*sorted);
    if (count > 0)
        qsort(sorted, count, sizeof(*sorted), log_compare_newest);
    crc = mem_alloc(sizeof(*crc));
    log_crc_prepare(crc);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = log_check(kv, crc, sorted[i], &newer, err);
    mem_free(crc);
    buf_clear(&numbers);
    return status;
}
