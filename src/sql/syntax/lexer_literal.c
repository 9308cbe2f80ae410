/* lexer_literal.c — what a token means: names without quotes, strings without escapes, numbers.
 *
 * Integers that fit are BIGINT, larger ones and those with a point DECIMAL, those with an exponent
 * or more than 38 digits DOUBLE. Most names and strings borrow from the text.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/lexer.h"

#include "base/check.h"
#include "base/utf8.h"
#include "value/cast.h"
#include "value/decimal.h"
#include "value/text.h"

/* Every doubled quote becomes one. */
static struct str token_undouble(struct str content, char quote, struct arena *arena)
{
    if (content.size == 0 || memchr(content.data, quote, content.size) == NULL)
        return content;
    char *copy = arena_alloc(arena, content.size);
    size_t size = 0;
    for (size_t i = 0; i < content.size; i++) {
        copy[size++] = content.data[i];
        if (content.data[i] == quote)
            i++;
    }
    CHECK(size < content.size);
    return str_from(copy, size);
}

struct str token_name(struct str text, const struct token *token, struct arena *arena)
{
    struct str name = token_text(text, token);

    CHECK(token_is_name(token));
    if (token->kind == TOKEN_QUOTED)
        return token_undouble(str_from(name.data + 1, name.size - 2), name.data[0], arena);
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 'A' || name.data[i] > 'Z')
            continue;
        char *copy = arena_alloc(arena, name.size);
        for (size_t j = 0; j < name.size; j++) {
            char c = name.data[j];
            copy[j] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        return str_from(copy, name.size);
    }
    return name;
}

static int token_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to `digits` digits of `base` from *at on. */
static uint32_t token_digits(struct str in, size_t *at, unsigned base, size_t digits, size_t *taken)
{
    uint32_t number = 0;

    CHECK(base == 8 || base == 16);
    for (*taken = 0; *taken < digits && *at < in.size; (*taken)++, (*at)++) {
        int digit = token_hex_digit(in.data[*at]);

        if (digit < 0 || (unsigned)digit >= base)
            break;
        number = number * base + (uint32_t)digit;
    }
    return number;
}

/* The second half of a surrogate pair, `\uDC00` to `\uDFFF`, makes one character with the first; 0
 * if it does not follow. */
static uint32_t token_low_surrogate(struct str in, size_t *at, uint32_t high)
{
    size_t taken, from = *at + 2;

    CHECK(high >= 0xd800 && high < 0xdc00);
    if (from >= in.size || in.data[*at] != '\\' || in.data[*at + 1] != 'u')
        return 0;
    uint32_t low = token_digits(in, &from, 16, 4, &taken);
    if (taken != 4 || low < 0xdc00 || low > 0xdfff)
        return 0;
    *at = from;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* The escape behind the backslash at in[*at - 1]; bytes go to `out`, how many is returned, 0 = bad.
 */
static size_t token_escape(struct str in, size_t *at, char out[4])
{
    char c = in.data[*at];
    size_t taken, wanted = c == 'u' ? 4 : 8;

    CHECK(*at < in.size);
    if (c == 'u' || c == 'U') {
        ++*at;
        uint32_t code = token_digits(in, at, 16, wanted, &taken);
        if (taken == 4 && wanted == 4 && code >= 0xd800 && code < 0xdc00)
            code = token_low_surrogate(in, at, code);
        if (taken != wanted || code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            return 0;
        return utf8_encode(code, out);
    }
    if (c == 'x' || (c >= '0' && c <= '7')) {
        *at += c == 'x' ? 1 : 0;
        uint32_t byte = token_digits(in, at, c == 'x' ? 16 : 8, c == 'x' ? 2 : 3, &taken);
        out[0] = (char)byte;
        return taken > 0 && byte > 0 && byte < 256 ? 1 : 0;
    }
    ++*at;
    out[0] = text_simple_escape(c);
    return 1;
}

static enum status token_unescape(const struct token *token, struct str in, struct arena *arena,
                                  struct str *out, struct error *err)
{
    char *copy = arena_alloc(arena, in.size + 1);
    size_t size = 0, at = 0;

    while (at < in.size) {
        char c = in.data[at++];

        if (c == '\'') {
            at++; /* doubled */
            copy[size++] = c;
        } else if (c == '\\' && at < in.size) {
            char bytes[4];
            size_t count = token_escape(in, &at, bytes);
            if (count == 0)
                return error_set_at(err, STATUS_INVALID_SQL, token->start,
                                    "invalid escape sequence in string");
            memcpy(copy + size, bytes, count); /* never longer than its escape */
            size += count;
        } else {
            copy[size++] = c;
        }
    }
    CHECK(size <= in.size);
    *out = str_from(copy, size);
    if (!utf8_is_valid(*out))
        return error_set_at(err, STATUS_INVALID_SQL, token->start, "string is not valid UTF-8");
    return STATUS_OK;
}

enum status token_string(struct str text, const struct token *token, struct arena *arena,
                         struct str *out, struct error *err)
{
    struct str raw = token_text(text, token);

    if (token->kind == TOKEN_ESCAPED)
        return token_unescape(token, str_from(raw.data + 2, raw.size - 3), arena, out, err);
    if (token->kind == TOKEN_DOLLAR) {
        const char *close = memchr(raw.data + 1, '$', raw.size - 1);

        CHECK(close != NULL);
        size_t tag = (size_t)(close - raw.data) + 1;
        *out = str_from(raw.data + tag, raw.size - 2 * tag);
        return STATUS_OK;
    }
    CHECK(token->kind == TOKEN_STRING);
    *out = token_undouble(str_from(raw.data + 1, raw.size - 2), '\'', arena);
    return STATUS_OK;
}

/* X'00ff' */
static enum status token_bytes(struct str text, const struct token *token, struct arena *arena,
                               struct value *out, struct error *err)
{
    struct str raw = token_text(text, token);
    struct str hex = str_from(raw.data + 2, raw.size - 3);
    char *bytes = arena_alloc(arena, hex.size / 2 + 1);

    CHECK(token->kind == TOKEN_BYTES);
    for (size_t i = 0; i + 1 < hex.size; i += 2) {
        int high = token_hex_digit(hex.data[i]), low = token_hex_digit(hex.data[i + 1]);

        if (high < 0 || low < 0)
            return error_set_at(err, STATUS_INVALID_SQL, token->start, "invalid hexadecimal digit");
        bytes[i / 2] = (char)(high << 4 | low);
    }
    if (hex.size % 2 != 0)
        return error_set_at(err, STATUS_INVALID_SQL, token->start,
                            "hexadecimal string has an odd number of digits");
    *out = value_text(VALUE_BYTES, str_from(bytes, hex.size / 2));
    return STATUS_OK;
}

static enum status token_number(struct str text, const struct token *token, struct arena *arena,
                                struct value *out, struct error *err)
{
    static const struct data_type real = {.kind = VALUE_DOUBLE};
    struct str digits = token_text(text, token);
    struct decimal decimal;
    int64_t integer;

    CHECK(token_is_number(token));
    if (token->kind != TOKEN_INTEGER && digits.data[0] == '.')
        digits = arena_printf(arena, "0%.*s", STR_ARG(digits));
    if (token->kind == TOKEN_DECIMAL && str_ends_with(digits, STR_LIT(".")))
        digits.size--;
    if (token->kind == TOKEN_INTEGER && str_to_int64(digits, &integer)) {
        *out = value_integer(VALUE_BIGINT, integer);
        return STATUS_OK;
    }
    if (token->kind != TOKEN_REAL && decimal_parse(digits, &decimal) == DECIMAL_PARSED) {
        *out = value_decimal(decimal.unscaled, DECIMAL_DIGITS_MAX, decimal.scale);
        return STATUS_OK;
    }
    if (value_parse(digits, &real, arena, out, err) != STATUS_OK)
        return error_set_at(err, STATUS_INVALID_SQL, token->start, "number out of range");
    return STATUS_OK;
}

enum status token_value(struct str text, const struct token *token, struct arena *arena,
                        struct value *out, struct error *err)
{
    struct str string;
    enum status status;

    if (token_is_number(token))
        return token_number(text, token, arena, out, err);
    if (token->kind == TOKEN_BYTES)
        return token_bytes(text, token, arena, out, err);
    CHECK(token_is_string(token));
    status = token_string(text, token, arena, &string, err);
    if (status == STATUS_OK)
        *out = value_text(VALUE_TEXT, string);
    return status;
}

uint32_t token_param(struct str text, const struct token *token)
{
    struct str digits = {text.data + token->start + 1, token->end - token->start - 1};
    int64_t number;

    CHECK(token->kind == TOKEN_PARAM);
    if (!str_to_int64(digits, &number) || number > UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)number;
}
