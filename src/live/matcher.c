/* matcher.c — the thread that follows the feed and tells subscriptions what concerns them.
 *
 * Per group of the feed, two steps: jobs.c finds whom it concerns, then what each of them is told
 * is made without any lock but the subscription's own, so that a large group keeps no loop waiting:
 * equal plans share one evaluation and the encoded rows, those with equal ids also the message,
 * which goes by reference to all their connections. Who subscribes meanwhile has the group in his
 * snapshot. What is done for a user has a bound (budget.c); who passes it ends alone. The writer
 * never waits for this thread: when it falls out of the feed's ring, every subscription ends with
 * SLOW_CONSUMER.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/jobs.h"
#include "live/resume_scan.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#define MATCHER_WORK_TEXT \
    "the live queries of this user take more than live.filter_work within a second or one commit"

enum {
    MATCHER_TICK_MS = 500,
    SNAPSHOT_FETCH_LIMIT_MS = 60 * 1000,
    MEMO_SLOTS = 64,
    WORK_COMPILED_PER_BYTE = 256, /* of a query's text; budget.c */
};

/* What equal plans make of the bucket's changes. */
struct matched_run {
    struct matched_run *next;
    struct change_run run;
};
struct evaluation {
    bool used;
    const struct matcher_job *job; /* the first of them */
    const char *failure;           /* code for the subscriptions; NULL = none */
    const char *failure_text;      /* in the matcher's arena; NULL = that of the code */
    struct matched_run *first, **tail;
};

/* The messages that equal subscriptions get for them. */
struct matched_message {
    struct matched_message *next;
    struct wire_message *message;
    int64_t seq;
    uint32_t rows;
};
struct memo {
    bool used;
    const struct matcher_job *job;      /* the first of them */
    const char *failure, *failure_text; /* as in the evaluation */
    struct matched_message *first, **tail;
};

/* To be closed once live->mutex is free. */
struct doomed {
    struct subscription *subscription; /* referenced */
    const char *code;
    char *text; /* its own; NULL = that of the code */
};

struct matcher {
    struct live *live;
    struct arena arena;   /* of the group at hand */
    struct arena scratch; /* of rows looked at */
    struct jobs jobs;
    struct row_views views; /* of the tables of their plans */
    struct evaluation evaluations[MEMO_SLOTS];
    struct evaluation *current;
    struct memo memos[MEMO_SLOTS];
    struct budgets budgets;
    struct doomed *doomed;
    size_t doomed_count, doomed_capacity;
};

static void matcher_emit(struct change_writer *writer, void *context)
{
    struct matcher *matcher = context;
    struct matched_run *matched = arena_zalloc(&matcher->arena, sizeof *matched);

    CHECK(matcher->current && matcher->current->used);
    matched->run = writer->run;
    buf_init(&writer->run.rows);
    buf_init(&writer->run.old_values);
    *matcher->current->tail = matched;
    matcher->current->tail = &matched->next;
}

static void matcher_evaluation_clear(struct evaluation *evaluation)
{
    CHECK(evaluation->used && evaluation->tail);
    for (struct matched_run *matched = evaluation->first; matched; matched = matched->next) {
        buf_clear(&matched->run.rows);
        buf_clear(&matched->run.old_values);
    }
    *evaluation = (struct evaluation){.tail = &evaluation->first};
}

static void matcher_memo_clear(struct memo *memo)
{
    CHECK(memo->used && memo->tail);
    for (struct matched_message *matched = memo->first; matched; matched = matched->next)
        wire_message_unref(matched->message);
    *memo = (struct memo){.tail = &memo->first};
}

static void matcher_clear_memos(struct matcher *matcher)
{
    CHECK(matcher != NULL);
    for (size_t i = 0; i < MEMO_SLOTS; i++) {
        if (matcher->memos[i].used)
            matcher_memo_clear(&matcher->memos[i]);
        if (matcher->evaluations[i].used)
            matcher_evaluation_clear(&matcher->evaluations[i]);
    }
}

static bool matcher_jobs_are_equal(const struct matcher_job *a, const struct matcher_job *b)
{
    CHECK(a && b);
    return subscription_is_alike(a->subscription, b->subscription) &&
           live_plan_is_equal(a->plan, b->plan);
}

static void matcher_fail(struct matcher *matcher, const struct matcher_job *job, enum status status,
                         const struct error *error)
{
    struct evaluation *evaluation = matcher->current;

    CHECK(status != STATUS_OK && !evaluation->failure);
    log_debug("live query %.*s: %s", STR_ARG(job->subscription->id), error->message);
    evaluation->failure =
        status == STATUS_RESULT_TOO_LARGE ? "MESSAGE_TOO_LARGE" : "CONVERSION_ERROR";
    evaluation->failure_text =
        arena_printf(&matcher->arena, "a changed row cannot be shown by this query: %s",
                     error->message)
            .data;
}

/* `text` NULL = that of the code. */
static void matcher_doom(struct matcher *matcher, struct subscription *subscription,
                         const char *code, const char *text)
{
    CHECK(subscription && code);
    CHECK(matcher->doomed_count <= matcher->doomed_capacity);
    if (matcher->doomed_count == matcher->doomed_capacity) {
        matcher->doomed_capacity = matcher->doomed_capacity ? matcher->doomed_capacity * 2 : 16;
        matcher->doomed =
            mem_realloc(matcher->doomed, matcher->doomed_capacity * sizeof *matcher->doomed);
    }
    matcher->doomed[matcher->doomed_count++] =
        (struct doomed){.subscription = subscription_ref(subscription),
                        .code = code,
                        .text = text ? mem_strdup(str_from_c(text)) : NULL};
}

/* What his user's live queries cost is more than it may be: what he misses he reads elsewhere. He
 * has all of the groups before, whether or not there was something for him to be sent. */
static void matcher_give_up(struct matcher *matcher, struct subscription *subscription)
{
    struct live *live = matcher->live;
    int64_t complete = atomic_load(&live->matched_position);

    pthread_mutex_lock(&subscription->mutex);
    bool catches_up = subscription_skip(subscription);
    if (subscription->state == SUBSCRIPTION_LIVE && !subscription->behind &&
        atomic_load(&subscription->last_seq_sent) < complete)
        atomic_store(&subscription->last_seq_sent, complete);
    pthread_mutex_unlock(&subscription->mutex);
    CHECK(subscription->peer->live == live);
    if (catches_up)
        return;
    atomic_fetch_add(&live->slow_consumers, 1);
    matcher_doom(matcher, subscription, "SLOW_CONSUMER", MATCHER_WORK_TEXT);
}

/* NULL = no limit. */
static uint64_t *matcher_budget(struct matcher *matcher, const struct subscription *subscription)
{
    CHECK(subscription->peer->live == matcher->live);
    return budgets_of(&matcher->budgets, subscription->peer->options.user);
}

/* The changes of the job into the current evaluation, at the cost of whoever subscribed first;
 * false if it ends without them: nobody waits for them any more, or his budget is used up. */
static bool matcher_write(struct matcher *matcher, const struct matcher_job *job)
{
    struct evaluation *evaluation = matcher->current;
    struct change_writer writer;
    struct error error;
    bool wanted = true;

    CHECK(evaluation->used && job->plan);
    change_writer_init(&writer, job->plan, &matcher->views, &matcher->scratch);
    writer.emit = matcher_emit;
    writer.context = matcher;
    writer.budget = matcher_budget(matcher, job->subscription);
    for (size_t i = 0; i < job->list.count && !evaluation->failure && wanted; i++) {
        const struct change *change = job->list.changes[i];
        if (i + 1 < job->list.count) { /* large groups do not fit into the processor's caches */
            __builtin_prefetch(job->list.changes[i + 1]->old_bytes.data);
            __builtin_prefetch(job->list.changes[i + 1]->new_bytes.data);
        }
        error_clear(&error);
        enum status status = change_writer_add(&writer, change->key, change->old_bytes,
                                               change->new_bytes, change->seq, &error);
        wanted = !atomic_load(&job->subscription->cancelled) && status != STATUS_WOULD_BLOCK;
        if (status == STATUS_WOULD_BLOCK) /* not those of other users that are equal */
            matcher_give_up(matcher, job->subscription);
        else if (status != STATUS_OK)
            matcher_fail(matcher, job, status, &error);
        live_row_arena_reset(&matcher->scratch);
    }
    change_writer_flush(&writer);
    change_writer_clear(&writer);
    return wanted;
}

/* What the changes of this job mean, found out once for all whose plans are equal: they have equal
 * routes, so equal changes. NULL when matcher_write gave up. */
static const struct evaluation *matcher_evaluate(struct matcher *matcher,
                                                 const struct matcher_job *job)
{
    struct evaluation *evaluation = &matcher->evaluations[job->plan_hash % MEMO_SLOTS];

    CHECK(job->list.count > 0 && job->plan);
    if (evaluation->used && live_plan_is_equal(evaluation->job->plan, job->plan))
        return evaluation;
    if (evaluation->used)
        matcher_evaluation_clear(evaluation);
    *evaluation = (struct evaluation){.job = job, .used = true, .tail = &evaluation->first};
    matcher->current = evaluation;
    if (matcher_write(matcher, job))
        return evaluation;
    matcher_evaluation_clear(evaluation); /* not whole: an equal one starts again */
    return NULL;
}

/* Frames what is to be said for the id of the job; false when his budget is used up. */
static bool matcher_frame(struct matcher *matcher, const struct matcher_job *job,
                          const struct evaluation *evaluation, struct memo *memo)
{
    uint64_t *budget = matcher_budget(matcher, job->subscription);

    CHECK(memo->used && !memo->first);
    memo->failure = evaluation->failure;
    memo->failure_text = evaluation->failure_text;
    for (const struct matched_run *from = evaluation->first; from; from = from->next) {
        if (budget_is_spent(budget)) {
            matcher_give_up(matcher, job->subscription);
            return false;
        }
        struct matched_message *matched = arena_zalloc(&matcher->arena, sizeof *matched);
        matched->message = change_run_message(&from->run, job->subscription);
        matched->seq = from->run.seq;
        matched->rows = from->run.count;
        budget_spend(budget, budget_frame_work(matched->message));
        *memo->tail = matched;
        memo->tail = &matched->next;
    }
    return true;
}

/* The messages of this job, the same for all that are equal. NULL when there are none for it, and
 * it is taken care of. */
static struct memo *matcher_messages(struct matcher *matcher, const struct matcher_job *job)
{
    struct memo *memo = &matcher->memos[job->fingerprint % MEMO_SLOTS];

    CHECK(job->list.count > 0 && job->plan);
    if (memo->used && matcher_jobs_are_equal(memo->job, job))
        return memo;
    const struct evaluation *evaluation = matcher_evaluate(matcher, job);
    if (!evaluation)
        return NULL;
    if (memo->used)
        matcher_memo_clear(memo);
    *memo = (struct memo){.job = job, .used = true, .tail = &memo->first};
    if (matcher_frame(matcher, job, evaluation, memo))
        return memo;
    matcher_memo_clear(memo);
    return NULL;
}

enum delivery { DELIVERED, DELIVERY_TOO_SLOW, DELIVERY_TOO_DEAR };

/* Makes the form of the message that the connection gets, off the budget, if it is still to be
 * made; what is held is made later, elsewhere. False when the budget is used up. No lock held: it
 * may take long. */
static bool matcher_make_form(struct matcher *matcher, struct subscription *subscription,
                              struct wire_message *message)
{
    uint64_t work = budget_form_work(message, subscription->peer->options.protocol);

    CHECK(message != NULL);
    if (work == 0)
        return true;
    pthread_mutex_lock(&subscription->mutex);
    bool is_sent = subscription->state == SUBSCRIPTION_LIVE;
    pthread_mutex_unlock(&subscription->mutex);
    if (!is_sent)
        return true;
    uint64_t *budget = matcher_budget(matcher, subscription);
    if (budget_is_spent(budget))
        return false;
    budget_spend(budget, work);
    peer_make_form(subscription->peer, message);
    return true;
}

static enum delivery matcher_deliver_one(struct matcher *matcher, struct subscription *subscription,
                                         const struct matched_message *matched)
{
    CHECK(matched->rows > 0);
    if (!matcher_make_form(matcher, subscription, matched->message))
        return DELIVERY_TOO_DEAR;
    pthread_mutex_lock(&subscription->mutex);
    bool keeps_up =
        subscription_deliver(subscription, matched->message, matched->seq, matched->rows);
    pthread_mutex_unlock(&subscription->mutex);
    return keeps_up ? DELIVERED : DELIVERY_TOO_SLOW;
}

static void matcher_deliver(struct matcher *matcher, struct subscription *subscription,
                            const struct memo *memo)
{
    enum delivery delivery = DELIVERED;

    CHECK(subscription->peer->live == matcher->live && memo->used);
    for (const struct matched_message *matched = memo->first; matched && delivery == DELIVERED;
         matched = matched->next)
        delivery = matcher_deliver_one(matcher, subscription, matched);
    if (delivery == DELIVERY_TOO_SLOW) {
        atomic_fetch_add(&matcher->live->slow_consumers, 1);
        matcher_doom(matcher, subscription, "SLOW_CONSUMER", NULL);
    } else if (delivery == DELIVERY_TOO_DEAR) {
        matcher_give_up(matcher, subscription);
    } else if (memo->failure) {
        matcher_doom(matcher, subscription, memo->failure, memo->failure_text);
    }
}

static const char *matcher_doom_text(const char *code)
{
    CHECK(code != NULL);
    if (strcmp(code, "SLOW_CONSUMER") == 0)
        return "the connection does not take changes fast enough";
    CHECK(strcmp(code, "BATCH_FETCH_FAILED") == 0);
    return "no batch was fetched within 60 seconds, or not all within live.snapshot_seconds";
}

/* Not under a lock: ends those that could not keep up, with the position to resume from. */
static void matcher_close_doomed(struct matcher *matcher)
{
    CHECK(matcher->doomed_count <= matcher->doomed_capacity);
    for (size_t i = 0; i < matcher->doomed_count; i++) {
        struct doomed *doomed = &matcher->doomed[i];
        subscription_close(doomed->subscription, doomed->code,
                           doomed->text ? doomed->text : matcher_doom_text(doomed->code));
        subscription_unref(doomed->subscription);
        mem_free(doomed->text);
    }
    matcher->doomed_count = 0;
}

/* Takes what it costs to compile a query anew off the budget of its user. */
static bool matcher_afford_plan(struct matcher *matcher, const struct matcher_job *job)
{
    uint64_t *budget = matcher_budget(matcher, job->subscription);
    uint64_t work = job->plan->shape->text.size * WORK_COMPILED_PER_BYTE;

    if (budget && *budget < work) {
        matcher_give_up(matcher, job->subscription);
        return false;
    }
    CHECK(work > 0);
    budget_spend(budget, work);
    return true;
}

/* The rows may be of a newer schema version than the plan, when the ALTER has not come by yet.
 * False when the subscription cannot go on. */
static bool matcher_follow(struct matcher *matcher, struct matcher_job *job)
{
    struct subscription *subscription = job->subscription;
    struct error error;

    CHECK(job->plan != NULL);
    while (UNLIKELY(job->table->schema->version > job->plan->table->schema->version)) {
        if (!matcher_afford_plan(matcher, job))
            return false;
        enum status status = schema_follow(subscription, job->table, &error);
        if (status != STATUS_OK)
            matcher_doom(matcher, subscription, subscription_error_code(status), error.message);
        if (status != STATUS_OK || atomic_load(&subscription->cancelled))
            return false;
        live_plan_unref(job->plan);
        pthread_mutex_lock(&subscription->mutex);
        job->plan = live_plan_ref(subscription->plan);
        job->plan_hash = subscription->plan_hash;
        job->fingerprint = subscription->fingerprint;
        pthread_mutex_unlock(&subscription->mutex);
    }
    return true;
}

static void matcher_run_job(struct matcher *matcher, struct matcher_job *job)
{
    CHECK(job->subscription != NULL);
    if (atomic_load(&job->subscription->cancelled) || !matcher_follow(matcher, job))
        return;
    struct memo *memo = matcher_messages(matcher, job);
    if (memo && (memo->first || memo->failure))
        matcher_deliver(matcher, job->subscription, memo);
}

/* No lock held. */
static void matcher_run_jobs(struct matcher *matcher)
{
    if (matcher->jobs.first)
        (void)FAULT(live_while_matching);
    for (struct matcher_job *job = matcher->jobs.first; job; job = job->next) {
        matcher_run_job(matcher, job);
        if (job->last_of_bucket)
            matcher_clear_memos(matcher);
    }
    row_views_clear(&matcher->views);
    jobs_drop(&matcher->jobs);
    arena_clear(&matcher->arena);
}

static void matcher_group(struct matcher *matcher, const struct change_group *group)
{
    struct live *live = matcher->live;

    CHECK(matcher->doomed_count == 0);
    CHECK(group->last >= atomic_load(&live->matched_position));
    (void)FAULT(live_before_match);
    budgets_renew(&matcher->budgets);
    jobs_find(&matcher->jobs, group);
    matcher_run_jobs(matcher);
    atomic_store(&live->matched_position, group->last);
    matcher_close_doomed(matcher);
}

/* A snapshot pins a view. It ends when the client has not asked for the next batch for a minute, or
 * has asked for all of them so slowly that it would be kept for ever. */
static bool matcher_waits_too_long(const struct live *live, const struct loading *loading,
                                   int64_t now)
{
    int64_t limit = live->options.snapshot_ms_max;

    CHECK(loading->begun_ms <= now);
    return loading->waiting_since_ms != 0 &&
           (now - loading->waiting_since_ms > SNAPSHOT_FETCH_LIMIT_MS ||
            (limit > 0 && now - loading->begun_ms > limit));
}

static void matcher_check_loading(struct matcher *matcher)
{
    struct live *live = matcher->live;

    CHECK(matcher->doomed_count == 0);
    pthread_mutex_lock(&live->mutex);
    int64_t now = clock_monotonic_ms();
    for (struct loading *loading = live->loading; loading; loading = loading->next) {
        struct subscription *subscription = loading->subscription;
        pthread_mutex_lock(&subscription->mutex);
        bool over = matcher_waits_too_long(live, loading, now);
        pthread_mutex_unlock(&subscription->mutex);
        if (over)
            matcher_doom(matcher, subscription, "BATCH_FETCH_FAILED", NULL);
    }
    pthread_mutex_unlock(&live->mutex);
    matcher_close_doomed(matcher);
}

/* Groups were lost: nobody's stream is complete any more. */
static void matcher_lost(struct matcher *matcher)
{
    struct live *live = matcher->live;
    size_t cursor = 0;
    void *value;

    CHECK(matcher->doomed_count == 0);
    log_warn("live matcher fell behind the feed: all subscriptions end and may resume");
    pthread_mutex_lock(&live->mutex);
    while (map_next(&live->buckets, &cursor, NULL, &value)) {
        struct bucket *bucket = value;
        for (size_t i = 0; i < bucket->count; i++)
            matcher_doom(matcher, bucket->subscriptions[i], "SLOW_CONSUMER", NULL);
    }
    pthread_mutex_unlock(&live->mutex);
    atomic_fetch_add(&live->slow_consumers, matcher->doomed_count);
    matcher_close_doomed(matcher);
}

void *matcher_main(void *argument)
{
    struct matcher *matcher = mem_zalloc(sizeof *matcher);
    int64_t next_check = clock_monotonic_ms() + MATCHER_TICK_MS;
    struct change_group *group;
    enum status status;

    matcher->live = argument;
    arena_init(&matcher->arena, 0);
    live_row_arena_init(matcher->live, &matcher->scratch);
    row_views_init(&matcher->views);
    budgets_init(&matcher->budgets, matcher->live->options.filter_work_max);
    jobs_init(&matcher->jobs, matcher->live, &matcher->budgets);
    do {
        status = feed_next(matcher->live->cursor, MATCHER_TICK_MS, &group);
        if (status == STATUS_OK) {
            matcher_group(matcher, group);
            change_group_unref(group);
        } else if (status == STATUS_STALE) {
            matcher_lost(matcher);
        }
        if (clock_monotonic_ms() >= next_check) {
            matcher_check_loading(matcher);
            resume_scans_expire(matcher->live, false);
            next_check = clock_monotonic_ms() + MATCHER_TICK_MS;
        }
    } while (status != STATUS_END && !atomic_load(&matcher->live->stopping));
    CHECK(matcher->doomed_count == 0);
    mem_free(matcher->doomed);
    arena_clear(&matcher->arena);
    arena_clear(&matcher->scratch);
    row_views_clear(&matcher->views);
    jobs_clear(&matcher->jobs);
    budgets_clear(&matcher->budgets);
    mem_free(matcher);
    return NULL;
}
