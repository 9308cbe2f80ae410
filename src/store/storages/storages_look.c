/* storages_look.c — the folders of all storages, looked at once after the start, on a thread of its
 * own: a disk that does not answer must keep the server neither from starting nor from stopping.
 *
 * Data from before roots had a marker file (storage/files.h): a root without files gets it when no
 * record names a file there, once; later a root without it is one whose disk is not mounted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/commit/commit_internal.h"
#include "store/storages/storages_internal.h"

enum { LOOK_STACK_BYTES = 1 << 20 };

/* ---- the folders ----------------------------------------------------------------------------- */

typedef void look_visit(struct store *store, const struct storage_root *root);

/* No view is held while a disk is asked: files of dropped tables wait for the oldest one. */
static void look_each(struct store *store, look_visit *visit)
{
    struct storage_roots roots;
    struct arena arena;

    CHECK(visit != NULL);
    arena_init(&arena, 0);
    storages_roots(store, &arena, &roots);
    for (size_t i = 0; i < roots.count && !storages_look_is_over(store); i++)
        visit(store, &roots.all[i]);
    arena_clear(&arena);
}

static bool look_knows(void *context, const char *root)
{
    CHECK(root != NULL);
    return root_files_exist(context);
}

static void look_ask(const struct root_files *files, struct disk_answer *answer)
{
    struct root_files known = *files;

    CHECK(files->root != NULL);
    answer->yes = files_root_is_there(files->root, look_knows, &known);
}

static void look_ask_mark(const struct root_files *files, struct disk_answer *answer)
{
    CHECK(files->count == 0);
    answer->status = files_mark_root(files->root, &answer->err);
}

/* Is the root there? True as well when that cannot be known. Fills `files` otherwise. */
static bool look_is_there(struct store *store, const char *root, struct arena *arena,
                          struct root_files *files)
{
    struct disk_answer answer;
    struct error err;

    *files = (struct root_files){.root = root};
    if (!storages_ask(store, look_ask, files, &answer) || answer.yes)
        return true;
    if (storages_root_files(store, root, arena, files, &err) != STATUS_OK) {
        log_warn("files in %s: %s", root, err.message);
        return true;
    }
    CHECK(files->root != NULL);
    if (files->count == 0)
        return false;
    return !storages_ask(store, look_ask, files, &answer) || answer.yes;
}

/* ---- data from before roots were marked ------------------------------------------------------ */

static void look_mark(struct store *store, const struct storage_root *root)
{
    struct root_files files;
    struct disk_answer answer;
    struct arena arena;

    CHECK(root->path[0] != '\0');
    arena_init(&arena, 0);
    if (!look_is_there(store, root->path, &arena, &files) && files.count == 0 &&
        storages_ask(store, look_ask_mark, &files, &answer) && answer.status != STATUS_OK)
        log_warn("%s, the folder of storage %.*s, cannot be marked: %s", root->path,
                 STR_ARG(root->id), answer.err.message);
    arena_clear(&arena);
}

static enum status look_adopt(struct store *store, struct error *err)
{
    struct kv_value value;
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_ROOTS_MARKED), 0, &value, err);

    CHECK(store->spaces.meta != NULL);
    if (status == STATUS_OK)
        kv_value_release(store->kv, &value);
    if (status != STATUS_ABSENT)
        return status;
    look_each(store, look_mark);
    if (storages_look_is_over(store))
        return STATUS_OK; /* not all of them */
    struct kv_batch *batch = kv_batch_new(store->kv);
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_ROOTS_MARKED), STR_LIT("1"));
    status = kv_write(store->kv, batch, store->options.durability, err);
    kv_batch_free(batch);
    return status;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void look_warn(struct store *store, const struct storage_root *root)
{
    struct root_files files;
    struct arena arena;

    CHECK(store != NULL);
    arena_init(&arena, 0);
    if (!look_is_there(store, root->path, &arena, &files))
        log_warn("%s, the folder of storage %.*s, is missing, or " FILES_MARKER
                 " in it: is it mounted?",
                 root->path, STR_ARG(root->id));
    arena_clear(&arena);
}

static void *look_main(void *argument)
{
    struct store *store = argument;
    struct error err;

    CHECK(store->storages != NULL);
    if (look_adopt(store, &err) != STATUS_OK)
        log_warn("folders of storages: %s", err.message);
    look_each(store, look_warn);
    if (!storages_look_is_over(store))
        storages_warn_places(store);
    return NULL;
}

void storages_look_start(struct store *store, pthread_t *thread)
{
    CHECK(store->view != NULL);
    thread_start(thread, "storages", LOOK_STACK_BYTES, look_main, store);
}
