/* jobs.h — whom a group of the feed concerns, as a list for the matcher. Private to live/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIVE_JOBS_H
#define LIVE_JOBS_H

#include "live/live_internal.h"

/* Changes that may concern a subscription, in order. */
struct change_list {
    const struct change **changes;
    size_t count, capacity;
};
struct matcher_job {
    struct matcher_job *next;
    struct subscription *subscription; /* referenced */
    struct live_plan *plan;            /* referenced */
    const struct table *table;         /* of the newest change, which has a reference */
    uint64_t plan_hash, fingerprint;   /* equal plans, equal jobs have equal ones */
    struct change_list list;
    bool last_of_bucket;
};

struct jobs {
    struct live *live;
    struct budgets *budgets;
    struct arena arena;   /* of the group at hand */
    struct arena scratch; /* of rows looked at */
    struct row_views views;
    struct matcher_job *first, **tail;
    struct probe *probes; /* values to be looked up in the routing index */
    size_t probe_count, probe_capacity;
};
void jobs_init(struct jobs *jobs, struct live *live, struct budgets *budgets);
void jobs_clear(struct jobs *jobs);
/* Before the group is let go of; no lock held. */
void jobs_find(struct jobs *jobs, const struct change_group *group);
void jobs_drop(struct jobs *jobs);

#endif
