/* splice.c — rewriting of a checked SELECT: which bytes are replaced, and by what.
 *
 * The text itself is kept; only byte ranges are exchanged, so that DuckDB parses what the user
 * wrote and error positions stay close. DuckDB's tree tells where a name starts, our lexer where it
 * ends. A name that does not read the same in both is refused by the caller, and the finished text
 * is parsed and checked once more. Some differences need no tree: the tokens tell them (`$n`, types
 * behind CAST … AS and ::, X'…').
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "catalog/system_tables.h"
#include "sql/syntax/lexer.h"
#include "value/text.h"

#include <stdio.h>
#include <stdlib.h>

void splice_add(struct analytic_plan *plan, const struct analytic_splice *splice)
{
    uint32_t count = plan->splice_count;

    CHECK(splice->start <= splice->end && splice->end <= plan->sql.size);
    if ((count & (count - 1)) == 0) /* full at powers of two */
        plan->splices = arena_grow(&plan->arena, plan->splices, count * sizeof(*splice),
                                   (count ? count * 2 : 1) * sizeof(*splice));
    plan->splices[plan->splice_count++] = *splice;
}

static int splice_compare(const void *a, const void *b)
{
    const struct analytic_splice *left = a, *right = b;

    CHECK(left->start <= left->end);
    return left->start < right->start ? -1 : left->start > right->start;
}

bool splice_sort(struct analytic_plan *plan)
{
    uint32_t kept = 0;

    CHECK(plan->splices || plan->splice_count == 0);
    if (plan->splice_count == 0)
        return true;
    qsort(plan->splices, plan->splice_count, sizeof(plan->splices[0]), splice_compare);
    /* A column of `GROUP BY ALL` and the like may be seen twice at one place. */
    for (uint32_t i = 0; i < plan->splice_count; i++) {
        if (kept > 0 && plan->splices[kept - 1].start == plan->splices[i].start)
            continue;
        if (kept > 0 && plan->splices[kept - 1].end > plan->splices[i].start)
            return false;
        plan->splices[kept++] = plan->splices[i];
    }
    plan->splice_count = kept;
    return true;
}

/* ---- tokens ---- */

enum { SPLICE_NESTING_MAX = 4096 };

struct splice_scan {
    struct analytic_plan *plan;
    struct lexer lexer;
    struct token previous, token;
    bool after_as_in_cast;
    uint32_t depth;
    bool cast[SPLICE_NESTING_MAX]; /* the parenthesis at this depth belongs to CAST */
    bool seen[UINT8_MAX + 1];      /* parameters */
};

static void splice_scan_add(struct splice_scan *scan, const struct token *token, const char *text)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT, .start = token->start, .end = token->end};

    CHECK(text);
    splice.text = arena_copy(&scan->plan->arena, str_from_c(text));
    splice_add(scan->plan, &splice);
}

static bool splice_word_is(struct splice_scan *scan, const struct token *token, const char *word)
{
    CHECK(word);
    return token->kind == TOKEN_WORD &&
           str_equal_nocase(token_text(scan->lexer.text, token), str_from_c(word));
}

/* DuckDB takes a length or precision and forgets it. */
static enum status splice_refuse_modifier(struct splice_scan *scan, const struct token *type,
                                          struct error *err)
{
    static const char *const lengths[] = {"bpchar",   "char",   "character", "clob",   "nchar",
                                          "nvarchar", "string", "text",      "varchar"};
    static const char *const precisions[] = {"datetime", "time", "timestamp", "timestamptz"};
    struct str text = token_text(scan->lexer.text, type), word = text;

    if (type->kind == TOKEN_QUOTED)
        word = str_from(text.data + 1, text.size - 2);
    CHECK(text.size > 0);
    if (str_is_one_of_nocase(word, lengths, ARRAY_COUNT(lengths))) {
        error_set_at(err, STATUS_NOT_SUPPORTED, type->start,
                     "a cast to %.*s with a length is not supported here", STR_ARG(text));
        error_hint(err, "use left(x, n)");
        return STATUS_NOT_SUPPORTED;
    }
    if (str_is_one_of_nocase(word, precisions, ARRAY_COUNT(precisions))) {
        error_set_at(err, STATUS_NOT_SUPPORTED, type->start,
                     "a cast to %.*s with a precision is not supported", STR_ARG(text));
        error_hint(err, "use date_trunc");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

/* `type` was just read behind CAST(… AS or `::`. */
static enum status splice_scan_type(struct splice_scan *scan, struct error *err)
{
    struct token type = scan->token;
    struct lexer ahead = scan->lexer;
    struct token next = lexer_next(&ahead);
    bool modified = next.kind == TOKEN_LEFT_PAREN;
    const char *rewrite;

    CHECK(type.end <= scan->lexer.text.size);
    if (type.kind != TOKEN_WORD && type.kind != TOKEN_QUOTED)
        return STATUS_OK;
    if (splice_word_is(scan, &next, "varying"))
        modified = lexer_next(&ahead).kind == TOKEN_LEFT_PAREN;
    if (modified && splice_refuse_modifier(scan, &type, err) != STATUS_OK)
        return STATUS_NOT_SUPPORTED;
    if (type.kind == TOKEN_QUOTED)
        return STATUS_OK;
    rewrite = allow_type_rewrite(token_text(scan->lexer.text, &type), !modified);
    if (rewrite)
        splice_scan_add(scan, &type, rewrite);
    return STATUS_OK;
}

/* X'…' means bytes; DuckDB takes it for a string. */
static enum status splice_scan_bytes(struct splice_scan *scan, struct error *err)
{
    struct buf text;
    struct value value;
    enum status status;

    CHECK(scan->token.kind == TOKEN_BYTES);
    buf_init(&text);
    status = token_value(scan->lexer.text, &scan->token, &scan->plan->arena, &value, err);
    if (status != STATUS_OK)
        goto out;
    buf_append_byte(&text, '\'');
    value_format(&value, &text);
    buf_append_str(&text, STR_LIT("'::BLOB"));
    buf_append_byte(&text, 0);
    splice_scan_add(scan, &scan->token, text.data);
out:
    buf_clear(&text);
    return status;
}

static enum status splice_scan_param(struct splice_scan *scan, size_t param_count,
                                     struct error *err)
{
    uint32_t number = token_param(scan->lexer.text, &scan->token);

    CHECK(scan->token.kind == TOKEN_PARAM);
    if (number == 0 || number > UINT8_MAX)
        return error_set_at(err, STATUS_INVALID_PARAMETER, scan->token.start,
                            "parameter $%u does not exist", number);
    if (number > param_count)
        return error_set_at(err, STATUS_INVALID_PARAMETER, scan->token.start,
                            "parameter mismatch: expected %u, got %zu", number, param_count);
    scan->seen[number] = true;
    return STATUS_OK;
}

/* B'…' and U&'…': DuckDB reads them as something else than PostgreSQL. */
static enum status splice_scan_prefixed(struct splice_scan *scan, struct error *err)
{
    struct str rest =
        str_from(scan->lexer.text.data + scan->token.end, scan->lexer.text.size - scan->token.end);
    const char *what = NULL;

    CHECK(scan->token.end <= scan->lexer.text.size);
    if (splice_word_is(scan, &scan->token, "b") && str_starts_with(rest, STR_LIT("'")))
        what = "B'…'";
    if (splice_word_is(scan, &scan->token, "u") &&
        (str_starts_with(rest, STR_LIT("&'")) || str_starts_with(rest, STR_LIT("&\""))))
        what = "U&'…'";
    if (what == NULL)
        return STATUS_OK;
    return error_set_at(err, STATUS_NOT_SUPPORTED, scan->token.start,
                        "a literal %s is not supported in this version", what);
}

static enum status splice_scan_token(struct splice_scan *scan, size_t param_count,
                                     struct error *err)
{
    struct str text = token_text(scan->lexer.text, &scan->token);

    CHECK(scan->depth < SPLICE_NESTING_MAX);
    switch (scan->token.kind) {
    case TOKEN_ERROR:
        return error_set_at(err, STATUS_INVALID_SQL, scan->token.start, "%s",
                            scan->lexer.problem ? scan->lexer.problem : "unreadable text");
    case TOKEN_PARAM:
        return splice_scan_param(scan, param_count, err);
    case TOKEN_BYTES:
        return splice_scan_bytes(scan, err);
    case TOKEN_LEFT_PAREN:
        if (++scan->depth >= SPLICE_NESTING_MAX)
            return error_set_at(err, STATUS_INVALID_SQL, scan->token.start,
                                "the statement is nested too deeply");
        scan->cast[scan->depth] = splice_word_is(scan, &scan->previous, "cast") ||
                                  splice_word_is(scan, &scan->previous, "try_cast");
        break;
    case TOKEN_RIGHT_PAREN:
        scan->depth -= scan->depth > 0;
        break;
    case TOKEN_OTHER:
        if (text.size == 1 && text.data[0] == '?') {
            error_set_at(err, STATUS_INVALID_SQL, scan->token.start,
                         "the placeholder ? is not supported");
            error_hint(err, "use $1, $2, …");
            return STATUS_INVALID_SQL;
        }
        break;
    default:
        if (scan->previous.kind == TOKEN_CAST ||
            (scan->cast[scan->depth] && splice_word_is(scan, &scan->previous, "as")))
            return splice_scan_type(scan, err);
        return splice_scan_prefixed(scan, err);
    }
    return STATUS_OK;
}

/* DuckDB wants parameters numbered without gaps; $3 alone becomes $1. */
static void splice_number_params(struct splice_scan *scan)
{
    struct analytic_plan *plan = scan->plan;
    uint32_t numbers[UINT8_MAX + 1] = {0};
    bool gap = false;
    char text[8];

    plan->params = arena_array(&plan->arena, UINT8_MAX + 1, sizeof(uint32_t));
    for (uint32_t i = 1; i <= UINT8_MAX; i++) {
        if (!scan->seen[i])
            continue;
        plan->params[plan->param_count++] = i;
        numbers[i] = plan->param_count;
        gap |= numbers[i] != i;
    }
    CHECK(plan->param_count <= UINT8_MAX);
    if (!gap)
        return;
    lexer_init(&scan->lexer, plan->sql);
    do {
        scan->token = lexer_next(&scan->lexer);
        if (scan->token.kind == TOKEN_PARAM) {
            uint32_t number = token_param(plan->sql, &scan->token);
            snprintf(text, sizeof(text), "$%u", numbers[number & UINT8_MAX]);
            splice_scan_add(scan, &scan->token, text);
        }
    } while (scan->token.kind != TOKEN_END && scan->token.kind != TOKEN_ERROR);
}

enum status splice_tokens(struct analytic_draft *draft, struct error *err)
{
    struct splice_scan *scan = arena_zalloc(&draft->plan->arena, sizeof(*scan));
    enum status status = STATUS_OK;

    CHECK(!draft->verify);
    scan->plan = draft->plan;
    lexer_init(&scan->lexer, draft->plan->sql);
    do {
        scan->previous = scan->token;
        scan->token = lexer_next(&scan->lexer);
        status = splice_scan_token(scan, draft->param_count, err);
    } while (status == STATUS_OK && scan->token.kind != TOKEN_END);
    if (status == STATUS_OK)
        splice_number_params(scan);
    return status;
}

/* ---- names ---- */

bool splice_read_name(struct str sql, int64_t offset, struct arena *arena, struct splice_name *out)
{
    struct lexer lexer;
    struct token token;

    *out = (struct splice_name){.count = 0};
    if (offset < 0 || (uint64_t)offset >= sql.size)
        return false;
    lexer_init(&lexer, sql);
    lexer.offset = (uint32_t)offset;
    do {
        token = lexer_next(&lexer);
        if (!token_is_name(&token))
            return false;
        if (out->count == 0)
            out->quoted = token.kind == TOKEN_QUOTED;
        out->parts[out->count] = token_name(sql, &token, arena);
        out->starts[out->count] = token.start;
        out->ends[out->count] = token.end;
        token = lexer_next(&lexer);
    } while (++out->count < 4 && token.kind == TOKEN_DOT);
    CHECK(out->count >= 1 && out->count <= 4);
    return true;
}

uint32_t splice_skip_empty_call(struct str sql, uint32_t offset)
{
    struct lexer lexer;
    struct token token;

    CHECK(offset <= sql.size);
    lexer_init(&lexer, sql);
    lexer.offset = offset;
    token = lexer_next(&lexer);
    if (token.kind != TOKEN_LEFT_PAREN)
        return offset;
    token = lexer_next(&lexer);
    return token.kind == TOKEN_RIGHT_PAREN ? token.end : offset;
}

bool splice_close(struct lexer *lexer, struct token *token)
{
    uint32_t depth = 1;

    CHECK(token->kind == TOKEN_LEFT_PAREN);
    while (depth > 0) {
        *token = lexer_next(lexer);
        if (token->kind == TOKEN_END || token->kind == TOKEN_ERROR)
            return false;
        depth += token->kind == TOKEN_LEFT_PAREN;
        depth -= token->kind == TOKEN_RIGHT_PAREN;
    }
    return true;
}

/* ---- assembling ---- */

void splice_append_quoted(struct buf *out, struct str text, char quote)
{
    CHECK(quote == '"' || quote == '\'');
    buf_append_byte(out, (uint8_t)quote);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == quote)
            buf_append_byte(out, (uint8_t)quote);
        buf_append_byte(out, (uint8_t)text.data[i]);
    }
    buf_append_byte(out, (uint8_t)quote);
}

void splice_append_columns(const struct analytic_table *reference, struct buf *out)
{
    const struct table *table = reference->table;
    uint32_t count =
        reference->hide_system ? table->schema->column_count : table_column_total(table);

    CHECK(count >= table->schema->column_count);
    if (table->kind == TABLE_KIND_SYSTEM && !reference->show_hidden)
        count = system_table_shown(table);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        splice_append_quoted(out, table_column_name(table, i), '"');
    }
    buf_append_str(out, reference->using_aliases);
}

static void splice_append_value(struct buf *out, const char *type, enum value_type kind,
                                int64_t value)
{
    struct value cell = value_integer(kind, value);

    CHECK(type);
    buf_printf(out, "%s '", type);
    value_format(&cell, out);
    buf_append_byte(out, '\'');
}

static void splice_assemble_range(const struct analytic_plan *plan,
                                  const struct splice_context *context, uint32_t from, uint32_t to,
                                  struct buf *out);

static void splice_append(const struct analytic_plan *plan, const struct analytic_splice *splice,
                          const struct splice_context *context, struct buf *out)
{
    enum { DAY = 86400 };
    const int64_t day_us = (int64_t)DAY * 1000000;
    int64_t time_us = ((context->now_us % day_us) + day_us) % day_us;

    CHECK(time_us >= 0 && time_us < day_us);
    switch (splice->kind) {
    case SPLICE_TEXT:
        buf_append_str(out, splice->text);
        break;
    case SPLICE_ARGUMENTS:
        CHECK(splice->to <= splice->start); /* so the recursion ends */
        buf_append_str(out, splice->text);
        splice_assemble_range(plan, context, splice->from, splice->to, out);
        buf_append_byte(out, ',');
        break;
    case SPLICE_TABLE:
        context->table(context->context, splice->table, out);
        break;
    case SPLICE_NOW:
        splice_append_value(out, "TIMESTAMP", VALUE_TIMESTAMP, context->now_us);
        break;
    case SPLICE_TODAY:
        splice_append_value(out, "DATE", VALUE_DATE, (context->now_us - time_us) / day_us);
        break;
    case SPLICE_CLOCK:
        splice_append_value(out, "TIME", VALUE_TIME, time_us);
        break;
    case SPLICE_USER:
        splice_append_quoted(out, context->user, '\'');
        break;
    case SPLICE_ROLE:
        splice_append_quoted(out, context->role, '\'');
        break;
    }
}

/* The first splice that does not start before this place. */
static uint32_t splice_find(const struct analytic_plan *plan, uint32_t at)
{
    uint32_t low = 0, high = plan->splice_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (plan->splices[middle].start < at)
            low = middle + 1;
        else
            high = middle;
    }
    CHECK(low <= plan->splice_count);
    return low;
}

static void splice_assemble_range(const struct analytic_plan *plan,
                                  const struct splice_context *context, uint32_t from, uint32_t to,
                                  struct buf *out)
{
    CHECK(from <= to && to <= plan->sql.size);
    for (uint32_t i = splice_find(plan, from); i < plan->splice_count; i++) {
        const struct analytic_splice *splice = &plan->splices[i];
        if (splice->end > to)
            break;
        CHECK(splice->start >= from);
        buf_append(out, plan->sql.data + from, splice->start - from);
        /* Blanks keep what was separate separate: `x::float` → `x:: DOUBLE `. */
        buf_append_byte(out, ' ');
        splice_append(plan, splice, context, out);
        buf_append_byte(out, ' ');
        from = splice->end;
    }
    buf_append(out, plan->sql.data + from, to - from);
}

void splice_assemble(const struct analytic_plan *plan, const struct splice_context *context,
                     struct buf *out)
{
    CHECK(plan->sql.size <= UINT32_MAX);
    splice_assemble_range(plan, context, 0, (uint32_t)plan->sql.size, out);
}
