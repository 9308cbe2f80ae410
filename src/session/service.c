/* service.c — start and end of the session service; hashing for SQL statements.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "session/session_internal.h"
#include "storage/files.h"

#include <time.h>
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

static void session_write_lockouts(struct session_service *service)
{
    struct buf saved;
    struct error err;

    CHECK(service->lockout != NULL);
    buf_init(&saved);
    lockout_save(service->lockout, clock_now_us(), &saved);
    if (saved.size == 0)
        (void)unlink(service->options.lockout_path);
    else if (file_write_all(service->options.lockout_path, buf_str(&saved), 0600, &err) !=
             STATUS_OK)
        log_warn("names that are locked out: %s", err.message);
    buf_clear(&saved);
}

/* Mutex held: until the time has passed or the service stops. */
static void session_rest(struct session_service *service, int64_t ms)
{
    struct timespec until;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += ms / 1000;
    while (!service->lockout_stopping &&
           pthread_cond_timedwait(&service->lockout_wake, &service->lockout_mutex, &until) == 0) {
    }
}

/* Each write holds all that is locked: once a second is enough, and whoever locks many names keeps
 * no log-in waiting for the disk. */
static void *session_lockout_main(void *argument)
{
    struct session_service *service = argument;

    pthread_mutex_lock(&service->lockout_mutex);
    while (!service->lockout_stopping) {
        if (!service->lockout_due) {
            pthread_cond_wait(&service->lockout_wake, &service->lockout_mutex);
            continue;
        }
        service->lockout_due = false;
        pthread_mutex_unlock(&service->lockout_mutex);
        session_write_lockouts(service);
        pthread_mutex_lock(&service->lockout_mutex);
        session_rest(service, SESSION_LOCKOUT_SAVE_MS);
    }
    pthread_mutex_unlock(&service->lockout_mutex);
    CHECK(service->lockout != NULL);
    return NULL;
}

void session_keep_lockouts(struct session_service *service)
{
    pthread_mutex_lock(&service->lockout_mutex);
    CHECK(!service->lockout_stopping);
    service->lockout_due = true;
    pthread_cond_signal(&service->lockout_wake);
    pthread_mutex_unlock(&service->lockout_mutex);
}

static void session_start_lockouts(struct session_service *service)
{
    pthread_condattr_t monotonic;

    session_restore_lockouts(service);
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_mutex_init(&service->lockout_mutex, NULL) == 0);
    CHECK(pthread_cond_init(&service->lockout_wake, &monotonic) == 0);
    CHECK(pthread_condattr_destroy(&monotonic) == 0);
    thread_start(&service->lockout_writer, "lockouts", 0, session_lockout_main, service);
}

static void session_stop_lockouts(struct session_service *service)
{
    pthread_mutex_lock(&service->lockout_mutex);
    service->lockout_stopping = true;
    pthread_cond_signal(&service->lockout_wake);
    pthread_mutex_unlock(&service->lockout_mutex);
    CHECK(pthread_join(service->lockout_writer, NULL) == 0);
    session_write_lockouts(service);
    CHECK(pthread_cond_destroy(&service->lockout_wake) == 0);
    CHECK(pthread_mutex_destroy(&service->lockout_mutex) == 0);
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
    service->lockout = lockout_new(options->lockout_failures, options->lockout_minutes);
    session_start_lockouts(service);
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
    session_stop_lockouts(service);
    jwt_cache_free(service->tokens);
    lockout_free(service->lockout);
    rate_limit_free(service->logins);
    rate_limit_free(service->queries);
    CHECK(pthread_mutex_destroy(&service->setup) == 0);
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
