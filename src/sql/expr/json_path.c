/* json_path.c — `->` and `->>` on JSON text, without building a tree.
 *
 * The text is valid JSON (checked when it was stored; TEXT values are checked here), so that
 * walking only has to find where values end: skipping counts brackets and steps over strings. Of
 * equal keys the first counts, as in DuckDB (PostgreSQL: the last); a negative index counts from
 * the end; a step into something that has no such part gives NULL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/utf8.h"
#include "value/text.h"

#include <stdlib.h>

static size_t json_blanks(struct str json, size_t at)
{
    while (at < json.size && (json.data[at] == ' ' || json.data[at] == '\t' ||
                              json.data[at] == '\n' || json.data[at] == '\r'))
        at++;
    CHECK(at <= json.size);
    return at;
}

/* Behind the string that starts at `at`. */
static size_t json_skip_string(struct str json, size_t at)
{
    CHECK(json.data[at] == '"');
    for (at++; at < json.size && json.data[at] != '"'; at++) {
        if (json.data[at] == '\\')
            at++;
    }
    return at < json.size ? at + 1 : json.size;
}

/* Behind the value that starts at `at`. */
static size_t json_skip_value(struct str json, size_t at)
{
    size_t depth = 0;

    CHECK(at <= json.size);
    for (; at < json.size; at++) {
        char c = json.data[at];

        if (c == '"') {
            at = json_skip_string(json, at) - 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return at; /* of what is around a scalar */
            depth--;
        } else if (depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            return at;
        } else if (depth > 0 || c != ',') {
            continue;
        }
        if (depth == 0)
            return at + 1;
    }
    return json.size;
}

static uint32_t json_hex(struct str text, size_t at)
{
    uint32_t code = 0;

    CHECK(at <= text.size);
    for (size_t i = at; i < at + 4 && i < text.size; i++) {
        char c = text.data[i];
        code = code * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

/* \uXXXX[\uXXXX] at text[at] (the first X); 0 for what is no character of text. */
static size_t json_unicode(struct str text, size_t *at, char out[4])
{
    uint32_t code = json_hex(text, *at);

    CHECK(*at <= text.size);
    *at += 4;
    if (code >= 0xd800 && code < 0xdc00 && *at + 6 <= text.size && text.data[*at] == '\\' &&
        text.data[*at + 1] == 'u') {
        uint32_t low = json_hex(text, *at + 2);

        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        *at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0 || (code >= 0xd800 && code < 0xe000))
        return 0;
    return utf8_encode(code, out);
}

/* Content of a JSON string without its quotes; false for \u0000 and lone surrogates. */
static bool json_unescape(struct str raw, struct arena *arena, struct str *out)
{
    if (raw.size == 0 || memchr(raw.data, '\\', raw.size) == NULL) {
        *out = raw;
        return true;
    }
    char *copy = arena_alloc(arena, raw.size);
    size_t size = 0, at = 0;
    while (at < raw.size) {
        char bytes[4];
        size_t count = 1;

        bytes[0] = raw.data[at++];
        if (bytes[0] == '\\' && at < raw.size) {
            char c = raw.data[at++];

            bytes[0] = text_simple_escape(c);
            if (c == 'u')
                count = json_unicode(raw, &at, bytes);
            if (count == 0)
                return false;
        }
        memcpy(copy + size, bytes, count);
        size += count;
    }
    CHECK(size <= raw.size);
    *out = str_from(copy, size);
    return true;
}

/* Appends the string at `at` with only the escapes that JSON needs. Returns what is behind it. */
static size_t json_copy_string(struct str json, size_t at, struct arena *arena, struct buf *out)
{
    size_t end = json_skip_string(json, at);
    struct str text = str_from(json.data + at, end - at);

    CHECK(text.size >= 2);
    if (memchr(text.data, '\\', text.size) == NULL ||
        !json_unescape(str_from(text.data + 1, text.size - 2), arena, &text)) {
        buf_append_str(out, str_from(json.data + at, end - at));
        return end;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        static const char plain[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
        const char *found = memchr(plain, text.data[i], sizeof(plain) - 1);

        if (found != NULL)
            buf_printf(out, "\\%c", letters[found - plain]);
        else if ((unsigned char)text.data[i] < ' ')
            buf_printf(out, "\\u%04X", (unsigned char)text.data[i]);
        else
            buf_append_byte(out, text.data[i]);
    }
    buf_append_byte(out, '"');
    return end;
}

/* Its shortest digits, plain between 1e-6 and 1e21, with a point: 100.0, 1e21, 1.5e-7. */
static void json_put_real(double real, struct buf *out)
{
    static const char zeros[] = "000000000000000000000";
    char text[32], digits[32];
    size_t size = value_format_real(real, false, text), count = 0;
    int point = 0; /* behind so many digits, zeros before and behind them included */
    bool fraction = false;

    CHECK(size < sizeof(text));
    text[size] = '\0';
    for (size_t i = 0; i < size && text[i] != 'e'; i++) {
        fraction = fraction || text[i] == '.';
        if (text[i] < '0' || text[i] > '9')
            continue;
        if (count > 0 || text[i] != '0')
            digits[count++] = text[i];
        point += !fraction && count > 0;
        point -= fraction && count == 0;
    }
    if (memchr(text, 'e', size) != NULL)
        point += (int)strtol((char *)memchr(text, 'e', size) + 1, NULL, 10);
    while (count > 0 && digits[count - 1] == '0')
        count--;
    if (text[0] == '-')
        buf_append_byte(out, '-');
    if (count == 0) {
        buf_append_str(out, STR_LIT("0.0"));
    } else if (point <= -6 || point > (int)sizeof(zeros) - 1) {
        buf_append_byte(out, (uint8_t)digits[0]);
        if (count > 1)
            buf_printf(out, ".%.*s", (int)count - 1, digits + 1);
        buf_printf(out, "e%d", point - 1);
    } else if (point <= 0) {
        buf_printf(out, "0.%.*s%.*s", -point, zeros, (int)count, digits);
    } else if ((int)count <= point) {
        buf_printf(out, "%.*s%.*s.0", (int)count, digits, point - (int)count, zeros);
    } else {
        buf_printf(out, "%.*s.%.*s", point, digits, (int)count - point, digits + point);
    }
}

/* What other functions look at while this one reads a byte, and one of a fraction that it writes
 * anew. */
enum { JSON_BYTES_PER_BYTE = 8, JSON_BYTES_PER_DIGIT = 128 };

/* The number or word at `at`. *real: a number with a fraction or an exponent. */
static struct str json_plain(struct str json, size_t at, bool *real)
{
    size_t end = at;
    bool number = json.data[at] == '-' || (json.data[at] >= '0' && json.data[at] <= '9');

    *real = false;
    while (end < json.size && strchr(" \t\r\n,:]}", json.data[end]) == NULL) {
        *real = *real || (number && strchr(".eE", json.data[end]) != NULL);
        end++;
    }
    CHECK(end > at);
    return str_from(json.data + at, end - at);
}

/* Appends the number or word at *at, numbers as DuckDB writes them: 1.50 becomes 1.5, 1e2 100.0. */
static enum status json_copy_plain(struct expr_call *call, struct str json, size_t *at,
                                   struct buf *out)
{
    static const struct data_type type = {.kind = VALUE_DOUBLE};
    bool real;
    struct str text = json_plain(json, *at, &real);
    struct value value;
    enum status status = STATUS_OK;

    CHECK(*at + text.size <= json.size);
    *at += text.size;
    if (real)
        status = expr_charge_each(call->context, text.size, JSON_BYTES_PER_DIGIT, call->err);
    if (status != STATUS_OK)
        return status;
    if (real && value_parse(text, &type, call->context->arena, &value, NULL) == STATUS_OK)
        json_put_real(value.real, out);
    else
        buf_append_str(out, str_equal(text, STR_LIT("-0")) ? STR_LIT("0") : text);
    return STATUS_OK;
}

/* A part of a JSON text without blanks and needless escapes, as DuckDB gives it. */
static enum status json_compact(struct expr_call *call, struct str json, struct str *result)
{
    struct arena *arena = call->context->arena;
    enum status status = STATUS_OK;
    struct buf out;

    CHECK(json.size > 0);
    buf_init(&out);
    for (size_t at = json_blanks(json, 0); at < json.size && status == STATUS_OK;
         at = json_blanks(json, at)) {
        if (json.data[at] == '"')
            at = json_copy_string(json, at, arena, &out);
        else if (strchr("{}[]:,", json.data[at]) != NULL)
            buf_append_byte(&out, json.data[at++]);
        else
            status = json_copy_plain(call, json, &at, &out);
    }
    *result = arena_copy(arena, buf_str(&out));
    buf_clear(&out);
    return status;
}

/* The value of `key` in the object at `at`; empty if there is none. */
static struct str json_member(struct str json, size_t at, struct str key, struct arena *arena)
{
    CHECK(json.data[at] == '{');
    at = json_blanks(json, at + 1);
    while (at < json.size && json.data[at] == '"') {
        size_t end = json_skip_string(json, at);
        struct str raw = str_from(json.data + at + 1, end - at - 2), name = raw;
        bool same = json_unescape(raw, arena, &name) && str_equal(name, key);

        at = json_blanks(json, end);
        at = json_blanks(json, at + 1); /* the colon */
        end = json_skip_value(json, at);
        if (same)
            return str_from(json.data + at, end - at);
        at = json_blanks(json, end);
        if (at >= json.size || json.data[at] != ',')
            break;
        at = json_blanks(json, at + 1);
    }
    return STR_EMPTY;
}

/* Element `index` of the array at `at`, or with *index < 0 their number in *index. */
static struct str json_element(struct str json, size_t at, int64_t *index)
{
    int64_t count = 0;

    CHECK(json.data[at] == '[');
    at = json_blanks(json, at + 1);
    while (at < json.size && json.data[at] != ']') {
        size_t end = json_skip_value(json, at);

        if (count == *index)
            return str_from(json.data + at, end - at);
        count++;
        at = json_blanks(json, end);
        if (at >= json.size || json.data[at] != ',')
            break;
        at = json_blanks(json, at + 1);
    }
    if (*index < 0)
        *index += count;
    else
        *index = -1;
    return STR_EMPTY;
}

static struct str json_step(struct str json, const struct value *key, struct arena *arena)
{
    size_t at = json_blanks(json, 0);
    int64_t index = key->type == VALUE_TEXT ? 0 : key->integer;

    CHECK(key->type == VALUE_TEXT || value_type_is_integer(key->type));
    if (at >= json.size)
        return STR_EMPTY;
    if (key->type == VALUE_TEXT)
        return json.data[at] == '{' ? json_member(json, at, key->text, arena) : STR_EMPTY;
    if (json.data[at] != '[')
        return STR_EMPTY;
    bool from_end = index < 0;
    struct str found = json_element(json, at, &index);
    if (from_end && index >= 0)
        found = json_element(json, at, &index);
    return found;
}

static enum status json_source(struct expr_call *call, struct str *found)
{
    enum status status =
        expr_charge(call->context, JSON_BYTES_PER_BYTE * call->args[0].text.size, call->err);

    CHECK(call->count == 2);
    if (status != STATUS_OK)
        return status;
    if (call->args[0].type == VALUE_TEXT && !json_is_valid(call->args[0].text))
        return error_set(call->err, STATUS_TYPE_MISMATCH, "the text is not valid JSON");
    *found = json_step(call->args[0].text, &call->args[1], call->context->arena);
    return STATUS_OK;
}

static enum status json_run(struct expr_call *call)
{
    struct str found, compact;
    enum status status = json_source(call, &found);

    CHECK(call->function->result == VALUE_JSON);
    if (status == STATUS_OK && found.size == 0) {
        *call->out = value_null(VALUE_JSON);
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = json_compact(call, found, &compact);
    if (status == STATUS_OK)
        *call->out = value_text(VALUE_JSON, compact);
    return status;
}

static enum status json_run_text(struct expr_call *call)
{
    struct str found;
    enum status status = json_source(call, &found);

    if (status != STATUS_OK)
        return status;
    if (found.size == 0 || str_equal(found, STR_LIT("null"))) {
        *call->out = value_null(VALUE_TEXT);
        return STATUS_OK;
    }
    if (found.data[0] == '"') {
        CHECK(found.size >= 2);
        if (!json_unescape(str_from(found.data + 1, found.size - 2), call->context->arena, &found))
            return error_set(call->err, STATUS_SQL_EXECUTION_ERROR,
                             "unsupported Unicode escape sequence in JSON");
    } else {
        status = json_compact(call, found, &found);
    }
    if (status == STATUS_OK)
        *call->out = value_text(VALUE_TEXT, found);
    return status;
}

const struct expr_function expr_function_json = {.name = "->",
                                                 .min = 2,
                                                 .flags = EXPR_STRICT | EXPR_INFIX,
                                                 .result = VALUE_JSON,
                                                 .run = json_run};
const struct expr_function expr_function_json_text = {.name = "->>",
                                                      .min = 2,
                                                      .flags = EXPR_STRICT | EXPR_INFIX,
                                                      .result = VALUE_TEXT,
                                                      .run = json_run_text};
