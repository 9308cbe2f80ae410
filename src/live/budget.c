/* budget.c — what the filters of one user may cost the matcher, whose thread all share.
 *
 * A filter counts the bytes that its functions, casts and comparisons look at (sql/expr.h). Those
 * of one user may look at so many within a second (live.filter_work); the subscription whose filter
 * does not fit any more ends. Only filters that can take long are counted: others cost no look-up.
 * A second begins for all users at once, between two groups: so nobody holds up others for longer
 * with one group either.
 *
 * Thread: the matcher.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

enum { BUDGET_MS = 1000 };

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
