/* schedule.h — times of day written as in a crontab: minute, hour, day of month, month, day of
 * week, in UTC.
 *
 * Each field is `*` or a list of numbers and ranges, with `/step`; days of the week are 0 to 7,
 * both Sunday. As in cron a time must fit both days, but when both are restricted one of them is
 * enough.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_SCHEDULE_H
#define BASE_SCHEDULE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* bit n: n fits */
    bool any_day, any_weekday;
};

/* False when the text makes no sense. */
bool schedule_parse(struct str text, struct schedule *out);
/* Does the schedule fit a minute after `after_s` up to and including `until_s` (seconds since
 * 1970)? Looks at a day at most. */
bool schedule_fits(const struct schedule *schedule, int64_t after_s, int64_t until_s);

#endif
