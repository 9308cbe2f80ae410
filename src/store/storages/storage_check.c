/* storage_check.c — STORAGE CHECK: does a storage answer, and what can be done on it?
 *
 * The short form reads the listing of an empty folder, which needs the right to list and leaves
 * nothing behind. EXTENDED writes a small file under a name of its own, reads it back, lists it and
 * deletes it; each step is reported, also when an earlier one failed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/storages.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>

#define CHECK_FOLDER "_kalamdb_check"
#define CHECK_TEXT "kalamdb storage check\n"

struct check_run {
    struct files *files; /* of the storage alone: paths below its root */
    char path[64];
    bool seen;
};

static bool check_see(void *context, struct str path, uint64_t size)
{
    struct check_run *run = context;

    CHECK(run->files != NULL);
    run->seen = run->seen || (str_equal(path, str_from_c(run->path)) && size == strlen(CHECK_TEXT));
    return !run->seen;
}

static void check_discard(struct check_run *run)
{
    struct error err;

    CHECK(run->path[0] != '\0');
    files_abandon(run->files, run->path);
    if (files_delete(run->files, run->path, &err) != STATUS_OK)
        log_warn("what a check has written stays: %s", err.message);
}

static enum status check_write(struct check_run *run, struct error *err)
{
    char *local = NULL;
    enum status status = files_stage(run->files, run->path, &local, err);

    CHECK(run->path[0] != '\0');
    if (status == STATUS_OK)
        status = file_write_all(local, STR_LIT(CHECK_TEXT), 0640, err);
    if (status == STATUS_OK)
        status = files_publish(run->files, run->path, err);
    if (status != STATUS_OK)
        check_discard(run);
    mem_free(local);
    return status;
}

static enum status check_read(struct check_run *run, struct error *err)
{
    struct buf text;

    buf_init(&text);
    enum status status = files_read(run->files, run->path, 0, 4096, &text, err);
    if (status == STATUS_OK && !str_equal(buf_str(&text), STR_LIT(CHECK_TEXT)))
        status = error_set(err, STATUS_IO_FAILED, "what was written does not come back");
    CHECK(run->path[0] != '\0');
    buf_clear(&text);
    return status;
}

static enum status check_list(struct check_run *run, struct error *err)
{
    enum status status;

    run->seen = false;
    status = files_list(run->files, CHECK_FOLDER, check_see, run, err);
    CHECK(run->path[0] != '\0');
    if (status == STATUS_OK && !run->seen)
        status = error_set(err, STATUS_IO_FAILED, "what was written is not listed");
    return status;
}

static enum status check_delete(struct check_run *run, struct error *err)
{
    CHECK(run->path[0] != '\0');
    return files_delete(run->files, run->path, err);
}

static enum status check_reach(struct check_run *run, struct error *err)
{
    CHECK(run->files != NULL);
    return files_list(run->files, CHECK_FOLDER, check_see, run, err);
}

static const struct {
    const char *name;
    enum status (*run)(struct check_run *run, struct error *err);
} check_steps[] = {
    {NULL, check_reach},  {"write", check_write},   {"read", check_read},
    {"list", check_list}, {"delete", check_delete},
};

enum status storages_check(struct store *store, const struct view *view, struct str id,
                           bool extended,
                           enum status (*visit)(void *context, const struct storage_check *check,
                                                struct error *err),
                           void *context, struct error *err)
{
    const struct storage *storage = catalog_find_storage(view_catalog(view), id);
    size_t first = extended ? 1 : 0, last = extended ? ARRAY_COUNT(check_steps) : 1;
    struct check_run run = {.files = NULL};
    struct error local;
    enum status status = STATUS_OK;

    if (storage == NULL)
        return error_set(err, STATUS_STORAGE_NOT_FOUND,
                         "storage not found: Storage '%.*s' does not exist", STR_ARG(id));
    error_clear(&local);
    enum status opened = storages_borrow(store, storage, &run.files, &local);
    (void)snprintf(run.path, sizeof(run.path), CHECK_FOLDER "/%lld.txt", (long long)id_snowflake());
    CHECK(run.path[0] != '/');
    for (size_t i = first; i < last && status == STATUS_OK; i++) {
        int64_t start = clock_monotonic_ns();
        struct storage_check check = {.operation = check_steps[i].name, .status = opened};
        if (opened == STATUS_OK) {
            error_clear(&local);
            check.status = check_steps[i].run(&run, &local);
        }
        check.latency_us = (clock_monotonic_ns() - start) / 1000;
        check.message = local.message;
        status = visit(context, &check, err);
    }
    if (opened == STATUS_OK)
        storages_return(store, run.files);
    return status;
}
