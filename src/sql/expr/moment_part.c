/* moment_part.c — functions of dates and times beside those of moment.c: one field of a moment by a
 * function of its own, names of days and months, DATE_DIFF, dates made of numbers. The types are
 * DuckDB's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "value/datetime.h"

#define PART_HOUR_US INT64_C(3600000000)
enum { PART_MINUTE_US = 60000000, PART_SECOND_US = 1000000, PART_MILLISECOND_US = 1000 };

/* ---- fields -------------------------------------------------------------------------------------
 */

/* A known DATE, TIMESTAMP or, if allowed, TIME; a DATE becomes a TIMESTAMP. */
static enum status part_bind_moment(struct expr_binder *binder, struct expr_node *node,
                                    struct expr_node **arg, bool time)
{
    enum value_type type = (*arg)->type.kind;

    CHECK(node->function != NULL);
    if ((*arg)->unknown ||
        (type != VALUE_DATE && type != VALUE_TIMESTAMP && (!time || type != VALUE_TIME)))
        return expr_not_supported(binder, node->start, "%s of %s", node->function->name,
                                  (*arg)->unknown ? "a text" : value_type_name(type));
    return type == VALUE_DATE ? expr_coerce(binder, arg, VALUE_TIMESTAMP) : STATUS_OK;
}

/* Fields whose functions have other names than the fields. */
static enum moment_unit part_unit(const char *name)
{
    static const struct {
        const char *name;
        enum moment_unit unit;
    } names[] = {{"dayofmonth", MOMENT_DAY},
                 {"dayofweek", MOMENT_DOW},
                 {"weekday", MOMENT_DOW},
                 {"dayofyear", MOMENT_DOY},
                 {"weekofyear", MOMENT_WEEK}};

    CHECK(name != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(name, names[i].name) == 0)
            return names[i].unit;
    }
    return expr_moment_unit(str_from_c(name));
}

/* year(moment), hour(moment) … */
enum status expr_bind_field(struct expr_binder *binder, struct expr_node *node)
{
    enum moment_unit unit = part_unit(node->function->name);

    CHECK(node->arg_count == 1 && unit < MOMENT_UNITS);
    return part_bind_moment(binder, node, &node->args[0], unit < MOMENT_DAY);
}

static int64_t part_field(const struct value *moment, enum moment_unit unit)
{
    int64_t time_us = moment->integer, days = 0;

    CHECK(unit < MOMENT_UNITS);
    if (moment->type != VALUE_TIME)
        days = datetime_split(moment->integer, &time_us);
    switch (unit) {
    case MOMENT_MICROSECOND:
        return time_us % PART_MINUTE_US;
    case MOMENT_MILLISECOND:
        return time_us % PART_MINUTE_US / PART_MILLISECOND_US;
    case MOMENT_SECOND:
        return time_us % PART_MINUTE_US / PART_SECOND_US;
    case MOMENT_MINUTE:
        return time_us / PART_MINUTE_US % 60;
    case MOMENT_HOUR:
        return time_us / PART_HOUR_US;
    default:
        return expr_moment_date_field(days, unit);
    }
}

enum status expr_run_field(struct expr_call *call)
{
    CHECK(call->count == 1);
    *call->out =
        value_integer(VALUE_BIGINT, part_field(&call->args[0], part_unit(call->function->name)));
    return STATUS_OK;
}

/* date_part('field', moment): BIGINT, or DOUBLE where there is a fraction. */
enum status expr_bind_date_part(struct expr_binder *binder, struct expr_node *node)
{
    const struct expr_node *field = node->args[0];
    bool constant =
        field->kind == NODE_CONSTANT && !field->value.is_null && field->value.type == VALUE_TEXT;
    enum moment_unit unit = constant ? expr_moment_unit(field->value.text) : MOMENT_UNITS;

    CHECK(node->arg_count == 2);
    if (unit == MOMENT_UNITS)
        return expr_not_supported(binder, node->start, "this field of %s", node->function->name);
    node->args[0]->unknown = false;
    node->type = (struct data_type){.kind = unit == MOMENT_SECOND || unit == MOMENT_MILLISECOND ||
                                                    unit == MOMENT_EPOCH
                                                ? VALUE_DOUBLE
                                                : VALUE_BIGINT};
    return part_bind_moment(binder, node, &node->args[1],
                            unit < MOMENT_DAY || unit == MOMENT_EPOCH);
}

enum status expr_run_date_part(struct expr_call *call)
{
    const struct value *moment = &call->args[1];
    enum moment_unit unit = expr_moment_unit(call->args[0].text);

    CHECK(call->count == 2);
    if (unit == MOMENT_EPOCH)
        *call->out = value_real(VALUE_DOUBLE, (double)moment->integer / 1e6);
    else if (unit == MOMENT_SECOND)
        *call->out = value_real(VALUE_DOUBLE, (double)part_field(moment, MOMENT_MICROSECOND) / 1e6);
    else if (unit == MOMENT_MILLISECOND)
        *call->out = value_real(VALUE_DOUBLE, (double)part_field(moment, MOMENT_MICROSECOND) / 1e3);
    else
        *call->out = value_integer(VALUE_BIGINT, part_field(moment, unit));
    return STATUS_OK;
}

/* ---- since 1970 ---------------------------------------------------------------------------------
 */

enum status expr_bind_epoch(struct expr_binder *binder, struct expr_node *node)
{
    CHECK(node->arg_count == 1);
    return part_bind_moment(binder, node, &node->args[0], true);
}

enum status expr_run_epoch(struct expr_call *call)
{
    CHECK(call->count == 1);
    *call->out = value_real(VALUE_DOUBLE, (double)call->args[0].integer / 1e6);
    return STATUS_OK;
}

/* epoch_ms, epoch_us */
enum status expr_run_epoch_whole(struct expr_call *call)
{
    bool milliseconds = strcmp(call->function->name, "epoch_ms") == 0;
    int64_t us = call->args[0].integer;

    CHECK(call->count == 1);
    *call->out = value_integer(VALUE_BIGINT, milliseconds ? us / PART_MILLISECOND_US : us);
    return STATUS_OK;
}

/* ---- names and lengths --------------------------------------------------------------------------
 */

enum status expr_bind_day(struct expr_binder *binder, struct expr_node *node)
{
    CHECK(node->arg_count == 1);
    return part_bind_moment(binder, node, &node->args[0], false);
}

enum status expr_run_day_name(struct expr_call *call)
{
    static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
    int64_t day = part_field(&call->args[0], MOMENT_DOW);

    CHECK(day >= 0 && day < (int64_t)ARRAY_COUNT(names));
    *call->out = value_text(VALUE_TEXT, str_from_c(names[day]));
    return STATUS_OK;
}

enum status expr_run_month_name(struct expr_call *call)
{
    static const char *const names[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    int64_t month = part_field(&call->args[0], MOMENT_MONTH);

    CHECK(month >= 1 && month <= (int64_t)ARRAY_COUNT(names));
    *call->out = value_text(VALUE_TEXT, str_from_c(names[month - 1]));
    return STATUS_OK;
}

enum status expr_run_last_day(struct expr_call *call)
{
    int64_t time_us;
    struct datetime_date date = datetime_date(datetime_split(call->args[0].integer, &time_us));

    CHECK(call->count == 1);
    date.day = datetime_month_days(date.year, date.month);
    *call->out = value_integer(VALUE_DATE, datetime_days(date));
    return STATUS_OK;
}

enum status expr_run_make_date(struct expr_call *call)
{
    int64_t year = call->args[0].integer, month = call->args[1].integer,
            day = call->args[2].integer;
    bool small = year > 0 && year <= 9999 && month > 0 && month <= 12 && day > 0 && day <= 31;
    struct datetime_date date = {small ? (int)year : 0, small ? (int)month : 0,
                                 small ? (int)day : 0};

    CHECK(call->count == 3);
    if (!small || !datetime_date_is_valid(date))
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "date out of range: %lld-%lld-%lld",
                         (long long)year, (long long)month, (long long)day);
    *call->out = value_integer(VALUE_DATE, datetime_days(date));
    return STATUS_OK;
}

/* ---- DATE_DIFF ----------------------------------------------------------------------------------
 */

/* date_diff('unit', from, to): both DATE or TIMESTAMP. */
enum status expr_bind_date_diff(struct expr_binder *binder, struct expr_node *node)
{
    const struct expr_node *field = node->args[0];
    bool constant =
        field->kind == NODE_CONSTANT && !field->value.is_null && field->value.type == VALUE_TEXT;
    enum moment_unit unit = constant ? expr_moment_unit(field->value.text) : MOMENT_UNITS;

    CHECK(node->arg_count == 3);
    if (unit > MOMENT_MILLENNIUM || unit == MOMENT_WEEK) /* DuckDB's weeks begin on any day */
        return expr_not_supported(binder, node->start, "this unit of %s", node->function->name);
    node->args[0]->unknown = false;
    enum status status = part_bind_moment(binder, node, &node->args[1], false);
    return status == STATUS_OK ? part_bind_moment(binder, node, &node->args[2], false) : status;
}

static int64_t part_floor(int64_t number, int64_t unit)
{
    CHECK(unit > 0);
    return number / unit - (number % unit < 0);
}

/* Number of the unit that the moment lies in, counted from some fixed one. */
static int64_t part_number(const struct value *moment, enum moment_unit unit)
{
    int64_t time_us, days = datetime_split(moment->integer, &time_us);
    struct datetime_date date = datetime_date(days);

    CHECK(unit <= MOMENT_MILLENNIUM && unit != MOMENT_WEEK);
    switch (unit) {
    case MOMENT_MICROSECOND:
        return moment->integer;
    case MOMENT_MILLISECOND:
        return part_floor(moment->integer, PART_MILLISECOND_US);
    case MOMENT_SECOND:
        return part_floor(moment->integer, PART_SECOND_US);
    case MOMENT_MINUTE:
        return part_floor(moment->integer, PART_MINUTE_US);
    case MOMENT_HOUR:
        return part_floor(moment->integer, PART_HOUR_US);
    case MOMENT_DAY:
        return days;
    case MOMENT_MONTH:
        return date.year * 12 + date.month - 1;
    case MOMENT_QUARTER:
        return (date.year * 12 + date.month - 1) / 3;
    case MOMENT_YEAR:
        return date.year;
    case MOMENT_DECADE:
        return date.year / 10;
    case MOMENT_CENTURY:
        return date.year / 100;
    default:
        return date.year / 1000;
    }
}

/* How many borders of the unit lie between. */
enum status expr_run_date_diff(struct expr_call *call)
{
    enum moment_unit unit = expr_moment_unit(call->args[0].text);

    CHECK(call->count == 3);
    *call->out = value_integer(VALUE_BIGINT, part_number(&call->args[2], unit) -
                                                 part_number(&call->args[1], unit));
    return STATUS_OK;
}
