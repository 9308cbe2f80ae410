/* toml.c — one pass over the text, line by line.
 *
 * A name is one of four things, and TOML's rules about defining it twice follow from which:
 *   VALUE     has a value: nothing else may have this name
 *   EXPLICIT  a [header], or made by dotted keys under an earlier header: not again
 *   PENDING   made by dotted keys under the present header: more of them may follow
 *   IMPLICIT  stands in front of a header's last dot: may still get its own header
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/toml.h"

#include "base/check.h"
#include "base/map.h"
#include "base/utf8.h"

enum { TOML_KEY_PARTS = 16, TOML_TABLES_MAX = 4096 };

enum toml_name { TOML_FREE, TOML_VALUE, TOML_EXPLICIT, TOML_PENDING, TOML_IMPLICIT };

struct toml_parser {
    struct arena *arena;
    struct error *err;
    struct toml *out;
    struct toml_entry **tail;
    const char *next, *end;
    unsigned line;
    struct str table; /* of the present header; empty = top */
    struct map names; /* dotted name → a pointer into toml_marks */
};

static char toml_marks[5]; /* addresses only: values of `names` */

static enum status toml_fail(struct toml_parser *parser, const char *what)
{
    CHECK(what != NULL);
    return error_set(parser->err, STATUS_INVALID_INPUT, "line %u: %s", parser->line, what);
}

static enum toml_name toml_name_of(const struct toml_parser *parser, struct str name)
{
    const char *mark = map_get(&parser->names, name);

    CHECK(mark == NULL || (mark >= toml_marks && mark < toml_marks + sizeof(toml_marks)));
    return mark == NULL ? TOML_FREE : (enum toml_name)(mark - toml_marks);
}

static void toml_name_set(struct toml_parser *parser, struct str name, enum toml_name what)
{
    CHECK(what != TOML_FREE);
    (void)map_put(&parser->names, name, toml_marks + what);
}

/* ---- characters ------------------------------------------------------------------------------ */

static char toml_peek(const struct toml_parser *parser)
{
    CHECK(parser->next <= parser->end);
    return parser->next < parser->end ? *parser->next : '\n';
}

static bool toml_take(struct toml_parser *parser, char wanted)
{
    CHECK(wanted != '\n');
    if (parser->next == parser->end || *parser->next != wanted)
        return false;
    parser->next++;
    return true;
}

static void toml_skip_blanks(struct toml_parser *parser)
{
    CHECK(parser->next <= parser->end);
    while (parser->next < parser->end && (*parser->next == ' ' || *parser->next == '\t'))
        parser->next++;
}

static bool toml_is_control(char c)
{
    CHECK(sizeof(c) == 1);
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Blanks and a comment up to the end of the line, which is left in place. */
static enum status toml_skip_comment(struct toml_parser *parser)
{
    CHECK(parser->next <= parser->end);
    toml_skip_blanks(parser);
    if (!toml_take(parser, '#'))
        return STATUS_OK;
    while (parser->next < parser->end && *parser->next != '\n') {
        bool line_end =
            *parser->next == '\r' && parser->next + 1 < parser->end && parser->next[1] == '\n';
        if (line_end)
            break;
        if (toml_is_control(*parser->next))
            return toml_fail(parser, "a control character in a comment");
        parser->next++;
    }
    return STATUS_OK;
}

/* The end of a line or of the text; false if something else stands here. */
static bool toml_take_line_end(struct toml_parser *parser)
{
    CHECK(parser->next <= parser->end);
    if (parser->next == parser->end)
        return true;
    if (*parser->next == '\r' && parser->next + 1 < parser->end && parser->next[1] == '\n')
        parser->next++;
    if (*parser->next != '\n')
        return false;
    parser->next++;
    parser->line++;
    return true;
}

static enum status toml_end_line(struct toml_parser *parser)
{
    enum status status = toml_skip_comment(parser);

    CHECK(parser->line > 0);
    if (status != STATUS_OK)
        return status;
    return toml_take_line_end(parser) ? STATUS_OK
                                      : toml_fail(parser, "something follows that does not belong");
}

/* ---- strings --------------------------------------------------------------------------------- */

static enum status toml_unicode(struct toml_parser *parser, unsigned digits, char **out)
{
    uint32_t code = 0;

    CHECK(digits == 4 || digits == 8);
    for (unsigned i = 0; i < digits; i++) {
        char c = toml_peek(parser);
        const char *hex = "0123456789abcdef";
        const char *found = c != 0 ? strchr(hex, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (found == NULL)
            return toml_fail(parser, "\\u needs hexadecimal digits");
        code = code << 4 | (uint32_t)(found - hex);
        parser->next++;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return toml_fail(parser, "\\u names no character");
    *out += utf8_encode(code, *out);
    return STATUS_OK;
}

static enum status toml_escape(struct toml_parser *parser, char **out)
{
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    char c = toml_peek(parser);
    const char *found = c != 0 ? strchr(names, c) : NULL;

    CHECK(sizeof(names) == sizeof(values));
    if (c == 'u' || c == 'U') {
        parser->next++;
        return toml_unicode(parser, c == 'u' ? 4 : 8, out);
    }
    if (found == NULL)
        return toml_fail(parser, "an unknown escape in a string");
    parser->next++;
    *(*out)++ = values[found - names];
    return STATUS_OK;
}

/* Bytes up to the closing quote or the end of the line. */
static size_t toml_string_bytes(const struct toml_parser *parser, char quote)
{
    const char *at = parser->next;

    CHECK(quote == '"' || quote == '\'');
    while (at < parser->end && *at != '\n' && *at != quote)
        at += *at == '\\' && quote == '"' && at + 1 < parser->end && at[1] != '\n' ? 2 : 1;
    return (size_t)(at - parser->next);
}

/* Behind the opening quote. */
static enum status toml_string(struct toml_parser *parser, char quote, struct str *out)
{
    char *text = arena_alloc(parser->arena, toml_string_bytes(parser, quote) + 1);
    char *to = text;
    enum status status = STATUS_OK;

    CHECK(quote == '"' || quote == '\'');
    while (status == STATUS_OK) {
        if (parser->next == parser->end || *parser->next == '\n')
            return toml_fail(parser, "a string without its closing quote");
        char c = *parser->next++;
        if (c == quote)
            break;
        if (toml_is_control(c))
            return toml_fail(parser, "a control character in a string");
        if (c == '\\' && quote == '"')
            status = toml_escape(parser, &to);
        else
            *to++ = c;
    }
    *out = str_from(text, (size_t)(to - text));
    return status;
}

static enum status toml_quoted(struct toml_parser *parser, struct str *out)
{
    char quote = toml_peek(parser);

    CHECK(quote == '"' || quote == '\'');
    if (parser->end - parser->next >= 3 && parser->next[1] == quote && parser->next[2] == quote)
        return toml_fail(parser, "strings of several lines are not supported here");
    parser->next++;
    return toml_string(parser, quote, out);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool toml_is_bare(char c)
{
    CHECK(sizeof(c) == 1);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static enum status toml_key_part(struct toml_parser *parser, struct str *out)
{
    const char *start = parser->next;
    char c = toml_peek(parser);

    CHECK(out != NULL);
    if (c == '"' || c == '\'') {
        enum status status = toml_quoted(parser, out);
        if (status == STATUS_OK && (out->size == 0 || memchr(out->data, '.', out->size) != NULL))
            return toml_fail(parser, "keys that are empty or hold a dot are not supported here");
        return status;
    }
    while (parser->next < parser->end && toml_is_bare(*parser->next))
        parser->next++;
    if (parser->next == start)
        return toml_fail(parser, "a key is missing");
    *out = str_from(start, (size_t)(parser->next - start));
    return STATUS_OK;
}

/* `a.b.c` below `base`: the whole names of a, a.b and a.b.c. */
static enum status toml_key(struct toml_parser *parser, struct str base,
                            struct str names[TOML_KEY_PARTS], size_t *count)
{
    struct str part, name = base;
    enum status status;

    *count = 0;
    do {
        toml_skip_blanks(parser);
        status = toml_key_part(parser, &part);
        if (status != STATUS_OK)
            return status;
        if (*count == TOML_KEY_PARTS)
            return toml_fail(parser, "a key with too many dots");
        name = name.size == 0
                   ? arena_copy(parser->arena, part)
                   : arena_printf(parser->arena, "%.*s.%.*s", STR_ARG(name), STR_ARG(part));
        names[(*count)++] = name;
        toml_skip_blanks(parser);
    } while (toml_take(parser, '.'));
    CHECK(*count > 0);
    return STATUS_OK;
}

/* Dotted tables of the last header become as fixed as if they had one of their own. */
static void toml_fix_pending(struct toml_parser *parser)
{
    size_t cursor = 0;
    struct str name;
    void *mark;

    CHECK(parser->names.count <= parser->names.capacity);
    while (map_next(&parser->names, &cursor, &name, &mark))
        if (mark == toml_marks + TOML_PENDING)
            toml_name_set(parser, name, TOML_EXPLICIT); /* replaces: the map does not move */
}

static enum status toml_header(struct toml_parser *parser)
{
    struct str names[TOML_KEY_PARTS];
    size_t count;
    struct toml *out = parser->out;
    enum status status;

    CHECK(parser->next[-1] == '[');
    if (toml_peek(parser) == '[')
        return toml_fail(parser, "arrays of tables are not supported here");
    status = toml_key(parser, STR_EMPTY, names, &count);
    if (status != STATUS_OK)
        return status;
    if (!toml_take(parser, ']'))
        return toml_fail(parser, "a section without its closing bracket");
    toml_fix_pending(parser);
    for (size_t i = 0; i + 1 < count; i++) {
        enum toml_name what = toml_name_of(parser, names[i]);
        if (what == TOML_VALUE)
            return toml_fail(parser, "a value is used as a section");
        if (what == TOML_FREE)
            toml_name_set(parser, names[i], TOML_IMPLICIT);
    }
    parser->table = names[count - 1];
    enum toml_name what = toml_name_of(parser, parser->table);
    if (what != TOML_FREE && what != TOML_IMPLICIT)
        return toml_fail(parser, "a section is defined twice");
    if (out->table_count == TOML_TABLES_MAX)
        return toml_fail(parser, "too many sections");
    toml_name_set(parser, parser->table, TOML_EXPLICIT);
    out->tables[out->table_count] = parser->table;
    out->table_lines[out->table_count++] = parser->line;
    return toml_end_line(parser);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool toml_digits(struct str text, unsigned base, uint64_t *out)
{
    uint64_t number = 0;
    bool after_digit = false;

    CHECK(base >= 2 && base <= 16);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '_' && after_digit && i + 1 < text.size) {
            after_digit = false;
            continue;
        }
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 99;
        if (digit >= base || __builtin_mul_overflow(number, (uint64_t)base, &number) ||
            __builtin_add_overflow(number, (uint64_t)digit, &number))
            return false;
        after_digit = true;
    }
    *out = number;
    return after_digit;
}

static unsigned toml_prefix_base(struct str text)
{
    CHECK(text.size == 0 || text.data != NULL);
    if (text.size < 3 || text.data[0] != '0')
        return 10;
    return text.data[1] == 'x' ? 16 : text.data[1] == 'o' ? 8 : text.data[1] == 'b' ? 2 : 10;
}

static bool toml_integer(struct str text, int64_t *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    bool has_sign = negative || (text.size > 0 && text.data[0] == '+');
    struct str digits = has_sign ? str_from(text.data + 1, text.size - 1) : text;
    unsigned base = toml_prefix_base(digits);
    uint64_t number;

    CHECK(out != NULL);
    if (base != 10 && has_sign)
        return false;
    if (base != 10)
        digits = str_from(digits.data + 2, digits.size - 2);
    else if (digits.size > 1 && digits.data[0] == '0')
        return false;
    if (!toml_digits(digits, base, &number) || number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static enum status toml_plain(struct toml_parser *parser, struct toml_entry *entry)
{
    const char *start = parser->next;

    while (parser->next < parser->end && (toml_is_bare(*parser->next) || *parser->next == '+' ||
                                          *parser->next == '.' || *parser->next == ':'))
        parser->next++;
    struct str word = str_from(start, (size_t)(parser->next - start));
    CHECK(parser->next <= parser->end);
    if (str_equal(word, STR_LIT("true")) || str_equal(word, STR_LIT("false"))) {
        entry->kind = TOML_BOOLEAN;
        entry->boolean = word.size == 4;
        return STATUS_OK;
    }
    entry->kind = TOML_INTEGER;
    if (toml_integer(word, &entry->integer))
        return STATUS_OK;
    return toml_fail(parser, "a value must be a string in quotes, an integer, true, false or an "
                             "array of strings");
}

/* Blanks, comments and line ends between the elements of an array. */
static enum status toml_skip_lines(struct toml_parser *parser)
{
    enum status status;

    CHECK(parser->next <= parser->end);
    do {
        status = toml_skip_comment(parser);
        if (status != STATUS_OK)
            return status;
    } while (parser->next < parser->end && toml_take_line_end(parser));
    return STATUS_OK;
}

static enum status toml_array(struct toml_parser *parser, struct toml_entry *entry)
{
    struct str *items = NULL;
    size_t capacity = 0;
    enum status status;

    entry->kind = TOML_STRINGS;
    CHECK(entry->item_count == 0);
    for (;;) {
        status = toml_skip_lines(parser);
        if (status != STATUS_OK)
            return status;
        if (toml_take(parser, ']'))
            break;
        char c = toml_peek(parser);
        if (c != '"' && c != '\'')
            return toml_fail(parser, "arrays hold strings only here");
        if (entry->item_count == capacity) {
            items = arena_grow(parser->arena, items, capacity * sizeof(*items),
                               (2 * capacity + 8) * sizeof(*items));
            capacity = 2 * capacity + 8;
        }
        status = toml_quoted(parser, &items[entry->item_count]);
        if (status == STATUS_OK)
            status = toml_skip_lines(parser);
        if (status != STATUS_OK)
            return status;
        entry->item_count++;
        if (!toml_take(parser, ',') && toml_peek(parser) != ']')
            return toml_fail(parser, "an array without comma or closing bracket");
    }
    entry->items = items;
    return STATUS_OK;
}

static enum status toml_value(struct toml_parser *parser, struct toml_entry *entry)
{
    char c = toml_peek(parser);

    CHECK(entry->key.size > 0);
    if (c == '"' || c == '\'') {
        entry->kind = TOML_STRING;
        return toml_quoted(parser, &entry->text);
    }
    if (toml_take(parser, '['))
        return toml_array(parser, entry);
    if (c == '{')
        return toml_fail(parser, "inline tables are not supported here");
    return toml_plain(parser, entry);
}

static enum status toml_pair(struct toml_parser *parser)
{
    struct toml_entry *entry = arena_zalloc(parser->arena, sizeof(*entry));
    struct str names[TOML_KEY_PARTS];
    size_t count;
    enum status status;

    entry->line = parser->line;
    status = toml_key(parser, parser->table, names, &count);
    if (status != STATUS_OK)
        return status;
    if (!toml_take(parser, '='))
        return toml_fail(parser, "a key without `=`");
    for (size_t i = 0; i + 1 < count; i++) {
        enum toml_name what = toml_name_of(parser, names[i]);
        if (what == TOML_VALUE || what == TOML_EXPLICIT)
            return toml_fail(parser, "a dotted key enters what is defined elsewhere");
        toml_name_set(parser, names[i], TOML_PENDING);
    }
    entry->key = names[count - 1];
    if (toml_name_of(parser, entry->key) != TOML_FREE)
        return toml_fail(parser, "a key is defined twice");
    toml_name_set(parser, entry->key, TOML_VALUE);
    toml_skip_blanks(parser);
    status = toml_value(parser, entry);
    if (status != STATUS_OK)
        return status;
    *parser->tail = entry;
    parser->tail = &entry->next;
    parser->out->entry_count++;
    CHECK(entry->next == NULL);
    return toml_end_line(parser);
}

enum status toml_parse(struct str text, struct arena *arena, struct toml *out, struct error *err)
{
    struct toml_parser parser = {.arena = arena, .err = err, .out = out, .line = 1};
    enum status status = STATUS_OK;

    CHECK(out != NULL && (text.size == 0 || text.data != NULL));
    *out = (struct toml){.tables = arena_array(arena, TOML_TABLES_MAX, sizeof(struct str)),
                         .table_lines = arena_array(arena, TOML_TABLES_MAX, sizeof(unsigned))};
    if (text.size > TOML_BYTES_MAX)
        return error_set(err, STATUS_INVALID_INPUT, "line 1: the file is too large");
    if (!utf8_is_valid(text))
        return error_set(err, STATUS_INVALID_INPUT, "line 1: the file is not UTF-8");
    if (text.size == 0)
        return STATUS_OK;
    parser.next = text.data;
    parser.end = text.data + text.size;
    parser.tail = &out->entries;
    map_init(&parser.names);
    while (status == STATUS_OK && parser.next < parser.end) {
        toml_skip_blanks(&parser);
        char c = toml_peek(&parser);
        if (parser.next == parser.end || c == '#' || c == '\n' || c == '\r')
            status = toml_end_line(&parser);
        else if (toml_take(&parser, '['))
            status = toml_header(&parser);
        else
            status = toml_pair(&parser);
    }
    map_clear(&parser.names);
    return status;
}
