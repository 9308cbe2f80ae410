/* columnar_function.c — our own functions of texts inside DuckDB, where DuckDB's cannot be bounded.
 *
 * Within one vector DuckDB looks at no interrupt. So these look themselves whether their statement
 * has to stop, whenever they have done some work. The statement is found through the id of the
 * connection that binds the call, as in columnar_scan.c; while DuckDB only folds a constant there
 * may be none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/macros.h"
#include "base/mem.h"

#define CALL_TOO_MANY_HIDDEN \
    "too many functions of texts whose arguments hold subqueries; a statement may have 64"

enum {
    FUNCTION_ARGUMENTS_MAX = 3,
    FUNCTION_WORK_UNWATCHED = 1 << 22,
    CALL_MEMORY_FREE = 64 << 20 /* some patterns, whatever the limit */
};

static void *call_bind_copy(void *data)
{
    struct call_bind *copy = mem_alloc(sizeof(*copy));

    CHECK(data != NULL);
    *copy = *(const struct call_bind *)data;
    return copy;
}

static void function_free(void *data)
{
    CHECK(data != NULL);
    mem_free(data);
}

/* ---- arguments while a call is bound ---- */

static _Thread_local struct call_hidden *call_hidden_now;

struct call_hidden *call_hidden_begin(struct call_hidden *hidden)
{
    struct call_hidden *before = call_hidden_now;

    CHECK(hidden->count <= CALL_HIDDEN_MAX);
    hidden->asked = 0;
    hidden->grew = false;
    call_hidden_now = hidden;
    return before;
}

void call_hidden_end(struct call_hidden *before)
{
    CHECK(call_hidden_now != NULL);
    call_hidden_now = before;
}

duckdb_expression call_argument(duckdb_bind_info info, idx_t index)
{
    struct call_hidden *hidden = call_hidden_now;
    uint32_t place = hidden != NULL ? hidden->asked++ : 0;

    CHECK(info != NULL);
    for (uint32_t i = 0; hidden != NULL && i < hidden->count; i++)
        if (hidden->places[i] == place)
            return NULL;
    duckdb_expression argument = duckdb_scalar_function_bind_get_argument(info, index);
    if (argument != NULL || hidden == NULL)
        return argument;
    hidden->grew = hidden->count < CALL_HIDDEN_MAX;
    if (hidden->grew)
        hidden->places[hidden->count++] = place;
    else
        duckdb_scalar_function_bind_set_error(info, CALL_TOO_MANY_HIDDEN);
    return NULL;
}

struct call_bind *call_bind_new(duckdb_bind_info info, idx_t constant)
{
    struct call_bind *bind = mem_zalloc(sizeof(*bind));
    duckdb_expression argument = call_argument(info, constant);
    duckdb_client_context context = NULL;

    duckdb_scalar_function_get_client_context(info, &context);
    CHECK(context != NULL);
    bind->connection_id = duckdb_client_context_get_connection_id(context);
    bind->constant = argument != NULL && duckdb_expression_is_foldable(argument);
    duckdb_destroy_client_context(&context);
    duckdb_destroy_expression(&argument);
    duckdb_scalar_function_set_bind_data(info, bind, function_free);
    duckdb_scalar_function_set_bind_data_copy(info, call_bind_copy);
    return bind;
}

static void function_bind(duckdb_bind_info info)
{
    CHECK(info != NULL);
    (void)call_bind_new(info, 0);
}

bool call_must_stop(const struct call_use *use, const struct call_bind *bind)
{
    CHECK(bind != NULL);
    if (use->instance == NULL)
        return false;
    pthread_mutex_lock(&use->instance->columnar->mutex);
    const struct columnar_session *session =
        session_of_connection(use->instance, bind->connection_id);
    bool stops =
        session != NULL && session->stopped != NULL && atomic_load(session->stopped) != STATUS_OK;
    pthread_mutex_unlock(&use->instance->columnar->mutex);
    return stops;
}

static uint64_t call_add(const struct call_use *use, const struct call_bind *bind, uint64_t ns,
                         bool preparing_only)
{
    uint64_t sum = ns;

    CHECK(bind != NULL);
    if (use->instance == NULL)
        return ns;
    pthread_mutex_lock(&use->instance->columnar->mutex);
    struct columnar_session *session = session_of_connection(use->instance, bind->connection_id);
    if (session != NULL) {
        session->compile_ns += preparing_only && !session->prepares ? 0 : ns;
        sum = session->compile_ns;
    }
    pthread_mutex_unlock(&use->instance->columnar->mutex);
    return sum;
}

bool call_add_memory(const struct call_use *use, const struct call_bind *bind, uint64_t bytes)
{
    bool fits = true;

    CHECK(bind != NULL);
    if (use->instance == NULL || bytes == 0)
        return true;
    struct columnar *columnar = use->instance->columnar;
    pthread_mutex_lock(&columnar->mutex);
    struct columnar_session *session = session_of_connection(use->instance, bind->connection_id);
    if (session != NULL) {
        session->pattern_bytes += bytes;
        fits = session->pattern_bytes <= CALL_MEMORY_FREE ||
               session->pattern_bytes <= columnar->options.memory_bytes;
    }
    pthread_mutex_unlock(&columnar->mutex);
    return fits;
}

uint64_t call_add_compile(const struct call_use *use, const struct call_bind *bind, uint64_t ns)
{
    return call_add(use, bind, ns, false);
}

uint64_t call_add_folded(const struct call_use *use, const struct call_bind *bind, uint64_t ns)
{
    return call_add(use, bind, ns, true);
}

struct function_vectors {
    duckdb_string_t *texts[FUNCTION_ARGUMENTS_MAX];
    uint64_t *validity[FUNCTION_ARGUMENTS_MAX];
    unsigned count;
};

/* False if an argument is NULL. */
static bool function_arguments(const struct function_vectors *in, idx_t row, struct str *args)
{
    CHECK(in->count <= FUNCTION_ARGUMENTS_MAX);
    for (unsigned i = 0; i < in->count; i++) {
        if (in->validity[i] != NULL && !duckdb_validity_row_is_valid(in->validity[i], row))
            return false;
        args[i] = str_from(duckdb_string_t_data(&in->texts[i][row]),
                           duckdb_string_t_length(in->texts[i][row]));
    }
    return true;
}

static void function_rows(duckdb_function_info info, const struct function_vectors *in, idx_t rows,
                          duckdb_vector output)
{
    const struct call_use *use = duckdb_scalar_function_get_extra_info(info);
    const struct call_bind *bind = duckdb_scalar_function_get_bind_data(info);
    struct column_chunk_vector made = {.vector = output, .data = duckdb_vector_get_data(output)};
    static const struct column_cell null = {.is_null = true};
    bool *out = made.data;
    uint64_t work = 0, watched = 0;
    struct str args[FUNCTION_ARGUMENTS_MAX];
    struct error err;

    CHECK(bind != NULL && out != NULL);
    error_clear(&err);
    for (idx_t row = 0; row < rows; row++) {
        if (!function_arguments(in, row, args)) {
            column_vector_set(&made, row, &null, false);
            continue;
        }
        out[row] = false;
        if (use->function->only_constant && !bind->constant)
            continue;
        if (use->function->run(args, &work, &out[row], &err) != STATUS_OK) {
            duckdb_scalar_function_set_error(info, err.message);
            return;
        }
        if (work - watched <= FUNCTION_WORK_UNWATCHED)
            continue;
        watched = work;
        if (call_must_stop(use, bind)) {
            duckdb_scalar_function_set_error(info, "the statement was stopped");
            return;
        }
    }
}

static void function_run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct call_use *use = duckdb_scalar_function_get_extra_info(info);
    struct function_vectors in = {.count = use->function->argument_count};

    CHECK(duckdb_data_chunk_get_column_count(input) == in.count);
    for (unsigned i = 0; i < in.count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);
        in.texts[i] = duckdb_vector_get_data(vector);
        in.validity[i] = duckdb_vector_get_validity(vector);
    }
    function_rows(info, &in, duckdb_data_chunk_get_size(input), output);
}

enum status function_register(struct instance *instance, duckdb_connection connection,
                              const struct columnar_function *of, struct error *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type result =
        duckdb_create_logical_type(of->guard != NULL ? DUCKDB_TYPE_VARCHAR : DUCKDB_TYPE_BOOLEAN);
    struct call_use *use = mem_alloc(sizeof(*use));

    CHECK(of->argument_count > 0);
    CHECK(of->guard != NULL || of->argument_count <= FUNCTION_ARGUMENTS_MAX);
    *use = (struct call_use){.function = of, .instance = instance};
    duckdb_scalar_function_set_name(function, of->name);
    for (unsigned i = 0; i < of->argument_count; i++)
        duckdb_scalar_function_add_parameter(function, text);
    duckdb_scalar_function_set_return_type(function, result);
    duckdb_scalar_function_set_extra_info(function, use, function_free);
    duckdb_scalar_function_set_bind(function, function_bind);
    duckdb_scalar_function_set_function(function, function_run);
    if (of->guard != NULL)
        guard_prepare(function);
    duckdb_state state = duckdb_register_scalar_function(connection, function);
    duckdb_destroy_logical_type(&text);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&function);
    if (state == DuckDBSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_INTERNAL_ERROR, "DuckDB refused a function");
}
