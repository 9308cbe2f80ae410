/* text_time.c — ISO 8601 dates and times from and to text.
 *
 *   DATE       YYYY-MM-DD
 *   TIME       HH:MM[:SS[.fraction]]
 *   TIMESTAMP  DATE [ (T|t|blank) TIME [ blank ] [ Z | UTC | ±HH[[:]MM] ] ]
 *
 * A fraction is rounded to µs, half up. Text of the wrong form is TYPE_MISMATCH, a month 13 or a
 * year outside 1–9999 (after the offset was taken off) CONSTRAINT_VIOLATION.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "value/datetime.h"
#include "value/value_internal.h"

enum { TIME_FRACTION_DIGITS = 6, TIME_OFFSET_HOURS_MAX = 15 };

struct time_cursor {
    struct str rest;
};

static bool time_take(struct time_cursor *cursor, char wanted)
{
    if (cursor->rest.size == 0 || cursor->rest.data[0] != wanted)
        return false;
    cursor->rest.data++;
    cursor->rest.size--;
    return true;
}

/* Exactly `count` digits. */
static bool time_take_number(struct time_cursor *cursor, size_t count, int *out)
{
    int number = 0;

    CHECK(count > 0 && count <= 4);
    if (cursor->rest.size < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = cursor->rest.data[i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    cursor->rest.data += count;
    cursor->rest.size -= count;
    *out = number;
    return true;
}

static bool time_take_date(struct time_cursor *cursor, struct datetime_date *date)
{
    CHECK(date != NULL);
    return time_take_number(cursor, 4, &date->year) && time_take(cursor, '-') &&
           time_take_number(cursor, 2, &date->month) && time_take(cursor, '-') &&
           time_take_number(cursor, 2, &date->day);
}

/* Digits behind the point as µs; more than six are rounded. */
static bool time_take_fraction(struct time_cursor *cursor, int64_t *fraction_us)
{
    int64_t number = 0;
    int digits = 0, digit;

    CHECK(fraction_us != NULL);
    while (time_take_number(cursor, 1, &digit)) {
        if (digits < TIME_FRACTION_DIGITS)
            number = number * 10 + digit;
        else if (digits == TIME_FRACTION_DIGITS && digit >= 5)
            number++;
        digits++;
    }
    for (int i = digits; i < TIME_FRACTION_DIGITS; i++)
        number *= 10;
    *fraction_us = number;
    return digits > 0;
}

struct time_of_day {
    int hour, minute, second;
    int64_t fraction_us;
};

static bool time_take_time(struct time_cursor *cursor, struct time_of_day *time)
{
    *time = (struct time_of_day){0};
    CHECK(cursor->rest.data != NULL || cursor->rest.size == 0);
    if (!time_take_number(cursor, 2, &time->hour) || !time_take(cursor, ':') ||
        !time_take_number(cursor, 2, &time->minute))
        return false;
    if (!time_take(cursor, ':'))
        return true;
    if (!time_take_number(cursor, 2, &time->second))
        return false;
    return !time_take(cursor, '.') || time_take_fraction(cursor, &time->fraction_us);
}

static bool time_is_valid(const struct time_of_day *time)
{
    return time->hour <= 23 && time->minute <= 59 && time->second <= 59;
}

static int64_t time_us(const struct time_of_day *time)
{
    CHECK(time_is_valid(time));
    return ((int64_t)time->hour * 3600 + time->minute * 60 + time->second) * 1000000 +
           time->fraction_us;
}

/* Seconds east of UTC; the whole rest of the text. */
static bool time_take_offset(struct time_cursor *cursor, int64_t *offset_s)
{
    int hours = 0, minutes = 0;

    *offset_s = 0;
    while (time_take(cursor, ' '))
        ;
    if (cursor->rest.size == 0 || str_equal_nocase(cursor->rest, STR_LIT("UTC")) ||
        str_equal_nocase(cursor->rest, STR_LIT("Z"))) {
        cursor->rest.size = 0;
        return true;
    }
    bool west = time_take(cursor, '-');
    if (!west && !time_take(cursor, '+'))
        return false;
    if (!time_take_number(cursor, 2, &hours))
        return false;
    if (cursor->rest.size > 0 &&
        ((void)time_take(cursor, ':'), !time_take_number(cursor, 2, &minutes)))
        return false;
    CHECK(hours >= 0 && minutes >= 0);
    *offset_s = ((int64_t)hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return cursor->rest.size == 0 && hours <= TIME_OFFSET_HOURS_MAX && minutes <= 59;
}

/* What may follow a date in the text of a moment: a time with or without offset. */
static bool time_take_rest(struct time_cursor *cursor, struct time_of_day *time, int64_t *offset_s)
{
    CHECK(time != NULL && offset_s != NULL);
    if (cursor->rest.size == 0)
        return true;
    bool separated = time_take(cursor, 'T') || time_take(cursor, 't') || time_take(cursor, ' ');
    return separated && time_take_time(cursor, time) && time_take_offset(cursor, offset_s);
}

enum status text_parse_date(struct str text, int64_t *days, struct error *err)
{
    struct time_cursor cursor = {text};
    struct datetime_date date;
    struct time_of_day time = {0};
    int64_t offset_s = 0;

    CHECK(days != NULL);
    if (!time_take_date(&cursor, &date) || !time_take_rest(&cursor, &time, &offset_s))
        return value_invalid_text(VALUE_DATE, text, err);
    if (!datetime_date_is_valid(date) || !time_is_valid(&time))
        return value_out_of_range(VALUE_DATE, text, err);
    *days = datetime_days(date); /* as written: the time and its offset do not matter */
    return STATUS_OK;
}

enum status text_parse_time(struct str text, int64_t *out_us, struct error *err)
{
    struct time_cursor cursor = {text};
    struct time_of_day time;

    CHECK(out_us != NULL);
    if (!time_take_time(&cursor, &time) || cursor.rest.size > 0)
        return value_invalid_text(VALUE_TIME, text, err);
    if (!time_is_valid(&time) || time_us(&time) >= DATETIME_DAY_US)
        return value_out_of_range(VALUE_TIME, text, err);
    *out_us = time_us(&time);
    return STATUS_OK;
}

enum status text_parse_timestamp(struct str text, int64_t *timestamp_us, struct error *err)
{
    struct time_cursor cursor = {text};
    struct datetime_date date;
    struct time_of_day time = {0};
    int64_t offset_s = 0;

    CHECK(timestamp_us != NULL);
    if (!time_take_date(&cursor, &date) || !time_take_rest(&cursor, &time, &offset_s))
        return value_invalid_text(VALUE_TIMESTAMP, text, err);
    if (!datetime_date_is_valid(date) || !time_is_valid(&time))
        return value_out_of_range(VALUE_TIMESTAMP, text, err);
    int64_t moment = datetime_days(date) * DATETIME_DAY_US + time_us(&time) - offset_s * 1000000;
    if (moment < DATETIME_TIMESTAMP_MIN || moment > DATETIME_TIMESTAMP_MAX)
        return value_out_of_range(VALUE_TIMESTAMP, text, err);
    *timestamp_us = moment;
    return STATUS_OK;
}

static char *time_put(char *out, int64_t number, int digits)
{
    CHECK(number >= 0);
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + (int)(number % 10));
        number /= 10;
    }
    return out + digits;
}

void text_format_date(int64_t days, struct buf *out)
{
    char text[16];
    struct datetime_date date = datetime_date(days);

    /* Wider years can only be computed, never stored; they must not break the text. */
    char *end = time_put(text, date.year < 0 ? 0 : date.year, date.year > 9999 ? 6 : 4);
    *end++ = '-';
    end = time_put(end, date.month, 2);
    *end++ = '-';
    end = time_put(end, date.day, 2);
    CHECK((size_t)(end - text) <= sizeof(text));
    buf_append(out, text, (size_t)(end - text));
}

void text_format_time(int64_t in_us, struct buf *out)
{
    char text[20];
    int64_t seconds = in_us / 1000000, fraction = in_us % 1000000;

    CHECK(in_us >= 0 && in_us <= DATETIME_DAY_US);
    char *end = time_put(text, seconds / 3600, 2);
    *end++ = ':';
    end = time_put(end, seconds / 60 % 60, 2);
    *end++ = ':';
    end = time_put(end, seconds % 60, 2);
    if (fraction > 0) {
        *end++ = '.';
        end = time_put(end, fraction, TIME_FRACTION_DIGITS);
        while (end[-1] == '0')
            end--;
    }
    buf_append(out, text, (size_t)(end - text));
}

void text_format_timestamp(int64_t timestamp_us, struct buf *out)
{
    int64_t rest_us;
    int64_t days = datetime_split(timestamp_us, &rest_us);

    CHECK(rest_us >= 0 && rest_us < DATETIME_DAY_US);
    text_format_date(days, out);
    buf_append_byte(out, ' ');
    text_format_time(rest_us, out);
}
