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

static enum status router_staged_path(struct files *base, const char *path, char **out,
                                      struct error *err)
{
    struct router_call call;
    enum status status = router_begin(base, path, &call, err);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    status = files_staged_path(call.files, call.path, out, err);
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

/* ---- many files: together, place by place ------------------------------------------------------
 */

typedef enum status router_many(struct files *files, const char *const *paths, size_t count,
                                enum status *statuses, struct error *err);

static bool router_same_place(const char *a, const char *b)
{
    struct str place_a = STR_EMPTY, place_b = STR_EMPTY, rest;
    bool is_address = files_address_split(str_from_c(a), &place_a, &rest);

    CHECK(a != NULL && b != NULL);
    return files_address_split(str_from_c(b), &place_b, &rest) == is_address &&
           str_equal(place_a, place_b);
}

/* Those of `paths` that lie where `paths[first]` does and have no status yet (STATUS_COUNT). */
static void router_many_place(struct files *base, router_many *many, const char *const *paths,
                              size_t count, size_t first, enum status *statuses, struct error *err)
{
    const char **inner = mem_calloc(count, sizeof(*inner));
    enum status *results = mem_calloc(count, sizeof(*results));
    size_t *indices = mem_calloc(count, sizeof(*indices));
    struct router_call call;
    struct str place, rest;
    size_t found = 0;
    enum status status = router_begin(base, paths[first], &call, err);

    for (size_t i = first; i < count; i++) {
        if (statuses[i] != STATUS_COUNT || !router_same_place(paths[i], paths[first]))
            continue;
        inner[found] =
            files_address_split(str_from_c(paths[i]), &place, &rest) ? rest.data : paths[i];
        results[found] = status;
        indices[found++] = i;
    }
    CHECK(found > 0);
    if (status == STATUS_OK) {
        (void)many(call.files, inner, found, results, err);
        router_end(&call);
    }
    for (size_t i = 0; i < found; i++)
        statuses[indices[i]] = results[i];
    mem_free(indices);
    mem_free(results);
    mem_free(inner);
}

static void router_many_places(struct files *base, router_many *many, const char *const *paths,
                               size_t count, enum status *statuses, struct error *err)
{
    struct error local, *told = err;

    CHECK(err != NULL);
    error_clear(err);
    error_clear(&local);
    for (size_t i = 0; i < count; i++)
        statuses[i] = STATUS_COUNT;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != STATUS_COUNT)
            continue;
        router_many_place(base, many, paths, count, i, statuses, told);
        if (told->code != STATUS_OK)
            told = &local; /* the caller hears of the first */
    }
}

static void router_publish_many(struct files *base, const char *const *paths, size_t count,
                                enum status *statuses, struct error *err)
{
    CHECK(statuses != NULL);
    router_many_places(base, files_publish_many, paths, count, statuses, err);
}

static void router_remove_many(struct files *base, const char *const *paths, size_t count,
                               enum status *statuses, struct error *err)
{
    CHECK(statuses != NULL);
    router_many_places(base, files_delete_many, paths, count, statuses, err);
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

static bool router_drop_copy(struct files *base, const char *path)
{
    struct router_call call;
    bool dropped;

    CHECK(path[0] != '\0');
    if (router_begin(base, path, &call, NULL) != STATUS_OK)
        return false;
    dropped = files_drop_copy(call.files, call.path);
    router_end(&call);
    return dropped;
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
    .staged_path = router_staged_path,
    .publish = router_publish,
    .publish_many = router_publish_many,
    .remove_many = router_remove_many,
    .abandon = router_abandon,
    .local_path = router_local_path,
    .release = router_release,
    .drop_copy = router_drop_copy,
    .read = router_read,
    .size = router_size,
    .remove = router_remove,
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
