/* server_internal.h — what start, services and metrics share. Private to server/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_SERVER_INTERNAL_H
#define SERVER_SERVER_INTERNAL_H

#include "base/thread.h"
#include "jobs/jobs.h"
#include "live/live.h"
#include "net/net.h"
#include "server/server.h"
#include "session/session.h"
#include "sql/sql.h"
#include "storage/columnar.h"
#include "storage/files.h"
#include "storage/files_cache.h"
#include "storage/kv.h"
#include "storage/seal.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SERVER_PATH_BYTES = 4200, SERVER_OWN_FOLDERS = 3 };

/* What metrics.c counts by walking over the catalogue and all instances, or asks of the disk. */
struct server_totals {
    uint64_t namespaces, users, tables[TABLE_KIND_SYSTEM + 1];
    uint64_t instances, hot_rows, cold_rows, cold_bytes, segments;
    struct kv_stats hot;
    uint64_t disk_bytes, disk_free_bytes;
};

struct server {
    const struct config *config;
    struct net *net;
    struct kv *kv;
    struct files *files;
    struct files_cache *s3_cache;
    const char *own_folders[SERVER_OWN_FOLDERS]; /* first that of `files` */
    struct seal *seal;
    struct columnar *columnar;
    struct store *store;
    _Atomic(struct jobs *) jobs; /* the commit thread and statements reach it when it is there */
    struct sql_engine *engine;
    _Atomic(struct live *) live;
    struct session_service *session;
    struct worker_pool *workers, *snapshots; /* statements; first rows of live queries */
    int data_lock;                           /* of the data folder */
    pthread_mutex_t told_mutex;
    struct net *told; /* who hears of changed users: set while it serves; under told_mutex */
    /* metrics.c, under told_mutex */
    struct server_totals totals;
    int64_t totals_at_ms;
    bool totals_busy;
    struct task totals_task;
    char public_url[300], console_dir[SERVER_PATH_BYTES];
};

/* services.c: callbacks for sql/; context is the server. */
void server_fill_services(struct server *server, struct sql_services *out);
/* metrics.c: net_options.metrics */
void server_metrics(void *context, metric_visit visit, void *visit_context);

/* console_dir.c: tells `net` where the console's files are, or why there are none. */
void server_find_console(struct server *server, struct net_options *net);

/* data_dir.c */
/* Makes the folder and locks it: CONFLICT if another kalamd holds it. */
enum status data_dir_lock(const char *path, int *lock, struct error *err) MUST_CHECK;
void data_dir_unlock(int lock);
/* Opens the folder of the cold files. It is made on first start only, which is when there is no hot
 * tier yet; cold files or secrets beside none make that start fail or be warned of. Before anything
 * but the lock is made in the data folder. */
enum status data_dir_open_cold(const char *path, const char *hot, const char *cold,
                               struct files **out, struct error *err) MUST_CHECK;
/* Makes the folder for spill files and empties it of what a killed server left. */
enum status data_dir_spill_folder(const char *path, struct error *err) MUST_CHECK;
/* The configured secret, or that of {data_dir}/jwt_secret, which is made on first start (mode
 * 0600). Appended to `out`. */
enum status data_dir_secret(const char *path, struct str configured, struct buf *out,
                            struct error *err) MUST_CHECK;

#endif
