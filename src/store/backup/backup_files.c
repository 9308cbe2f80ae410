/* backup_files.c — where a backup lies, copying files with their checksums, scratch files.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/storage.h"
#include "store/backup/backup_internal.h"
#include "store/storages.h"

#include <sys/stat.h>

enum { BACKUP_READ_BYTES = 8 << 20 };

/* ---- the target
 * ----------------------------------------------------------------------------------- */

/* The storage whose credentials open the bucket, with the target as its place. */
static struct storage *backup_storage(struct store *store, struct str target)
{
    struct view *view = view_acquire(store);
    struct storage *found = NULL;
    const struct storage *storage;

    CHECK(target.size > 0);
    for (size_t i = 0;
         found == NULL && (storage = catalog_storage_at(view_catalog(view), i)) != NULL; i++) {
        struct str root = storage_root(storage->uri);
        if (storage->type == STORAGE_S3 && str_starts_with(target, root) &&
            (target.size == root.size || target.data[root.size] == '/'))
            found = storage_copy(storage);
    }
    view_release(view);
    if (found != NULL)
        return found;
    found = storage_new();
    found->id = STR_LIT("backup");
    found->type = STORAGE_S3;
    return found;
}

static enum status backup_open_bucket(struct store *store, struct str target,
                                      struct backup_place *out, struct error *err)
{
    struct storage *storage = backup_storage(store, target);
    enum status status = storage_uri_check(STORAGE_S3, target, storage->arena, &storage->uri, err);

    CHECK(out->files == NULL);
    if (status == STATUS_OK)
        status = storages_borrow(store, storage, &out->files, err);
    out->borrowed = status == STATUS_OK;
    storage_unref(storage);
    if (status == STATUS_OK)
        return STATUS_OK;
    log_warn("backup in a bucket: %s", err->message);
    return error_set(err, STATUS_INVALID_INPUT, "bucket \"%.*s\" cannot be used", STR_ARG(target));
}

static enum status backup_open_folder(struct store *store, struct str target, bool make,
                                      struct backup_place *out, struct error *err)
{
    static const struct str scheme = {"file://", 7};
    enum status status = STATUS_OK;
    struct stat info;

    if (str_starts_with(target, scheme))
        target = str_from(target.data + scheme.size, target.size - scheme.size);
    if (target.size < 2 || target.data[0] != '/' || memchr(target.data, 0, target.size) != NULL)
        return error_set(err, STATUS_INVALID_INPUT, "\"%.*s\" is not the absolute path of a folder",
                         STR_ARG(target));
    char *path = mem_strdup(target);
    CHECK(path[0] == '/');
    if (!make && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        status = error_set(err, STATUS_INVALID_INPUT, "\"%s\" holds no readable backup", path);
    if (status == STATUS_OK && make)
        status = storages_check_target(store, path, err);
    if (status == STATUS_OK && ((make && file_make_folders(path, err) != STATUS_OK) ||
                                files_open_local(path, &out->files, err) != STATUS_OK)) {
        log_warn("folder of a backup: %s", err->message);
        status = error_set(err, STATUS_INVALID_INPUT, "folder \"%s\" cannot be used", path);
    }
    mem_free(path);
    return status;
}

enum status backup_open(struct store *store, struct str target, bool make, struct backup_place *out,
                        struct error *err)
{
    CHECK(out != NULL);
    *out = (struct backup_place){.store = store};
    if (str_starts_with(target, STR_LIT("s3://")))
        return backup_open_bucket(store, target, out, err);
    return backup_open_folder(store, target, make, out, err);
}

void backup_close(struct backup_place *place)
{
    if (place->files == NULL)
        return;
    CHECK(place->store != NULL);
    if (place->borrowed)
        storages_return(place->store, place->files);
    else
        files_close(place->files);
    place->files = NULL;
}

enum status backup_translate(enum status status, enum status corrupt, struct error *err)
{
    CHECK(corrupt != STATUS_CORRUPT);
    switch (status) {
    case STATUS_CORRUPT:
        err->code = corrupt;
        return corrupt;
    case STATUS_IO_FAILED:
    case STATUS_ABSENT:
        log_warn("backup or restore: %s", err->message);
        return error_set(err, STATUS_STORAGE_UNAVAILABLE, "the storage cannot be read or written");
    default:
        return status;
    }
}

bool backup_is_cancelled(const struct backup_options *options)
{
    CHECK(options != NULL);
    return options->cancelled != NULL && atomic_load(options->cancelled);
}

enum status backup_end(const struct backup_options *options, enum status status,
                       enum status corrupt, struct error *err)
{
    CHECK(status != STATUS_END);
    if (status != STATUS_OK && backup_is_cancelled(options))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    return backup_translate(status, corrupt, err);
}

void backup_undo_begin(const struct backup_options *options)
{
    CHECK(options != NULL);
    if (backup_is_cancelled(options))
        files_set_deadline(clock_monotonic_ms() + BACKUP_UNDO_MS);
}

void backup_undo_end(void)
{
    files_set_deadline(0);
}

/* Per component: what may stand in a file name stays, the rest becomes %xx. */
static void backup_append_name(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-' || c == '@' || c >= 0x80 || (c == '.' && i > 0);
        CHECK(out != NULL);
        if (plain)
            buf_append_byte(out, c);
        else
            buf_printf(out, "%%%02x", c);
    }
}

void backup_path(const struct table *table, struct str user, const char *prefix, uint32_t number,
                 struct buf *out)
{
    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    buf_append_str(out, table->kind == TABLE_KIND_USER ? STR_LIT("user_tables/")
                                                       : STR_LIT("shared_tables/"));
    backup_append_name(out, table->name);
    buf_append_byte(out, '/');
    if (table->kind == TABLE_KIND_USER) {
        backup_append_name(out, user);
        buf_append_byte(out, '/');
    }
    buf_printf(out, "%s%05u.parquet", prefix, number);
    buf_append_byte(out, 0);
    out->size--;
}

/* ---- copying
 * -------------------------------------------------------------------------------------- */

enum status backup_read_file(struct files *files, const char *path, struct buf *out,
                             struct error *err)
{
    uint64_t size = 0;
    enum status status = files_size(files, path, &size, err);

    CHECK(out != NULL);
    buf_reset(out);
    if (status == STATUS_OK && size > BACKUP_FILE_BYTES_MAX)
        return error_set(err, STATUS_CORRUPT, "file \"%s\" is too large", path);
    while (status == STATUS_OK && out->size < size) {
        size_t before = out->size, wanted = (size_t)size - before;
        status = files_read(files, path, before,
                            wanted < BACKUP_READ_BYTES ? wanted : BACKUP_READ_BYTES, out, err);
        if (status == STATUS_OK && out->size == before)
            break; /* shorter than it was */
    }
    return status;
}

/* `status` is that of reading. */
static enum status backup_check(enum status status, const char *shown, struct manifest_file *file,
                                bool check, struct str content, struct error *err)
{
    CHECK(file != NULL);
    if (status == STATUS_ABSENT)
        return error_set(err, STATUS_CORRUPT, "file \"%s\" is missing", shown);
    if (status != STATUS_OK) {
        log_warn("file \"%s\": %s", shown, err->message);
        return error_set(err, STATUS_STORAGE_UNAVAILABLE, "file \"%s\" cannot be read", shown);
    }
    uint64_t checksum = hash_bytes(content);
    if (check && (content.size != file->bytes || checksum != file->checksum))
        return error_set(err, STATUS_CORRUPT, "file \"%s\" is damaged: checksum mismatch", shown);
    file->bytes = content.size;
    file->checksum = checksum;
    return STATUS_OK;
}

enum status backup_verify(struct files *files, const struct manifest_file *file, struct error *err)
{
    struct manifest_file expected = *file;
    char *path = mem_strdup(file->path);
    struct buf content;

    CHECK(path[0] != '\0');
    buf_init(&content);
    enum status status = backup_read_file(files, path, &content, err);
    status = backup_check(status, path, &expected, true, buf_str(&content), err);
    buf_clear(&content);
    mem_free(path);
    return status;
}

static enum status backup_stage(struct backup_copies *copies, const char *to, struct str content,
                                struct error *err)
{
    char *staged = NULL;

    CHECK(copies->count < BACKUP_BATCH_FILES);
    if (copies->paths == NULL)
        copies->paths = mem_calloc(BACKUP_BATCH_FILES, sizeof(*copies->paths));
    copies->paths[copies->count++] = mem_strdup(str_from_c(to));
    copies->bytes += content.size;
    enum status status = files_stage(copies->to, to, &staged, err);
    if (status == STATUS_OK)
        status = file_put(staged, content, to, err);
    mem_free(staged);
    if (status == STATUS_OK)
        return STATUS_OK;
    log_warn("copy of \"%s\": %s", to, err->message);
    return error_set(err, STATUS_STORAGE_UNAVAILABLE, "file \"%s\" cannot be written", to);
}

/* Content that was read goes on to the target. */
static enum status backup_copy_content(struct backup_copies *copies, const char *to,
                                       const struct buf *content, struct error *err)
{
    enum status status = backup_stage(copies, to, buf_str(content), err);

    CHECK(to != NULL);
    if (content->capacity > copies->memory_bytes)
        copies->memory_bytes = content->capacity;
    if (status == STATUS_OK &&
        (copies->count == BACKUP_BATCH_FILES || copies->bytes >= BACKUP_BATCH_BYTES))
        status = backup_copy_finish(copies, err);
    return status;
}

enum status backup_copy(struct backup_copies *copies, const char *from, const char *to,
                        struct manifest_file *file, struct error *err)
{
    struct buf content;

    CHECK(from != NULL && to != NULL);
    buf_init(&content);
    enum status status = file_read_all(from, BACKUP_FILE_BYTES_MAX, &content, err);
    status = backup_check(status, to, file, false, buf_str(&content), err);
    if (status == STATUS_OK)
        status = backup_copy_content(copies, to, &content, err);
    buf_clear(&content);
    return status;
}

enum status backup_copy_file(struct backup_copies *copies, struct files *files, const char *from,
                             const char *to, struct manifest_file *file, struct error *err)
{
    struct buf content;

    CHECK(file != NULL);
    buf_init(&content);
    enum status status = backup_read_file(files, from, &content, err);
    status = backup_check(status, to, file, true, buf_str(&content), err);
    if (status == STATUS_OK)
        status = backup_copy_content(copies, to, &content, err);
    buf_clear(&content);
    return status;
}

enum status backup_copy_finish(struct backup_copies *copies, struct error *err)
{
    enum status *statuses;
    enum status status;

    if (copies->count == 0)
        return STATUS_OK;
    CHECK(copies->count <= BACKUP_BATCH_FILES);
    statuses = mem_calloc(copies->count, sizeof(*statuses));
    status = files_publish_many(copies->to, (const char *const *)copies->paths, copies->count,
                                statuses, err);
    mem_free(statuses);
    if (status != STATUS_OK) {
        log_warn("copied files: %s", err->message);
        return error_set(err, STATUS_STORAGE_UNAVAILABLE, "copied files cannot be made durable");
    }
    if (copies->published != NULL)
        status = copies->published(copies->context, err);
    for (size_t i = 0; i < copies->count; i++)
        mem_free(copies->paths[i]);
    copies->count = 0;
    copies->bytes = 0;
    return status;
}

void backup_copies_clear(struct backup_copies *copies)
{
    struct error err;
    enum status statuses[BACKUP_BATCH_FILES];

    CHECK(copies->count <= BACKUP_BATCH_FILES);
    for (size_t i = 0; i < copies->count; i++)
        files_abandon(copies->to, copies->paths[i]);
    if (copies->count > 0 && files_delete_many(copies->to, (const char *const *)copies->paths,
                                               copies->count, statuses, &err) != STATUS_OK)
        log_warn("copied files cannot be deleted: %s", err.message);
    for (size_t i = 0; i < copies->count; i++)
        mem_free(copies->paths[i]);
    mem_free(copies->paths);
    copies->paths = NULL;
    copies->count = 0;
}

/* ---- scratch files
 * -------------------------------------------------------------------------------- */

static void backup_scratch_path(const struct backup_scratch *scratch, uint64_t number,
                                struct buf *out)
{
    CHECK(scratch->folder.size > 0);
    buf_reset(out);
    buf_printf(out, "%.*s/%llu.parquet", STR_ARG(scratch->folder), (unsigned long long)number);
    buf_append_byte(out, 0);
    out->size--;
}

static enum status backup_scratch_write(struct store *store, struct kv_batch *batch,
                                        struct error *err)
{
    CHECK(batch != NULL);
    return kv_write(store->kv, batch, store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC,
                    err);
}

enum status backup_scratch_name(struct backup_scratch *scratch, struct buf *path, struct error *err)
{
    enum { BLOCK = 64 };
    struct store *store = scratch->store;
    enum status status = STATUS_OK;

    CHECK(scratch->next <= scratch->end);
    if (scratch->next == scratch->end) {
        struct kv_batch *batch = kv_batch_new(store->kv);
        for (uint64_t i = 0; i < BLOCK; i++) {
            backup_scratch_path(scratch, scratch->end + i, path);
            pending_put(batch, store, buf_str(path), PENDING_WRITE, scratch->table);
        }
        scratch->end += BLOCK;
        status = backup_scratch_write(store, batch, err);
        kv_batch_free(batch);
    }
    backup_scratch_path(scratch, scratch->next++, path);
    return status;
}

/* Deletes files [*at, …), a batch of them, and removes their records in `batch`. */
static enum status backup_scratch_delete(struct backup_scratch *scratch, uint64_t *at,
                                         struct kv_batch *batch, struct error *err)
{
    char *paths[BACKUP_BATCH_FILES];
    enum status statuses[BACKUP_BATCH_FILES];
    struct store *store = scratch->store;
    size_t count = 0;
    struct buf path;

    buf_init(&path);
    for (; count < BACKUP_BATCH_FILES && *at < scratch->next; (*at)++) {
        backup_scratch_path(scratch, *at, &path);
        paths[count] = mem_strdup(buf_str(&path));
        files_abandon(store->files, paths[count]);
        pending_remove(batch, store, buf_str(&path));
        count++;
    }
    CHECK(count > 0);
    enum status status =
        files_delete_many(store->files, (const char *const *)paths, count, statuses, err);
    for (size_t i = 0; i < count; i++)
        mem_free(paths[i]);
    buf_clear(&path);
    return status;
}

void backup_scratch_clear(struct backup_scratch *scratch)
{
    struct store *store = scratch->store;
    struct kv_batch *batch = kv_batch_new(store->kv);
    enum status status = STATUS_OK;
    uint64_t at = 0;
    struct error err;
    struct buf path;

    while (status == STATUS_OK && at < scratch->next)
        status = backup_scratch_delete(scratch, &at, batch, &err);
    buf_init(&path);
    for (uint64_t i = scratch->next; i < scratch->end; i++) { /* named, never made */
        backup_scratch_path(scratch, i, &path);
        pending_remove(batch, store, buf_str(&path));
    }
    buf_clear(&path);
    if (status == STATUS_OK)
        status = backup_scratch_write(store, batch, &err);
    if (status != STATUS_OK)
        log_warn("scratch files stay until the next start: %s", err.message);
    CHECK(scratch->next <= scratch->end);
    scratch->next = scratch->end = 0;
    kv_batch_free(batch);
}
