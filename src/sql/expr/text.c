/* text.c — LIKE and the text functions. All count characters, not bytes; texts are valid UTF-8.
 *
 * LIKE keeps one place to go back to, that of the last %: an earlier one never needs another try.
 * So the work is at most text × pattern, and there is no recursion. Hours of it can be asked for
 * so: beyond some steps for each byte of the text a pattern is refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/utf8.h"
#include "value/cast.h"

size_t expr_text_step(struct str text, size_t at)
{
    unsigned char lead = (unsigned char)text.data[at];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    CHECK(at < text.size);
    return size > text.size - at ? 1 : size;
}

/* ---- LIKE ---------------------------------------------------------------------------------------
 */

struct like {
    struct str text, pattern, escape;
    size_t t, p;           /* where we are */
    size_t star_t, star_p; /* behind the last %; star_p 0 = none yet */
    bool nocase;
};

enum {
    LIKE_STEPS_MAX = 1 << 24,
    LIKE_STEPS_PER_BYTE = 16,
    LIKE_BYTES_PER_STEP = 8, /* that other functions look at in the same time … */
    ILIKE_BYTES_PER_STEP = 32,
};

enum like_step { LIKE_GOES_ON, LIKE_DIFFERS, LIKE_BAD_PATTERN };

static bool like_at_escape(const struct like *like)
{
    CHECK_SLOW(like->p < like->pattern.size);
    return like->escape.size > 0 && like->pattern.data[like->p] == like->escape.data[0] &&
           like->pattern.size - like->p >= like->escape.size &&
           memcmp(like->pattern.data + like->p, like->escape.data, like->escape.size) == 0;
}

/* One character of the pattern against one of the text. */
static enum like_step like_character(struct like *like)
{
    const char *p = like->pattern.data + like->p, *t = like->text.data + like->t;
    uint32_t a = 0, b = 0;

    CHECK_SLOW(like->p < like->pattern.size && like->t < like->text.size);
    if (LIKELY(*p == *t && (unsigned char)*p < 0x80)) {
        like->p++;
        like->t++;
        return LIKE_GOES_ON;
    }
    size_t p_size = expr_text_step(like->pattern, like->p),
           t_size = expr_text_step(like->text, like->t);
    bool same = p_size == t_size && memcmp(p, t, p_size) == 0;
    if (!same && like->nocase) {
        (void)utf8_decode(str_from(p, p_size), &a);
        (void)utf8_decode(str_from(t, t_size), &b);
        same = letter_lower(a) == letter_lower(b);
    }
    if (!same)
        return LIKE_DIFFERS;
    like->p += p_size;
    like->t += t_size;
    return LIKE_GOES_ON;
}

static enum like_step like_forward(struct like *like)
{
    CHECK(like->t < like->text.size && like->p < like->pattern.size);
    if (like_at_escape(like)) {
        like->p += like->escape.size;
        if (like->p == like->pattern.size)
            return LIKE_BAD_PATTERN;
        enum like_step step = like_character(like);
        if (step == LIKE_DIFFERS)
            like->p -= like->escape.size;
        return step;
    }
    char c = like->pattern.data[like->p];
    if (c == '%') {
        like->star_p = ++like->p;
        like->star_t = like->t;
        if (like->p == like->pattern.size) /* takes all that is left */
            like->t = like->text.size;
        return LIKE_GOES_ON;
    }
    if (c == '_') {
        like->p++;
        like->t += expr_text_step(like->text, like->t);
        return LIKE_GOES_ON;
    }
    return like_character(like);
}

/* The % takes one more character; false if there is none to go back to. */
static bool like_back(struct like *like)
{
    CHECK(like->star_t <= like->text.size);
    if (like->star_p == 0)
        return false;
    like->star_t += expr_text_step(like->text, like->star_t);
    like->p = like->star_p;
    bool plain = !like->nocase && like->p < like->pattern.size && !like_at_escape(like) &&
                 like->pattern.data[like->p] != '%' && like->pattern.data[like->p] != '_';
    if (plain) {
        const char *rest = like->text.data + like->star_t;
        const char *found =
            memchr(rest, like->pattern.data[like->p], like->text.size - like->star_t);

        like->star_t = found != NULL ? (size_t)(found - like->text.data) : like->text.size;
    }
    like->t = like->star_t;
    return true;
}

enum status expr_like(struct str text, struct str pattern, struct str escape, bool has_escape,
                      bool nocase, uint64_t *steps, bool *out, struct error *err)
{
    struct like like = {.text = text,
                        .pattern = pattern,
                        .escape = has_escape ? escape : STR_LIT("\\"),
                        .nocase = nocase};

    const uint64_t steps_max = LIKE_STEPS_MAX + LIKE_STEPS_PER_BYTE * (uint64_t)text.size;

    CHECK(has_escape || escape.size == 0);
    *steps = 0;
    *out = false;
    if (has_escape && utf8_length(escape) > 1)
        return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                         "invalid escape string: it must be empty or one character");
    while (like.t < text.size) {
        enum like_step step = LIKE_DIFFERS;

        if (++*steps > steps_max)
            return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                             "the LIKE pattern takes too long to compare");
        if (like.p < pattern.size)
            step = like_forward(&like);
        if (step == LIKE_BAD_PATTERN)
            return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                             "LIKE pattern must not end with escape character");
        if (step == LIKE_DIFFERS && !like_back(&like))
            return STATUS_OK;
    }
    while (like.p < pattern.size && pattern.data[like.p] == '%' && !like_at_escape(&like))
        like.p++;
    *out = like.p == pattern.size;
    return STATUS_OK;
}

static enum status like_run(struct expr_call *call, bool nocase)
{
    bool matches;
    bool has_escape = call->count == 3;
    uint64_t steps = 0;
    enum status status = expr_like(call->args[0].text, call->args[1].text,
                                   has_escape ? call->args[2].text : STR_EMPTY, has_escape, nocase,
                                   &steps, &matches, call->err);

    CHECK(call->count == 2 || call->count == 3);
    if (status == STATUS_OK)
        status = expr_charge_each(call->context, steps,
                                  nocase ? ILIKE_BYTES_PER_STEP : LIKE_BYTES_PER_STEP, call->err);
    if (status == STATUS_OK)
        *call->out = value_boolean(matches);
    return status;
}

static enum status like_run_case(struct expr_call *call)
{
    CHECK(call->out != NULL);
    return like_run(call, false);
}

static enum status like_run_nocase(struct expr_call *call)
{
    CHECK(call->out != NULL);
    return like_run(call, true);
}

const struct expr_function expr_function_like = {.name = "LIKE",
                                                 .min = 2,
                                                 .flags = EXPR_STRICT | EXPR_INFIX,
                                                 .result = VALUE_BOOLEAN,
                                                 .run = like_run_case};
const struct expr_function expr_function_ilike = {.name = "ILIKE",
                                                  .min = 2,
                                                  .flags = EXPR_STRICT | EXPR_INFIX,
                                                  .result = VALUE_BOOLEAN,
                                                  .run = like_run_nocase};

/* ---- joining ------------------------------------------------------------------------------------
 */

enum status expr_text_check_size(struct expr_call *call, size_t size)
{
    const struct arena *arena = call->context->arena;

    CHECK(size < SIZE_MAX / 2);
    if (arena->limit_bytes > 0 && size > arena->limit_bytes)
        return error_set(call->err, STATUS_RESULT_TOO_LARGE, "the text is too long");
    return arena_check(arena, call->err);
}

enum status expr_text_room(struct expr_call *call, size_t size, char **out)
{
    enum status status = expr_charge(call->context, size, call->err);

    CHECK(out != NULL);
    if (status == STATUS_OK)
        status = expr_text_check_size(call, size);
    if (status == STATUS_OK)
        *out = arena_alloc(call->context->arena, size + 1);
    return status;
}

enum status expr_text_find(struct expr_call *call, struct str text, struct str part, size_t *out)
{
    size_t looked_at;

    *out = str_find(text, part);
    looked_at = *out == SIZE_MAX ? text.size : *out + part.size;
    CHECK(looked_at <= text.size);
    return expr_charge_each(call->context, looked_at + 1, EXPR_WORK_CHARACTER, call->err);
}

static char *text_put(char *to, struct str text)
{
    CHECK(to != NULL);
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    return to + text.size;
}

/* Of the call's type: TEXT, or BYTES for expr_function_concat_bytes. */
static enum status text_join(struct expr_call *call, size_t size)
{
    enum status status = expr_text_check_size(call, size);

    if (status != STATUS_OK)
        return status;
    char *joined = arena_alloc(call->context->arena, size + 1), *next = joined;
    for (size_t i = 0; i < call->count; i++) {
        if (!call->args[i].is_null)
            next = text_put(next, call->args[i].text);
    }
    CHECK(next == joined + size);
    *call->out = value_text(call->function->result, str_from(joined, size));
    return arena_check(call->context->arena, call->err);
}

static enum status text_run_concat_op(struct expr_call *call)
{
    CHECK(call->count == 2);
    return text_join(call, call->args[0].text.size + call->args[1].text.size);
}

const struct expr_function expr_function_concat_op = {.name = "||",
                                                      .min = 2,
                                                      .flags = EXPR_STRICT | EXPR_INFIX,
                                                      .result = VALUE_TEXT,
                                                      .run = text_run_concat_op};
const struct expr_function expr_function_concat_bytes = {.name = "||",
                                                         .min = 2,
                                                         .flags = EXPR_STRICT | EXPR_INFIX,
                                                         .result = VALUE_BYTES,
                                                         .run = text_run_concat_op};

/* Bytes of all arguments, those that were no texts become some. */
static size_t text_join_size(struct expr_call *call)
{
    size_t size = 0;

    CHECK(call->count > 0);
    for (size_t i = 0; i < call->count; i++) {
        struct value *arg = &call->args[i];

        if (!arg->is_null && arg->type == VALUE_BOOLEAN)
            *arg = value_text(VALUE_TEXT, arg->boolean ? STR_LIT("true") : STR_LIT("false"));
        size += arg->is_null ? 0 : arg->text.size;
    }
    return size;
}

/* concat(…): NULLs are skipped. */
enum status expr_run_concat(struct expr_call *call)
{
    CHECK(call->function->result == VALUE_TEXT);
    return text_join(call, text_join_size(call));
}

/* concat_ws(separator, …): NULLs are skipped; NULL if the separator is. */
enum status expr_run_concat_ws(struct expr_call *call)
{
    struct str separator = call->args[0].text;
    size_t size = text_join_size(call), count = 0;

    CHECK(call->count > 1);
    if (call->args[0].is_null) {
        *call->out = value_null(VALUE_TEXT);
        return STATUS_OK;
    }
    enum status status = expr_charge(call->context, call->count * separator.size, call->err);
    size += (call->count - 1) * separator.size; /* more than enough */
    if (status == STATUS_OK)
        status = expr_text_check_size(call, size);
    if (status != STATUS_OK)
        return status;
    char *joined = arena_alloc(call->context->arena, size + 1), *next = joined;
    for (size_t i = 1; i < call->count; i++) {
        if (call->args[i].is_null)
            continue;
        if (count++ > 0)
            next = text_put(next, separator);
        next = text_put(next, call->args[i].text);
    }
    CHECK(next <= joined + size);
    *call->out = value_text(VALUE_TEXT, str_from(joined, (size_t)(next - joined)));
    return arena_check(call->context->arena, call->err);
}

/* ---- case, length, parts ------------------------------------------------------------------------
 */

static enum status text_map(struct expr_call *call, uint32_t (*map)(uint32_t))
{
    struct str text = call->args[0].text;
    enum status status = expr_charge_each(call->context, text.size, EXPR_WORK_CHARACTER, call->err);
    size_t size = 0;
    char *mapped;

    if (status == STATUS_OK)
        status = expr_text_room(call, 2 * text.size, &mapped);
    if (status != STATUS_OK)
        return status;
    for (size_t at = 0; at < text.size;) {
        uint32_t codepoint = (unsigned char)text.data[at];

        if (codepoint < 0x80) {
            mapped[size++] = (char)map(codepoint);
            at++;
            continue;
        }
        size_t step = utf8_decode(str_from(text.data + at, text.size - at), &codepoint);
        if (step == 0) { /* not UTF-8: left as it is */
            mapped[size++] = text.data[at++];
            continue;
        }
        size += utf8_encode(map(codepoint), mapped + size);
        at += step;
    }
    CHECK(size <= 2 * text.size); /* ı → I shrinks, ȿ → Ȿ grows from 2 bytes to 3 */
    *call->out = value_text(VALUE_TEXT, str_from(mapped, size));
    return arena_check(call->context->arena, call->err);
}

enum status expr_run_upper(struct expr_call *call)
{
    CHECK(call->count == 1);
    return text_map(call, letter_upper);
}

enum status expr_run_lower(struct expr_call *call)
{
    CHECK(call->count == 1);
    return text_map(call, letter_lower);
}

enum status expr_run_length(struct expr_call *call)
{
    CHECK(call->count == 1);
    bool bytes = call->args[0].type == VALUE_BYTES;
    struct str text = call->args[0].text;
    *call->out =
        value_integer(call->function->result, (int64_t)(bytes ? text.size : utf8_length(text)));
    return STATUS_OK;
}

/* position(part IN text), strpos(text, part): counts from 1, 0 = not found. */
enum status expr_run_strpos(struct expr_call *call)
{
    struct str text = call->args[0].text, part = call->args[1].text;
    size_t at;
    enum status status = expr_text_find(call, text, part, &at);

    CHECK(call->count == 2);
    if (status == STATUS_OK)
        *call->out = value_integer(
            VALUE_INT, at == SIZE_MAX ? 0 : (int64_t)utf8_length(str_from(text.data, at)) + 1);
    return status;
}

size_t expr_text_skip(struct str text, size_t at, int64_t count)
{
    CHECK(at <= text.size);
    for (; count > 0 && at < text.size; count--)
        at += expr_text_step(text, at);
    return at;
}

/* substring(text, start[, length]), start counts from 1 and may lie before the text. */
enum status expr_run_substring(struct expr_call *call)
{
    struct str text = call->args[0].text;
    int64_t start = call->args[1].integer, end = INT64_MAX;

    CHECK(call->count >= 2);
    if (call->count == 3) {
        if (call->args[2].integer < 0)
            return error_set(call->err, STATUS_SQL_EXECUTION_ERROR,
                             "negative substring length not allowed");
        if (__builtin_add_overflow(start, call->args[2].integer, &end))
            end = INT64_MAX;
    }
    if (start < 1)
        start = 1;
    if (end <= start) {
        *call->out = value_text(VALUE_TEXT, str_from(text.data, 0));
        return STATUS_OK;
    }
    size_t from = expr_text_skip(text, 0, start - 1);
    size_t to = end == INT64_MAX ? text.size : expr_text_skip(text, from, end - start);
    *call->out = value_text(VALUE_TEXT, str_from(text.data + from, to - from));
    return STATUS_OK;
}

enum { TRIM_BYTES_PER_BYTE = 4 }; /* that other functions look at in the same time */

struct trim { /* the characters to take away */
    struct expr_call *call;
    struct str set;
    uint64_t ascii[2]; /* those below 128 as bits */
    bool wide;         /* has others */
};

static void trim_init(struct trim *trim, struct expr_call *call)
{
    *trim = (struct trim){.call = call};
    trim->set = call->count == 2 ? call->args[1].text : STR_LIT(" ");
    CHECK(trim->set.data || trim->set.size == 0);
    for (size_t i = 0; i < trim->set.size; i++) {
        unsigned char c = (unsigned char)trim->set.data[i];
        if (c < 0x80)
            trim->ascii[c >> 6] |= UINT64_C(1) << (c & 63);
        else
            trim->wide = true;
    }
}

/* Is the character text[at, at + size) one of the set? */
static enum status trim_has(struct trim *trim, struct str text, size_t at, size_t size, bool *has)
{
    unsigned char c = (unsigned char)text.data[at];
    size_t looked_at = c >= 0x80 && trim->wide ? trim->set.size : 0; /* beside the bits */
    enum status status =
        expr_charge_each(trim->call->context, 1 + looked_at, TRIM_BYTES_PER_BYTE, trim->call->err);

    CHECK(size > 0);
    *has = c < 0x80 && (trim->ascii[c >> 6] >> (c & 63) & 1) != 0;
    for (size_t i = 0; i < looked_at && !*has && status == STATUS_OK;
         i += expr_text_step(trim->set, i))
        *has = expr_text_step(trim->set, i) == size &&
               memcmp(trim->set.data + i, text.data + at, size) == 0;
    return status;
}

static enum status text_trim(struct expr_call *call, bool left, bool right)
{
    struct str text = call->args[0].text;
    enum status status = STATUS_OK;
    struct trim trim;
    size_t from = 0;

    CHECK(left || right);
    trim_init(&trim, call);
    for (bool has = left; has && from < text.size && status == STATUS_OK;) {
        size_t size = expr_text_step(text, from);
        status = trim_has(&trim, text, from, size, &has);
        from += has ? size : 0;
    }
    for (bool has = right; has && text.size > from && status == STATUS_OK;) {
        size_t last = text.size - 1;

        while (last > from && ((unsigned char)text.data[last] & 0xc0) == 0x80)
            last--;
        status = trim_has(&trim, text, last, text.size - last, &has);
        text.size = has ? last : text.size;
    }
    *call->out = value_text(VALUE_TEXT, str_from(text.data + from, text.size - from));
    return status;
}

enum status expr_run_btrim(struct expr_call *call)
{
    CHECK(call->count == 1 || call->count == 2);
    return text_trim(call, true, true);
}

enum status expr_run_ltrim(struct expr_call *call)
{
    CHECK(call->count == 1 || call->count == 2);
    return text_trim(call, true, false);
}

enum status expr_run_rtrim(struct expr_call *call)
{
    CHECK(call->count == 1 || call->count == 2);
    return text_trim(call, false, true);
}

uint64_t expr_replace_size_max(struct str text, struct str from, struct str to)
{
    CHECK(text.size < SIZE_MAX / 2);
    if (from.size == 0 || to.size <= from.size)
        return text.size;
    return (uint64_t)(text.size / from.size) * to.size + text.size % from.size;
}

/* What is behind the first `from` of *rest, or behind all; in *before what is before it. */
static enum status replace_next(struct expr_call *call, struct str *rest, struct str *before,
                                bool *found)
{
    struct str from = call->args[1].text;
    size_t at = SIZE_MAX;
    enum status status = STATUS_OK;

    if (from.size > 0)
        status = expr_text_find(call, *rest, from, &at);
    *found = at != SIZE_MAX;
    *before = *found ? str_from(rest->data, at) : *rest;
    size_t size = before->size + (*found ? from.size : 0);
    CHECK(size <= rest->size);
    *rest = str_from(rest->data + size, rest->size - size);
    return status;
}

/* The text with replacements, put to `made` unless that is NULL; *count: how many. */
static enum status replace_all(struct expr_call *call, char *made, size_t *count)
{
    struct str rest = call->args[0].text, to = call->args[2].text, before;
    enum status status = STATUS_OK;

    CHECK(call->count == 3);
    *count = 0;
    for (bool found = true; found && status == STATUS_OK; *count += found ? 1 : 0) {
        status = replace_next(call, &rest, &before, &found);
        if (made == NULL)
            continue;
        made = text_put(made, before);
        made = found ? text_put(made, to) : made;
    }
    return status;
}

/* replace(text, from, to) */
enum status expr_run_replace(struct expr_call *call)
{
    struct str text = call->args[0].text, from = call->args[1].text, to = call->args[2].text;
    size_t count;
    char *made;

    CHECK(call->count == 3);
    if (expr_replace_size_max(text, from, to) > EXPR_REPLACE_MAX)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR,
                         "the result of replace is too long");
    enum status status = replace_all(call, NULL, &count);
    if (status == STATUS_OK && count == 0)
        *call->out = value_text(VALUE_TEXT, text);
    if (status != STATUS_OK || count == 0)
        return status;
    size_t size = text.size - count * from.size + count * to.size;
    status = expr_text_room(call, size, &made);
    if (status == STATUS_OK)
        status = replace_all(call, made, &count);
    if (status != STATUS_OK)
        return status;
    *call->out = value_text(VALUE_TEXT, str_from(made, size));
    return arena_check(call->context->arena, call->err);
}
