/* timer_wheel.h — many coarse deadlines of one loop: setting one costs a compare, as a rule.
 *
 * A deadline moved to a later time only writes the new time; the entry moves when its old slot
 * comes by. Expiry is late by at most two ticks, never early. One thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_TIMER_WHEEL_H
#define NET_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMER_TICK_MS = 250, TIMER_SLOTS = 256 };

struct timer_entry { /* embed it, zeroed */
    struct timer_entry *previous, *next;
    int64_t deadline_ms; /* 0 = not set */
    int64_t tick;        /* of the slot it stands in */
};

struct timer_wheel {
    struct timer_entry slots[TIMER_SLOTS]; /* heads of rings */
    int64_t tick;                          /* the last one that was handled */
};

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms);
void timer_set(struct timer_wheel *wheel, struct timer_entry *entry, int64_t deadline_ms);
static inline void timer_unset(struct timer_entry *entry)
{
    entry->deadline_ms = 0;
}
/* Before the entry's memory goes away. */
void timer_remove(struct timer_entry *entry);
/* Calls `expired` for every entry whose deadline has passed; it is unset by then and may be set or
 * removed from within. */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms,
                         void (*expired)(struct timer_entry *entry));

#endif
