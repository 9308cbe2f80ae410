/* columnar_instance.c — DuckDB databases: opening, locking down, replacing; one connection at a
 * time per statement.
 *
 * Everything that could reach beyond the storage folders is closed before the first statement and
 * the configuration is locked. A database that declared itself invalid is replaced at once;
 * statements that still use the old one keep it alive until they end. A connection whose statement
 * ran to its end waits for the next one: the configuration is locked and statements are SELECTs, so
 * there is nothing a statement could leave behind, and a scan of Parquet files on a fresh
 * connection takes half a millisecond more. One that was interrupted, failed or dropped is closed.
 *
 * Each database spills into a folder of its own: DuckDB names the files by a counter and opens them
 * without a lock, so two of them, an old one and its successor, would read each other's rows. It
 * makes the folder when it first spills and removes it when it is closed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void sql_append_literal(struct buf *out, struct str text)
{
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        CHECK(text.data[i] != '\0'); /* would end the statement early */
        if (text.data[i] == '\'')
            buf_append_byte(out, '\'');
        buf_append_byte(out, (uint8_t)text.data[i]);
    }
    buf_append_byte(out, '\'');
}

void sql_append_name(struct buf *out, struct str name)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < name.size; i++) {
        CHECK(name.data[i] != '\0');
        if (name.data[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)name.data[i]);
    }
    buf_append_byte(out, '"');
}

enum { INSTANCE_IDLE_MAX = 16 };

/* ---- opening
 * -------------------------------------------------------------------------------------- */

static void instance_settings_folders(const struct columnar *columnar, struct buf *sql)
{
    buf_append_str(sql, STR_LIT("SET GLOBAL allowed_directories=["));
    for (size_t i = 0; i < columnar->folder_count; i++) {
        struct str folder = str_from_c(columnar->folders[i]);
        buf_append_str(sql, i == 0 ? STR_EMPTY : STR_LIT(","));
        sql_append_literal(sql, folder);
    }
    buf_append_str(sql, STR_LIT("];"));
    CHECK(sql->size > 0);
}

/* All settings but those that close the doors. */
static void instance_settings(const struct instance *instance, struct buf *sql)
{
    const struct columnar *columnar = instance->columnar;
    bool is_large = instance->is_large;
    struct buf temporary;

    buf_printf(sql, "SET GLOBAL threads=%u;", is_large ? columnar->options.parallelism : 1);
    buf_printf(sql, "SET GLOBAL memory_limit='%llu B';",
               (unsigned long long)columnar->options.memory_bytes);
    buf_init(&temporary);
    buf_printf(&temporary, "%s/%s-%llu", columnar->temporary_folder, is_large ? "large" : "small",
               (unsigned long long)instance->number);
    buf_append_str(sql, STR_LIT("SET GLOBAL temp_directory="));
    sql_append_literal(sql, buf_str(&temporary));
    buf_append_byte(sql, ';');
    if (columnar->options.spill_bytes_max > 0)
        buf_printf(sql, "SET GLOBAL max_temp_directory_size='%llu B';",
                   (unsigned long long)columnar->options.spill_bytes_max);
    buf_clear(&temporary);
    buf_append_str(sql, STR_LIT("SET GLOBAL TimeZone='UTC';"
                                "SET GLOBAL default_null_order='nulls_last_on_asc_first_on_desc';"
                                "SET GLOBAL late_materialization_max_rows=0;"
                                "SET GLOBAL parquet_metadata_cache=true;"
                                "SET GLOBAL enable_external_file_cache=false;"
                                "SET GLOBAL allocator_background_threads=true;"
                                "SET GLOBAL allow_persistent_secrets=false;"
                                "SET GLOBAL allow_community_extensions=false;"
                                "SET GLOBAL autoinstall_known_extensions=false;"
                                "SET GLOBAL autoload_known_extensions=false;"));
    instance_settings_folders(columnar, sql);
    buf_append_byte(sql, 0);
    CHECK(sql->data[sql->size - 1] == '\0');
}

static enum status instance_run(duckdb_connection connection, const char *sql, struct error *err)
{
    enum status status = STATUS_OK;
    duckdb_result result = {0}; /* as it stays if there is no memory for one */

    CHECK(sql != NULL);
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        log_error("duckdb: set-up: %s", duckdb_result_error(&result));
        status = error_set(err, STATUS_INTERNAL_ERROR, "the analytical engine cannot be set up");
    }
    duckdb_destroy_result(&result);
    return status;
}

static enum status instance_configure(struct instance *instance, duckdb_connection connection,
                                      struct error *err)
{
    static const char *const lock = "SET GLOBAL enable_external_access=false;"
                                    "SET GLOBAL lock_configuration=true;";
    const struct columnar *columnar = instance->columnar;
    enum status status = scan_register(instance, connection, err);
    struct buf sql;

    CHECK(instance->database != NULL);
    if (status == STATUS_OK)
        status = size_register(connection, err);
    for (size_t i = 0; status == STATUS_OK && i < columnar->options.cast_count; i++)
        status = cast_register(connection, &columnar->options.casts[i], err);
    for (size_t i = 0; status == STATUS_OK && i < columnar->options.function_count; i++)
        status = function_register(instance, connection, &columnar->options.functions[i], err);
    buf_init(&sql);
    instance_settings(instance, &sql);
    if (status == STATUS_OK)
        status = instance_run(connection, sql.data, err);
    for (size_t i = 0; status == STATUS_OK && i < columnar->options.setup_count; i++)
        status = instance_run(connection, columnar->setup[i], err);
    if (status == STATUS_OK)
        status = instance_run(connection, lock, err);
    buf_clear(&sql);
    return status;
}

enum status instance_open(struct columnar *columnar, bool is_large, struct instance **out,
                          struct error *err)
{
    struct instance *instance = mem_zalloc(sizeof(*instance));
    duckdb_connection connection = NULL;
    enum status status = STATUS_OK;

    CHECK(columnar->options.parallelism > 0);
    *out = NULL;
    instance->columnar = columnar;
    instance->is_large = is_large;
    instance->number = columnar->opened++;
    map_init(&instance->files);
    if (duckdb_open(NULL, &instance->database) != DuckDBSuccess ||
        duckdb_connect(instance->database, &connection) != DuckDBSuccess)
        status = error_set(err, STATUS_INTERNAL_ERROR, "the analytical engine does not start");
    if (status == STATUS_OK)
        status = instance_configure(instance, connection, err);
    duckdb_disconnect(&connection);
    if (status != STATUS_OK) {
        duckdb_close(&instance->database);
        mem_free(instance);
        return status;
    }
    *out = instance;
    return STATUS_OK;
}

static void instance_close(struct instance *instance)
{
    CHECK(instance->users == 0 && instance->sessions == NULL);
    while (instance->parsers != NULL) {
        struct columnar_parser *next = instance->parsers->next;
        duckdb_destroy_prepare(&instance->parsers->parse);
        duckdb_disconnect(&instance->parsers->connection);
        mem_free(instance->parsers);
        instance->parsers = next;
    }
    while (instance->idle != NULL) {
        struct columnar_idle *next = instance->idle->next;
        duckdb_disconnect(&instance->idle->connection);
        mem_free(instance->idle);
        instance->idle = next;
    }
    duckdb_close(&instance->database);
    map_clear(&instance->files);
    mem_free(instance);
}

enum status instance_acquire(struct columnar *columnar, bool is_large, struct instance **out,
                             struct error *err)
{
    struct instance **slot = &columnar->instances[is_large];
    enum status status = STATUS_OK;

    pthread_mutex_lock(&columnar->mutex);
    if (*slot == NULL)
        status = instance_open(columnar, is_large, slot, err);
    *out = *slot;
    if (status == STATUS_OK)
        (*slot)->users++;
    pthread_mutex_unlock(&columnar->mutex);
    CHECK((*out != NULL) == (status == STATUS_OK));
    return status;
}

void instance_release(struct instance *instance)
{
    struct columnar *columnar = instance->columnar;
    bool is_last;

    pthread_mutex_lock(&columnar->mutex);
    CHECK(instance->users > 0);
    instance->users--;
    is_last = instance->users == 0 && instance->is_dead;
    pthread_mutex_unlock(&columnar->mutex);
    if (is_last)
        instance_close(instance);
}

/* Takes the instance out of its slot; the next statement opens a new one. The caller holds the
 * mutex and closes what is returned after letting go of it. */
static struct instance *instance_retire(struct columnar *columnar, struct instance *instance)
{
    CHECK(!instance->is_dead);
    columnar->instances[instance->is_large] = NULL;
    instance->is_dead = true;
    return instance->users == 0 ? instance : NULL;
}

void instance_replace(struct instance *instance)
{
    struct columnar *columnar = instance->columnar;

    pthread_mutex_lock(&columnar->mutex);
    CHECK(instance->users > 0); /* the caller's */
    if (!instance->is_dead)
        (void)instance_retire(columnar, instance);
    pthread_mutex_unlock(&columnar->mutex);
}

enum status instance_failed(struct instance *instance, const char *why, struct error *err)
{
    CHECK(why != NULL);
    log_error("duckdb: reopened after: %s", why);
    instance_replace(instance);
    return error_set(err, STATUS_STALE, "the analytical engine was restarted");
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

static void columnar_add_folder(struct columnar *columnar, const char *folder)
{
    struct buf path;
    size_t size;

    CHECK(folder != NULL && folder[0] != '\0');
    buf_init(&path);
    buf_append_str(&path, str_from_c(folder));
    if (path.data[path.size - 1] !=
        '/') /* DuckDB compares prefixes: /data must not open /database */
        buf_append_byte(&path, '/');
    buf_append_byte(&path, 0);
    columnar->folders =
        mem_realloc(columnar->folders, (columnar->folder_count + 1) * sizeof(char *));
    columnar->folders[columnar->folder_count++] = buf_take(&path, &size);
}

enum status columnar_open(const struct columnar_options *options, struct columnar **out,
                          struct error *err)
{
    struct columnar *columnar = mem_zalloc(sizeof(*columnar));
    enum status status;

    CHECK(options->temporary_folder != NULL);
    *out = NULL;
    columnar->options = *options;
    if (columnar->options.parallelism == 0)
        columnar->options.parallelism = 1;
    columnar->temporary_folder = mem_strdup(str_from_c(options->temporary_folder));
    for (size_t i = 0; i < options->folder_count; i++)
        columnar_add_folder(columnar, options->folders[i]);
    columnar->setup = mem_calloc(options->setup_count + 1, sizeof(char *));
    for (size_t i = 0; i < options->setup_count; i++)
        columnar->setup[i] = mem_strdup(str_from_c(options->setup[i]));
    CHECK(pthread_mutex_init(&columnar->mutex, NULL) == 0);
    map_init(&columnar->schemas);
    watchdog_start(&columnar->watchdog);
    status = instance_open(columnar, false, &columnar->instances[0], err);
    if (status != STATUS_OK) {
        columnar_close(columnar);
        return status;
    }
    *out = columnar; /* the large database opens with its first statement */
    return STATUS_OK;
}

void columnar_close(struct columnar *columnar)
{
    if (columnar == NULL)
        return;
    for (int i = 0; i < 2; i++)
        if (columnar->instances[i] != NULL)
            instance_close(columnar->instances[i]);
    watchdog_stop(&columnar->watchdog);
    parquet_schemas_clear(columnar);
    for (size_t i = 0; i < columnar->folder_count; i++)
        mem_free(columnar->folders[i]);
    for (size_t i = 0; i < columnar->options.setup_count; i++)
        mem_free(columnar->setup[i]);
    mem_free(columnar->setup);
    mem_free(columnar->folders);
    mem_free(columnar->temporary_folder);
    CHECK(pthread_mutex_destroy(&columnar->mutex) == 0);
    mem_free(columnar);
}

static bool columnar_has_folder(const struct columnar *columnar, const char *folder)
{
    struct str wanted = str_from_c(folder);

    CHECK(wanted.size > 0);
    for (size_t i = 0; i < columnar->folder_count; i++) {
        struct str known = str_from_c(columnar->folders[i]);
        if (str_starts_with(wanted, known) ||
            (known.size == wanted.size + 1 && str_starts_with(known, wanted)))
            return true;
    }
    return false;
}

void columnar_allow_folder(struct columnar *columnar, const char *folder)
{
    struct instance *unused[2] = {NULL, NULL};

    CHECK(columnar != NULL);
    pthread_mutex_lock(&columnar->mutex);
    if (!columnar_has_folder(columnar, folder)) {
        columnar_add_folder(columnar, folder);
        for (int i = 0; i < 2; i++)
            if (columnar->instances[i] != NULL)
                unused[i] = instance_retire(columnar, columnar->instances[i]);
    }
    pthread_mutex_unlock(&columnar->mutex);
    for (int i = 0; i < 2; i++)
        if (unused[i] != NULL)
            instance_close(unused[i]);
}

const char *columnar_version(void)
{
    const char *version = duckdb_library_version();

    CHECK(version != NULL);
    return version;
}

uint64_t columnar_memory_bytes(const struct columnar *columnar)
{
    CHECK(columnar->options.memory_bytes > 0);
    return columnar->options.memory_bytes;
}

/* ---- sessions
 * ------------------------------------------------------------------------------------- */

static idx_t session_connection_id(duckdb_connection connection)
{
    duckdb_client_context context = NULL;
    idx_t id;

    duckdb_connection_get_client_context(connection, &context);
    CHECK(context != NULL);
    id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    return id;
}

struct columnar_session *session_of_connection(const struct instance *instance, idx_t id)
{
    struct columnar_session *session = instance->sessions;

    CHECK(instance->columnar != NULL);
    while (session != NULL && session->connection_id != id)
        session = session->next;
    return session;
}

/* An idle connection or a new one. */
static bool session_connect(struct columnar_session *session)
{
    struct instance *instance = session->instance;

    CHECK(session->connection == NULL);
    pthread_mutex_lock(&session->columnar->mutex);
    struct columnar_idle *idle = instance->idle;
    if (idle != NULL) {
        instance->idle = idle->next;
        instance->idle_count--;
    }
    pthread_mutex_unlock(&session->columnar->mutex);
    if (idle != NULL) {
        session->connection = idle->connection;
        session->connection_id = idle->connection_id;
        mem_free(idle);
        return true;
    }
    if (duckdb_connect(instance->database, &session->connection) != DuckDBSuccess)
        return false;
    session->connection_id = session_connection_id(session->connection);
    return true;
}

/* Keeps the connection for the next statement; false if there are enough. The session is not in the
 * instance's list any more: its connection's id stands for nothing until the next one. */
static bool session_keep_connection(struct columnar_session *session)
{
    struct instance *instance = session->instance;

    CHECK(session->connection != NULL && session->is_finished);
    struct columnar_idle *idle = mem_alloc(sizeof(*idle));
    *idle = (struct columnar_idle){.connection = session->connection,
                                   .connection_id = session->connection_id};
    pthread_mutex_lock(&session->columnar->mutex);
    bool keeps = !instance->is_dead && instance->idle_count < INSTANCE_IDLE_MAX;
    if (keeps) {
        idle->next = instance->idle;
        instance->idle = idle;
        instance->idle_count++;
    }
    pthread_mutex_unlock(&session->columnar->mutex);
    if (!keeps)
        mem_free(idle);
    return keeps;
}

enum status session_open(struct columnar *columnar, bool is_large,
                         const struct column_source *sources, size_t source_count,
                         struct columnar_session *session, struct error *err)
{
    struct instance *instance;
    enum status status = instance_acquire(columnar, is_large, &instance, err);

    *session = (struct columnar_session){
        .columnar = columnar, .sources = sources, .source_count = source_count};
    if (status != STATUS_OK)
        return status;
    session->instance = instance;
    if (!session_connect(session)) {
        status = instance_failed(instance, "a refused connection", err);
        instance_release(instance);
        session->instance = NULL;
        return status;
    }
    CHECK(pthread_mutex_init(&session->mutex, NULL) == 0);
    pthread_mutex_lock(&columnar->mutex);
    session->next = instance->sessions;
    instance->sessions = session;
    pthread_mutex_unlock(&columnar->mutex);
    return STATUS_OK;
}

void session_close(struct columnar_session *session)
{
    struct instance *instance = session->instance;

    if (instance == NULL)
        return;
    bool is_running = !session->is_finished || atomic_load(&session->cursors_open) > 0;
    if (is_running)
        duckdb_disconnect(&session->connection); /* ends what still runs; cursors are closed */
    pthread_mutex_lock(&session->columnar->mutex);
    struct columnar_session **at = &instance->sessions;
    while (*at != session) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = session->next;
    pthread_mutex_unlock(&session->columnar->mutex);
    if (!is_running && !session_keep_connection(session))
        duckdb_disconnect(&session->connection);
    CHECK(pthread_mutex_destroy(&session->mutex) == 0);
    session->instance = NULL;
    instance_release(instance);
}

void session_source_failed(struct columnar_session *session, enum status status,
                           const struct error *source_error)
{
    CHECK(status != STATUS_OK);
    pthread_mutex_lock(&session->mutex);
    if (session->source_status == STATUS_OK) {
        session->source_status = status;
        session->source_error = *source_error;
    }
    pthread_mutex_unlock(&session->mutex);
}

enum status session_error(struct columnar_session *session, const char *message, struct error *err)
{
    const char *fatal = message == NULL ? NULL : columnar_error_fatal_kind(message);
    enum status source_status;

    CHECK(session->instance != NULL);
    pthread_mutex_lock(&session->mutex);
    source_status = session->source_status;
    if (source_status != STATUS_OK && err != NULL)
        *err = session->source_error;
    pthread_mutex_unlock(&session->mutex);
    if (source_status != STATUS_OK)
        return source_status;
    if (fatal != NULL)
        return instance_failed(session->instance, fatal, err);
    return columnar_error(session->columnar, message, err);
}
