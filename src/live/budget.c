/* budget.c — what the live queries of one user may cost the matcher, whose thread all share.
 *
 * The measure is a byte that a filter looks at (sql/expr.h); all else counts as many of them as fit
 * in the time it takes: a row, a step of a filter, a byte encoded, put into a frame, compressed, a
 * query compiled anew after an ALTER. A user has live.filter_work of it within a second; what does
 * not fit any more ends, to be resumed, or is caught up with by the snapshot that is loading: both
 * on the threads of snapshots. A piece of work that was begun is done, and may take all that is
 * left. A second begins for all users at once, between two groups: so nobody holds up others for
 * longer with one group either.
 *
 * Thread: the matcher.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

enum { BUDGET_MS = 1000 };
/* Bytes that are looked at in the time of one byte of this. */
enum {
    WORK_FRAMED_PER_BYTE = 1,
    WORK_MSGPACK_PER_BYTE = 4,
    WORK_GZIP_PER_BYTE = 10,
};

void budgets_init(struct budgets *budgets, uint64_t work_max)
{
    *budgets = (struct budgets){.work_max = work_max, .since_ms = clock_monotonic_ms()};
    map_init(&budgets->left);
    CHECK(budgets->since_ms >= 0);
}

void budgets_clear(struct budgets *budgets)
{
    CHECK(budgets->left.count == 0 || budgets->work_max > 0);
    map_clear_values(&budgets->left);
}

uint64_t *budgets_of(struct budgets *budgets, struct str user)
{
    uint64_t *left = map_get(&budgets->left, user);

    CHECK(user.size > 0);
    if (left || budgets->work_max == 0)
        return left;
    left = mem_alloc(sizeof *left);
    *left = budgets->work_max;
    map_put(&budgets->left, user, left);
    return left;
}

void budgets_renew(struct budgets *budgets)
{
    int64_t now = clock_monotonic_ms();

    CHECK(now >= budgets->since_ms);
    if (now - budgets->since_ms < BUDGET_MS)
        return;
    budgets->since_ms = now;
    map_clear_values(&budgets->left);
}

void budget_spend(uint64_t *budget, uint64_t work)
{
    CHECK(work < UINT64_MAX / 2);
    if (budget)
        *budget -= work < *budget ? work : *budget;
}

bool budget_is_spent(const uint64_t *budget)
{
    CHECK(!budget || *budget < UINT64_MAX);
    return budget && *budget == 0;
}

uint64_t budget_frame_work(const struct wire_message *message)
{
    CHECK(message != NULL);
    return (uint64_t)wire_message_bytes(message) * WORK_FRAMED_PER_BYTE;
}

uint64_t budget_form_work(const struct wire_message *message, struct wire_protocol protocol)
{
    uint64_t bytes = wire_message_payload(message).size;

    CHECK(bytes > 0);
    if (wire_message_has_form(message, protocol))
        return 0;
    /* MessagePack is about as large as the text. */
    return bytes * ((protocol.msgpack ? WORK_MSGPACK_PER_BYTE : 0) +
                    (protocol.gzip && ws_is_worth_gzip(bytes) ? WORK_GZIP_PER_BYTE : 0));
}
