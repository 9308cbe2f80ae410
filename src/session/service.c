/* service.c — start and end of the session service; hashing for SQL statements.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "session/session_internal.h"
#include "storage/files.h"

#include <unistd.h>

enum {
    SESSION_AUTH_THREADS = 2,
    SESSION_LOCKOUT_BYTES_MAX = 64 << 20,
    SESSION_LOCKOUT_SAVE_MS = 1000,
};

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

/* ---- lock-outs ------------------------------------------------------------------------------- */

static void session_restore_lockouts(struct session_service *service)
{
    struct buf saved;
    struct error err;

    CHECK(service->lockout != NULL);
    buf_init(&saved);
    enum status status =
        file_read_all(service->options.lockout_path, SESSION_LOCKOUT_BYTES_MAX, &saved, &err);
    if (status == STATUS_OK && !lockout_restore(service->lockout, clock_now_us(), buf_str(&saved)))
        status = error_set(&err, STATUS_CORRUPT, "%s is damaged", service->options.lockout_path);
    if (status != STATUS_OK && status != STATUS_ABSENT)
        log_warn("names that were locked out: %s", err.message);
    buf_clear(&saved);
}

void session_keep_lockouts(struct session_service *service, bool now)
{
    int64_t now_ms = clock_monotonic_ms();
    struct buf saved;
    struct error err;

    CHECK(service->lockout != NULL);
    pthread_mutex_lock(&service->lockout_file);
    if (now || now_ms - service->lockout_saved_ms >= SESSION_LOCKOUT_SAVE_MS) {
        service->lockout_saved_ms = now_ms;
        buf_init(&saved);
        lockout_save(service->lockout, clock_now_us(), &saved);
        if (saved.size == 0)
            (void)unlink(service->options.lockout_path);
        else if (file_write_all(service->options.lockout_path, buf_str(&saved), 0600, &err) !=
                 STATUS_OK)
            log_warn("names that are locked out: %s", err.message);
        buf_clear(&saved);
    }
    pthread_mutex_unlock(&service->lockout_file);
}

/* ---- dummies --------------------------------------------------------------------------------- */

static bool session_has_dummy(const struct session_service *service, struct str cost)
{
    CHECK(service->dummy_count > 0);
    for (size_t i = 0; i < service->dummy_count; i++)
        if (str_starts_with(str_from_c(service->dummies[i]), cost))
            return true;
    return false;
}

static void session_make_dummies(struct session_service *service)
{
    struct view *view = view_acquire(service->options.store);
    const struct user *user;

    CHECK(service->dummy_count == 0);
    password_dummy(&service->cost, service->dummies[service->dummy_count++]);
    for (size_t i = 0; (user = catalog_user_at(view_catalog(view), i)) != NULL; i++)
        if (service->dummy_count < SESSION_COSTS_MAX &&
            !session_has_dummy(service, password_cost_of(user->password_hash)))
            password_dummy_like(user->password_hash, service->dummies[service->dummy_count++]);
    view_release(view);
}

/* ---- start and end --------------------------------------------------------------------------- */

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
    session_make_dummies(service);
    service->options.lockout_path = mem_strdup(str_from_c(options->lockout_path));
    CHECK(pthread_mutex_init(&service->lockout_file, NULL) == 0);
    service->lockout = lockout_new(options->lockout_failures, options->lockout_minutes);
    session_restore_lockouts(service);
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
    session_keep_lockouts(service, true);
    jwt_cache_free(service->tokens);
    lockout_free(service->lockout);
    rate_limit_free(service->logins);
    rate_limit_free(service->queries);
    CHECK(pthread_mutex_destroy(&service->setup) == 0);
    CHECK(pthread_mutex_destroy(&service->lockout_file) == 0);
    session_free_copy(str_from_c(service->options.lockout_path));
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
