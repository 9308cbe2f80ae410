/* service.c — start and end of the session service; hashing for SQL statements.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "session/session_internal.h"

enum { SESSION_AUTH_THREADS = 2 };

static struct str session_copy(struct str text)
{
    CHECK(text.size == 0 || text.data != NULL);
    return str_from(mem_strdup(text), text.size);
}

static void session_free_copy(struct str text)
{
    char *memory;

    CHECK(text.data != NULL);
    memcpy(&memory, &text.data, sizeof(memory)); /* our own copy: not const */
    mem_free(memory);
}

enum status session_service_start(const struct session_options *options,
                                  struct session_service **out, struct error *err)
{
    CHECK(options->store != NULL && options->engine != NULL && options->workers != NULL);
    if (options->jwt_secret.size < JWT_SECRET_BYTES_MIN)
        return error_set(err, STATUS_INVALID_INPUT, "auth.jwt_secret has fewer than %d bytes",
                         JWT_SECRET_BYTES_MIN);
    struct session_service *service = mem_zalloc(sizeof(*service));
    service->options = *options;
    service->options.jwt_secret = session_copy(options->jwt_secret);
    service->options.localhost_default_user = session_copy(options->localhost_default_user);
    service->cost = (struct password_cost){.memory_kib = options->password_memory_kib,
                                           .iterations = options->password_iterations,
                                           .parallelism = options->password_parallelism};
    service->tokens = jwt_cache_new();
    service->lockout = lockout_new(options->lockout_failures, options->lockout_minutes);
    service->logins = rate_limit_new(options->logins_per_second_max);
    service->queries = rate_limit_new(options->queries_per_second_max);
    CHECK(pthread_mutex_init(&service->setup, NULL) == 0);
    atomic_init(&service->logins_waiting, 0);
    service->auth = worker_pool_start("auth", SESSION_AUTH_THREADS, 0, 0);
    *out = service;
    return STATUS_OK;
}

unsigned session_hashes_running(void)
{
    return password_running();
}

void session_service_stop(struct session_service *service)
{
    if (service == NULL)
        return;
    worker_pool_stop(service->auth);
    jwt_cache_free(service->tokens);
    lockout_free(service->lockout);
    rate_limit_free(service->logins);
    rate_limit_free(service->queries);
    CHECK(pthread_mutex_destroy(&service->setup) == 0);
    session_free_copy(service->options.jwt_secret);
    session_free_copy(service->options.localhost_default_user);
    mem_free(service);
}

/* ---- hashing for a worker, on the pool of auth ----------------------------------------------- */

struct session_hash {
    struct task task;
    struct session_service *service;
    struct str password;
    char *out;
    struct error *err;
    enum status status;
    pthread_mutex_t mutex; /* guards done */
    pthread_cond_t finished;
    bool done;
};

static void session_hash_run(struct task *task)
{
    struct session_hash *hash = CONTAINER_OF(task, struct session_hash, task);

    CHECK(!hash->done);
    hash->status = password_hash(&hash->service->cost, hash->password, hash->out, hash->err);
    pthread_mutex_lock(&hash->mutex);
    hash->done = true;
    pthread_cond_signal(&hash->finished);
    pthread_mutex_unlock(&hash->mutex);
}

enum status session_hash_password(struct session_service *service, struct str password,
                                  char out[256], struct error *err)
{
    struct session_hash hash = {.task = {.run = session_hash_run},
                                .service = service,
                                .password = password,
                                .out = out,
                                .err = err,
                                .mutex = PTHREAD_MUTEX_INITIALIZER,
                                .finished = PTHREAD_COND_INITIALIZER};
    enum status status = password_check(password, err);

    CHECK(service != NULL);
    if (status != STATUS_OK)
        return status;
    worker_pool_post(service->auth, &hash.task);
    pthread_mutex_lock(&hash.mutex);
    while (!hash.done)
        pthread_cond_wait(&hash.finished, &hash.mutex);
    pthread_mutex_unlock(&hash.mutex);
    (void)pthread_cond_destroy(&hash.finished);
    (void)pthread_mutex_destroy(&hash.mutex);
    return hash.status;
}
