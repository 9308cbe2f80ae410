/* live_fixture.h — live queries over the real store, SQL engine and matcher, with peers that keep
 * what they are sent.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_LIVE_FIXTURE_H
#define TESTS_LIVE_FIXTURE_H

#include "unit/sql/sql_fixture.h"

#include "base/clock.h"
#include "live/live.h"

#include <sched.h>
#include <time.h>

enum { WAIT_MS = 10000 };

struct fake_peer {
    struct live_peer *peer;
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    char *texts[4096];
    size_t sizes[4096];
    size_t count, seen;
    bool takes;  /* the "socket" writes at once */
    bool blocks; /* whoever sends waits until it is false again */
    bool stuck;  /* somebody does */
    size_t unwritten, unwritten_bytes;
};

struct live_fixture {
    struct sql_fixture sql;
    struct worker_pool *workers;
    struct live *live;
};

static inline void fake_send(void *context, struct wire_message *message)
{
    struct fake_peer *fake = context;
    struct str payload = wire_message_payload(message);

    pthread_mutex_lock(&fake->mutex);
    while (fake->blocks) {
        fake->stuck = true;
        pthread_cond_broadcast(&fake->arrived);
        pthread_cond_wait(&fake->arrived, &fake->mutex);
    }
    fake->stuck = false;
    assert_true(fake->count < 4096);
    fake->texts[fake->count] = mem_strdup(payload);
    fake->sizes[fake->count++] = payload.size;
    fake->unwritten++;
    fake->unwritten_bytes += wire_message_frame(message).size;
    pthread_cond_broadcast(&fake->arrived);
    pthread_mutex_unlock(&fake->mutex);
    wire_message_unref(message);
}

/* What a loop does after its gathered write. */
static inline void fake_write(struct fake_peer *fake)
{
    pthread_mutex_lock(&fake->mutex);
    size_t messages = fake->unwritten, bytes = fake->unwritten_bytes;
    fake->unwritten = fake->unwritten_bytes = 0;
    pthread_mutex_unlock(&fake->mutex);
    if (messages > 0)
        live_peer_written(fake->peer, messages, bytes);
}

/* The next message, waited for; the text lives as long as the peer. */
static inline const char *fake_next(struct fake_peer *fake)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&fake->mutex);
    while (fake->seen == fake->count)
        assert_int_equal(pthread_cond_timedwait(&fake->arrived, &fake->mutex, &until), 0);
    const char *text = fake->texts[fake->seen++];
    pthread_mutex_unlock(&fake->mutex);
    if (fake->takes)
        fake_write(fake);
    return text;
}

static inline void fake_expect(struct fake_peer *fake, const char *type, const char *holds)
{
    const char *text = fake_next(fake);
    if (!strstr(text, type) || !strstr(text, holds))
        fail_msg("expected %s with %s, got %s", type, holds, text);
}

static inline struct fake_peer *fake_new(struct live_fixture *fixture, const char *user)
{
    struct fake_peer *fake = mem_zalloc(sizeof *fake);
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->arrived, NULL);
    fake->takes = true;
    struct live_peer_options options = {.connection_id = str_from_c(user),
                                        .user = str_from_c(user),
                                        .actor = str_from_c(user),
                                        .role = ROLE_USER,
                                        .space = STR_LIT("app"),
                                        .send = fake_send,
                                        .context = fake};
    fake->peer = live_peer_new(fixture->live, &options);
    return fake;
}

static inline void fake_block(struct fake_peer *fake, bool blocks)
{
    pthread_mutex_lock(&fake->mutex);
    fake->blocks = blocks;
    pthread_cond_broadcast(&fake->arrived);
    pthread_mutex_unlock(&fake->mutex);
}

static inline void fake_wait_stuck(struct fake_peer *fake)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&fake->mutex);
    while (!fake->stuck)
        assert_int_equal(pthread_cond_timedwait(&fake->arrived, &fake->mutex, &until), 0);
    pthread_mutex_unlock(&fake->mutex);
}

static inline void fake_free(struct fake_peer *fake)
{
    live_peer_close(fake->peer);
    for (size_t i = 0; i < fake->count; i++)
        mem_free(fake->texts[i]);
    mem_free(fake);
}

static inline void subscribe(struct fake_peer *fake, const char *id, const char *sql,
                             int64_t last_rows, int64_t batch)
{
    struct wire_subscription request = {.id = str_from_c(id),
                                        .sql = str_from_c(sql),
                                        .has_options = last_rows >= -1,
                                        .has_last_rows = last_rows >= 0,
                                        .last_rows = last_rows,
                                        .has_batch_size = batch > 0,
                                        .batch_size = batch};
    live_peer_subscribe(fake->peer, &request);
}
enum { NO_SNAPSHOT = -2, ALL_ROWS = -1 };

static inline void run_as(struct live_fixture *fixture, const char *user, const char *sql)
{
    struct fixture_result result;
    struct fixture_call call = {.caller = fixture_caller(user, ROLE_USER), .text = str_from_c(sql)};
    call.caller.space = STR_LIT("app");
    fixture_run(&fixture->sql, &call, &result);
    if (result.code != STATUS_OK)
        fail_msg("%s: %s", sql, result.error.message);
    buf_clear(&result.text);
}

/* Until the matcher has seen every commit so far. */
static inline void wait_matched(struct live_fixture *fixture)
{
    struct view *view = view_acquire(fixture->sql.store);
    uint64_t position = (uint64_t)view_position(view);
    struct live_stats stats;
    int64_t end = clock_monotonic_ms() + WAIT_MS;

    view_release(view);
    do {
        live_stats(fixture->live, &stats);
        assert_true(clock_monotonic_ms() < end);
        sched_yield();
    } while (stats.matched_position < position);
}

/* Until every subscription is past its snapshot: an ack alone does not say so. */
static inline void wait_active(struct live_fixture *fixture)
{
    struct sql_live_entry *entries;
    struct arena arena;
    size_t count, active;
    int64_t end = clock_monotonic_ms() + WAIT_MS;

    arena_init(&arena, 0);
    do {
        live_entries(fixture->live, (struct table_id){0}, STR_EMPTY, &arena, &entries, &count);
        active = 0;
        for (size_t i = 0; i < count; i++)
            active += str_equal(entries[i].status, STR_LIT("active"));
        assert_true(clock_monotonic_ms() < end);
        sched_yield();
    } while (active < count);
    arena_clear(&arena);
}

/* Starts with limits of its own. */
static inline int set_up_with(void **state, struct live_options options)
{
    struct live_fixture *fixture = mem_zalloc(sizeof *fixture);
    struct error err;
    fixture_open(&fixture->sql, true);
    fixture->workers = worker_pool_start("worker", 2, 8 << 20, 0);
    options.store = fixture->sql.store;
    options.engine = fixture->sql.engine;
    options.workers = fixture->workers;
    fixture_check(live_start(&options, &fixture->live, &err), &err, "live_start");
    fixture_sql(&fixture->sql, "CREATE NAMESPACE app");
    fixture_sql(&fixture->sql, "CREATE USER TABLE app.t (id BIGINT PRIMARY KEY, n INT, v TEXT)");
    fixture_sql(&fixture->sql, "CREATE SHARED TABLE app.s (id BIGINT PRIMARY KEY, n INT)");
    *state = fixture;
    return 0;
}

static inline struct live_options fixture_limits(void)
{
    return (struct live_options){.queue_events_max = 1024,
                                 .queue_bytes_max = 1 << 20,
                                 .subscriptions_per_connection_max = 10,
                                 .subscriptions_per_user_max = 12,
                                 .allow_shared = true,
                                 .node = "test"};
}

static inline int set_up_as(void **state, size_t events, bool allow_shared)
{
    struct live_options limits = fixture_limits();
    limits.queue_events_max = events;
    limits.allow_shared = allow_shared;
    return set_up_with(state, limits);
}

static inline int set_up(void **state)
{
    return set_up_as(state, 1024, true);
}

static inline int set_up_small(void **state)
{
    return set_up_as(state, 4, true);
}

static inline int set_up_unshared(void **state)
{
    return set_up_as(state, 1024, false);
}

static inline int tear_down(void **state)
{
    struct live_fixture *fixture = *state;
    worker_pool_stop(fixture->workers);
    live_stop(fixture->live);
    fixture_close(&fixture->sql);
    mem_free(fixture);
    return 0;
}

#endif
