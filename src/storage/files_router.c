/* files_router.c — files of several places behind one table of callbacks, see files_open_router.
 *
 * Whoever works with files (flush, recovery, readers) keeps one path per file and need not know
 * where it lies: the path says it. The files of a place are borrowed for the length of one call;
 * what outlives it (a staged or pinned file) is found again by its path.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"
#include "base/mem.h"

struct files_router {
    struct files base;
    struct files_router_options options;
};

/* One call: whose files, and the path in them. */
struct router_call {
    struct files_router *router;
    struct files *files;
    const char *path;
    bool found; /* to be released */
};

bool files_address_split(struct str path, struct str *place, struct str *rest)
{
    CHECK(place != NULL && rest != NULL);
    for (size_t i = path.size; i >= 2; i--) {
        if (path.data[i - 1] != '/' || path.data[i - 2] != '/')
            continue;
        *place = str_from(path.data, i - 2);
        *rest = str_from(path.data + i, path.size - i);
        return true;
    }
    return false;
}

static enum status router_begin(struct files *base, const char *path, struct router_call *call,
                                struct error *err)
{
    struct files_router *router = CONTAINER_OF(base, struct files_router, base);
    struct str place, rest;

    CHECK(path != NULL);
    *call = (struct router_call){.router = router, .files = router->options.home, .path = path};
    if (!files_address_split(str_from_c(path), &place, &rest))
        return STATUS_OK;
    call->path = rest.data; /* ends where `path` ends */
    enum status status = router->options.find(router->options.context, place, &call->files, err);
    call->found = status == STATUS_OK;
    return status;
}

static void router_end(struct router_call *call)
{
    CHECK(call->files != NULL);
    if (call->found)
        call->router->options.release(call->router->options.context, call->files);
}

static enum status router_stage(struct files *base, const char *path, char **out, struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    status = files_stage(call.files, call.path, out, err);
    router_end(&call);
    return status;
}

static enum status router_publish(struct files *base, const char *path, struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(path[0] != '\0');
    if (status != STATUS_OK)
        return status;
    status = files_publish(call.files, call.path, err);
    router_end(&call);
    return status;
}

static void router_abandon(struct files *base, const char *path)
{
    struct router_call call;

    CHECK(path[0] != '\0');
    if (router_begin(base, path, &call, NULL) != STATUS_OK)
        return;
    files_abandon(call.files, call.path);
    router_end(&call);
}

static enum status router_local_path(struct files *base, const char *path, char **out,
                                     struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    status = files_local_path(call.files, call.path, out, err);
    router_end(&call);
    return status;
}

static void router_release(struct files *base, const char *path)
{
    struct router_call call;

    CHECK(path[0] != '\0');
    if (router_begin(base, path, &call, NULL) != STATUS_OK)
        return;
    files_release(call.files, call.path);
    router_end(&call);
}

static enum status router_read(struct files *base, const char *path, uint64_t offset, size_t size,
                               struct buf *out, struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    status = files_read(call.files, call.path, offset, size, out, err);
    router_end(&call);
    return status;
}

static enum status router_size(struct files *base, const char *path, uint64_t *size,
                               struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(size != NULL);
    if (status != STATUS_OK)
        return status;
    status = files_size(call.files, call.path, size, err);
    router_end(&call);
    return status;
}

static enum status router_remove(struct files *base, const char *path, struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(path[0] != '\0');
    if (status != STATUS_OK)
        return status;
    status = files_delete(call.files, call.path, err);
    router_end(&call);
    return status;
}

static enum status router_checksum(struct files *base, const char *path, uint64_t *checksum,
                                   struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(checksum != NULL);
    if (status != STATUS_OK)
        return status;
    status = files_checksum(call.files, call.path, checksum, err);
    router_end(&call);
    return status;
}

static enum status router_make_folder(struct files *base, const char *path, struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(path[0] != '\0');
    if (status != STATUS_OK)
        return status;
    status = files_make_folder(call.files, call.path, err);
    router_end(&call);
    return status;
}

static void router_remove_folder(struct files *base, const char *path)
{
    struct router_call call;

    CHECK(path[0] != '\0');
    if (router_begin(base, path, &call, NULL) != STATUS_OK)
        return;
    files_remove_folder(call.files, call.path);
    router_end(&call);
}

static void router_close(struct files *base)
{
    struct files_router *router = CONTAINER_OF(base, struct files_router, base);

    CHECK(router->options.find != NULL);
    mem_free(router);
}

static const struct files_driver router_driver = {
    .hands_on = true,
    .close = router_close,
    .stage = router_stage,
    .publish = router_publish,
    .abandon = router_abandon,
    .local_path = router_local_path,
    .release = router_release,
    .read = router_read,
    .size = router_size,
    .remove = router_remove,
    .checksum = router_checksum,
    .make_folder = router_make_folder,
    .remove_folder = router_remove_folder,
};

struct files *files_open_router(const struct files_router_options *options)
{
    struct files_router *router = mem_zalloc(sizeof(*router));

    CHECK(options->find != NULL && options->release != NULL);
    router->base.driver = &router_driver;
    router->options = *options;
    return &router->base;
}
