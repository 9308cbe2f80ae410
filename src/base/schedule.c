/* schedule.c — see schedule.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/schedule.h"

#include "base/check.h"

#include <time.h>

enum { SCHEDULE_FIELDS = 5, SCHEDULE_DAY_S = 86400 };

/* A number of at most two digits at the start of `text`. */
static bool schedule_number(struct str *text, unsigned *out)
{
    size_t digits = 0;

    *out = 0;
    while (digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9') {
        *out = *out * 10 + (unsigned)(text->data[digits] - '0');
        digits++;
        if (digits > 2)
            return false;
    }
    CHECK(digits <= text->size);
    *text = str_from(text->data + digits, text->size - digits);
    return digits > 0;
}

static bool schedule_take(struct str *text, char wanted)
{
    if (text->size == 0 || text->data[0] != wanted)
        return false;
    CHECK(text->data != NULL);
    *text = str_from(text->data + 1, text->size - 1);
    return true;
}

/* `*`, `a`, `a-b`, each with `/step`. */
static bool schedule_part(struct str *text, unsigned least, unsigned most, uint64_t *bits)
{
    unsigned from = least, to = most, step = 1;

    CHECK(most < 64);
    if (!schedule_take(text, '*')) {
        if (!schedule_number(text, &from))
            return false;
        to = from;
        if (schedule_take(text, '-') && !schedule_number(text, &to))
            return false;
    }
    if (schedule_take(text, '/') && (!schedule_number(text, &step) || step == 0))
        return false;
    if (from < least || to > most || from > to)
        return false;
    for (unsigned i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static bool schedule_field(struct str text, unsigned least, unsigned most, uint64_t *bits)
{
    CHECK(least <= most);
    *bits = 0;
    do {
        if (!schedule_part(&text, least, most, bits))
            return false;
    } while (schedule_take(&text, ','));
    return text.size == 0;
}

bool schedule_parse(struct str text, struct schedule *out)
{
    static const unsigned limits[SCHEDULE_FIELDS][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
    uint64_t bits[SCHEDULE_FIELDS];
    bool any[SCHEDULE_FIELDS];
    struct str rest = str_trim(text);

    CHECK(out != NULL);
    for (size_t i = 0; i < SCHEDULE_FIELDS; i++) {
        size_t end = 0;
        while (end < rest.size && rest.data[end] != ' ' && rest.data[end] != '\t')
            end++;
        any[i] = end > 0 && rest.data[0] == '*';
        if (!schedule_field(str_from(rest.data, end), limits[i][0], limits[i][1], &bits[i]))
            return false;
        rest = str_trim(str_from(rest.data + end, rest.size - end));
    }
    *out = (struct schedule){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f), /* 7 is Sunday too */
        .any_day = any[2],
        .any_weekday = any[4],
    };
    return rest.size == 0;
}

static bool schedule_is_now(const struct schedule *schedule, int64_t minute_s)
{
    time_t seconds = (time_t)minute_s;
    struct tm when;

    CHECK(minute_s % 60 == 0);
    if (gmtime_r(&seconds, &when) == NULL)
        return false;
    bool day = (schedule->days >> when.tm_mday & 1) != 0;
    bool weekday = (schedule->weekdays >> when.tm_wday & 1) != 0;
    bool fits_day = schedule->any_day || schedule->any_weekday ? day && weekday : day || weekday;
    return (schedule->minutes >> when.tm_min & 1) != 0 &&
           (schedule->hours >> when.tm_hour & 1) != 0 &&
           (schedule->months >> (when.tm_mon + 1) & 1) != 0 && fits_day;
}

bool schedule_fits(const struct schedule *schedule, int64_t after_s, int64_t until_s)
{
    CHECK(schedule != NULL);
    if (until_s - after_s > SCHEDULE_DAY_S)
        after_s = until_s - SCHEDULE_DAY_S;
    for (int64_t minute = (after_s / 60 + 1) * 60; minute <= until_s; minute += 60)
        if (schedule_is_now(schedule, minute))
            return true;
    return false;
}
