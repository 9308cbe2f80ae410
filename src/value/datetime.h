/* datetime.h — the proleptic Gregorian calendar, UTC, years 1 to 9999. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_DATETIME_H
#define VALUE_DATETIME_H

#include <stdbool.h>
#include <stdint.h>

#define DATETIME_DAY_US INT64_C(86400000000)
#define DATETIME_DATE_MIN INT64_C(-719162) /* 0001-01-01 */
#define DATETIME_DATE_MAX INT64_C(2932896) /* 9999-12-31 */
#define DATETIME_TIMESTAMP_MIN (DATETIME_DATE_MIN * DATETIME_DAY_US)
#define DATETIME_TIMESTAMP_MAX ((DATETIME_DATE_MAX + 1) * DATETIME_DAY_US - 1)

struct datetime_date {
    int year, month, day;
};

/* Days since 1970-01-01; the date is valid. */
int64_t datetime_days(struct datetime_date date);
struct datetime_date datetime_date(int64_t days);
bool datetime_date_is_valid(struct datetime_date date); /* year 1–9999, month, day exist */
int datetime_month_days(int year, int month);

/* Splits µs since 1970 into days and µs of the day, also before 1970. */
static inline int64_t datetime_split(int64_t timestamp_us, int64_t *time_us)
{
    int64_t days = timestamp_us / DATETIME_DAY_US;
    int64_t rest = timestamp_us % DATETIME_DAY_US;

    if (rest < 0) {
        rest += DATETIME_DAY_US;
        days--;
    }
    *time_us = rest;
    return days;
}

#endif
