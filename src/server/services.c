/* services.c — what statements need from jobs, live and session (sql/services.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/manifest.h"
#include "server/server_internal.h"

#include <string.h>

static enum status services_need_jobs(const struct server *server, struct jobs **out,
                                      struct error *err)
{
    *out = atomic_load(&server->jobs);
    CHECK(server != NULL);
    return *out != NULL ? STATUS_OK
                        : error_set(err, STATUS_SHUTTING_DOWN, "background jobs do not run now");
}

static enum status services_flush_table(void *context, struct table_id table, char id[96],
                                        bool *existing, struct error *err)
{
    struct jobs *jobs;
    struct job_id job;
    enum status status = services_need_jobs(context, &jobs, err);

    CHECK(id != NULL);
    if (status == STATUS_OK)
        status = jobs_flush(jobs, table, STR_EMPTY, true, true, &job, existing, err);
    if (status == STATUS_OK)
        memcpy(id, job.text, sizeof(job.text));
    return status;
}

/* A backup among the server's own files would be taken for one of them, or be lost with them. */
static enum status services_check_backup(const struct server *server, struct str path,
                                         struct error *err)
{
    struct str scheme = STR_LIT("file://");
    struct buf there, folder;
    bool inside = false;

    if (str_starts_with(path, scheme))
        path = str_from(path.data + scheme.size, path.size - scheme.size);
    if (path.size == 0 || path.data[0] != '/')
        return STATUS_OK; /* a bucket, or what the job refuses */
    buf_init(&there);
    buf_init(&folder);
    char *text = mem_strdup(path);
    file_resolve(text, &there);
    mem_free(text);
    CHECK(server->own_folders[0] != NULL);
    for (size_t i = 0; i < SERVER_OWN_FOLDERS && !inside; i++) {
        buf_reset(&folder);
        file_resolve(server->own_folders[i], &folder);
        inside = file_is_below(buf_str(&there), buf_str(&folder));
    }
    buf_clear(&there);
    buf_clear(&folder);
    return !inside ? STATUS_OK
                   : error_set(err, STATUS_INVALID_INPUT,
                               "a backup cannot lie among the server's own files");
}

static enum status services_backup(void *context, const struct sql_backup *backup,
                                   struct sql_backup_result *result, struct error *err)
{
    struct jobs_backup request = {.restore = backup->restore,
                                  .wait = !backup->async,
                                  .space = backup->space,
                                  .path = backup->path,
                                  .cancelled = backup->cancelled};
    struct jobs_backup_result made;
    struct jobs *jobs;
    enum status status = services_need_jobs(context, &jobs, err);

    CHECK(result != NULL);
    if (status == STATUS_OK && !backup->restore)
        status = services_check_backup(context, backup->path, err);
    if (status == STATUS_OK)
        status = jobs_backup(jobs, &request, &made, err);
    if (status != STATUS_OK)
        return status;
    memcpy(result->job_id, made.id.text, sizeof(result->job_id));
    result->files = made.figures.files;
    result->rows = made.figures.rows;
    result->bytes = made.figures.bytes;
    result->duration_ms = made.duration_ms;
    return STATUS_OK;
}

static enum status services_backup_contents(void *context, struct str path, struct arena *arena,
                                            struct sql_backup_contents *out, struct error *err)
{
    struct manifest manifest;
    const struct server *server = context;
    enum status status = backup_read_manifest(server->store, path, &manifest, err);
    size_t count = 0;

    CHECK(out != NULL);
    for (const struct manifest_table *table = manifest.tables; table != NULL; table = table->next)
        count++;
    *out = (struct sql_backup_contents){
        .space = arena_copy(arena, manifest.space),
        .server_version = arena_copy(arena, manifest.server_version),
        .created_at = manifest.created_at,
        .as_of_seq = manifest.as_of_seq,
        .tables = arena_array(arena, count + 1, sizeof(*out->tables)),
    };
    for (const struct manifest_table *table = manifest.tables; table != NULL; table = table->next) {
        struct sql_backup_table *made = &out->tables[out->table_count++];
        *made = (struct sql_backup_table){
            .name = arena_copy(arena, table->table->name),
            .kind = table->table->kind,
            .files = table->files,
            .rows = table->rows,
            .bytes = table->bytes,
            .schema_version = table->table->schema_count,
        };
        for (const struct manifest_instance *i = table->instances; i != NULL; i = i->next)
            made->users++;
    }
    manifest_clear(&manifest);
    return status;
}

static enum status services_kill_job(void *context, struct str id, struct error *err)
{
    struct jobs *jobs;
    enum status status = services_need_jobs(context, &jobs, err);

    CHECK(id.size == 0 || id.data != NULL);
    return status == STATUS_OK ? jobs_kill(jobs, id, err) : status;
}

static enum status services_cancel_table_jobs(void *context, struct table_id table,
                                              enum status (*check)(void *check_context,
                                                                   struct error *err),
                                              void *check_context, struct error *err)
{
    const struct server *server = context;
    struct jobs *jobs = atomic_load(&server->jobs);

    CHECK(table.value > 0);
    return jobs != NULL ? jobs_cancel_table(jobs, table, check, check_context, err) : STATUS_OK;
}

static enum status services_drop_table_files(void *context, struct table_id table, struct str space,
                                             struct str name, struct error *err)
{
    struct jobs *jobs;
    struct job_id job;
    enum status status = services_need_jobs(context, &jobs, err);

    CHECK(table.value > 0);
    return status == STATUS_OK ? jobs_drop_table(jobs, table, space, name, &job, err) : status;
}

static void services_live_entries(void *context, struct table_id table, struct str live_id,
                                  struct arena *arena, struct sql_live_entry **entries,
                                  size_t *count)
{
    const struct server *server = context;
    struct live *live = atomic_load(&server->live);

    CHECK(entries != NULL && count != NULL);
    *entries = NULL;
    *count = 0;
    if (live != NULL)
        live_entries(live, table, live_id, arena, entries, count);
}

static void services_live_fence_begin(void *context, struct sql_live_fence *fence)
{
    const struct server *server = context;
    struct live *live = atomic_load(&server->live);

    CHECK(!fence->stands);
    fence->count = 0;
    if (live != NULL)
        live_fence_begin(live, fence);
}

static void services_live_fence_end(void *context, struct sql_live_fence *fence)
{
    const struct server *server = context;

    CHECK(fence->table.value > 0);
    if (fence->stands)
        live_fence_end(atomic_load(&server->live), fence);
}

static void services_table_changed(void *context, struct table_id table)
{
    const struct server *server = context;
    struct live *live = atomic_load(&server->live);

    CHECK(table.value > 0);
    if (live != NULL)
        live_table_changed(live, table);
}

static enum status services_kill_live_query(void *context, struct str live_id, struct str actor,
                                            enum role role, struct error *err)
{
    const struct server *server = context;
    struct live *live = atomic_load(&server->live);

    CHECK(server != NULL);
    if (live == NULL)
        return error_set(err, STATUS_LIVE_QUERY_NOT_FOUND, "live query not found: '%.*s'",
                         STR_ARG(live_id));
    return live_kill(live, live_id, actor, role, err);
}

static enum status services_hash_password(void *context, struct str password, char out[256],
                                          struct error *err)
{
    const struct server *server = context;

    CHECK(server->session != NULL);
    return session_hash_password(server->session, password, out, err);
}

static void services_hash_api_key(void *context, struct str key, char out[65])
{
    CHECK(context != NULL);
    session_hash_api_key(key, out);
}

static bool services_setting_at(void *context, size_t index, struct str out[5])
{
    const struct server *server = context;

    CHECK(server->config != NULL);
    if (!config_setting_at(server->config, index, out))
        return false;
    if (index == CONFIG_LOGGING_LEVEL) /* the one that changes while the server runs */
        out[1] = str_from_c(log_level_name(log_get_level()));
    return true;
}

static void services_metrics(void *context, metric_visit visit, void *visit_context)
{
    const struct server *server = context;

    CHECK(server->net != NULL);
    net_metrics(server->net, visit, visit_context);
}

static struct str services_public_ws_url(void *context, struct arena *arena)
{
    const struct server *server = context;

    CHECK(server->public_url[0] != 0);
    return arena_copy(arena, str_from_c(server->public_url));
}

void server_fill_services(struct server *server, struct sql_services *out)
{
    CHECK(server != NULL);
    *out = (struct sql_services){
        .context = server,
        .flush_table = services_flush_table,
        .backup = services_backup,
        .backup_contents = services_backup_contents,
        .kill_job = services_kill_job,
        .cancel_table_jobs = services_cancel_table_jobs,
        .drop_table_files = services_drop_table_files,
        .live_entries = services_live_entries,
        .live_fence_begin = services_live_fence_begin,
        .live_fence_end = services_live_fence_end,
        .table_changed = services_table_changed,
        .kill_live_query = services_kill_live_query,
        .hash_password = services_hash_password,
        .hash_api_key = services_hash_api_key,
        .setting_at = services_setting_at,
        .metrics = services_metrics,
        .public_ws_url = services_public_ws_url,
    };
}
