/* config_keys.h — every configuration key, once: type, default, range, environment, state, meaning.
 * docs/operations.md shows the same table; a test compares them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_CONFIG_KEYS_H
#define SERVER_CONFIG_KEYS_H

/* X(NAME, "section.key", TYPE, "default", least, most, "short environment name without KALAMDB_",
 *   STATE, "meaning")
 * TYPE: TEXT, INTEGER, BOOLEAN, BYTES (64MiB), SECONDS (30s), LIST, SCHEDULE (as in a crontab), or
 * CHOICE, whose words stand in front of the meaning up to a colon. STATE: USED; SECRET = used,
 * shown as ***; FIXED = known for the sake of files of other servers, any other value than the
 * default stops the start. */
#define CONFIG_KEY_LIST(X) \
    X(SERVER_HOST, "server.host", TEXT, "127.0.0.1", 1, 255, "HOST", USED, "address to listen on") \
    X(SERVER_PORT, "server.port", INTEGER, "8080", 0, 65535, "PORT", USED, \
      "port to listen on; 0 takes a free one and logs it") \
    X(SERVER_WORKERS, "server.workers", INTEGER, "0", 0, 256, "", USED, \
      "event loops; 0 = one per core") \
    X(SERVER_WORKER_THREADS, "server.worker_threads", INTEGER, "0", 0, 1024, "", USED, \
      "threads for statements that may wait; 0 = two per core and one; one is kept for short " \
      "statements (keys, first rows in key order, VALUES)") \
    X(SERVER_API_VERSION, "server.api_version", TEXT, "v1", 1, 16, "", USED, \
      "first part of the API paths: letters, digits, - and _") \
    X(SERVER_NODE, "server.node", TEXT, "", 0, 64, "", USED, \
      "name of this server; empty = host name") \
    X(SERVER_NODE_ID, "server.node_id", INTEGER, "0", 0, 1023, "NODE_ID", USED, \
      "number of this server in generated ids") \
    X(SERVER_DATA_DIR, "server.data_dir", TEXT, "./data", 1, 4000, "DATA_DIR", USED, \
      "folder of all data") \
    X(SERVER_PUBLIC_ORIGIN, "server.public_origin", TEXT, "", 0, 255, "", USED, \
      "origin that clients use (https://db.example.org), for the address that SUBSCRIBE answers " \
      "over HTTP; empty = host and port") \
    X(SERVER_CORS_ORIGINS, "server.cors_origins", LIST, "*", 0, 0, \
      "SECURITY_CORS_ALLOWED_ORIGINS", USED, \
      "origins whose pages may call; * = every one, without credentials") \
    X(SERVER_TRUSTED_PROXY_RANGES, "server.trusted_proxy_ranges", LIST, "", 0, 0, \
      "SECURITY_TRUSTED_PROXY_RANGES", USED, \
      "addresses or ranges (10.0.0.0/8) of proxies whose X-Forwarded-For counts: for limits per " \
      "address and the log; a forwarded request is never local") \
    X(SERVER_PUBLIC_HEALTH, "server.public_health", BOOLEAN, "false", 0, 0, "", USED, \
      "health and metrics answer everybody, not only this machine") \
    X(SERVER_UI_ENABLED, "server.ui_enabled", BOOLEAN, "true", 0, 0, "", USED, \
      "the web console is served at /ui") \
    X(SERVER_UI_DIR, "server.ui_dir", TEXT, "", 0, 4000, "", USED, \
      "folder of the web console; empty = ui beside the program, or ../share/kalamdb/ui") \
    X(SERVER_TLS_CERT, "server.tls_cert", TEXT, "", 0, 4000, "", USED, \
      "PEM file with the certificate chain; empty = no TLS; read again on SIGHUP") \
    X(SERVER_TLS_KEY, "server.tls_key", TEXT, "", 0, 4000, "", USED, \
      "PEM file with the private key, not encrypted; read again on SIGHUP") \
    X(SERVER_TLS_HANDSHAKE_TIMEOUT, "server.tls_handshake_timeout", SECONDS, "10s", 1, 300, "", \
      USED, "time for a TLS handshake") \
    X(HTTP_BUFFER_BYTES, "http.buffer_bytes", BYTES, "1MiB", 4096, 1 << 30, "", USED, \
      "part of an answer held back before it is sent in chunks") \
    X(PERFORMANCE_REQUEST_TIMEOUT, "performance.request_timeout", SECONDS, "30s", 1, 3600, "", \
      USED, "time for a whole request to arrive") \
    X(PERFORMANCE_KEEPALIVE_TIMEOUT, "performance.keepalive_timeout", SECONDS, "75s", 1, 86400, \
      "", USED, "time an idle HTTP connection stays open") \
    X(PERFORMANCE_MAX_CONNECTIONS, "performance.max_connections", INTEGER, "25000", 1, 1000000, \
      "MAX_CONNECTIONS", USED, "open connections; further ones get 503") \
    X(STORAGE_ROCKSDB_PATH, "storage.rocksdb_path", TEXT, "", 0, 4000, "ROCKSDB_PATH", USED, \
      "folder of the hot tier; empty = {data_dir}/rocksdb") \
    X(STORAGE_DEFAULT_STORAGE_PATH, "storage.default_storage_path", TEXT, "", 0, 4000, \
      "STORAGE_PATH", USED, "folder of storage `local`; empty = {data_dir}/storage") \
    X(STORAGE_DURABILITY, "storage.durability", CHOICE, "sync", 0, 0, "", USED, \
      "sync async memory: when a write is acknowledged: on the disk, handed to the system, or " \
      "in memory only") \
    X(STORAGE_ROW_CACHE_BYTES, "storage.row_cache_bytes", BYTES, "256MiB", 1 << 20, 1LL << 40, "", \
      USED, "memory for decoded rows of cold files") \
    X(STORAGE_CHECK_FILES, "storage.check_files", BOOLEAN, "true", 0, 0, "", USED, \
      "compare cold files with their checksums before they are read for the first time") \
    X(STORAGE_S3_CACHE_BYTES, "storage.s3_cache_bytes", BYTES, "10GiB", 1 << 20, 1LL << 50, "", \
      USED, "disk for copies of files of s3 storages") \
    X(ROCKSDB_WRITE_BUFFER_SIZE, "storage.rocksdb.write_buffer_size", BYTES, "64MiB", 1 << 20, \
      1LL << 34, "", USED, "memory of one write buffer") \
    X(ROCKSDB_MAX_WRITE_BUFFERS, "storage.rocksdb.max_write_buffers", INTEGER, "3", 2, 64, "", \
      USED, "write buffers of one column family") \
    X(ROCKSDB_BLOCK_CACHE_SIZE, "storage.rocksdb.block_cache_size", BYTES, "256MiB", 1 << 20, \
      1LL << 40, "", USED, "memory for blocks read") \
    X(ROCKSDB_MAX_BACKGROUND_JOBS, "storage.rocksdb.max_background_jobs", INTEGER, "4", 1, 64, "", \
      USED, "threads of RocksDB") \
    X(ROCKSDB_MAX_COLUMN_FAMILIES, "storage.rocksdb.max_column_families", INTEGER, "256", 16, \
      10000, "", USED, "column families; later tables share pooled ones") \
    X(ROCKSDB_KEEP_WAL_FILES, "storage.rocksdb.keep_wal_files", INTEGER, "3", 0, 1000, "", USED, \
      "write buffers that the log may hold beside one before the oldest memory goes to files") \
    X(ROCKSDB_ACCEPT_DAMAGED_LOG, "storage.rocksdb.accept_damaged_log", BOOLEAN, "false", 0, 0, \
      "", USED, "start even if damage in the log means that acknowledged writes are lost") \
    X(ROCKSDB_KEEP_LOG_FILES, "storage.rocksdb.keep_log_files", INTEGER, "3", 1, 1000, "", USED, \
      "information logs of RocksDB (its options at each start) kept") \
    X(PARQUET_COMPRESSION, "storage.parquet.compression", CHOICE, "zstd", 0, 0, "", USED, \
      "zstd snappy lz4 none: compression of cold files") \
    X(PARQUET_ROW_GROUP_ROWS, "storage.parquet.row_group_rows", INTEGER, "8192", 2048, 1048576, \
      "", USED, "rows of a row group, fewer where they are wide; a multiple of 2048") \
    X(FLUSH_DEFAULT_ROW_LIMIT, "flush.default_row_limit", INTEGER, "10000", 1, 999999, "", USED, \
      "rows that start a flush of a table without policy") \
    X(FLUSH_DEFAULT_TIME_INTERVAL, "flush.default_time_interval", SECONDS, "300", 1, 86399, "", \
      USED, "time that starts a flush of a table without policy") \
    X(FLUSH_MAX_CONCURRENT_JOBS, "flush.max_concurrent_jobs", INTEGER, "4", 1, 64, "", USED, \
      "flushes at the same time") \
    X(FLUSH_SHUTDOWN_TIMEOUT_SECONDS, "flush.shutdown_timeout_seconds", SECONDS, "300", 0, 86400, \
      "", USED, "time for flushing at shutdown; afterwards rows stay hot") \
    X(JOBS_RETENTION_DAYS, "jobs.retention_days", INTEGER, "30", 1, 3650, "", USED, \
      "age at which job rows are removed") \
    X(JOBS_CLEANUP_SCHEDULE, "jobs.cleanup_schedule", SCHEDULE, "0 0 * * *", 0, 0, "", USED, \
      "when old job rows and deleted users are removed: minute hour day month weekday, UTC") \
    X(SHARDING_DEFAULT_STRATEGY, "sharding.default_strategy", CHOICE, "none", 0, 0, "", USED, \
      "none alphabetic numeric hash: what {shard} in the folders of user files stands for") \
    X(SHARDING_HASH_SHARDS, "sharding.hash_shards", INTEGER, "16", 1, 65536, "", USED, \
      "folders of the strategy hash") \
    X(RETENTION_DELETED_HOURS, "retention.default_deleted_retention_hours", INTEGER, "168", 0, \
      1000000, "", USED, \
      "deleted_retention of tables without one; stored with them, nothing is purged by it") \
    X(USERS_DELETION_GRACE_DAYS, "users.deletion_grace_period_days", INTEGER, "30", 0, 3650, "", \
      USED, "time until a deleted user's data is removed") \
    X(STREAM_DEFAULT_TTL_SECONDS, "stream.default_ttl_seconds", SECONDS, "10", 1, 31536000, "", \
      USED, "life of stream rows without TTL") \
    X(STREAM_DEFAULT_MAX_BUFFER, "stream.default_max_buffer", INTEGER, "10000", 1, 100000000, "", \
      USED, "rows kept of a stream without limit") \
    X(STREAM_EVICTION_INTERVAL_MS, "stream.eviction_interval_ms", INTEGER, "1000", 10, 3600000, \
      "", USED, "how often streams are cleaned") \
    X(QUERY_CACHE_MAX_PLANS, "query_cache.max_plans", INTEGER, "1000", 1, 1000000, "", USED, \
      "cached plans") \
    X(QUERY_CACHE_MAX_BYTES, "query_cache.max_bytes", BYTES, "64MiB", 1 << 20, 1LL << 40, "", \
      USED, "memory of cached plans; one that takes more than a sixteenth of it is not kept") \
    X(SESSION_CACHE_MAX_REGISTRATIONS, "session_cache.max_registrations_per_session", INTEGER, \
      "100", 1, 100000, "", FIXED, "tables are found in the catalogue in memory") \
    X(SESSION_CACHE_TTL_SECONDS, "session_cache.ttl_seconds", SECONDS, "1800", 1, 31536000, "", \
      FIXED, "nothing is cached per user, so nothing grows old") \
    X(QUERY_INCLUDE_TIMING, "query.include_timing", BOOLEAN, "true", 0, 0, "", USED, \
      "answers carry the time they took") \
    X(QUERY_REPORT_CACHE, "query.report_cache", BOOLEAN, "false", 0, 0, "", USED, \
      "results say whether the plan was cached") \
    X(QUERY_TIMEOUT_SECONDS, "query.timeout_seconds", SECONDS, "30", 0, 86400, "", USED, \
      "time of one statement, and to read what a live query begins with; 0 = no limit") \
    X(QUERY_MEMORY_LIMIT, "query.memory_limit", BYTES, "1GiB", 16 << 20, 1LL << 40, "", USED, \
      "memory of one statement, of each analytical engine and of what one user's live queries " \
      "begin with") \
    X(QUERY_ROW_WORK, "query.row_work", BYTES, "1GiB", 1 << 20, 1LL << 40, "", USED, \
      "bytes that functions of one row's expressions may look at, or of all rows of a change " \
      "while it is written; an eighth for a row of a live query") \
    X(QUERY_MAX_SPILL_SIZE, "query.max_spill_size", BYTES, "10GiB", 1 << 20, 1LL << 50, "", USED, \
      "disk that statements of one analytical engine may use beside their memory") \
    X(QUERY_PARALLELISM, "query.parallelism", INTEGER, "0", 0, 256, "", USED, \
      "threads of one large analytical statement; 0 = cores") \
    X(LIMITS_MAX_BODY_SIZE, "limits.max_body_size", BYTES, "10MiB", 1024, 1 << 30, "", USED, \
      "bytes of a request body") \
    X(LIMITS_MAX_MESSAGE_SIZE, "limits.max_message_size", BYTES, "1MiB", 1024, 64 << 20, "", USED, \
      "bytes of a client's WebSocket message") \
    X(LIMITS_MAX_PARAMS, "limits.max_params", INTEGER, "50", 1, 10000, "", USED, \
      "parameters of a statement") \
    X(LIMITS_MAX_RESULT_ROWS, "limits.max_result_rows", INTEGER, "0", 0, 1LL << 50, "", USED, \
      "rows of a result; 0 = no limit") \
    X(LIMITS_MAX_STATEMENT_WRITE_BYTES, "limits.max_statement_write_bytes", BYTES, "64MiB", \
      1 << 20, 1LL << 32, "", USED, \
      "bytes one statement, or one transaction, may write, and bytes of rows it may replace") \
    X(LIMITS_MAX_STALLED_ANSWERS, "limits.max_stalled_answers", INTEGER, "0", 0, 1024, "", USED, \
      "workers that may wait for clients which read slowly; further ones end their statement " \
      "after a second; 0 = half of the worker threads") \
    X(LIMITS_STALLED_ANSWER_SECONDS, "limits.stalled_answer_seconds", SECONDS, "60", 1, 86400, "", \
      USED, "how long a worker waits at most for a slow reader to take 1 MiB more") \
    X(RATE_MAX_QUERIES_PER_SEC, "rate_limit.max_queries_per_sec", INTEGER, "0", 0, 10000000, "", \
      USED, "SQL requests of one user per second; 0 = no limit") \
    X(RATE_MAX_MESSAGES_PER_SEC, "rate_limit.max_messages_per_sec", INTEGER, "50", 0, 1000000, "", \
      USED, "messages of one WebSocket per second; 0 = no limit") \
    X(RATE_MAX_SUBSCRIPTIONS_PER_USER, "rate_limit.max_subscriptions_per_user", INTEGER, "100", 1, \
      1000000, "", USED, "live queries of one user") \
    X(RATE_MAX_SUBSCRIPTIONS_PER_CONNECTION, "rate_limit.max_subscriptions_per_connection", \
      INTEGER, "100", 1, 1000000, "", USED, "live queries of one WebSocket") \
    X(RATE_AUTH_REQUESTS_PER_IP_PER_SEC, "rate_limit.auth_requests_per_ip_per_sec", INTEGER, "20", \
      0, 100000, "", USED, "log-ins of one address per second; 0 = no limit") \
    X(AUTH_JWT_SECRET, "auth.jwt_secret", TEXT, "", 0, 4096, "JWT_SECRET", SECRET, \
      "at least 32 bytes that sign tokens; empty = generated into {data_dir}/jwt_secret") \
    X(AUTH_JWT_EXPIRY_HOURS, "auth.jwt_expiry_hours", INTEGER, "24", 1, 87600, "JWT_EXPIRY_HOURS", \
      USED, "life of access tokens; refresh tokens live seven times as long") \
    X(AUTH_LOCALHOST_BYPASS, "auth.localhost_bypass", BOOLEAN, "false", 0, 0, "", USED, \
      "loopback mode: callers on this machine need no credentials; --dev sets it") \
    X(AUTH_LOCALHOST_DEFAULT_USER, "auth.localhost_default_user", TEXT, "root", 1, 64, "", USED, \
      "who they are") \
    X(AUTH_ALLOW_REMOTE_SETUP, "auth.allow_remote_setup", BOOLEAN, "false", 0, 0, \
      "ALLOW_REMOTE_SETUP", USED, "set-up from other machines") \
    X(AUTH_ROOT_REMOTE, "auth.root_remote", BOOLEAN, "false", 0, 0, "", USED, \
      "root works from other machines") \
    X(AUTH_COOKIE_SECURE, "auth.cookie_secure", BOOLEAN, "false", 0, 0, "COOKIE_SECURE", USED, \
      "cookies go over HTTPS only") \
    X(AUTH_ALLOW_TOKEN_IN_URL, "auth.allow_token_in_url", BOOLEAN, "false", 0, 0, "", USED, \
      "?token= of the WebSocket route is accepted") \
    X(AUTH_ENFORCE_ROLES, "auth.enforce_roles", BOOLEAN, "true", 0, 0, "", USED, \
      "roles are checked; user tables stay private in any case") \
    X(AUTH_USERS_MAY_CREATE_TABLES, "auth.users_may_create_tables", BOOLEAN, "true", 0, 0, "", \
      USED, "role user creates user and stream tables") \
    X(AUTH_PASSWORD_MEMORY_KIB, "auth.password_memory_kib", INTEGER, "19456", 1024, 4194304, "", \
      USED, "memory of one password hash") \
    X(AUTH_PASSWORD_ITERATIONS, "auth.password_iterations", INTEGER, "2", 1, 100, "", USED, \
      "passes of one password hash") \
    X(AUTH_PASSWORD_PARALLELISM, "auth.password_parallelism", INTEGER, "1", 1, 16, "", USED, \
      "lanes of one password hash") \
    X(AUTH_LOCKOUT_FAILURES, "auth.lockout_failures", INTEGER, "5", 1, 1000, "", USED, \
      "failed log-ins that lock a name") \
    X(AUTH_LOCKOUT_MINUTES, "auth.lockout_minutes", INTEGER, "15", 1, 10080, "", USED, \
      "how long it is locked") \
    X(AUTH_MAX_WAITING_LOGINS, "auth.max_waiting_logins", INTEGER, "200", 1, 100000, "", USED, \
      "log-ins that may wait for a thread that hashes; more get 429") \
    X(SECURITY_MASK_ERRORS, "security.mask_errors", BOOLEAN, "true", 0, 0, "", USED, \
      "roles user and service get fixed texts for some errors; --dev switches it off") \
    X(LIVE_ALLOW_SHARED, "live.allow_shared_subscriptions", BOOLEAN, "true", 0, 0, "", USED, \
      "live queries on shared tables") \
    X(LIVE_PING_INTERVAL_SECONDS, "live.ping_interval_seconds", SECONDS, "5", 1, 3600, \
      "WEBSOCKET_HEARTBEAT_INTERVAL_SECS", USED, "silence after which the server pings") \
    X(LIVE_CLIENT_TIMEOUT_SECONDS, "live.client_timeout_seconds", SECONDS, "10", 2, 86400, \
      "WEBSOCKET_CLIENT_TIMEOUT_SECS", USED, "silence after which a WebSocket is closed") \
    X(LIVE_AUTH_TIMEOUT_SECONDS, "live.auth_timeout_seconds", SECONDS, "3", 1, 3600, \
      "WEBSOCKET_AUTH_TIMEOUT_SECS", USED, "time for the first message") \
    X(LIVE_QUEUE_EVENTS, "live.queue_events", INTEGER, "1024", 1, 1000000, "", USED, \
      "unsent messages of one live query") \
    X(LIVE_QUEUE_BYTES, "live.queue_bytes", BYTES, "8MiB", 65536, 1 << 30, "", USED, \
      "unsent bytes of one WebSocket, and what it holds while live queries load") \
    X(LIVE_FEED_BYTES, "live.feed_bytes", BYTES, "64MiB", 1 << 20, 1LL << 36, "", USED, \
      "memory for recent changes") \
    X(LIVE_SNAPSHOT_THREADS, "live.snapshot_threads", INTEGER, "0", 0, 1024, "", USED, \
      "threads that read what live queries begin with, half of them for one user; 0 = two per " \
      "core") \
    X(LIVE_SNAPSHOT_SECONDS, "live.snapshot_seconds", SECONDS, "3600", 1, 86400, "", USED, \
      "time to fetch all batches of a snapshot, which is kept so long") \
    X(LIVE_FILTER_MEMORY, "live.filter_memory", BYTES, "32MiB", 1 << 20, 1 << 30, "", USED, \
      "memory that the filter of a live query may take for one changed row, and that those of " \
      "one " \
      "user take compiled, beyond 16 KiB each") \
    X(LIVE_FILTER_WORK, "live.filter_work", BYTES, "256MiB", 1 << 20, 1LL << 40, "", USED, \
      "what matching may cost for the live queries of one user, in a second and for one commit, " \
      "in bytes that a filter looks at") \
    X(SQL_PRIMARY_KEY_MODE, "sql.primary_key_mode", CHOICE, "auto", 0, 0, "", USED, \
      "auto strict: tables without key get one, or are refused") \
    X(SQL_DEFAULT_SHARED_ACCESS, "sql.default_shared_access", CHOICE, "unset", 0, 0, "", USED, \
      "unset public private restricted: access of new shared tables without ACCESS") \
    X(LOGGING_LEVEL, "logging.level", CHOICE, "info", 0, 0, "LOG_LEVEL", USED, \
      "error warn info debug trace: least level of log lines") \
    X(LOGGING_FILE_PATH, "logging.file_path", TEXT, "./logs/app.log", 0, 4000, "LOG_FILE", USED, \
      "log file; empty = none") \
    X(LOGGING_TO_CONSOLE, "logging.log_to_console", BOOLEAN, "true", 0, 0, "LOG_TO_CONSOLE", USED, \
      "log lines go to standard error too") \
    X(LOGGING_FORMAT, "logging.format", CHOICE, "compact", 0, 0, "", USED, \
      "compact pretty json: form of log lines: one line, two lines with the place in the code " \
      "below, one JSON object per line") \
    X(LOGGING_MAX_FILE_SIZE, "logging.max_file_size", BYTES, "100MiB", 65536, 1LL << 40, "", USED, \
      "size at which the log file is rotated") \
    X(LOGGING_MAX_AGE, "logging.max_age", SECONDS, "7 days", 0, 315360000, "", USED, \
      "age at which it is rotated; 0 = never") \
    X(LOGGING_KEEP_FILES, "logging.keep_files", INTEGER, "10", 0, 1000, "", USED, \
      "rotated files kept")

enum config_key {
#define CONFIG_KEY_ENUM(name, key, type, standard, least, most, env, state, meaning) CONFIG_##name,
    CONFIG_KEY_LIST(CONFIG_KEY_ENUM)
#undef CONFIG_KEY_ENUM
        CONFIG_KEY_COUNT
};

enum config_type {
    CONFIG_TYPE_TEXT,
    CONFIG_TYPE_INTEGER,
    CONFIG_TYPE_BOOLEAN,
    CONFIG_TYPE_BYTES,
    CONFIG_TYPE_SECONDS,
    CONFIG_TYPE_LIST,
    CONFIG_TYPE_CHOICE,
    CONFIG_TYPE_SCHEDULE,
};

enum config_state {
    CONFIG_STATE_USED,
    CONFIG_STATE_SECRET,
    CONFIG_STATE_FIXED,
};

struct config_key_info {
    const char *name;
    enum config_type type;
    const char *standard; /* default, as it would stand in the environment */
    long long least, most;
    const char *env;
    enum config_state state;
    const char *meaning; /* without the words of a CHOICE */
    const char *words;   /* of a CHOICE, blanks between */
};
void config_key_info(enum config_key key, struct config_key_info *out);

#endif
