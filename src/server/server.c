/* server.c — start and stop: each part after what it stands on, and back in reverse.
 *
 *   port (answers 503) → data folder → hot tier ∥ columnar engine → store → statements
 *     → jobs → live → session → serving
 *
 * Opening RocksDB and DuckDB are the slow ones (tens of milliseconds each): they go side by side.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/system_tables.h"
#include "net/tls.h"
#include "server/server_internal.h"
#include "sql/analytic.h"
#include "store/ddl.h"

#include <build_info.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVER_DRAIN_MS = 30 * 1000 };

static unsigned server_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    CHECK(cores < 100000);
    return cores > 0 ? (unsigned)cores : 1;
}

static unsigned server_count(const struct config *config, enum config_key key, unsigned automatic)
{
    int64_t number = config_integer(config, key);

    CHECK(number >= 0 && automatic > 0);
    return number > 0 ? (unsigned)number : automatic;
}

static size_t server_size(const struct config *config, enum config_key key)
{
    int64_t number = config_integer(config, key);

    CHECK(number >= 0);
    return (size_t)number;
}

static uint32_t server_number(const struct config *config, enum config_key key)
{
    int64_t number = config_integer(config, key);

    CHECK(number >= 0 && number <= UINT32_MAX);
    return (uint32_t)number;
}

static struct str server_text(const struct config *config, enum config_key key)
{
    CHECK(key < CONFIG_KEY_COUNT);
    return str_from_c(config_text(config, key));
}

static bool server_has_tls(const struct config *config)
{
    CHECK(config != NULL);
    return config_text(config, CONFIG_SERVER_TLS_CERT)[0] != 0;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static unsigned server_workers(const struct config *config)
{
    CHECK(config != NULL);
    /* One is kept for short statements. */
    return server_count(config, CONFIG_SERVER_WORKER_THREADS, 2 * server_cores() + 1);
}

static unsigned server_snapshot_threads(const struct config *config)
{
    CHECK(config != NULL);
    return server_count(config, CONFIG_LIVE_SNAPSHOT_THREADS, 2 * server_cores());
}

static bool server_is_usable(void *context)
{
    const struct server *server = context;

    CHECK(server->kv != NULL);
    return kv_is_usable(server->kv);
}

static enum status server_open_net(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    struct net_options options = {
        .host = server_text(config, CONFIG_SERVER_HOST),
        .port = (uint16_t)config_integer(config, CONFIG_SERVER_PORT),
        .loops = server_count(config, CONFIG_SERVER_WORKERS, server_cores()),
        .connections_max = server_number(config, CONFIG_PERFORMANCE_MAX_CONNECTIONS),
        .body_bytes_max = server_size(config, CONFIG_LIMITS_MAX_BODY_SIZE),
        .message_bytes_max = server_size(config, CONFIG_LIMITS_MAX_MESSAGE_SIZE),
        .request_timeout_s = server_number(config, CONFIG_PERFORMANCE_REQUEST_TIMEOUT),
        .keepalive_timeout_s = server_number(config, CONFIG_PERFORMANCE_KEEPALIVE_TIMEOUT),
        .stalled_answer_s = server_number(config, CONFIG_LIMITS_STALLED_ANSWER_SECONDS),
        .stalled_answers_max =
            server_count(config, CONFIG_LIMITS_MAX_STALLED_ANSWERS,
                         server_workers(config) > 1 ? server_workers(config) / 2 : 1),
        .ws_auth_timeout_s = server_number(config, CONFIG_LIVE_AUTH_TIMEOUT_SECONDS),
        .ws_ping_interval_s = server_number(config, CONFIG_LIVE_PING_INTERVAL_SECONDS),
        .ws_client_timeout_s = server_number(config, CONFIG_LIVE_CLIENT_TIMEOUT_SECONDS),
        .messages_per_second_max = server_number(config, CONFIG_RATE_MAX_MESSAGES_PER_SEC),
        .api_version = server_text(config, CONFIG_SERVER_API_VERSION),
        .node = server_text(config, CONFIG_SERVER_NODE),
        .node_id = server_number(config, CONFIG_SERVER_NODE_ID),
        .public_health = config_boolean(config, CONFIG_SERVER_PUBLIC_HEALTH),
        .allow_token_in_url = config_boolean(config, CONFIG_AUTH_ALLOW_TOKEN_IN_URL),
        .tls_cert = config_text(config, CONFIG_SERVER_TLS_CERT),
        .tls_key = config_text(config, CONFIG_SERVER_TLS_KEY),
        .tls_handshake_timeout_s = server_number(config, CONFIG_SERVER_TLS_HANDSHAKE_TIMEOUT),
        .version = STR_LIT(BUILD_VERSION),
        .git_branch = STR_LIT(BUILD_GIT_BRANCH),
        .git_commit = STR_LIT(BUILD_GIT_COMMIT),
        .build_date = STR_LIT(BUILD_DATE),
        .metrics = server_metrics,
        .is_usable = server_is_usable,
        .context = server,
    };

    CHECK(server->net == NULL);
    options.cors_origins =
        config_list(config, CONFIG_SERVER_CORS_ORIGINS, &options.cors_origin_count);
    options.trusted_proxies =
        config_list(config, CONFIG_SERVER_TRUSTED_PROXY_RANGES, &options.trusted_proxy_count);
    server_find_console(server, &options);
    return net_open(&options, &server->net, err);
}

/* `ws://host:port/v1/ws`, for clients that ask where live queries are to be had. */
static void server_set_public_url(struct server *server)
{
    const struct config *config = server->config;
    const char *origin = config_text(config, CONFIG_SERVER_PUBLIC_ORIGIN);
    const char *version = config_text(config, CONFIG_SERVER_API_VERSION);
    const char *host = config_text(config, CONFIG_SERVER_HOST);
    bool everywhere = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    int size;

    if (strncmp(origin, "http", 4) == 0)
        size = snprintf(server->public_url, sizeof(server->public_url), "ws%s/%s/ws", origin + 4,
                        version);
    else
        size = snprintf(server->public_url, sizeof(server->public_url), "ws%s://%s:%u/%s/ws",
                        server_has_tls(config) ? "s" : "", everywhere ? "localhost" : host,
                        net_port(server->net), version);
    CHECK(size > 0 && (size_t)size < sizeof(server->public_url));
}

static void server_data_path(const struct server *server, const char *name,
                             char out[SERVER_PATH_BYTES])
{
    int size = snprintf(out, SERVER_PATH_BYTES, "%s/%s",
                        config_text(server->config, CONFIG_SERVER_DATA_DIR), name);

    CHECK(size > 0 && size < SERVER_PATH_BYTES);
}

/* Where DuckDB finds copies of files of s3 storages; a folder of its own in the data folder. */
static void server_s3_folder(const struct server *server, char out[SERVER_PATH_BYTES])
{
    CHECK(server->config != NULL);
    server_data_path(server, "s3_cache", out);
}

struct server_columnar_start {
    struct server *server;
    enum status status;
    struct error err;
};

static void *server_columnar_main(void *argument)
{
    struct server_columnar_start *start = argument;
    const struct config *config = start->server->config;
    char temporary[SERVER_PATH_BYTES], copies[SERVER_PATH_BYTES];
    const char *folders[] = {config_text(config, CONFIG_STORAGE_DEFAULT_STORAGE_PATH), copies};
    size_t setup_count = 0, cast_count = 0, function_count = 0;
    const char *const *setup = analytic_setup(&setup_count);
    const struct columnar_cast *casts = analytic_casts(&cast_count);
    const struct columnar_function *functions = analytic_functions(&function_count);

    CHECK(start->status == STATUS_OK);
    server_s3_folder(start->server, copies);
    server_data_path(start->server, "tmp", temporary);
    struct columnar_options options = {
        .memory_bytes = server_size(config, CONFIG_QUERY_MEMORY_LIMIT),
        .parallelism = server_count(config, CONFIG_QUERY_PARALLELISM, server_cores()),
        .temporary_folder = temporary,
        .spill_bytes_max = server_size(config, CONFIG_QUERY_MAX_SPILL_SIZE),
        .folders = folders,
        .folder_count = ARRAY_COUNT(folders),
        .setup = setup,
        .setup_count = setup_count,
        .casts = casts,
        .cast_count = cast_count,
        .functions = functions,
        .function_count = function_count,
    };
    start->status = data_dir_spill_folder(temporary, &start->err);
    if (start->status == STATUS_OK)
        start->status = columnar_open(&options, &start->server->columnar, &start->err);
    return NULL;
}

static enum status server_open_kv(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    struct kv_options options = {
        .path = config_text(config, CONFIG_STORAGE_ROCKSDB_PATH),
        .write_buffer_bytes = server_size(config, CONFIG_ROCKSDB_WRITE_BUFFER_SIZE),
        .write_buffers_max = server_number(config, CONFIG_ROCKSDB_MAX_WRITE_BUFFERS),
        .block_cache_bytes = server_size(config, CONFIG_ROCKSDB_BLOCK_CACHE_SIZE),
        .background_jobs_max = server_number(config, CONFIG_ROCKSDB_MAX_BACKGROUND_JOBS),
        .column_families_max = server_number(config, CONFIG_ROCKSDB_MAX_COLUMN_FAMILIES),
        .keep_log_files = server_number(config, CONFIG_ROCKSDB_KEEP_LOG_FILES),
        .keep_wal_files = server_number(config, CONFIG_ROCKSDB_KEEP_WAL_FILES),
        .refuse_damaged_log = strcmp(config_text(config, CONFIG_STORAGE_DURABILITY), "sync") == 0 &&
                              !config_boolean(config, CONFIG_ROCKSDB_ACCEPT_DAMAGED_LOG),
    };

    CHECK(server->kv == NULL);
    return kv_open_rocksdb(&options, &server->kv, err);
}

/* The key that seals the credentials of storages. */
static enum status server_open_seal(struct server *server, struct error *err)
{
    char path[SERVER_PATH_BYTES];

    CHECK(server->seal == NULL);
    server_data_path(server, "storage_key", path);
    return seal_open(path, &server->seal, err);
}

static enum status server_open_files(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    char folder[SERVER_PATH_BYTES];
    enum status status = data_dir_open_cold(
        config_text(config, CONFIG_SERVER_DATA_DIR),
        config_text(config, CONFIG_STORAGE_ROCKSDB_PATH),
        config_text(config, CONFIG_STORAGE_DEFAULT_STORAGE_PATH), &server->files, err);

    CHECK(server->s3_cache == NULL);
    server_s3_folder(server, folder);
    if (status == STATUS_OK)
        status = files_cache_open(folder, server_size(config, CONFIG_STORAGE_S3_CACHE_BYTES),
                                  &server->s3_cache, err);
    return status;
}

/* RocksDB here, DuckDB on a thread of its own. */
static enum status server_open_storage(struct server *server, struct error *err)
{
    struct server_columnar_start start = {.server = server};
    pthread_t thread;
    enum status status;

    status = server_open_files(server, err);
    if (status != STATUS_OK)
        return status;
    status = server_open_seal(server, err);
    if (status != STATUS_OK)
        return status;
    thread_start(&thread, "columnar-open", LIMIT_WORKER_STACK_BYTES, server_columnar_main, &start);
    status = server_open_kv(server, err);
    CHECK(pthread_join(thread, NULL) == 0);
    if (status == STATUS_OK && start.status != STATUS_OK)
        status = error_set(err, start.status, "%s", start.err.message);
    return status;
}

/* Commit thread. */
static void server_flush_due(void *context, struct table_id table, struct str user)
{
    const struct server *server = context;
    struct jobs *jobs = atomic_load(&server->jobs);

    CHECK(table.value > 0);
    if (jobs != NULL)
        jobs_flush_post(jobs, table, user);
}

/* Whoever changed it. Open sockets of a user whose role changed or who was removed end at once. */
static void server_change_event(void *context, const struct change_event *event)
{
    struct server *server = context;

    CHECK(event->table != NULL);
    if (system_table_of(event->table) != SYSTEM_TABLE_USERS)
        return;
    pthread_mutex_lock(&server->told_mutex);
    if (server->told != NULL)
        net_user_changed(server->told, event->key);
    pthread_mutex_unlock(&server->told_mutex);
}

static void server_tell(struct server *server, struct net *net)
{
    CHECK(server != NULL);
    pthread_mutex_lock(&server->told_mutex);
    server->told = net;
    pthread_mutex_unlock(&server->told_mutex);
}

static enum sharding server_sharding(const struct config *config)
{
    static const char *const names[] = {[SHARDING_NONE] = "none",
                                        [SHARDING_ALPHABETIC] = "alphabetic",
                                        [SHARDING_NUMERIC] = "numeric",
                                        [SHARDING_HASH] = "hash"};
    const char *wanted = config_text(config, CONFIG_SHARDING_DEFAULT_STRATEGY);

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(wanted, names[i]) == 0)
            return (enum sharding)i;
    UNREACHABLE("checked with the configuration");
}

static enum status server_open_store(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    const char *durability = config_text(config, CONFIG_STORAGE_DURABILITY);
    struct store_options options = {
        .kv = server->kv,
        .files = server->files,
        .seal = server->seal,
        .own_folders = server->own_folders,
        .own_folder_count = SERVER_OWN_FOLDERS,
        .s3_cache = server->s3_cache,
        .sharding = server_sharding(config),
        .hash_shards = server_number(config, CONFIG_SHARDING_HASH_SHARDS),
        .columnar = server->columnar,
        .durability = strcmp(durability, "sync") == 0    ? KV_SYNC
                      : strcmp(durability, "async") == 0 ? KV_ASYNC
                                                         : KV_MEMORY,
        .check_files = config_boolean(config, CONFIG_STORAGE_CHECK_FILES),
        .row_cache_bytes = server_size(config, CONFIG_STORAGE_ROW_CACHE_BYTES),
        .feed_bytes = server_size(config, CONFIG_LIVE_FEED_BYTES),
        .statement_write_bytes_max = server_size(config, CONFIG_LIMITS_MAX_STATEMENT_WRITE_BYTES),
        .parquet_compression = config_text(config, CONFIG_PARQUET_COMPRESSION),
        .row_group_rows = server_number(config, CONFIG_PARQUET_ROW_GROUP_ROWS),
        .flush_rows_default = server_number(config, CONFIG_FLUSH_DEFAULT_ROW_LIMIT),
        .flush_interval_default = server_number(config, CONFIG_FLUSH_DEFAULT_TIME_INTERVAL),
        .stream_eviction_interval_ms = server_number(config, CONFIG_STREAM_EVICTION_INTERVAL_MS),
        .flush_due = server_flush_due,
        .flush_due_context = server,
        .change_event = server_change_event,
        .change_event_context = server,
    };

    CHECK(server->store == NULL);
    server->own_folders[0] = config_text(config, CONFIG_STORAGE_DEFAULT_STORAGE_PATH);
    server->own_folders[1] = config_text(config, CONFIG_STORAGE_ROCKSDB_PATH);
    server->own_folders[2] = config_text(config, CONFIG_SERVER_DATA_DIR);
    if (options.durability == KV_MEMORY)
        log_warn(
            "storage.durability is \"memory\": a crash loses acknowledged writes; for tests only");
    return store_open(&options, &server->store, err);
}

static enum table_access server_shared_access(const struct config *config)
{
    static const char *const words[] = {[TABLE_ACCESS_UNSET] = "unset",
                                        [TABLE_ACCESS_PUBLIC] = "public",
                                        [TABLE_ACCESS_PRIVATE] = "private",
                                        [TABLE_ACCESS_RESTRICTED] = "restricted"};
    const char *word = config_text(config, CONFIG_SQL_DEFAULT_SHARED_ACCESS);

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(word, words[i]) == 0)
            return (enum table_access)i;
    UNREACHABLE("checked with the configuration");
}

static void server_open_engine(struct server *server)
{
    const struct config *config = server->config;
    struct sql_services services;
    struct sql_engine_options options = {
        .store = server->store,
        .columnar = server->columnar,
        .services = &services,
        .plans_max = server_size(config, CONFIG_QUERY_CACHE_MAX_PLANS),
        .plan_bytes_max = server_size(config, CONFIG_QUERY_CACHE_MAX_BYTES),
        .result_rows_max = (uint64_t)config_integer(config, CONFIG_LIMITS_MAX_RESULT_ROWS),
        .statement_memory_bytes = server_size(config, CONFIG_QUERY_MEMORY_LIMIT),
        .row_work_bytes = server_size(config, CONFIG_QUERY_ROW_WORK),
        .live_filter_bytes = server_size(config, CONFIG_LIVE_FILTER_MEMORY),
        .timeout_seconds = server_number(config, CONFIG_QUERY_TIMEOUT_SECONDS),
        .params_max = server_number(config, CONFIG_LIMITS_MAX_PARAMS),
        .strict_primary_key =
            strcmp(config_text(config, CONFIG_SQL_PRIMARY_KEY_MODE), "strict") == 0,
        .enforce_roles = config_boolean(config, CONFIG_AUTH_ENFORCE_ROLES),
        .users_may_create_tables = config_boolean(config, CONFIG_AUTH_USERS_MAY_CREATE_TABLES),
        .flush_rows_default = server_number(config, CONFIG_FLUSH_DEFAULT_ROW_LIMIT),
        .flush_interval_default = server_number(config, CONFIG_FLUSH_DEFAULT_TIME_INTERVAL),
        .stream_ttl_default = server_number(config, CONFIG_STREAM_DEFAULT_TTL_SECONDS),
        .stream_max_buffer_default = server_number(config, CONFIG_STREAM_DEFAULT_MAX_BUFFER),
        .user_grace_days = server_number(config, CONFIG_USERS_DELETION_GRACE_DAYS),
        .deleted_retention_hours_default = server_number(config, CONFIG_RETENTION_DELETED_HOURS),
        .shared_access_default = server_shared_access(config),
        .node = config_text(config, CONFIG_SERVER_NODE),
    };

    CHECK(server->store != NULL);
    server_fill_services(server, &services);
    server->engine = sql_engine_new(&options);
    server->workers =
        worker_pool_start("worker", server_workers(config), LIMIT_WORKER_STACK_BYTES, 0);
    server->snapshots =
        worker_pool_start("snapshot", server_snapshot_threads(config), LIMIT_WORKER_STACK_BYTES, 0);
}

static enum status server_open_jobs(struct server *server, struct error *err)
{
    struct jobs_options options = {
        .store = server->store,
        .flush_threads = server_number(server->config, CONFIG_FLUSH_MAX_CONCURRENT_JOBS),
        .node = server_text(server->config, CONFIG_SERVER_NODE),
        .version = STR_LIT(BUILD_VERSION),
        .retention_days = server_number(server->config, CONFIG_JOBS_RETENTION_DAYS),
        .user_grace_days = server_number(server->config, CONFIG_USERS_DELETION_GRACE_DAYS),
        .cleanup_schedule = server_text(server->config, CONFIG_JOBS_CLEANUP_SCHEDULE),
    };
    struct jobs *jobs = NULL;
    enum status status = jobs_start(&options, &jobs, err);

    CHECK(status != STATUS_OK || jobs != NULL);
    atomic_store(&server->jobs, jobs);
    return status;
}

static enum status server_open_live(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    struct live_options options = {
        .store = server->store,
        .engine = server->engine,
        .workers = server->snapshots,
        .queue_events_max = server_size(config, CONFIG_LIVE_QUEUE_EVENTS),
        .queue_bytes_max = server_size(config, CONFIG_LIVE_QUEUE_BYTES),
        .subscriptions_per_connection_max =
            server_number(config, CONFIG_RATE_MAX_SUBSCRIPTIONS_PER_CONNECTION),
        .subscriptions_per_user_max = server_number(config, CONFIG_RATE_MAX_SUBSCRIPTIONS_PER_USER),
        .filter_work_max = server_size(config, CONFIG_LIVE_FILTER_WORK),
        .allow_shared = config_boolean(config, CONFIG_LIVE_ALLOW_SHARED),
        .snapshot_ms_max = (int64_t)server_number(config, CONFIG_LIVE_SNAPSHOT_SECONDS) * 1000,
        .task_ms_max = (int64_t)server_number(config, CONFIG_QUERY_TIMEOUT_SECONDS) * 1000,
        .snapshot_tasks_per_user_max = (server_snapshot_threads(config) + 1) / 2,
        .snapshot_bytes_max = server_size(config, CONFIG_QUERY_MEMORY_LIMIT),
        .node = config_text(config, CONFIG_SERVER_NODE),
    };
    struct live *live = NULL;
    enum status status = live_start(&options, &live, err);

    CHECK(status != STATUS_OK || live != NULL);
    atomic_store(&server->live, live);
    return status;
}

static enum status server_open_session(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    struct session_options options = {
        .store = server->store,
        .engine = server->engine,
        .jobs = atomic_load(&server->jobs),
        .live = atomic_load(&server->live),
        .workers = server->workers,
        .response_buffer_bytes = server_size(config, CONFIG_HTTP_BUFFER_BYTES),
        .params_max = server_size(config, CONFIG_LIMITS_MAX_PARAMS),
        .include_timing = config_boolean(config, CONFIG_QUERY_INCLUDE_TIMING),
        .report_cache = config_boolean(config, CONFIG_QUERY_REPORT_CACHE),
        .mask_errors = config_boolean(config, CONFIG_SECURITY_MASK_ERRORS),
        .jwt_expiry_hours = server_number(config, CONFIG_AUTH_JWT_EXPIRY_HOURS),
        .localhost_bypass = config_boolean(config, CONFIG_AUTH_LOCALHOST_BYPASS),
        .localhost_default_user = server_text(config, CONFIG_AUTH_LOCALHOST_DEFAULT_USER),
        .allow_remote_setup = config_boolean(config, CONFIG_AUTH_ALLOW_REMOTE_SETUP),
        .root_remote = config_boolean(config, CONFIG_AUTH_ROOT_REMOTE),
        .enforce_roles = config_boolean(config, CONFIG_AUTH_ENFORCE_ROLES),
        .cookie_secure =
            config_boolean(config, CONFIG_AUTH_COOKIE_SECURE) || server_has_tls(config),
        .logins_per_second_max = server_number(config, CONFIG_RATE_AUTH_REQUESTS_PER_IP_PER_SEC),
        .logins_waiting_max = server_number(config, CONFIG_AUTH_MAX_WAITING_LOGINS),
        .queries_per_second_max = server_number(config, CONFIG_RATE_MAX_QUERIES_PER_SEC),
        .password_memory_kib = server_number(config, CONFIG_AUTH_PASSWORD_MEMORY_KIB),
        .password_iterations = server_number(config, CONFIG_AUTH_PASSWORD_ITERATIONS),
        .password_parallelism = server_number(config, CONFIG_AUTH_PASSWORD_PARALLELISM),
        .lockout_failures = server_number(config, CONFIG_AUTH_LOCKOUT_FAILURES),
        .lockout_minutes = server_number(config, CONFIG_AUTH_LOCKOUT_MINUTES),
    };
    char lockouts[SERVER_PATH_BYTES];
    struct buf secret;

    CHECK(server->engine != NULL);
    server_data_path(server, "lockouts", lockouts);
    options.lockout_path = lockouts;
    buf_init(&secret);
    enum status status = data_dir_secret(config_text(config, CONFIG_SERVER_DATA_DIR),
                                         server_text(config, CONFIG_AUTH_JWT_SECRET), &secret, err);
    options.jwt_secret = buf_str(&secret);
    if (status == STATUS_OK)
        status = session_service_start(&options, &server->session, err);
    buf_clear(&secret);
    const char *root = getenv("KALAMDB_ROOT_PASSWORD");
    if (status == STATUS_OK && root != NULL && root[0] != 0) {
        status = session_set_root_password(server->session, str_from_c(root), err);
        if (status != STATUS_OK)
            error_prefix(err, "KALAMDB_ROOT_PASSWORD");
    }
    return status;
}

/* ---- start and stop -------------------------------------------------------------------------- */

static enum status server_open(struct server *server, struct error *err)
{
    const struct config *config = server->config;
    enum status status;

    status = server_open_net(server, err);
    if (status != STATUS_OK)
        return status;
    CHECK(server->data_lock == -1);
    server_set_public_url(server);
    status = data_dir_lock(config_text(config, CONFIG_SERVER_DATA_DIR), &server->data_lock, err);
    if (status != STATUS_OK)
        return status;
    status = server_open_storage(server, err);
    if (status != STATUS_OK)
        return status;
    status = server_open_store(server, err);
    if (status != STATUS_OK)
        return status;
    server_open_engine(server);
    status = server_open_jobs(server, err);
    if (status != STATUS_OK)
        return status;
    status = server_open_live(server, err);
    if (status != STATUS_OK)
        return status;
    return server_open_session(server, err);
}

/* What is left of a server, in reverse; nothing of it may be in use. */
static void server_close(struct server *server)
{
    CHECK(server != NULL);
    server_tell(server, NULL);
    net_close(server->net);
    if (server->jobs != NULL)
        jobs_stop(atomic_exchange(&server->jobs, NULL));
    worker_pool_stop(server->workers);
    worker_pool_stop(server->snapshots); /* those that still load refer to live/ */
    if (server->live != NULL)
        live_stop(atomic_exchange(&server->live, NULL));
    session_service_stop(server->session);
    sql_engine_free(server->engine);
    if (server->store != NULL) {
        store_close(server->store);
        kv_settle(server->kv);
    }
    if (server->columnar != NULL)
        columnar_close(server->columnar);
    if (server->files != NULL)
        files_close(server->files);
    files_cache_close(server->s3_cache);
    seal_close(server->seal);
    kv_close(server->kv);
    data_dir_unlock(server->data_lock);
    (void)pthread_mutex_destroy(&server->told_mutex);
    mem_free(server);
}

enum status server_start(const struct config *config, struct server **out, struct error *err)
{
    struct server *server = mem_zalloc(sizeof(*server));
    int64_t started_ms = clock_monotonic_ms();

    CHECK(config != NULL);
    server->config = config;
    server->data_lock = -1;
    CHECK(pthread_mutex_init(&server->told_mutex, NULL) == 0);
    id_init(server_number(config, CONFIG_SERVER_NODE_ID));
    enum status status = server_open(server, err);
    if (status != STATUS_OK) {
        server_close(server);
        return status;
    }
    server_log_figures(server);
    net_serve(server->net, server->session, atomic_load(&server->live));
    server_tell(server, server->net);
    log_info("serving on %s:%u%s, %u loops, ready after %lld ms",
             config_text(config, CONFIG_SERVER_HOST), net_port(server->net),
             server_has_tls(config) ? " with TLS" : "",
             server_count(config, CONFIG_SERVER_WORKERS, server_cores()),
             (long long)(clock_monotonic_ms() - started_ms));
    *out = server;
    return STATUS_OK;
}

enum status server_check(const struct config *config, struct error *err)
{
    struct tls *tls = NULL;
    enum status status = STATUS_OK;

    CHECK(config != NULL);
    if (server_has_tls(config))
        status = tls_open(config_text(config, CONFIG_SERVER_TLS_CERT),
                          config_text(config, CONFIG_SERVER_TLS_KEY), &tls, err);
    tls_close(tls);
    return status;
}

enum status server_reload(struct server *server, struct error *err)
{
    CHECK(server->net != NULL);
    return net_reload_tls(server->net, err);
}

uint16_t server_port(const struct server *server)
{
    CHECK(server->net != NULL);
    return net_port(server->net);
}

bool server_stop(struct server *server)
{
    struct error err;

    if (server == NULL)
        return true;
    CHECK(server->net != NULL);
    error_clear(&err);
    log_info("shutting down");
    if (!net_drain(server->net, SERVER_DRAIN_MS)) {
        log_error("statements do not end: leaving without closing; nothing acknowledged is lost");
        return false;
    }
    int64_t flush_s = config_integer(server->config, CONFIG_FLUSH_SHUTDOWN_TIMEOUT_SECONDS);
    if (flush_s > 0 &&
        jobs_flush_all(atomic_load(&server->jobs), (int)(flush_s * 1000), &err) != STATUS_OK)
        log_warn("not everything was flushed: %s; the rows stay in the hot tier", err.message);
    server_close(server);
    log_info("stopped");
    return true;
}
