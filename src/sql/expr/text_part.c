/* text_part.c — parts of texts, texts filled up, and single characters. All count characters, as
 * text.c does; what DuckDB limits or refuses is limited and refused here too.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/utf8.h"

enum { PART_FILLED_MAX = 65536 }; /* characters; the same in analytic/macros.c */

static enum status part_text(struct expr_call *call, struct str text)
{
    CHECK(text.data != NULL || text.size == 0);
    *call->out = value_text(VALUE_TEXT, text);
    return STATUS_OK;
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

/* Byte offset behind the first `count` characters, or, if negative, before the last ones. */
static size_t part_offset(struct str text, int64_t count)
{
    if (count >= 0)
        return expr_text_skip(text, 0, count);
    int64_t kept = (int64_t)utf8_length(text);
    CHECK(kept >= 0);
    kept = count < -kept ? 0 : kept + count;
    return expr_text_skip(text, 0, kept);
}

/* left(text, n), without the last -n characters if n is negative. */
enum status expr_run_left(struct expr_call *call)
{
    struct str text = call->args[0].text;

    CHECK(call->count == 2);
    return part_text(call, str_from(text.data, part_offset(text, call->args[1].integer)));
}

/* right(text, n), without the first -n characters if n is negative. */
enum status expr_run_right(struct expr_call *call)
{
    struct str text = call->args[0].text;
    int64_t count = call->args[1].integer;

    CHECK(call->count == 2);
    if (count == 0)
        return part_text(call, str_from(text.data, 0));
    size_t from = part_offset(text, count == INT64_MIN ? INT64_MAX : -count);
    return part_text(call, str_from(text.data + from, text.size - from));
}

/* ---- filling up ---------------------------------------------------------------------------------
 */

static enum status part_too_long(struct expr_call *call)
{
    CHECK(call->function != NULL);
    return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "the result of %s is too long",
                     call->function->name);
}

/* `count` characters of `fill`, again and again; *size: their bytes. `to` NULL only counts them. */
static void part_fill(struct str fill, size_t count, char *to, size_t *size)
{
    size_t at = 0;

    CHECK(fill.size > 0 || count == 0);
    *size = 0;
    for (; count > 0; count--) {
        size_t step = expr_text_step(fill, at);

        if (to != NULL)
            memcpy(to + *size, fill.data + at, step);
        *size += step;
        at = at + step < fill.size ? at + step : 0;
    }
}

/* (text, characters[, what with]) */
static enum status part_pad(struct expr_call *call, bool left)
{
    struct str text = call->args[0].text;
    struct str fill = call->count == 3 ? call->args[2].text : STR_LIT(" ");
    int64_t wanted = call->args[1].integer, present = (int64_t)utf8_length(text);
    size_t filled;
    char *made;

    CHECK(call->count == 2 || call->count == 3);
    if (wanted > PART_FILLED_MAX)
        return part_too_long(call);
    if (wanted <= present)
        return part_text(call, str_from(text.data, expr_text_skip(text, 0, wanted)));
    if (fill.size == 0)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "insufficient padding in %s",
                         left ? "LPAD" : "RPAD");
    part_fill(fill, (size_t)(wanted - present), NULL, &filled);
    enum status status = expr_text_room(call, text.size + filled, &made);
    if (status != STATUS_OK)
        return status;
    part_fill(fill, (size_t)(wanted - present), left ? made : made + text.size, &filled);
    if (text.size > 0)
        memcpy(left ? made + filled : made, text.data, text.size);
    *call->out = value_text(VALUE_TEXT, str_from(made, text.size + filled));
    return arena_check(call->context->arena, call->err);
}

enum status expr_run_lpad(struct expr_call *call)
{
    CHECK(call->out != NULL);
    return part_pad(call, true);
}

enum status expr_run_rpad(struct expr_call *call)
{
    CHECK(call->out != NULL);
    return part_pad(call, false);
}

enum status expr_run_repeat(struct expr_call *call)
{
    struct str text = call->args[0].text;
    int64_t count = call->args[1].integer;
    char *made;

    CHECK(call->count == 2);
    if (count > PART_FILLED_MAX)
        return part_too_long(call);
    if (count <= 0 || text.size == 0)
        return part_text(call, STR_EMPTY);
    if ((int64_t)utf8_length(text) * count > PART_FILLED_MAX)
        return part_too_long(call);
    enum status status = expr_text_room(call, (size_t)count * text.size, &made);
    if (status != STATUS_OK)
        return status;
    for (int64_t i = 0; i < count; i++)
        memcpy(made + (size_t)i * text.size, text.data, text.size);
    *call->out = value_text(VALUE_TEXT, str_from(made, (size_t)count * text.size));
    return arena_check(call->context->arena, call->err);
}

/* ---- pieces -------------------------------------------------------------------------------------
 */

/* Where the piece that starts at `at` ends; without a separator it is one character. */
static enum status part_piece_end(struct expr_call *call, size_t at, size_t *end)
{
    struct str text = call->args[0].text, separator = call->args[1].text;
    size_t found;

    CHECK(at <= text.size);
    if (separator.size == 0) {
        *end = at < text.size ? at + expr_text_step(text, at) : at;
        return expr_charge(call->context, EXPR_WORK_CHARACTER, call->err);
    }
    enum status status =
        expr_text_find(call, str_from(text.data + at, text.size - at), separator, &found);
    *end = found == SIZE_MAX ? text.size : at + found;
    return status;
}

static enum status part_piece_count(struct expr_call *call, int64_t *count)
{
    struct str text = call->args[0].text, separator = call->args[1].text;
    size_t at;
    enum status status = part_piece_end(call, 0, &at);

    CHECK(text.size > 0);
    for (*count = 1; status == STATUS_OK && at < text.size; ++*count)
        status = part_piece_end(call, at + separator.size, &at);
    return status;
}

/* Piece `wanted` ≥ 1; empty if there is no such piece. */
static enum status part_piece(struct expr_call *call, int64_t wanted)
{
    struct str text = call->args[0].text, separator = call->args[1].text;
    size_t at = 0, end;
    enum status status = part_piece_end(call, at, &end);

    CHECK(wanted >= 1);
    for (; wanted > 1 && end < text.size && status == STATUS_OK; wanted--) {
        at = end + separator.size;
        status = part_piece_end(call, at, &end);
    }
    if (status != STATUS_OK || wanted > 1)
        return status == STATUS_OK ? part_text(call, STR_EMPTY) : status;
    return part_text(call, str_from(text.data + at, end - at));
}

/* split_part(text, separator, n): from 1 on, or from the end; empty if there is no such piece. */
enum status expr_run_split_part(struct expr_call *call)
{
    int64_t wanted = call->args[2].integer, count = 0;
    enum status status = STATUS_OK;

    CHECK(call->count == 3);
    if (call->args[0].text.size == 0)
        return part_text(call, STR_EMPTY);
    if (wanted < 0) {
        status = part_piece_count(call, &count);
        wanted += count + 1;
    }
    if (status != STATUS_OK)
        return status;
    return wanted > 0 ? part_piece(call, wanted) : part_text(call, STR_EMPTY);
}

enum status expr_run_starts_with(struct expr_call *call)
{
    CHECK(call->count == 2);
    *call->out = value_boolean(str_starts_with(call->args[0].text, call->args[1].text));
    return STATUS_OK;
}

enum status expr_run_ends_with(struct expr_call *call)
{
    CHECK(call->count == 2);
    *call->out = value_boolean(str_ends_with(call->args[0].text, call->args[1].text));
    return STATUS_OK;
}

enum status expr_run_contains(struct expr_call *call)
{
    size_t at;
    enum status status = expr_text_find(call, call->args[0].text, call->args[1].text, &at);

    CHECK(call->count == 2);
    if (status == STATUS_OK)
        *call->out = value_boolean(at != SIZE_MAX);
    return status;
}

/* ---- characters ---------------------------------------------------------------------------------
 */

/* The character of `to` in the place that `letter` has in `from`; itself if it has none, empty if
 * `to` is shorter. */
static struct str part_translated(struct str letter, struct str from, struct str to)
{
    size_t in_to = 0;

    CHECK(letter.size > 0);
    for (size_t at = 0; at < from.size;) {
        size_t step = expr_text_step(from, at);
        size_t to_step = in_to < to.size ? expr_text_step(to, in_to) : 0;

        if (step == letter.size && memcmp(from.data + at, letter.data, step) == 0)
            return to_step == 0 ? STR_EMPTY : str_from(to.data + in_to, to_step);
        at += step;
        in_to += to_step;
    }
    return letter;
}

enum status expr_run_translate(struct expr_call *call)
{
    struct str text = call->args[0].text, from = call->args[1].text, to = call->args[2].text;
    enum status status =
        expr_charge_each(call->context, EXPR_WORK_CHARACTER * text.size, from.size + 1, call->err);
    size_t size = 0,
           growth = utf8_length(to) == to.size ? 1 : 4; /* an ASCII letter to a wide one */
    char *made;

    CHECK(call->count == 3);
    if (status == STATUS_OK)
        status = expr_text_room(call, growth * text.size, &made);
    if (status != STATUS_OK)
        return status;
    for (size_t at = 0; at < text.size;) {
        struct str letter = str_from(text.data + at, expr_text_step(text, at));
        struct str other = part_translated(letter, from, to);

        if (other.size > 0)
            memcpy(made + size, other.data, other.size);
        size += other.size;
        at += letter.size;
    }
    *call->out = value_text(VALUE_TEXT, str_from(made, size));
    return arena_check(call->context->arena, call->err);
}

static enum status part_first(struct expr_call *call, int64_t nothing)
{
    uint32_t code = 0;

    CHECK(call->count == 1);
    bool any = utf8_decode(call->args[0].text, &code) > 0;
    *call->out = value_integer(VALUE_INT, any ? (int64_t)code : nothing);
    return STATUS_OK;
}

enum status expr_run_ascii(struct expr_call *call)
{
    CHECK(call->count == 1);
    return part_first(call, 0);
}

enum status expr_run_unicode(struct expr_call *call)
{
    CHECK(call->count == 1);
    return part_first(call, -1);
}

enum status expr_run_chr(struct expr_call *call)
{
    int64_t code = call->args[0].integer;
    char *made = arena_alloc(call->context->arena, 4);

    CHECK(call->count == 1);
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "invalid UTF8 Codepoint %lld",
                         (long long)code);
    *call->out = value_text(VALUE_TEXT, str_from(made, utf8_encode((uint32_t)code, made)));
    return STATUS_OK;
}

/* ---- bytes --------------------------------------------------------------------------------------
 */

/* TEXT, or BYTES as they are. */
enum status expr_bind_octet_length(struct expr_binder *binder, struct expr_node *node)
{
    enum value_type type = node->args[0]->type.kind;

    CHECK(node->arg_count == 1);
    if (!node->args[0]->unknown && type != VALUE_BYTES && type != VALUE_TEXT && type != VALUE_JSON)
        return expr_not_supported(binder, node->start, "%s of %s", node->function->name,
                                  value_type_name(type));
    return type == VALUE_BYTES ? STATUS_OK : expr_coerce(binder, &node->args[0], VALUE_TEXT);
}

enum status expr_run_octet_length(struct expr_call *call)
{
    CHECK(call->count == 1);
    *call->out = value_integer(call->function->result, (int64_t)call->args[0].text.size);
    return STATUS_OK;
}

enum status expr_run_bit_length(struct expr_call *call)
{
    CHECK(call->count == 1);
    *call->out = value_integer(VALUE_INT, 8 * (int64_t)call->args[0].text.size);
    return STATUS_OK;
}

enum status expr_bind_hex(struct expr_binder *binder, struct expr_node *node)
{
    CHECK(node->arg_count == 1);
    if (!node->args[0]->unknown && value_type_is_integer(node->args[0]->type.kind))
        return STATUS_OK;
    return expr_bind_octet_length(binder, node);
}

/* Bytes as two digits each, a number without zeros before it, negative ones as of 64 bits. */
enum status expr_run_hex(struct expr_call *call)
{
    static const char digits[] = "0123456789ABCDEF";
    const struct value *arg = &call->args[0];
    size_t size = value_type_is_integer(arg->type) ? 16 : 2 * arg->text.size, at = size;
    char *made;
    enum status status = expr_text_room(call, size, &made);

    CHECK(call->count == 1);
    if (status != STATUS_OK)
        return status;
    if (value_type_is_integer(arg->type)) {
        uint64_t rest = (uint64_t)arg->integer;

        do {
            made[--at] = digits[rest & 15];
            rest >>= 4;
        } while (rest > 0);
        return part_text(call, str_from(made + at, size - at));
    }
    for (size_t i = 0; i < arg->text.size; i++) {
        made[2 * i] = digits[(unsigned char)arg->text.data[i] >> 4];
        made[2 * i + 1] = digits[arg->text.data[i] & 15];
    }
    *call->out = value_text(VALUE_TEXT, str_from(made, size));
    return arena_check(call->context->arena, call->err);
}
