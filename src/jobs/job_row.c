/* job_row.c — jobs as rows of system.jobs (docs/sql.md): the part of a job that survives.
 *
 * A row is always written whole. What a restart needs to go on is in columns everybody can read:
 * target, user and parameters, a JSON array of strings ("table_id:7", "all_users", "due_users" of
 * several whose rows are enough, "with_shadows").
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "catalog/system_tables.h"
#include "jobs/jobs_internal.h"
#include "store/commit.h"

#define JOB_PARAMETER_TABLE "table_id:"
#define JOB_PARAMETER_ALL "all_users"
#define JOB_PARAMETER_DUE "due_users"
#define JOB_PARAMETER_SHADOWS "with_shadows"
#define JOB_PARAMETER_PATH "path:"

enum { JOB_ROWS_DELETED_TOGETHER = 256 };

/* In the order of the definition, which job_row_table checks. */
#define JOB_COLUMN_LIST(X) \
    X(JOB_ID, "job_id") \
    X(JOB_TYPE, "job_type") \
    X(STATUS, "status") \
    X(NAMESPACE_ID, "namespace_id") \
    X(TABLE_NAME, "table_name") \
    X(USER_ID, "user_id") \
    X(PARAMETERS, "parameters") \
    X(RESULT, "result") \
    X(TRACE, "trace") \
    X(MEMORY_USED, "memory_used") \
    X(CPU_USED, "cpu_used") \
    X(NODE, "node") \
    X(PROGRESS, "progress") \
    X(IDEMPOTENCY_KEY, "idempotency_key") \
    X(RETRY_COUNT, "retry_count") \
    X(MAX_RETRIES, "max_retries") \
    X(CREATED_AT, "created_at") \
    X(STARTED_AT, "started_at") \
    X(COMPLETED_AT, "completed_at") \
    X(ERROR_MESSAGE, "error_message")

enum job_column {
#define JOB_COLUMN_ENUM(name, text) JOB_COLUMN_##name,
    JOB_COLUMN_LIST(JOB_COLUMN_ENUM)
#undef JOB_COLUMN_ENUM
        JOB_COLUMN_COUNT
};

static const struct table *job_row_table(const struct view *view)
{
    static const char *const names[] = {
#define JOB_COLUMN_NAME(name, text) text,
        JOB_COLUMN_LIST(JOB_COLUMN_NAME)
#undef JOB_COLUMN_NAME
    };
    const struct table *table = system_table(view_catalog(view), SYSTEM_TABLE_JOBS);

    CHECK(table->schema->column_count == JOB_COLUMN_COUNT);
    for (uint32_t i = 0; i < JOB_COLUMN_COUNT; i++)
        CHECK(str_equal(table->schema->columns[i].name, str_from_c(names[i])));
    return table;
}

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static void job_row_put_json(struct buf *out, struct str text)
{
    CHECK(out != NULL);
    buf_append_byte(out, out->size == 1 ? ' ' : ',');
    if (out->size == 2) /* the first element: no separator */
        out->size = 1;
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
}

static void job_row_parameters(const struct job *job, struct arena *arena, struct value *out)
{
    struct buf json;

    buf_init(&json);
    buf_append_byte(&json, '[');
    if (job->name[0] != '\0')
        job_row_put_json(&json, arena_printf(arena, "%s.%s", job->space, job->name));
    if (job->table.value > 0)
        job_row_put_json(&json, arena_printf(arena, JOB_PARAMETER_TABLE "%llu",
                                             (unsigned long long)job->table.value));
    if (job->user[0] != '\0')
        job_row_put_json(&json, arena_printf(arena, "user:%s", job->user));
    if (job->all_users)
        job_row_put_json(&json, STR_LIT(JOB_PARAMETER_ALL));
    if (job->due_users && job->user[0] == '\0')
        job_row_put_json(&json, STR_LIT(JOB_PARAMETER_DUE));
    if (job->with_shadows)
        job_row_put_json(&json, STR_LIT(JOB_PARAMETER_SHADOWS));
    if (job->path != NULL) {
        job_row_put_json(&json, str_from_c(job->space));
        job_row_put_json(&json, arena_printf(arena, JOB_PARAMETER_PATH "%s", job->path));
    }
    buf_append_byte(&json, ']');
    *out = value_text(VALUE_JSON, arena_copy(arena, buf_str(&json)));
    CHECK(out->text.size >= 2);
    buf_clear(&json);
}

static struct value job_row_text(const char *text)
{
    CHECK(text != NULL);
    return text[0] == '\0' ? value_null(VALUE_TEXT) : value_text(VALUE_TEXT, str_from_c(text));
}

static struct value job_row_time(int64_t time_us)
{
    CHECK(time_us >= 0);
    return time_us == 0 ? value_null(VALUE_TIMESTAMP) : value_integer(VALUE_TIMESTAMP, time_us);
}

static void job_row_values(const struct job *job, const char *status, struct arena *arena,
                           struct value *values)
{
    struct str key = arena_printf(arena, "%s:%s.%s:%s", job->type_name, job->space, job->name,
                                  job->all_users ? "*" : job->user);

    CHECK(status[0] != '\0');
    values[JOB_COLUMN_JOB_ID] = value_text(VALUE_TEXT, str_from_c(job->id.text));
    values[JOB_COLUMN_JOB_TYPE] = job_row_text(job->type_name);
    values[JOB_COLUMN_STATUS] = job_row_text(status);
    values[JOB_COLUMN_NAMESPACE_ID] = job_row_text(job->space);
    values[JOB_COLUMN_TABLE_NAME] = job_row_text(job->name);
    values[JOB_COLUMN_USER_ID] = job_row_text(job->user);
    job_row_parameters(job, arena, &values[JOB_COLUMN_PARAMETERS]);
    values[JOB_COLUMN_RESULT] = job_row_text(job->result);
    values[JOB_COLUMN_TRACE] = job_row_text(job->trace);
    values[JOB_COLUMN_MEMORY_USED] = value_integer(VALUE_BIGINT, job->memory_bytes);
    values[JOB_COLUMN_CPU_USED] = value_integer(VALUE_BIGINT, job->cpu_us);
    values[JOB_COLUMN_NODE] = value_text(VALUE_TEXT, str_from_c(job->jobs->node));
    values[JOB_COLUMN_PROGRESS] = job_row_text(job->progress);
    values[JOB_COLUMN_IDEMPOTENCY_KEY] = value_text(VALUE_TEXT, key);
    values[JOB_COLUMN_RETRY_COUNT] = value_integer(VALUE_INT, job->retries);
    values[JOB_COLUMN_MAX_RETRIES] = value_integer(VALUE_INT, JOB_RETRIES_MAX);
    values[JOB_COLUMN_CREATED_AT] = value_integer(VALUE_TIMESTAMP, job->created_at);
    values[JOB_COLUMN_STARTED_AT] = job_row_time(job->started_at);
    values[JOB_COLUMN_COMPLETED_AT] = job_row_time(job->completed_at);
    values[JOB_COLUMN_ERROR_MESSAGE] = job_row_text(job->error_message);
}

enum status job_row_save_all(struct jobs *jobs, struct job *const *list, size_t count,
                             const char *status, struct error *err)
{
    struct view *view = view_acquire(jobs->store);
    struct arena arena;

    CHECK(count > 0);
    arena_init(&arena, 0);
    struct row_op *ops = arena_array(&arena, count, sizeof(*ops));
    struct commit_request request = {.ops = ops, .op_count = count, .arena = &arena, .view = view};
    for (size_t i = 0; i < count; i++) {
        struct value *values = arena_array(&arena, JOB_COLUMN_COUNT, sizeof(*values));
        job_row_values(list[i], status, &arena, values);
        commit_put_system(&request, &ops[i], job_row_table(view), values);
    }
    enum status saved = commit_submit_wait(jobs->store, &request, err);
    CHECK(saved != STATUS_END);
    view_release(view);
    arena_clear(&arena);
    return saved;
}

enum status job_row_save(struct job *job, const char *status, struct error *err)
{
    CHECK(job->jobs != NULL);
    return job_row_save_all(job->jobs, &job, 1, status, err);
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

static void job_row_get_text(const struct row *row, enum job_column column, struct arena *arena,
                             char *out, size_t size)
{
    struct value value;

    row_column(row, column, arena, &value);
    CHECK(size > 0 && value_type_is_text(value.type));
    size_t length = value.is_null ? 0 : value.text.size;
    length = length < size ? length : size - 1;
    if (length > 0)
        memcpy(out, value.text.data, length);
    out[length] = '\0';
}

/* The number behind a parameter's prefix, 0 if it is not there. */
static uint64_t job_row_parameter(struct str json, struct str prefix)
{
    size_t at = str_find(json, prefix);
    uint64_t number = 0;

    CHECK(prefix.size > 0);
    if (at == SIZE_MAX)
        return 0;
    for (size_t i = at + prefix.size; i < json.size; i++) {
        if (json.data[i] < '0' || json.data[i] > '9' || number > UINT64_MAX / 10 - 1)
            break;
        number = number * 10 + (uint64_t)(json.data[i] - '0');
    }
    return number;
}

/* The path of a backup, as job_row_put_json wrote it. */
static void job_row_get_path(struct job *job, struct str json)
{
    size_t at = str_find(json, STR_LIT("\"" JOB_PARAMETER_PATH));
    struct buf path;
    size_t size;

    CHECK(job->path == NULL);
    if (at == SIZE_MAX)
        return;
    buf_init(&path);
    for (size_t i = at + sizeof(JOB_PARAMETER_PATH); i < json.size && json.data[i] != '"'; i++) {
        if (json.data[i] == '\\' && i + 1 < json.size)
            i++;
        buf_append_byte(&path, (uint8_t)json.data[i]);
    }
    buf_append_byte(&path, 0);
    job->path = buf_take(&path, &size);
}

static void job_row_get_parameters(const struct row *row, struct arena *arena, struct job *job)
{
    struct value value;

    row_column(row, JOB_COLUMN_PARAMETERS, arena, &value);
    CHECK(job->table.value == 0);
    if (value.is_null)
        return;
    job->table.value = job_row_parameter(value.text, STR_LIT("\"" JOB_PARAMETER_TABLE));
    job->all_users = str_find(value.text, STR_LIT("\"" JOB_PARAMETER_ALL "\"")) != SIZE_MAX;
    job->due_users = str_find(value.text, STR_LIT("\"" JOB_PARAMETER_DUE "\"")) != SIZE_MAX;
    job->with_shadows = str_find(value.text, STR_LIT("\"" JOB_PARAMETER_SHADOWS "\"")) != SIZE_MAX;
    job_row_get_path(job, value.text);
}

/* The job of an unfinished row. */
static struct job *job_row_resume(struct jobs *jobs, const struct row *row, struct arena *arena)
{
    struct value value;
    char status[16];
    struct job *job = job_new(jobs, JOB_OTHER, (struct table_id){0}, STR_EMPTY, STR_EMPTY);

    job_row_get_text(row, JOB_COLUMN_JOB_TYPE, arena, job->type_name, sizeof(job->type_name));
    for (enum job_type known = JOB_FLUSH; known < JOB_OTHER; known++) {
        if (str_equal(str_from_c(job->type_name), str_from_c(job_type_name(known))))
            job->type = known;
    }
    job_row_get_text(row, JOB_COLUMN_JOB_ID, arena, job->id.text, sizeof(job->id.text));
    job_row_get_text(row, JOB_COLUMN_NAMESPACE_ID, arena, job->space, sizeof(job->space));
    job_row_get_text(row, JOB_COLUMN_TABLE_NAME, arena, job->name, sizeof(job->name));
    job_row_get_text(row, JOB_COLUMN_USER_ID, arena, job->user, sizeof(job->user));
    job_row_get_text(row, JOB_COLUMN_TRACE, arena, job->trace, sizeof(job->trace));
    job_row_get_parameters(row, arena, job);
    row_column(row, JOB_COLUMN_CREATED_AT, arena, &value);
    job->created_at = value.integer;
    row_column(row, JOB_COLUMN_RETRY_COUNT, arena, &value);
    job->retries = (int)value.integer;
    job_row_get_text(row, JOB_COLUMN_STATUS, arena, status, sizeof(status));
    if (str_equal(str_from_c(status), STR_LIT("running")))
        job->retries++;
    job->row_written = job->resumed = true;
    CHECK(job->id.text[0] != '\0');
    return job;
}

static enum status job_row_scan(struct jobs *jobs, struct view *view, struct arena *arena,
                                struct scan **out, struct error *err)
{
    struct scan_options options = {
        .view = view, .table = job_row_table(view), .seq_after = -1, .arena = arena};

    CHECK(out != NULL);
    return scan_open(jobs->store, &options, out, err);
}

static bool job_row_is_finished(const struct row *row, struct arena *arena)
{
    char status[16];

    job_row_get_text(row, JOB_COLUMN_STATUS, arena, status, sizeof(status));
    CHECK(status[0] != '\0');
    return !str_equal(str_from_c(status), STR_LIT("pending")) &&
           !str_equal(str_from_c(status), STR_LIT("running"));
}

enum status job_row_each_unfinished(struct jobs *jobs, void (*visit)(struct job *job),
                                    struct error *err)
{
    struct view *view = view_acquire(jobs->store);
    struct scan *scan = NULL;
    struct arena arena;
    struct row row;

    CHECK(visit != NULL);
    arena_init(&arena, 0);
    enum status status = job_row_scan(jobs, view, &arena, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK) {
        if (!job_row_is_finished(&row, &arena))
            visit(job_row_resume(jobs, &row, &arena));
    }
    scan_close(scan);
    arena_clear(&arena);
    view_release(view);
    return status == STATUS_END ? STATUS_OK : status;
}

enum status job_row_status(struct jobs *jobs, struct str id, char out[16], struct error *err)
{
    struct view *view = view_acquire(jobs->store);
    const struct table *table = job_row_table(view);
    struct value values[JOB_COLUMN_COUNT] = {[JOB_COLUMN_JOB_ID] = value_text(VALUE_TEXT, id)};
    struct row_pin pin = {.cold = NULL};
    struct arena arena;
    struct buf key;
    struct row row;

    arena_init(&arena, 0);
    buf_init(&key);
    struct scan_options options = {.view = view, .table = table, .seq_after = -1, .arena = &arena};
    enum status status = table_encode_key(table, values, &key, err);
    if (status == STATUS_CONSTRAINT_VIOLATION)
        status = STATUS_ABSENT; /* longer than any id */
    if (status == STATUS_OK)
        status = row_get_by_key(jobs->store, &options, buf_str(&key), &row, &pin, err);
    if (status == STATUS_OK) {
        job_row_get_text(&row, JOB_COLUMN_STATUS, &arena, out, 16);
        row_pin_release(jobs->store, &pin);
    }
    CHECK(status != STATUS_END);
    buf_clear(&key);
    arena_clear(&arena);
    view_release(view);
    return status;
}

/* ---- old rows
 * ------------------------------------------------------------------------------------- */

struct job_row_batch {
    struct job *job;
    struct arena arena; /* of the ids; emptied with each batch */
    struct value ids[JOB_ROWS_DELETED_TOGETHER];
    size_t count;
    uint64_t deleted; /* by all batches */
};

static enum status job_row_delete(struct job_row_batch *batch, struct error *err)
{
    struct jobs *jobs = batch->job->jobs;

    if (atomic_load(&batch->job->cancelled))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (batch->count == 0)
        return STATUS_OK;
    CHECK(batch->count <= JOB_ROWS_DELETED_TOGETHER);
    struct row_op *ops = arena_array(&batch->arena, batch->count, sizeof(*ops));
    struct commit_request request = {.ops = ops,
                                     .op_count = batch->count,
                                     .arena = &batch->arena,
                                     .view = view_acquire(jobs->store)};
    for (size_t i = 0; i < batch->count; i++)
        commit_delete_system(&request, &ops[i], job_row_table(request.view), &batch->ids[i]);
    enum status status = commit_submit_wait(jobs->store, &request, err);
    view_release(request.view);
    batch->deleted += status == STATUS_OK ? batch->count : 0;
    batch->count = 0;
    arena_clear(&batch->arena);
    arena_init(&batch->arena, 0);
    return status;
}

/* The row, if its job ended before `before_us`. */
static enum status job_row_delete_later(struct job_row_batch *batch, const struct row *row,
                                        int64_t before_us, struct error *err)
{
    struct value ended, id;

    row_column(row, JOB_COLUMN_COMPLETED_AT, &batch->arena, &ended);
    if (ended.is_null || ended.integer >= before_us)
        return STATUS_OK;
    row_column(row, JOB_COLUMN_JOB_ID, &batch->arena, &id);
    batch->ids[batch->count++] =
        value_text(VALUE_TEXT, arena_copy(&batch->arena, id.text)); /* the row goes */
    CHECK(batch->count <= JOB_ROWS_DELETED_TOGETHER);
    return batch->count < JOB_ROWS_DELETED_TOGETHER ? STATUS_OK : job_row_delete(batch, err);
}

enum status job_row_cleanup(struct job *job, int64_t before_us, uint64_t *rows, struct error *err)
{
    struct view *view = view_acquire(job->jobs->store);
    struct job_row_batch batch = {.job = job};
    struct scan *scan = NULL;
    struct arena arena;
    struct row row;

    arena_init(&arena, 0);
    arena_init(&batch.arena, 0);
    enum status status = job_row_scan(job->jobs, view, &arena, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK)
        status = job_row_delete_later(&batch, &row, before_us, err);
    if (status == STATUS_END)
        status = job_row_delete(&batch, err);
    CHECK(status != STATUS_END);
    *rows = batch.deleted;
    scan_close(scan);
    arena_clear(&batch.arena);
    arena_clear(&arena);
    view_release(view);
    return status;
}

enum status job_row_last_cleanup(struct jobs *jobs, int64_t *at_us, struct error *err)
{
    struct view *view = view_acquire(jobs->store);
    int64_t oldest = 0, newest = 0;
    struct scan *scan = NULL;
    struct arena arena;
    struct row row;

    arena_init(&arena, 0);
    enum status status = job_row_scan(jobs, view, &arena, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK) {
        struct value created, type, state;
        row_column(&row, JOB_COLUMN_CREATED_AT, &arena, &created);
        row_column(&row, JOB_COLUMN_JOB_TYPE, &arena, &type);
        row_column(&row, JOB_COLUMN_STATUS, &arena, &state);
        if (oldest == 0 || created.integer < oldest)
            oldest = created.integer;
        if (created.integer > newest && str_equal(state.text, STR_LIT("completed")) &&
            str_equal(type.text, str_from_c(job_type_name(JOB_CLEANUP))))
            newest = created.integer;
    }
    *at_us = newest > 0 ? newest : oldest;
    CHECK(status != STATUS_OK);
    scan_close(scan);
    arena_clear(&arena);
    view_release(view);
    return status == STATUS_END ? STATUS_OK : status;
}
