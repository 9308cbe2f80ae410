/* files_s3.c — files of a bucket: staging, upload, cached reading, listing, deletion.
 *
 * A file is written into the cache folder first (DuckDB writes local files), uploaded from there
 * and then becomes the cached copy: what was just flushed is not fetched again. An object shows
 * only when it is complete, so publishing needs no rename. What a crash leaves, an object or the
 * parts of an upload, is named by a pending record of store/ and removed by files_abandon and
 * files_delete.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/s3/files_s3_internal.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct s3_files {
    struct files base;
    struct s3_client *client;
    struct files_cache *cache;
    char *name;
};

static struct s3_files *s3_files(struct files *files)
{
    CHECK(files != NULL);
    return CONTAINER_OF(files, struct s3_files, base);
}

/* The name of the copy: a hash of the whole address, so that two storages cannot meet. */
struct s3_name {
    char text[65 + 8];
};

static struct str s3_name(struct s3_files *files, const char *path, struct s3_name *out)
{
    struct buf address;

    CHECK(path[0] != '\0');
    buf_init(&address);
    buf_printf(&address, "%s//%s", files->name, path);
    s3_sha256(buf_str(&address), out->text);
    memcpy(out->text + 64, ".parquet", 9);
    buf_clear(&address);
    return str_from(out->text, 72);
}

/* Puts the path before a failure. */
static enum status s3_fail(enum status status, const char *path, struct error *err)
{
    if (status == STATUS_OK)
        return status;
    CHECK(path != NULL);
    if (err != NULL)
        error_prefix(err, "\"%s\"", path);
    return status;
}

static enum status s3_check_key(struct s3_files *files, const char *path, struct error *err)
{
    size_t size = s3_client_prefix(files->client).size + strlen(path);

    CHECK(size > 0);
    if (size > S3_KEY_BYTES_MAX)
        return error_set(err, STATUS_INVALID_INPUT, "the key is longer than %d bytes",
                         S3_KEY_BYTES_MAX);
    return STATUS_OK;
}

static void s3_close(struct files *base)
{
    struct s3_files *files = s3_files(base);

    CHECK(files->name != NULL);
    s3_client_close(files->client);
    mem_free(files->name);
    mem_free(files);
}

/* ---- upload ---------------------------------------------------------------------------------- */

static enum status s3_stage(struct files *base, const char *path, char **out, struct error *err)
{
    struct s3_files *files = s3_files(base);
    enum status status = s3_check_key(files, path, err);
    struct s3_name name;

    if (status != STATUS_OK)
        return status;
    char *staged = files_cache_stage(files->cache, s3_name(files, path, &name));
    int fd = open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        status = file_error(errno, "write", path, err);
        mem_free(staged);
        return status == STATUS_ABSENT ? STATUS_IO_FAILED : status;
    }
    (void)close(fd);
    *out = staged;
    CHECK(staged[0] == '/' || staged[0] == '.');
    return STATUS_OK;
}

static enum status s3_staged_path(struct files *base, const char *path, char **out,
                                  struct error *err)
{
    struct s3_files *files = s3_files(base);
    struct s3_name name;

    CHECK(out != NULL);
    (void)err;
    *out = files_cache_stage(files->cache, s3_name(files, path, &name));
    return STATUS_OK;
}

static enum status s3_put(struct s3_files *files, const char *path, struct str body,
                          struct error *err)
{
    struct s3_request request;

    s3_request_init(&request, "PUT", str_from_c(path));
    request.body = body;
    enum status status = s3_request_run(files->client, &request, err);
    CHECK(body.data != NULL || body.size == 0);
    s3_request_clear(&request);
    return status;
}

struct s3_upload {
    struct s3_files *files;
    const char *path, *local;
    struct buf id;    /* given by the server */
    struct buf parts; /* XML of the parts sent */
    uint64_t size;
};

static enum status s3_upload_begin(struct s3_upload *upload, struct error *err)
{
    const struct s3_param params[] = {{"uploads", STR_EMPTY}};
    struct s3_request request;
    size_t at = 0;

    s3_request_init(&request, "POST", str_from_c(upload->path));
    request.params = params;
    request.param_count = ARRAY_COUNT(params);
    enum status status = s3_request_run(upload->files->client, &request, err);
    if (status == STATUS_OK &&
        (!s3_xml_next(buf_str(&request.answer), "UploadId", &at, &upload->id) ||
         upload->id.size == 0))
        status = error_set(err, STATUS_IO_FAILED, "s3 POST: the answer has no UploadId");
    CHECK(status != STATUS_OK || upload->id.size > 0);
    s3_request_clear(&request);
    return status;
}

static enum status s3_upload_part(struct s3_upload *upload, unsigned number, struct str body,
                                  struct error *err)
{
    char text[16];
    struct s3_request request;

    (void)snprintf(text, sizeof(text), "%u", number);
    const struct s3_param params[] = {{"partNumber", str_from_c(text)},
                                      {"uploadId", buf_str(&upload->id)}};
    s3_request_init(&request, "PUT", str_from_c(upload->path));
    request.params = params;
    request.param_count = ARRAY_COUNT(params);
    request.body = body;
    enum status status = s3_request_run(upload->files->client, &request, err);
    if (status == STATUS_OK && request.etag.size == 0)
        status = error_set(err, STATUS_IO_FAILED, "s3 PUT: the answer has no ETag");
    if (status == STATUS_OK) {
        buf_printf(&upload->parts, "<Part><PartNumber>%u</PartNumber><ETag>", number);
        s3_xml_escape(buf_str(&request.etag), &upload->parts);
        buf_append_str(&upload->parts, STR_LIT("</ETag></Part>"));
    }
    CHECK(number >= 1 && number <= S3_PARTS_MAX);
    s3_request_clear(&request);
    return status;
}

static enum status s3_upload_parts(struct s3_upload *upload, struct error *err)
{
    enum status status = STATUS_OK;
    struct buf part;
    unsigned number = 0;

    CHECK(upload->size > 0);
    buf_init(&part);
    for (uint64_t offset = 0; offset < upload->size && status == STATUS_OK;) {
        buf_reset(&part);
        status = file_read_range(upload->local, upload->path, offset, S3_PART_BYTES, &part, err);
        if (status == STATUS_OK && part.size == 0)
            status = error_set(err, STATUS_IO_FAILED, "the staged file became shorter");
        if (status == STATUS_OK && ++number > S3_PARTS_MAX)
            status = error_set(err, STATUS_IO_FAILED, "the file is too large");
        if (status == STATUS_OK)
            status = s3_upload_part(upload, number, buf_str(&part), err);
        offset += part.size;
    }
    buf_clear(&part);
    return status;
}

/* The server may answer 200 and still report a failure in the text. */
static enum status s3_upload_end(struct s3_upload *upload, struct error *err)
{
    const struct s3_param params[] = {{"uploadId", buf_str(&upload->id)}};
    struct s3_request request;
    struct buf body;
    struct str block;
    size_t at = 0;

    buf_init(&body);
    buf_append_str(&body, STR_LIT("<CompleteMultipartUpload>"));
    buf_append_str(&body, buf_str(&upload->parts));
    buf_append_str(&body, STR_LIT("</CompleteMultipartUpload>"));
    s3_request_init(&request, "POST", str_from_c(upload->path));
    request.params = params;
    request.param_count = ARRAY_COUNT(params);
    request.body = buf_str(&body);
    request.content_type = "application/xml";
    enum status status = s3_request_run(upload->files->client, &request, err);
    if (status == STATUS_OK && s3_xml_block(buf_str(&request.answer), "Error", &at, &block))
        status = error_set(err, STATUS_IO_FAILED, "s3 POST: the parts could not be put together");
    CHECK(body.size > 0);
    s3_request_clear(&request);
    buf_clear(&body);
    return status;
}

static enum status s3_upload_abort(struct s3_files *files, const char *path, struct str id,
                                   struct error *err)
{
    const struct s3_param params[] = {{"uploadId", id}};
    struct s3_request request;

    CHECK(id.size > 0);
    s3_request_init(&request, "DELETE", str_from_c(path));
    request.params = params;
    request.param_count = ARRAY_COUNT(params);
    enum status status = s3_request_run(files->client, &request, err);
    s3_request_clear(&request);
    return status == STATUS_ABSENT ? STATUS_OK : status;
}

static enum status s3_put_parts(struct s3_files *files, const char *path, const char *local,
                                uint64_t size, struct error *err)
{
    struct s3_upload upload = {.files = files, .path = path, .local = local, .size = size};

    CHECK(size > S3_PART_BYTES);
    buf_init(&upload.id);
    buf_init(&upload.parts);
    enum status status = s3_upload_begin(&upload, err);
    if (status == STATUS_OK)
        status = s3_upload_parts(&upload, err);
    if (status == STATUS_OK)
        status = s3_upload_end(&upload, err);
    if (status != STATUS_OK && upload.id.size > 0)
        (void)!s3_upload_abort(files, path, buf_str(&upload.id), NULL);
    buf_clear(&upload.id);
    buf_clear(&upload.parts);
    return status;
}

static enum status s3_put_file(struct s3_files *files, const char *path, const char *local,
                               struct error *err)
{
    struct stat info;
    struct buf body;

    if (stat(local, &info) != 0)
        return file_error(errno, "upload", path, err);
    CHECK(info.st_size >= 0);
    if (info.st_size > S3_PART_BYTES)
        return s3_put_parts(files, path, local, (uint64_t)info.st_size, err);
    buf_init(&body);
    enum status status = file_read_range(local, path, 0, S3_PART_BYTES, &body, err);
    if (status == STATUS_OK)
        status = s3_put(files, path, buf_str(&body), err);
    buf_clear(&body);
    return status;
}

static enum status s3_publish(struct files *base, const char *path, struct error *err)
{
    struct s3_files *files = s3_files(base);
    struct s3_name text;
    struct str name = s3_name(files, path, &text);
    char *local = files_cache_stage(files->cache, name);

    CHECK(local != NULL);
    enum status status = file_sync(local, path, err); /* the cache takes durable files only */
    if (status == STATUS_OK)
        status = s3_put_file(files, path, local, err);
    if (status == STATUS_OK)
        status = files_cache_adopt(files->cache, name, err);
    mem_free(local);
    return s3_fail(status == STATUS_ABSENT ? STATUS_IO_FAILED : status, path, err);
}

/* Ends uploads of the key that never came to their end. */
static void s3_abort_uploads(struct s3_files *files, const char *path)
{
    struct str prefix = s3_client_prefix(files->client);
    struct buf full, key, id;
    struct s3_request request;
    struct str block;
    size_t at = 0;

    buf_init(&full);
    buf_init(&key);
    buf_init(&id);
    buf_append_str(&full, prefix);
    buf_append_str(&full, str_from_c(path));
    CHECK(full.size > 0);
    const struct s3_param params[] = {{"uploads", STR_EMPTY}, {"prefix", buf_str(&full)}};
    s3_request_init(&request, "GET", STR_EMPTY);
    request.bucket = true;
    request.params = params;
    request.param_count = ARRAY_COUNT(params);
    if (s3_request_run(files->client, &request, NULL) == STATUS_OK)
        while (s3_xml_block(buf_str(&request.answer), "Upload", &at, &block)) {
            size_t in_key = 0, in_id = 0;
            if (s3_xml_next(block, "Key", &in_key, &key) &&
                s3_xml_next(block, "UploadId", &in_id, &id) && id.size > 0 &&
                str_equal(buf_str(&key), buf_str(&full)))
                (void)!s3_upload_abort(files, path, buf_str(&id), NULL);
        }
    s3_request_clear(&request);
    buf_clear(&full);
    buf_clear(&key);
    buf_clear(&id);
}

static void s3_abandon(struct files *base, const char *path)
{
    struct s3_files *files = s3_files(base);
    struct s3_name text;
    char *staged = files_cache_stage(files->cache, s3_name(files, path, &text));

    CHECK(staged != NULL);
    (void)unlink(staged);
    mem_free(staged);
    s3_abort_uploads(files, path);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct s3_fetch {
    struct s3_files *files;
    const char *path;
};

static enum status s3_fetch(void *context, const char *local, struct error *err)
{
    const struct s3_fetch *fetch = context;
    struct s3_request request;
    int fd = open(local, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

    CHECK(fetch->path != NULL);
    if (fd < 0)
        return file_error(errno, "write a copy of", fetch->path, err);
    s3_request_init(&request, "GET", str_from_c(fetch->path));
    request.sink = fd;
    enum status status = s3_request_run(fetch->files->client, &request, err);
    s3_request_clear(&request);
    (void)close(fd);
    return s3_fail(status, fetch->path, err);
}

static enum status s3_local_path(struct files *base, const char *path, char **out,
                                 struct error *err)
{
    struct s3_files *files = s3_files(base);
    struct s3_fetch fetch = {.files = files, .path = path};
    struct s3_name text;

    CHECK(out != NULL);
    return files_cache_get(files->cache, s3_name(files, path, &text), s3_fetch, &fetch, out, err);
}

static void s3_release(struct files *base, const char *path)
{
    struct s3_files *files = s3_files(base);
    struct s3_name text;

    CHECK(path[0] != '\0');
    files_cache_release(files->cache, s3_name(files, path, &text));
}

static bool s3_drop_copy(struct files *base, const char *path)
{
    struct s3_files *files = s3_files(base);
    struct s3_name text;

    CHECK(path[0] != '\0');
    files_cache_remove(files->cache, s3_name(files, path, &text));
    return true;
}

static enum status s3_read(struct files *base, const char *path, uint64_t offset, size_t size,
                           struct buf *out, struct error *err)
{
    struct s3_request request;

    CHECK(size > 0 && size <= S3_ANSWER_BYTES_MAX);
    s3_request_init(&request, "GET", str_from_c(path));
    request.has_range = true;
    request.range_first = offset;
    request.range_last = offset + size - 1;
    enum status status = s3_request_run(s3_files(base)->client, &request, err);
    if (status == STATUS_OK)
        buf_append_str(out, buf_str(&request.answer));
    s3_request_clear(&request);
    return s3_fail(status, path, err);
}

static enum status s3_size(struct files *base, const char *path, uint64_t *size, struct error *err)
{
    struct s3_request request;

    CHECK(size != NULL);
    s3_request_init(&request, "HEAD", str_from_c(path));
    enum status status = s3_request_run(s3_files(base)->client, &request, err);
    *size = request.size;
    s3_request_clear(&request);
    return s3_fail(status, path, err);
}

/* ---- listing, deletion ----------------------------------------------------------------------- */

struct s3_list {
    struct s3_files *files;
    struct buf prefix, token, key, size;
    bool (*visit)(void *context, struct str path, uint64_t size);
    void *context;
};

/* False when the visitor has seen enough. */
static bool s3_list_page(struct s3_list *list, struct str answer)
{
    size_t skip = s3_client_prefix(list->files->client).size, at = 0;
    struct str block;

    CHECK(list->visit != NULL);
    while (s3_xml_block(answer, "Contents", &at, &block)) {
        size_t in_key = 0, in_size = 0;
        uint64_t size = 0;
        if (!s3_xml_next(block, "Key", &in_key, &list->key) || list->key.size <= skip)
            continue;
        if (s3_xml_next(block, "Size", &in_size, &list->size))
            (void)str_to_uint64(buf_str(&list->size), &size);
        if (!list->visit(list->context, str_from(list->key.data + skip, list->key.size - skip),
                         size))
            return false;
    }
    return true;
}

static enum status s3_list_next(struct s3_list *list, bool *more, struct error *err)
{
    struct s3_param params[] = {{"list-type", STR_LIT("2")},
                                {"prefix", buf_str(&list->prefix)},
                                {"continuation-token", buf_str(&list->token)}};
    struct s3_request request;
    struct buf truncated;
    size_t at = 0;

    s3_request_init(&request, "GET", STR_EMPTY);
    request.bucket = true;
    request.params = params;
    request.param_count = ARRAY_COUNT(params) - (list->token.size == 0);
    enum status status = s3_request_run(list->files->client, &request, err);
    struct str answer = buf_str(&request.answer);
    *more = status == STATUS_OK && s3_list_page(list, answer);
    buf_init(&truncated);
    if (*more)
        *more = s3_xml_next(answer, "IsTruncated", &at, &truncated) &&
                str_equal(buf_str(&truncated), STR_LIT("true"));
    at = 0;
    if (*more)
        *more =
            s3_xml_next(answer, "NextContinuationToken", &at, &list->token) && list->token.size > 0;
    CHECK(status == STATUS_OK || !*more);
    buf_clear(&truncated);
    s3_request_clear(&request);
    return status == STATUS_ABSENT ? error_set(err, STATUS_IO_FAILED, "s3 GET: no such bucket")
                                   : status;
}

static enum status s3_list(struct files *base, const char *folder,
                           bool (*visit)(void *context, struct str path, uint64_t size),
                           void *context, struct error *err)
{
    struct s3_list list = {.files = s3_files(base), .visit = visit, .context = context};
    enum status status;
    bool more = true;

    buf_init(&list.prefix);
    buf_init(&list.token);
    buf_init(&list.key);
    buf_init(&list.size);
    buf_append_str(&list.prefix, s3_client_prefix(list.files->client));
    if (folder[0] != '\0') {
        buf_append_str(&list.prefix, str_from_c(folder));
        buf_append_byte(&list.prefix, '/');
    }
    do
        status = s3_list_next(&list, &more, err);
    while (status == STATUS_OK && more);
    CHECK(visit != NULL);
    buf_clear(&list.prefix);
    buf_clear(&list.token);
    buf_clear(&list.key);
    buf_clear(&list.size);
    return status;
}

static enum status s3_remove(struct files *base, const char *path, struct error *err)
{
    struct s3_files *files = s3_files(base);
    struct s3_request request;
    struct s3_name text;

    CHECK(path[0] != '\0');
    s3_request_init(&request, "DELETE", str_from_c(path));
    enum status status = s3_request_run(files->client, &request, err);
    s3_request_clear(&request);
    if (status == STATUS_ABSENT)
        status = STATUS_OK;
    if (status == STATUS_OK)
        files_cache_remove(files->cache, s3_name(files, path, &text));
    return s3_fail(status, path, err);
}

/* A bucket has no folders. */
static enum status s3_make_folder(struct files *base, const char *path, struct error *err)
{
    CHECK(path[0] != '\0');
    return s3_check_key(s3_files(base), path, err);
}

static void s3_remove_folder(struct files *base, const char *path)
{
    (void)base;
    CHECK(path[0] != '\0');
}

static const struct files_driver s3_driver = {
    .close = s3_close,
    .stage = s3_stage,
    .staged_path = s3_staged_path,
    .publish = s3_publish,
    .abandon = s3_abandon,
    .local_path = s3_local_path,
    .release = s3_release,
    .drop_copy = s3_drop_copy,
    .read = s3_read,
    .list = s3_list,
    .size = s3_size,
    .remove = s3_remove,
    .make_folder = s3_make_folder,
    .remove_folder = s3_remove_folder,
};

enum status files_open_s3(const struct files_s3_options *options, struct files **out,
                          struct error *err)
{
    struct s3_client *client = NULL;
    enum status status = s3_client_open(options, &client, err);

    CHECK(out != NULL);
    *out = NULL;
    if (status != STATUS_OK)
        return status;
    struct s3_files *files = mem_zalloc(sizeof(*files));
    files->base.driver = &s3_driver;
    files->client = client;
    files->cache = options->cache;
    files->name = mem_strdup(str_from_c(options->name));
    *out = &files->base;
    return STATUS_OK;
}
