/* timer_wheel.c — rings of entries, one per tick; far deadlines go round until they are near.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/timer_wheel.h"

#include "base/check.h"

#include <stddef.h>

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms)
{
    CHECK(now_ms >= 0);
    for (unsigned i = 0; i < TIMER_SLOTS; i++)
        wheel->slots[i].previous = wheel->slots[i].next = &wheel->slots[i];
    wheel->tick = now_ms / TIMER_TICK_MS;
}

void timer_remove(struct timer_entry *entry)
{
    entry->deadline_ms = 0;
    if (entry->next == NULL)
        return;
    CHECK(entry->previous->next == entry && entry->next->previous == entry);
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    entry->previous = entry->next = NULL;
}

/* Into the slot of the first tick at or after its deadline, at most one round ahead. */
static void timer_link(struct timer_wheel *wheel, struct timer_entry *entry)
{
    int64_t tick = (entry->deadline_ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS;

    CHECK(entry->next == NULL && entry->deadline_ms > 0);
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    if (tick >= wheel->tick + TIMER_SLOTS)
        tick = wheel->tick + TIMER_SLOTS - 1;
    struct timer_entry *head = &wheel->slots[tick % TIMER_SLOTS];
    entry->tick = tick;
    entry->next = head;
    entry->previous = head->previous;
    head->previous->next = entry;
    head->previous = entry;
}

void timer_set(struct timer_wheel *wheel, struct timer_entry *entry, int64_t deadline_ms)
{
    CHECK(deadline_ms > 0);
    bool stands = entry->next != NULL;
    if (stands && entry->tick <= deadline_ms / TIMER_TICK_MS) {
        entry->deadline_ms = deadline_ms; /* its slot comes first and moves it on */
        return;
    }
    timer_remove(entry);
    entry->deadline_ms = deadline_ms;
    timer_link(wheel, entry);
}

static void timer_wheel_advance_slot(struct timer_wheel *wheel, struct timer_entry *head,
                                     int64_t now_ms, void (*expired)(struct timer_entry *entry))
{
    while (head->next != head) {
        struct timer_entry *entry = head->next;
        int64_t deadline = entry->deadline_ms;
        timer_remove(entry);
        if (deadline == 0)
            continue;
        if (deadline > now_ms) {
            entry->deadline_ms = deadline;
            timer_link(wheel, entry);
        } else {
            expired(entry);
        }
    }
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms,
                         void (*expired)(struct timer_entry *entry))
{
    int64_t last = now_ms / TIMER_TICK_MS;

    CHECK(expired != NULL);
    if (last - wheel->tick > TIMER_SLOTS)
        wheel->tick =
            last - TIMER_SLOTS; /* the process was stopped for long: one round is enough */
    while (wheel->tick < last) {
        wheel->tick++;
        timer_wheel_advance_slot(wheel, &wheel->slots[wheel->tick % TIMER_SLOTS], now_ms, expired);
    }
}
