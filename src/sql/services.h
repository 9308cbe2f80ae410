/* services.h — what SQL statements need from layers above sql/, filled by server/. All blocking
 * callbacks are called on workers only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SERVICES_H
#define SQL_SERVICES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/metric.h"
#include "catalog/catalog.h"

#include <stdatomic.h>

struct sql_live_entry { /* one subscription, for system.live_queries and refusals of DROP */
    struct str live_id, connection_id, query_id, user, query, options, status;
    struct table_id table;
    struct str space, table_name;
    int64_t changes, created_at, last_update, last_ping_at;
    int64_t lag; /* change messages that its socket has not taken yet, or that are held */
};

struct sql_backup {
    bool restore, async;
    struct str space, path;
    const atomic_bool *cancelled;
};
struct sql_backup_result {
    char job_id[96];
    uint64_t files, rows, bytes;
    int64_t duration_ms;
};
struct sql_backup_contents {
    struct str space, server_version;
    int64_t created_at, as_of_seq;
    struct sql_backup_table {
        struct str name;
        enum table_kind kind;
        uint64_t users, files, rows, bytes;
        uint32_t schema_version;
    } * tables;
    size_t table_count;
};

/* Keeps subscriptions away from a table while it is altered or dropped. */
struct sql_live_fence {
    struct table_id table;
    const uint32_t *column_ids; /* only those that name one of them; NULL = all */
    size_t column_count;
    struct arena *arena; /* for the entries */
    /* What live_fence_begin found. */
    struct sql_live_entry *entries;
    size_t count;
    bool stands;                 /* between begin and end */
    struct sql_live_fence *next; /* live/'s own */
};

struct sql_services {
    void *context;
    enum status (*flush_table)(void *context, struct table_id table, char id[96], bool *existing,
                               struct error *err);
    /* BACKUP, RESTORE; returns when it is done, or with `async` when the job is durable. */
    enum status (*backup)(void *context, const struct sql_backup *backup,
                          struct sql_backup_result *result, struct error *err);
    /* What a backup holds, without restoring it. */
    enum status (*backup_contents)(void *context, struct str path, struct arena *arena,
                                   struct sql_backup_contents *out, struct error *err);
    enum status (*kill_job)(void *context, struct str id, struct error *err);
    /* DROP TABLE: stop flushes first, as long as `check` says OK; later delete the files as a job.
     */
    enum status (*cancel_table_jobs)(void *context, struct table_id table,
                                     enum status (*check)(void *check_context, struct error *err),
                                     void *check_context, struct error *err);
    enum status (*drop_table_files)(void *context, struct table_id table, struct str space,
                                    struct str name, struct error *err);
    /* Entries in the arena: of all tables when table.value is 0, of all ids when live_id is empty.
     */
    void (*live_entries)(void *context, struct table_id table, struct str live_id,
                         struct arena *arena, struct sql_live_entry **entries, size_t *count);
    /* DROP TABLE, and ALTER TABLE that drops, renames or modifies columns: lists the subscriptions
     * in the way. Until live_fence_end no further one comes to be: it waits, and is compiled anew.
     * The fence is the caller's memory and stays where it is. */
    void (*live_fence_begin)(void *context, struct sql_live_fence *fence);
    void (*live_fence_end)(void *context, struct sql_live_fence *fence);
    /* A table has a new state: its subscriptions go on with that, or end if the new access forbids
     * them. */
    void (*table_changed)(void *context, struct table_id table);
    enum status (*kill_live_query)(void *context, struct str live_id, struct str actor,
                                   enum role role, struct error *err);
    /* argon2id of a new password; slow. Checks length and common ones: CONSTRAINT_VIOLATION. */
    enum status (*hash_password)(void *context, struct str password, char out[256],
                                 struct error *err);
    /* Hex SHA-256 of a new API key: ALTER USER … GENERATE API KEY. NULL: NOT_SUPPORTED. */
    void (*hash_api_key)(void *context, struct str key, char out[65]);
    /* Settings for system.settings: name, value (secrets masked), default, source, description at
     * index; false at the end. */
    bool (*setting_at)(void *context, size_t index, struct str out[5]);
    /* All figures of the server, for system.metrics. */
    void (*metrics)(void *context, metric_visit visit, void *visit_context);
    struct str (*public_ws_url)(void *context, struct arena *arena);
};

#endif
