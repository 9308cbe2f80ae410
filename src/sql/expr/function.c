/* function.c — the functions of the library that run in our programs; any other is NOT_SUPPORTED
 * here and goes to DuckDB.
 *
 * To add one: a line in `functions`, a run function, and, if its types are not fixed, a bind
 * function.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/id.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "value/datetime.h"

#include <math.h>
#include <stdio.h>

/* ---- fixed per statement or row -----------------------------------------------------------------
 */

static enum status function_now(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_integer(VALUE_TIMESTAMP, call->context->now_us);
    return STATUS_OK;
}

static enum status function_current_date(struct expr_call *call)
{
    int64_t time_us;

    CHECK(call->count == 0);
    *call->out = value_integer(VALUE_DATE, datetime_split(call->context->now_us, &time_us));
    return STATUS_OK;
}

static enum status function_current_time(struct expr_call *call)
{
    int64_t time_us;

    CHECK(call->count == 0);
    (void)datetime_split(call->context->now_us, &time_us);
    *call->out = value_integer(VALUE_TIME, time_us);
    return STATUS_OK;
}

static enum status function_current_user(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_text(VALUE_TEXT, call->context->user);
    return STATUS_OK;
}

static enum status function_current_role(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_text(VALUE_TEXT, call->context->role);
    return STATUS_OK;
}

static enum status function_snowflake_id(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_integer(VALUE_BIGINT, id_snowflake());
    return STATUS_OK;
}

static enum status function_uuid_v7(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = (struct value){.type = VALUE_UUID};
    id_uuid_v7(call->out->uuid);
    return STATUS_OK;
}

static enum status function_uuid_v4(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = (struct value){.type = VALUE_UUID};
    id_random(call->out->uuid, sizeof(call->out->uuid));
    call->out->uuid[6] = (uint8_t)((call->out->uuid[6] & 0x0f) | 0x40);
    call->out->uuid[8] = (uint8_t)((call->out->uuid[8] & 0x3f) | 0x80);
    return STATUS_OK;
}

/* At least 0, less than 1. */
static enum status function_random(struct expr_call *call)
{
    uint64_t bits;

    CHECK(call->count == 0);
    id_random(&bits, sizeof(bits));
    *call->out = value_real(VALUE_DOUBLE, (double)(bits >> 11) * 0x1p-53);
    return STATUS_OK;
}

static enum status function_ulid(struct expr_call *call)
{
    char *text = arena_alloc(call->context->arena, ID_ULID_SIZE);

    CHECK(call->count == 0);
    id_ulid(text);
    *call->out = value_text(VALUE_TEXT, str_from(text, ID_ULID_SIZE));
    return STATUS_OK;
}

/* ---- choosing -----------------------------------------------------------------------------------
 */

static enum status function_nullif(struct expr_call *call)
{
    const struct value *a = &call->args[0], *b = &call->args[1];

    CHECK(call->count == 2);
    if (!a->is_null && !b->is_null && value_compare(a, b) == 0)
        *call->out = value_null(a->type);
    else
        *call->out = *a;
    return STATUS_OK;
}

/* NULLs do not take part. */
static enum status function_extreme(struct expr_call *call, int wanted)
{
    const struct value *best = &call->args[0];

    CHECK(call->count > 0);
    for (size_t i = 1; i < call->count; i++) {
        const struct value *arg = &call->args[i];

        if (arg->is_null)
            continue;
        if (best->is_null || value_compare(arg, best) * wanted > 0)
            best = arg;
    }
    *call->out = *best;
    return STATUS_OK;
}

static enum status function_greatest(struct expr_call *call)
{
    CHECK(call->count > 0);
    return function_extreme(call, 1);
}

static enum status function_least(struct expr_call *call)
{
    CHECK(call->count > 0);
    return function_extreme(call, -1);
}

/* Types must be of a kind that is compared. */
static enum status function_bind_extreme(struct expr_binder *binder, struct expr_node *node)
{
    enum status status =
        expr_common_type(binder, node->args, node->arg_count, 1, node->function->name, &node->type);

    CHECK(node->arg_count > 0);
    if (status == STATUS_OK && node->type.kind == VALUE_JSON)
        return expr_error(binder, STATUS_TYPE_MISMATCH, node->start, "JSON values have no order");
    return status;
}

/* Keeps the type of the first argument. */
static enum status function_bind_nullif(struct expr_binder *binder, struct expr_node *node)
{
    enum value_type a = node->args[0]->type.kind, b = node->args[1]->type.kind;
    bool known = !node->args[0]->unknown && !node->args[1]->unknown;

    CHECK(node->arg_count == 2);
    if (known && a != b &&
        (a == VALUE_FLOAT || b == VALUE_FLOAT || a == VALUE_DOUBLE ||
         b == VALUE_DOUBLE)) /* the result has the type of the first */
        return expr_not_supported(binder, node->start, "NULLIF(%s, %s)", value_type_name(a),
                                  value_type_name(b));
    enum status status = expr_match(binder, "=", &node->args[0], &node->args[1]);
    node->type = node->args[0]->type;
    return status;
}

static enum status function_bind_coalesce(struct expr_binder *binder, struct expr_node *node)
{
    node->kind = NODE_COALESCE;
    CHECK(node->arg_count > 0);
    return expr_common_type(binder, node->args, node->arg_count, 1, "COALESCE", &node->type);
}

/* ---- text ---------------------------------------------------------------------------------------
 */

static enum status function_bind_concat(struct expr_binder *binder, struct expr_node *node)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < node->arg_count && status == STATUS_OK; i++) {
        if (node->args[i]->unknown || node->args[i]->type.kind != VALUE_BOOLEAN)
            status = expr_coerce(binder, &node->args[i], VALUE_TEXT);
    }
    CHECK(node->type.kind == VALUE_TEXT);
    return status;
}

/* The separator is a text, what is joined anything. */
static enum status function_bind_concat_ws(struct expr_binder *binder, struct expr_node *node)
{
    enum value_type type = node->args[0]->type.kind;

    CHECK(node->arg_count >= 2);
    if (type != VALUE_TEXT && type != VALUE_JSON)
        return expr_not_supported(binder, node->start, "concat_ws with a separator of type %s",
                                  value_type_name(type));
    return function_bind_concat(binder, node);
}

static enum status function_bind_length(struct expr_binder *binder, struct expr_node *node)
{
    if (!node->args[0]->unknown && node->args[0]->type.kind == VALUE_BYTES)
        return STATUS_OK;
    CHECK(node->arg_count == 1);
    return expr_require(binder, &node->args[0], VALUE_TEXT, "argument of LENGTH");
}

/* ---- the table ----------------------------------------------------------------------------------
 */

enum { FUNCTION_ARGS_MAX = 100 };

static const struct expr_function functions[] = {
    /* name, args, min, flags, result, run, bind, real */
    {"now", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL, NULL},
    {"current_timestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL, NULL},
    {"localtimestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL, NULL},
    {"current_localtimestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL, NULL},
    {"get_current_timestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL, NULL},
    {"transaction_timestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL, NULL},
    {"current_date", "", 0, EXPR_STABLE, VALUE_DATE, function_current_date, NULL, NULL},
    {"today", "", 0, EXPR_STABLE, VALUE_DATE, function_current_date, NULL, NULL},
    {"current_time", "", 0, EXPR_STABLE, VALUE_TIME, function_current_time, NULL, NULL},
    {"localtime", "", 0, EXPR_STABLE, VALUE_TIME, function_current_time, NULL, NULL},
    {"current_localtime", "", 0, EXPR_STABLE, VALUE_TIME, function_current_time, NULL, NULL},
    {"get_current_time", "", 0, EXPR_STABLE, VALUE_TIME, function_current_time, NULL, NULL},
    {"current_user", "", 0, EXPR_STABLE, VALUE_TEXT, function_current_user, NULL, NULL},
    {"session_user", "", 0, EXPR_STABLE, VALUE_TEXT, function_current_user, NULL, NULL},
    {"current_role", "", 0, EXPR_STABLE, VALUE_TEXT, function_current_role, NULL, NULL},
    {"snowflake_id", "", 0, EXPR_PER_ROW, VALUE_BIGINT, function_snowflake_id, NULL, NULL},
    {"uuid_v7", "", 0, EXPR_PER_ROW, VALUE_UUID, function_uuid_v7, NULL, NULL},
    {"uuidv7", "", 0, EXPR_PER_ROW, VALUE_UUID, function_uuid_v7, NULL, NULL},
    {"uuid", "", 0, EXPR_PER_ROW, VALUE_UUID, function_uuid_v4, NULL, NULL},
    {"uuidv4", "", 0, EXPR_PER_ROW, VALUE_UUID, function_uuid_v4, NULL, NULL},
    {"gen_random_uuid", "", 0, EXPR_PER_ROW, VALUE_UUID, function_uuid_v4, NULL, NULL},
    {"ulid", "", 0, EXPR_PER_ROW, VALUE_TEXT, function_ulid, NULL, NULL},
    {"random", "", 0, EXPR_PER_ROW, VALUE_DOUBLE, function_random, NULL, NULL},
    {"coalesce", NULL, 1, 0, VALUE_TEXT, NULL, function_bind_coalesce, NULL},
    {"nullif", "aa", 2, 0, VALUE_TEXT, function_nullif, function_bind_nullif, NULL},
    {"greatest", NULL, 1, 0, VALUE_TEXT, function_greatest, function_bind_extreme, NULL},
    {"least", NULL, 1, 0, VALUE_TEXT, function_least, function_bind_extreme, NULL},
    {"upper", "t", 1, EXPR_STRICT, VALUE_TEXT, expr_run_upper, NULL, NULL},
    {"lower", "t", 1, EXPR_STRICT, VALUE_TEXT, expr_run_lower, NULL, NULL},
    {"ucase", "T", 1, EXPR_STRICT, VALUE_TEXT, expr_run_upper, NULL, NULL},
    {"lcase", "T", 1, EXPR_STRICT, VALUE_TEXT, expr_run_lower, NULL, NULL},
    {"length", "a", 1, EXPR_STRICT, VALUE_INT, expr_run_length, function_bind_length, NULL},
    {"char_length", "t", 1, EXPR_STRICT, VALUE_INT, expr_run_length, NULL, NULL},
    {"character_length", "t", 1, EXPR_STRICT, VALUE_INT, expr_run_length, NULL, NULL},
    {"len", "T", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_length, NULL, NULL},
    {"octet_length", "a", 1, EXPR_STRICT, VALUE_INT, expr_run_octet_length, expr_bind_octet_length,
     NULL},
    {"strlen", "T", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_octet_length, NULL, NULL},
    {"bit_length", "T", 1, EXPR_STRICT, VALUE_INT, expr_run_bit_length, NULL, NULL},
    {"strpos", "tt", 2, EXPR_STRICT, VALUE_INT, expr_run_strpos, NULL, NULL},
    {"position", "tt", 2, EXPR_STRICT, VALUE_INT, expr_run_strpos, NULL, NULL},
    {"instr", "TT", 2, EXPR_STRICT, VALUE_INT, expr_run_strpos, NULL, NULL},
    {"substring", "tii", 2, EXPR_STRICT, VALUE_TEXT, expr_run_substring, NULL, NULL},
    {"substr", "tii", 2, EXPR_STRICT, VALUE_TEXT, expr_run_substring, NULL, NULL},
    {"concat", NULL, 1, 0, VALUE_TEXT, expr_run_concat, function_bind_concat, NULL},
    {"concat_ws", NULL, 2, 0, VALUE_TEXT, expr_run_concat_ws, function_bind_concat_ws, NULL},
    {"btrim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_btrim, NULL, NULL},
    {"trim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_btrim, NULL, NULL},
    {"ltrim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_ltrim, NULL, NULL},
    {"rtrim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_rtrim, NULL, NULL},
    {"replace", "ttt", 3, EXPR_STRICT, VALUE_TEXT, expr_run_replace, NULL, NULL},
    {"left", "TI", 2, EXPR_STRICT, VALUE_TEXT, expr_run_left, NULL, NULL},
    {"right", "TI", 2, EXPR_STRICT, VALUE_TEXT, expr_run_right, NULL, NULL},
    {"lpad", "TNT", 2, EXPR_STRICT, VALUE_TEXT, expr_run_lpad, NULL, NULL},
    {"rpad", "TNT", 2, EXPR_STRICT, VALUE_TEXT, expr_run_rpad, NULL, NULL},
    {"repeat", "TI", 2, EXPR_STRICT, VALUE_TEXT, expr_run_repeat, NULL, NULL},
    {"split_part", "TTI", 3, EXPR_STRICT, VALUE_TEXT, expr_run_split_part, NULL, NULL},
    {"starts_with", "TT", 2, EXPR_STRICT, VALUE_BOOLEAN, expr_run_starts_with, NULL, NULL},
    {"prefix", "TT", 2, EXPR_STRICT, VALUE_BOOLEAN, expr_run_starts_with, NULL, NULL},
    {"ends_with", "TT", 2, EXPR_STRICT, VALUE_BOOLEAN, expr_run_ends_with, NULL, NULL},
    {"suffix", "TT", 2, EXPR_STRICT, VALUE_BOOLEAN, expr_run_ends_with, NULL, NULL},
    {"contains", "TT", 2, EXPR_STRICT, VALUE_BOOLEAN, expr_run_contains, NULL, NULL},
    {"translate", "TTT", 3, EXPR_STRICT, VALUE_TEXT, expr_run_translate, NULL, NULL},
    {"ascii", "T", 1, EXPR_STRICT, VALUE_INT, expr_run_ascii, NULL, NULL},
    {"ord", "T", 1, EXPR_STRICT, VALUE_INT, expr_run_unicode, NULL, NULL},
    {"unicode", "T", 1, EXPR_STRICT, VALUE_INT, expr_run_unicode, NULL, NULL},
    {"chr", "N", 1, EXPR_STRICT, VALUE_TEXT, expr_run_chr, NULL, NULL},
    {"hex", "a", 1, EXPR_STRICT, VALUE_TEXT, expr_run_hex, expr_bind_hex, NULL},
    {"to_hex", "a", 1, EXPR_STRICT, VALUE_TEXT, expr_run_hex, expr_bind_hex, NULL},
    {"abs", "a", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_abs, expr_bind_abs, NULL},
    {"round", "aa", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_round, expr_bind_rounding, NULL},
    {"floor", "a", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_floor, expr_bind_rounding, NULL},
    {"ceil", "a", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_ceil, expr_bind_rounding, NULL},
    {"ceiling", "a", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_ceil, expr_bind_rounding, NULL},
    {"trunc", "a", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_trunc, expr_bind_rounding, NULL},
    {"sign", "a", 1, EXPR_STRICT, VALUE_SMALLINT, expr_run_sign, expr_bind_sign, NULL},
    {"mod", "aa", 2, EXPR_STRICT, VALUE_DOUBLE, NULL, expr_bind_mod, NULL},
    {"sqrt", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_sqrt, NULL, NULL},
    {"power", "RR", 2, EXPR_STRICT, VALUE_DOUBLE, expr_run_power, NULL, NULL},
    {"pow", "RR", 2, EXPR_STRICT, VALUE_DOUBLE, expr_run_power, NULL, NULL},
    {"ln", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_log, NULL, log},
    {"log10", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_log, NULL, log10},
    {"log2", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_log, NULL, log2},
    {"log", "RR", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_log_base, NULL, NULL},
    {"cbrt", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, cbrt},
    {"exp", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, exp},
    {"sin", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, sin},
    {"cos", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, cos},
    {"tan", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, tan},
    {"asin", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, asin},
    {"acos", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, acos},
    {"atan", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, atan},
    {"sinh", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, sinh},
    {"cosh", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, cosh},
    {"tanh", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, tanh},
    {"asinh", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, asinh},
    {"acosh", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, acosh},
    {"atanh", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, atanh},
    {"cot", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, expr_real_cot},
    {"degrees", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, expr_real_degrees},
    {"radians", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, expr_real_radians},
    {"even", "R", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_real, NULL, expr_real_even},
    {"atan2", "RR", 2, EXPR_STRICT, VALUE_DOUBLE, expr_run_atan2, NULL, NULL},
    {"pi", "", 0, 0, VALUE_DOUBLE, expr_run_pi, NULL, NULL},
    {"gcd", "II", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_gcd, NULL, NULL},
    {"greatest_common_divisor", "II", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_gcd, NULL, NULL},
    {"lcm", "II", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_lcm, NULL, NULL},
    {"least_common_multiple", "II", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_lcm, NULL, NULL},
    {"factorial", "N", 1, EXPR_STRICT, VALUE_DECIMAL, expr_run_factorial, NULL, NULL},
    {"date_trunc", "tm", 2, EXPR_STRICT, VALUE_TIMESTAMP, expr_run_date_trunc, NULL, NULL},
    {"extract", "aa", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_extract, expr_bind_extract, NULL},
    {"date_part", "aa", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_date_part, expr_bind_date_part,
     NULL},
    {"datepart", "aa", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_date_part, expr_bind_date_part, NULL},
    {"year", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"quarter", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"month", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"week", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"weekofyear", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"day", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"dayofmonth", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"dayofweek", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"weekday", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"isodow", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"dayofyear", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"isoyear", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"decade", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"century", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"millennium", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"hour", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"minute", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"second", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"millisecond", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"microsecond", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_field, expr_bind_field, NULL},
    {"epoch", "a", 1, EXPR_STRICT, VALUE_DOUBLE, expr_run_epoch, expr_bind_epoch, NULL},
    {"epoch_ms", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_epoch_whole, expr_bind_epoch, NULL},
    {"epoch_us", "a", 1, EXPR_STRICT, VALUE_BIGINT, expr_run_epoch_whole, expr_bind_epoch, NULL},
    {"dayname", "a", 1, EXPR_STRICT, VALUE_TEXT, expr_run_day_name, expr_bind_day, NULL},
    {"monthname", "a", 1, EXPR_STRICT, VALUE_TEXT, expr_run_month_name, expr_bind_day, NULL},
    {"last_day", "a", 1, EXPR_STRICT, VALUE_DATE, expr_run_last_day, expr_bind_day, NULL},
    {"make_date", "III", 3, EXPR_STRICT, VALUE_DATE, expr_run_make_date, NULL, NULL},
    {"date_diff", "aaa", 3, EXPR_STRICT, VALUE_BIGINT, expr_run_date_diff, expr_bind_date_diff,
     NULL},
    {"datediff", "aaa", 3, EXPR_STRICT, VALUE_BIGINT, expr_run_date_diff, expr_bind_date_diff,
     NULL},
};

static const struct expr_function *function_find(struct str name)
{
    CHECK(name.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
        if (str_equal(name, str_from_c(functions[i].name)))
            return &functions[i];
    }
    return NULL;
}

/* An argument of a type that the function has here; DuckDB decides on all others. */
static enum status function_accept(struct expr_binder *binder, struct expr_node *node, size_t i,
                                   char letter)
{
    struct expr_node **arg = &node->args[i];
    enum value_type type = (*arg)->type.kind;
    bool text = type == VALUE_TEXT || type == VALUE_JSON;
    bool narrow = letter == 'I' || type != VALUE_BIGINT || (*arg)->kind == NODE_PARAM;

    CHECK(letter == 'T' || letter == 'I' || letter == 'N' || letter == 'R');
    if (!(*arg)->unknown && !(letter == 'T'   ? text
                              : letter == 'R' ? value_type_is_number(type)
                                              : value_type_is_integer(type) && narrow))
        return expr_not_supported(binder, (*arg)->start, "argument %zu of %s as %s", i + 1,
                                  node->function->name, value_type_name(type));
    if (letter == 'T' || letter == 'R')
        return expr_coerce(binder, arg, letter == 'T' ? VALUE_TEXT : VALUE_DOUBLE);
    return (*arg)->unknown ? expr_coerce(binder, arg, VALUE_BIGINT) : STATUS_OK;
}

/* Arguments by the letters of the table. */
static enum status function_args(struct expr_binder *binder, struct expr_node *node)
{
    char what[48];
    enum status status = STATUS_OK;

    CHECK(node->function->args != NULL);
    for (size_t i = 0; i < node->arg_count && status == STATUS_OK; i++) {
        char letter = node->function->args[i];

        CHECK(snprintf(what, sizeof(what), "argument %zu of %s", i + 1, node->function->name) > 0);
        if (letter == 't')
            status = expr_require(binder, &node->args[i], VALUE_TEXT, what);
        else if (letter == 'i')
            status = expr_require(binder, &node->args[i], VALUE_BIGINT, what);
        else if (letter == 'm')
            status = expr_require(binder, &node->args[i], VALUE_TIMESTAMP, what);
        else if (letter != 'a')
            status = function_accept(binder, node, i, letter);
    }
    return status;
}

enum status expr_call_node(struct expr_binder *binder, const struct expr_function *function,
                           struct expr_node **args, size_t count, struct expr_node **out)
{
    struct expr_node *node = expr_node_new(binder, NODE_CALL, function->result, NULL, count);

    CHECK(count >= function->min);
    node->function = function;
    for (size_t i = 0; i < count; i++)
        node->args[i] = args[i];
    if (count > 0) {
        node->start = args[0]->start;
        node->end = args[count - 1]->end;
    }
    *out = node;
    expr_fold(binder, out);
    return STATUS_OK;
}

static enum status function_check_call(struct expr_binder *binder, const struct ast_expr *tree,
                                       const struct expr_function *function)
{
    struct str name = utf8_cut(tree->name, LIMIT_IDENTIFIER_BYTES);

    CHECK(tree->kind == AST_CALL);
    if (function == NULL || tree->distinct || tree->star)
        return expr_not_supported(binder, tree->start, "function %.*s here", STR_ARG(name));
    size_t max = function->args != NULL ? strlen(function->args) : FUNCTION_ARGS_MAX;
    if (tree->arg_count < function->min || tree->arg_count > max)
        return expr_not_supported(binder, tree->start, "function %.*s with %zu arguments",
                                  STR_ARG(name), tree->arg_count);
    if ((function->flags & EXPR_PER_ROW) && !binder->scope->allow_per_row_functions)
        return expr_not_supported(binder, tree->start, "function %.*s here", STR_ARG(name));
    return STATUS_OK;
}

enum status expr_bind_call(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node **out)
{
    const struct expr_function *function = function_find(tree->name);
    enum status status = function_check_call(binder, tree, function);

    CHECK(tree->kind == AST_CALL);
    if (status != STATUS_OK)
        return status;
    struct expr_node *node =
        expr_node_new(binder, NODE_CALL, function->result, tree, tree->arg_count);
    node->function = function;
    for (size_t i = 0; i < tree->arg_count && status == STATUS_OK; i++)
        status = expr_bind(binder, tree->args[i], &node->args[i]);
    if (status == STATUS_OK && function->args != NULL)
        status = function_args(binder, node);
    if (status == STATUS_OK && function->bind != NULL)
        status = function->bind(binder, node);
    if (status != STATUS_OK)
        return status;
    *out = node;
    expr_fold(binder, out);
    return STATUS_OK;
}
