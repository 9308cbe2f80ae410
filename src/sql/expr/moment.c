/* moment.c — dates and times in expressions: ± INTERVAL, ± days, DATE_TRUNC, EXTRACT. UTC
 * throughout.
 *
 * Months are added first, the day cut to the month's length, then days, then microseconds, as in
 * PostgreSQL. EXTRACT gives BIGINT for whole fields and DECIMAL for those with a fraction.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "value/datetime.h"

static enum status moment_out_of_range(struct expr_call *call, const char *what)
{
    CHECK(what != NULL);
    return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "%s out of range", what);
}

/* ---- adding -------------------------------------------------------------------------------------
 */

/* days since 1970 plus months; false outside of years 1 to 9999. */
static bool moment_add_months(int64_t *days, int64_t months)
{
    struct datetime_date date = datetime_date(*days);
    int64_t total;

    CHECK(date.month >= 1 && date.month <= 12);
    if (__builtin_add_overflow((int64_t)date.year * 12 + date.month - 1, months, &total) ||
        total < 12 || total >= 120000)
        return false;
    date.year = (int)(total / 12);
    date.month = (int)(total % 12) + 1;
    int last = datetime_month_days(date.year, date.month);
    if (date.day > last)
        date.day = last;
    *days = datetime_days(date);
    return true;
}

/* (timestamp, months, days, microseconds) */
static enum status moment_run_timestamp_add(struct expr_call *call)
{
    int64_t time_us, us, days = datetime_split(call->args[0].integer, &time_us);

    CHECK(call->count == 4);
    if ((call->args[1].integer != 0 && !moment_add_months(&days, call->args[1].integer)) ||
        __builtin_add_overflow(days, call->args[2].integer, &days) ||
        __builtin_mul_overflow(days, DATETIME_DAY_US, &us) ||
        __builtin_add_overflow(us, time_us, &us) ||
        __builtin_add_overflow(us, call->args[3].integer, &us) || us < DATETIME_TIMESTAMP_MIN ||
        us > DATETIME_TIMESTAMP_MAX)
        return moment_out_of_range(call, "timestamp");
    *call->out = value_integer(VALUE_TIMESTAMP, us);
    return STATUS_OK;
}

/* Of a TIME only the microseconds count; it turns over at midnight. */
static enum status moment_run_time_add(struct expr_call *call)
{
    int64_t us =
        (call->args[0].integer + call->args[3].integer % DATETIME_DAY_US) % DATETIME_DAY_US;

    CHECK(call->count == 4);
    *call->out = value_integer(VALUE_TIME, us < 0 ? us + DATETIME_DAY_US : us);
    return STATUS_OK;
}

static enum status moment_date(struct expr_call *call, int64_t days)
{
    if (days < DATETIME_DATE_MIN || days > DATETIME_DATE_MAX)
        return moment_out_of_range(call, "date");
    CHECK(call->out != NULL);
    *call->out = value_integer(VALUE_DATE, days);
    return STATUS_OK;
}

static enum status moment_run_date_add(struct expr_call *call)
{
    int64_t days;

    CHECK(call->count == 2);
    if (__builtin_add_overflow(call->args[0].integer, call->args[1].integer, &days))
        return moment_out_of_range(call, "date");
    return moment_date(call, days);
}

static enum status moment_run_date_sub(struct expr_call *call)
{
    int64_t days;

    CHECK(call->count == 2);
    if (__builtin_sub_overflow(call->args[0].integer, call->args[1].integer, &days))
        return moment_out_of_range(call, "date");
    return moment_date(call, days);
}

static enum status moment_run_date_diff(struct expr_call *call)
{
    CHECK(call->count == 2);
    *call->out = value_integer(VALUE_BIGINT, call->args[0].integer - call->args[1].integer);
    return STATUS_OK;
}

const struct expr_function expr_function_timestamp_add = {.name = "timestamp_add",
                                                          .min = 4,
                                                          .flags = EXPR_STRICT,
                                                          .result = VALUE_TIMESTAMP,
                                                          .run = moment_run_timestamp_add};
const struct expr_function expr_function_time_add = {.name = "time_add",
                                                     .min = 4,
                                                     .flags = EXPR_STRICT,
                                                     .result = VALUE_TIME,
                                                     .run = moment_run_time_add};
const struct expr_function expr_function_date_add = {.name = "+",
                                                     .min = 2,
                                                     .flags = EXPR_STRICT | EXPR_INFIX,
                                                     .result = VALUE_DATE,
                                                     .run = moment_run_date_add};
const struct expr_function expr_function_date_sub = {.name = "-",
                                                     .min = 2,
                                                     .flags = EXPR_STRICT | EXPR_INFIX,
                                                     .result = VALUE_DATE,
                                                     .run = moment_run_date_sub};
const struct expr_function expr_function_date_diff = {.name = "-",
                                                      .min = 2,
                                                      .flags = EXPR_STRICT | EXPR_INFIX,
                                                      .result = VALUE_BIGINT,
                                                      .run = moment_run_date_diff};

/* ---- DATE_TRUNC ---------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    enum moment_unit unit;
} moment_names[] = {
    {"microsecond", MOMENT_MICROSECOND},
    {"microseconds", MOMENT_MICROSECOND},
    {"us", MOMENT_MICROSECOND},
    {"millisecond", MOMENT_MILLISECOND},
    {"milliseconds", MOMENT_MILLISECOND},
    {"ms", MOMENT_MILLISECOND},
    {"second", MOMENT_SECOND},
    {"seconds", MOMENT_SECOND},
    {"minute", MOMENT_MINUTE},
    {"minutes", MOMENT_MINUTE},
    {"hour", MOMENT_HOUR},
    {"hours", MOMENT_HOUR},
    {"day", MOMENT_DAY},
    {"days", MOMENT_DAY},
    {"week", MOMENT_WEEK},
    {"weeks", MOMENT_WEEK},
    {"month", MOMENT_MONTH},
    {"months", MOMENT_MONTH},
    {"quarter", MOMENT_QUARTER},
    {"year", MOMENT_YEAR},
    {"years", MOMENT_YEAR},
    {"decade", MOMENT_DECADE},
    {"decades", MOMENT_DECADE},
    {"century", MOMENT_CENTURY},
    {"centuries", MOMENT_CENTURY},
    {"millennium", MOMENT_MILLENNIUM},
    {"millennia", MOMENT_MILLENNIUM},
    {"dow", MOMENT_DOW},
    {"isodow", MOMENT_ISODOW},
    {"doy", MOMENT_DOY},
    {"isoyear", MOMENT_ISOYEAR},
    {"epoch", MOMENT_EPOCH},
};

enum moment_unit expr_moment_unit(struct str name)
{
    CHECK(name.size == 0 || name.data != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(moment_names); i++) {
        if (str_equal_nocase(name, str_from_c(moment_names[i].name)))
            return moment_names[i].unit;
    }
    return MOMENT_UNITS;
}

/* Monday 0 … Sunday 6 */
static int64_t moment_weekday(int64_t days)
{
    int64_t rest = (days + 3) % 7; /* 1970-01-01 was a Thursday */

    CHECK(rest > -7 && rest < 7);
    return rest < 0 ? rest + 7 : rest;
}

/* First year of the decade, century or millennium; 0, which is none here, of the first decade. */
static int moment_first_year(int year, int span)
{
    CHECK(year >= 1 && span > 0);
    return span == 10 ? year - year % 10 : year - (year - 1) % span;
}

/* Less than DATETIME_DATE_MIN: before the first year. */
static int64_t moment_trunc_days(int64_t days, enum moment_unit unit)
{
    struct datetime_date date = datetime_date(days);

    if (unit == MOMENT_DAY)
        return days;
    if (unit == MOMENT_WEEK)
        return days - moment_weekday(days);
    date.day = 1;
    if (unit == MOMENT_QUARTER)
        date.month -= (date.month - 1) % 3;
    else if (unit > MOMENT_QUARTER)
        date.month = 1;
    if (unit == MOMENT_DECADE)
        date.year = moment_first_year(date.year, 10);
    if (unit == MOMENT_CENTURY)
        date.year = moment_first_year(date.year, 100);
    if (unit == MOMENT_MILLENNIUM)
        date.year = moment_first_year(date.year, 1000);
    if (date.year < 1)
        return DATETIME_DATE_MIN - 1;
    CHECK(datetime_date_is_valid(date));
    return datetime_days(date);
}

enum status expr_run_date_trunc(struct expr_call *call)
{
    static const int64_t steps[] = {1, 1000, 1000000, 60000000, INT64_C(3600000000)};
    enum moment_unit unit = expr_moment_unit(call->args[0].text);
    int64_t time_us, days = datetime_split(call->args[1].integer, &time_us);

    CHECK(call->count == 2);
    if (unit > MOMENT_MILLENNIUM)
        return error_set(
            call->err, STATUS_SQL_EXECUTION_ERROR, "timestamp units \"%.*s\" not recognized",
            STR_ARG(str_from(call->args[0].text.data,
                             call->args[0].text.size < 32 ? call->args[0].text.size : 32)));
    if (unit < MOMENT_DAY)
        time_us -= time_us % steps[unit];
    else
        time_us = 0;
    if (unit >= MOMENT_DAY)
        days = moment_trunc_days(days, unit);
    if (days < DATETIME_DATE_MIN)
        return moment_out_of_range(call, "timestamp");
    *call->out = value_integer(VALUE_TIMESTAMP, days * DATETIME_DAY_US + time_us);
    return STATUS_OK;
}

/* ---- EXTRACT ------------------------------------------------------------------------------------
 */

/* Year and number of the ISO week: the week of the year's first Thursday is 1. */
static int64_t moment_iso_week(int64_t days, int *iso_year)
{
    int64_t thursday = days - moment_weekday(days) + 3;
    struct datetime_date date = datetime_date(thursday);
    int64_t first = datetime_days((struct datetime_date){date.year, 1, 1});

    CHECK(thursday >= first);
    *iso_year = date.year;
    return (thursday - first) / 7 + 1;
}

int64_t expr_moment_date_field(int64_t days, enum moment_unit unit)
{
    struct datetime_date date = datetime_date(days);
    int iso_year;

    CHECK(date.year >= 1);
    switch (unit) {
    case MOMENT_DAY:
        return date.day;
    case MOMENT_WEEK:
        return moment_iso_week(days, &iso_year);
    case MOMENT_MONTH:
        return date.month;
    case MOMENT_QUARTER:
        return (date.month - 1) / 3 + 1;
    case MOMENT_YEAR:
        return date.year;
    case MOMENT_DECADE:
        return date.year / 10;
    case MOMENT_CENTURY:
        return (date.year + 99) / 100;
    case MOMENT_MILLENNIUM:
        return (date.year + 999) / 1000;
    case MOMENT_DOW:
        return (moment_weekday(days) + 1) % 7;
    case MOMENT_ISODOW:
        return moment_weekday(days) + 1;
    case MOMENT_DOY:
        return days - datetime_days((struct datetime_date){date.year, 1, 1}) + 1;
    default:
        CHECK(unit == MOMENT_ISOYEAR);
        (void)moment_iso_week(days, &iso_year);
        return iso_year;
    }
}

/* Type of the field's value: DECIMAL if it has a fraction; the same as that of the macros in
 * analytic/macros.c. */
static struct data_type moment_field_type(enum moment_unit unit)
{
    CHECK(unit < MOMENT_UNITS);
    switch (unit) {
    case MOMENT_MILLISECOND:
        return (struct data_type){.kind = VALUE_DECIMAL, .precision = 18, .scale = 3};
    case MOMENT_SECOND:
        return (struct data_type){.kind = VALUE_DECIMAL, .precision = 18, .scale = 6};
    case MOMENT_EPOCH:
        return (struct data_type){.kind = VALUE_DECIMAL, .precision = 20, .scale = 6};
    default:
        return (struct data_type){.kind = VALUE_BIGINT};
    }
}

enum status expr_run_extract(struct expr_call *call)
{
    enum moment_unit unit = expr_moment_unit(call->args[0].text);
    const struct value *source = &call->args[1];
    int64_t time_us = source->integer, days = 0;
    struct data_type type = moment_field_type(unit);

    if (source->type != VALUE_TIME)
        days = datetime_split(source->integer, &time_us);
    CHECK(call->count == 2 && unit < MOMENT_UNITS);
    if (type.kind == VALUE_DECIMAL) {
        int64_t us = unit == MOMENT_EPOCH ? source->integer : time_us % 60000000;
        *call->out = value_decimal(us, type.precision, type.scale);
    } else if (unit == MOMENT_MICROSECOND) {
        *call->out = value_integer(VALUE_BIGINT, time_us % 60000000);
    } else if (unit == MOMENT_MINUTE) {
        *call->out = value_integer(VALUE_BIGINT, time_us / 60000000 % 60);
    } else if (unit == MOMENT_HOUR) {
        *call->out = value_integer(VALUE_BIGINT, time_us / INT64_C(3600000000));
    } else {
        *call->out = value_integer(VALUE_BIGINT, expr_moment_date_field(days, unit));
    }
    return STATUS_OK;
}

/* The field is a constant; the source becomes TIMESTAMP or stays TIME. */
enum status expr_bind_extract(struct expr_binder *binder, struct expr_node *node)
{
    enum status status = STATUS_OK;

    if (node->args[0]->kind != NODE_CONSTANT || node->args[0]->value.is_null)
        return expr_not_supported(binder, node->start, "EXTRACT of a computed field");
    struct str name = node->args[0]->value.text;
    enum moment_unit unit = expr_moment_unit(name);
    if (unit == MOMENT_UNITS)
        return expr_not_supported(binder, node->start, "EXTRACT field \"%.*s\"",
                                  STR_ARG(str_from(name.data, name.size < 32 ? name.size : 32)));
    bool time = !node->args[1]->unknown && node->args[1]->type.kind == VALUE_TIME;
    if (!time)
        status = expr_require(binder, &node->args[1], VALUE_TIMESTAMP, "argument of EXTRACT");
    if (status != STATUS_OK)
        return status;
    if (time && unit >= MOMENT_DAY && unit != MOMENT_EPOCH)
        return expr_error(binder, STATUS_TYPE_MISMATCH, node->start,
                          "a TIME has no such field: %.*s", STR_ARG(name));
    CHECK(node->function != NULL);
    node->args[0]->unknown = false;
    node->type = moment_field_type(unit);
    return STATUS_OK;
}
