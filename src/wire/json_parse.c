/* json_parse.c — one pass over the text, recursion bounded by JSON_DEPTH_MAX.
 *
 * Own code instead of json-c, whose strict mode cuts keys at \u0000, clamps integers beyond uint64
 * silently, accepts NaN and turns half surrogate pairs into replacement characters, at more than
 * four times the cost of reading. Finished children wait on a stack until their bracket closes and
 * are then copied into the arena side by side. With a visitor nothing waits: it is told at once,
 * and the arena holds but the text at hand.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/json_parse.h"

#include "base/check.h"
#include "base/utf8.h"
#include "value/text.h"

struct json_reader {
    const char *start, *next, *end;
    struct arena *arena;
    struct buf items;                   /* stack of struct json */
    struct buf keys;                    /* stack of struct str, one per item of an open object */
    const struct json_visitor *visitor; /* NULL: a tree is made */
    struct error *err;
};

static enum status json_fail(struct json_reader *reader, const char *what)
{
    CHECK(reader->next >= reader->start);
    return error_set(reader->err, STATUS_INVALID_INPUT, "malformed JSON at byte %zu: %s",
                     (size_t)(reader->next - reader->start), what);
}

enum status json_check_memory(const struct arena *arena, size_t more, struct error *err)
{
    CHECK(arena != NULL);
    if (UNLIKELY(arena->failed))
        return arena_check(arena, err);
    if (LIKELY(arena->limit_bytes == 0 || arena->used_bytes + more <= arena->limit_bytes))
        return STATUS_OK;
    return error_set(err, STATUS_PAYLOAD_TOO_LARGE,
                     "too many values: reading them takes more than %zu bytes of memory",
                     arena->limit_bytes);
}

static void json_skip_blanks(struct json_reader *reader)
{
    CHECK(reader->next <= reader->end);
    while (reader->next < reader->end && (*reader->next == ' ' || *reader->next == '\n' ||
                                          *reader->next == '\t' || *reader->next == '\r'))
        reader->next++;
}

static bool json_take(struct json_reader *reader, char wanted)
{
    if (reader->next == reader->end || *reader->next != wanted)
        return false;
    reader->next++;
    return true;
}

/* Four hex digits of a \u escape, or -1. */
static int32_t json_read_hex4(struct json_reader *reader)
{
    int32_t unit = 0;

    if (reader->end - reader->next < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *reader->next++;
        if (c >= '0' && c <= '9')
            unit = unit * 16 + (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            unit = unit * 16 + (c | 0x20) - 'a' + 10;
        else
            return -1;
    }
    CHECK(unit >= 0 && unit <= 0xffff);
    return unit;
}

/* Behind "\u": appends the character, joining surrogate pairs; 0 on nonsense. */
static size_t json_read_codepoint(struct json_reader *reader, char *out)
{
    int32_t unit = json_read_hex4(reader);

    CHECK(out != NULL);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdfff)
        return utf8_encode((uint32_t)unit, out);
    if (!json_take(reader, '\\') || !json_take(reader, 'u'))
        return 0;
    int32_t low = json_read_hex4(reader);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    return utf8_encode(0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
}

/* Behind a backslash: writes what the escape means; 0 on an unknown one. */
static size_t json_read_escape(struct json_reader *reader, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    CHECK(out != NULL);
    if (reader->next == reader->end)
        return 0;
    char c = *reader->next++;
    if (c == 'u')
        return json_read_codepoint(reader, out);
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (found == NULL)
        return 0;
    *out = to[found - from];
    return 1;
}

/* Index of the closing quote; SIZE_MAX if there is none or a control character comes before. */
static size_t json_find_quote(const struct json_reader *reader, bool *has_escape)
{
    size_t size = (size_t)(reader->end - reader->next);

    CHECK(has_escape != NULL);
    *has_escape = false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)reader->next[i];
        if (c == '"')
            return i;
        if (c < 0x20)
            return SIZE_MAX;
        if (c == '\\') {
            *has_escape = true;
            i++;
        }
    }
    return SIZE_MAX;
}

static enum status json_read_string(struct json_reader *reader, struct str *out)
{
    bool has_escape;

    if (!json_take(reader, '"'))
        return json_fail(reader, "expected a string");
    size_t size = json_find_quote(reader, &has_escape);
    if (size == SIZE_MAX)
        return json_fail(reader, "string without end or with a control character");
    if (!has_escape) {
        *out = arena_copy(reader->arena, str_from(reader->next, size));
        reader->next += size + 1;
        return STATUS_OK;
    }
    /* An escape is never shorter than its meaning, and longer by at least a byte: a NUL fits. */
    char *text = arena_alloc(reader->arena, size);
    size_t filled = 0;
    if (text == NULL)
        return arena_check(reader->arena, reader->err);
    while (!json_take(reader, '"')) {
        CHECK(reader->next < reader->end && filled < size);
        char c = *reader->next++;
        size_t bytes = 1;
        if (c != '\\')
            text[filled] = c;
        else
            bytes = json_read_escape(reader, text + filled);
        if (bytes == 0)
            return json_fail(reader, "wrong escape");
        filled += bytes;
    }
    CHECK(filled < size);
    text[filled] = '\0';
    *out = str_from(text, filled);
    return STATUS_OK;
}

static size_t json_take_digits(struct json_reader *reader)
{
    const char *start = reader->next;

    CHECK(reader->next <= reader->end);
    while (reader->next < reader->end && *reader->next >= '0' && *reader->next <= '9')
        reader->next++;
    return (size_t)(reader->next - start);
}

/* Moves over a number; false if it does not follow the grammar. */
static bool json_scan_number(struct json_reader *reader, bool *is_integer)
{
    CHECK(is_integer != NULL);
    (void)json_take(reader, '-');
    if (!json_take(reader, '0') && json_take_digits(reader) == 0)
        return false;
    *is_integer = true;
    if (json_take(reader, '.')) {
        *is_integer = false;
        if (json_take_digits(reader) == 0)
            return false;
    }
    if (!json_take(reader, 'e') && !json_take(reader, 'E'))
        return true;
    *is_integer = false;
    if (!json_take(reader, '+'))
        (void)json_take(reader, '-');
    return json_take_digits(reader) > 0;
}

static enum status json_read_number(struct json_reader *reader, struct json *out)
{
    const struct data_type type = {.kind = VALUE_DOUBLE};
    const char *start = reader->next;
    struct value real;
    bool is_integer;

    CHECK(out != NULL);
    if (!json_scan_number(reader, &is_integer))
        return json_fail(reader, "expected a value");
    struct str text = str_from(start, (size_t)(reader->next - start));
    if (is_integer && str_to_int64(text, &out->integer)) {
        out->kind = JSON_INTEGER;
        out->real = (double)out->integer;
        return STATUS_OK;
    }
    if (value_parse(text, &type, reader->arena, &real, NULL) != STATUS_OK)
        return json_fail(reader, "number out of range");
    *out = (struct json){
        .kind = JSON_NUMBER, .real = real.real, .text = arena_copy(reader->arena, text)};
    return STATUS_OK;
}

static enum status json_read_word(struct json_reader *reader, struct str word, enum json_kind kind,
                                  struct json *out)
{
    struct str rest = str_from(reader->next, (size_t)(reader->end - reader->next));

    CHECK(word.size > 0);
    if (!str_starts_with(rest, word))
        return json_fail(reader, "expected a value");
    reader->next += word.size;
    out->kind = kind;
    out->boolean = word.data[0] == 't';
    return STATUS_OK;
}

static enum status json_read_value(struct json_reader *reader, unsigned depth, struct json *out);

/* Moves the finished children from the stacks into the arena. False when memory is short. */
static bool json_collect(struct json_reader *reader, size_t items_start, size_t keys_start,
                         struct json *out)
{
    size_t items_size = reader->items.size - items_start;
    size_t keys_size = reader->keys.size - keys_start;

    CHECK(items_size % sizeof(struct json) == 0 && keys_size % sizeof(struct str) == 0);
    out->count = items_size / sizeof(struct json);
    if (out->count > 0) {
        void *items = arena_alloc(reader->arena, items_size);
        if (items == NULL)
            return false;
        memcpy(items, reader->items.data + items_start, items_size);
        out->items = items;
    }
    if (keys_size > 0) {
        void *keys = arena_alloc(reader->arena, keys_size);
        if (keys == NULL)
            return false;
        memcpy(keys, reader->keys.data + keys_start, keys_size);
        out->keys = keys;
    }
    reader->items.size = items_start;
    reader->keys.size = keys_start;
    return true;
}

/* A container has told of itself. */
static void json_visit(struct json_reader *reader, const struct json *value)
{
    CHECK(reader->visitor != NULL);
    if (value->kind != JSON_ARRAY && value->kind != JSON_OBJECT)
        reader->visitor->value(reader->visitor->context, value);
    arena_clear(reader->arena);
}

static void json_add_key(struct json_reader *reader, struct str key)
{
    CHECK(key.data != NULL);
    if (reader->visitor != NULL)
        reader->visitor->key(reader->visitor->context, key);
    else
        buf_append(&reader->keys, &key, sizeof(key));
}

static enum status json_read_member(struct json_reader *reader, bool is_object, unsigned depth)
{
    struct json child = {0};
    struct str key;
    enum status status;

    json_skip_blanks(reader);
    if (is_object) {
        status = json_read_string(reader, &key);
        if (status != STATUS_OK)
            return status;
        json_add_key(reader, key);
        json_skip_blanks(reader);
        if (!json_take(reader, ':'))
            return json_fail(reader, "expected ':'");
    }
    status = json_read_value(reader, depth, &child);
    if (status != STATUS_OK)
        return status;
    if (reader->visitor != NULL) {
        json_visit(reader, &child);
        return STATUS_OK;
    }
    buf_append(&reader->items, &child, sizeof(child));
    CHECK(reader->items.size % sizeof(child) == 0);
    if (UNLIKELY(reader->items.failed || reader->keys.failed))
        reader->arena->failed = true;
    return json_check_memory(reader->arena, reader->items.size + reader->keys.size, reader->err);
}

static enum status json_read_container(struct json_reader *reader, unsigned depth, struct json *out)
{
    bool is_object = *reader->next++ == '{';
    size_t items_start = reader->items.size, keys_start = reader->keys.size, count = 0;
    const struct json_visitor *visitor = reader->visitor;
    char close = is_object ? '}' : ']';

    if (depth >= JSON_DEPTH_MAX)
        return json_fail(reader, "nested too deeply");
    if (visitor != NULL)
        visitor->begin(visitor->context, is_object);
    json_skip_blanks(reader);
    bool more = !json_take(reader, close);
    while (more) {
        enum status status = json_read_member(reader, is_object, depth + 1);
        if (status != STATUS_OK)
            return status;
        count++;
        json_skip_blanks(reader);
        more = json_take(reader, ',');
        if (!more && !json_take(reader, close))
            return json_fail(reader, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    out->kind = is_object ? JSON_OBJECT : JSON_ARRAY;
    if (visitor != NULL)
        visitor->end(visitor->context, count);
    else if (!json_collect(reader, items_start, keys_start, out))
        return arena_check(reader->arena, reader->err);
    CHECK(reader->items.size == items_start);
    return STATUS_OK;
}

static enum status json_read_value(struct json_reader *reader, unsigned depth, struct json *out)
{
    CHECK(depth <= JSON_DEPTH_MAX);
    json_skip_blanks(reader);
    if (reader->next == reader->end)
        return json_fail(reader, "unexpected end");
    switch (*reader->next) {
    case '{':
    case '[':
        return json_read_container(reader, depth, out);
    case '"':
        out->kind = JSON_STRING;
        return json_read_string(reader, &out->text);
    case 't':
        return json_read_word(reader, STR_LIT("true"), JSON_BOOLEAN, out);
    case 'f':
        return json_read_word(reader, STR_LIT("false"), JSON_BOOLEAN, out);
    case 'n':
        return json_read_word(reader, STR_LIT("null"), JSON_NULL, out);
    default:
        return json_read_number(reader, out);
    }
}

static enum status json_read_text(struct json_reader *reader, struct str text, struct json *root)
{
    CHECK(root != NULL);
    reader->start = reader->next = text.data;
    reader->end = text.data + text.size;
    if (text.size == 0 || !utf8_is_valid(text))
        return error_set(reader->err, STATUS_INVALID_INPUT, "malformed JSON: %s",
                         text.size == 0 ? "empty" : "invalid UTF-8");
    enum status status = json_read_value(reader, 0, root);
    if (status != STATUS_OK)
        return status;
    json_skip_blanks(reader);
    return reader->next == reader->end ? STATUS_OK : json_fail(reader, "text behind the value");
}

enum status json_parse(struct str text, struct arena *arena, const struct json **out,
                       struct error *err)
{
    struct json_reader reader = {.arena = arena, .err = err};
    struct json *root = arena_zalloc(arena, sizeof(*root));

    CHECK(out != NULL);
    if (root == NULL)
        return arena_check(arena, err);
    reader.items.fallible = reader.keys.fallible = arena->fallible;
    enum status status = json_read_text(&reader, text, root);
    if (status == STATUS_OK)
        status = json_check_memory(arena, 0, err);
    *out = root;
    buf_clear(&reader.items);
    buf_clear(&reader.keys);
    return status;
}

enum status json_walk(struct str text, const struct json_visitor *visitor, struct error *err)
{
    struct arena arena;
    struct json_reader reader = {.arena = &arena, .visitor = visitor, .err = err};
    struct json root = {0};

    CHECK(visitor != NULL);
    arena_init(&arena, 0);
    enum status status = json_read_text(&reader, text, &root);
    if (status == STATUS_OK)
        json_visit(&reader, &root);
    CHECK(reader.items.size == 0 && reader.keys.size == 0);
    arena_clear(&arena);
    return status;
}

const struct json *json_get(const struct json *json, const char *key)
{
    struct str wanted = str_from_c(key);

    if (!json_is(json, JSON_OBJECT))
        return NULL;
    CHECK(json->count == 0 || json->keys != NULL);
    for (size_t i = json->count; i > 0; i--) { /* from the end: the last of equal keys wins */
        if (str_equal(json->keys[i - 1], wanted))
            return &json->items[i - 1];
    }
    return NULL;
}

const struct json *json_get_present(const struct json *json, const char *key)
{
    const struct json *found = json_get(json, key);

    return json_is(found, JSON_NULL) ? NULL : found;
}

bool json_is(const struct json *json, enum json_kind kind)
{
    return json != NULL && json->kind == kind;
}

bool json_string(const struct json *json, struct str *out)
{
    CHECK(out != NULL);
    if (!json_is(json, JSON_STRING))
        return false;
    *out = json->text;
    return true;
}

bool json_integer(const struct json *json, int64_t *out)
{
    CHECK(out != NULL);
    if (!json_is(json, JSON_INTEGER))
        return false;
    *out = json->integer;
    return true;
}

bool json_integer_any(const struct json *json, int64_t *out)
{
    CHECK(out != NULL);
    return json_integer(json, out) || (json_is(json, JSON_STRING) && str_to_int64(json->text, out));
}

bool json_real(const struct json *json, double *out)
{
    CHECK(out != NULL);
    if (!json_is(json, JSON_INTEGER) && !json_is(json, JSON_NUMBER))
        return false;
    *out = json->real;
    return true;
}

bool json_boolean(const struct json *json, bool *out)
{
    CHECK(out != NULL);
    if (!json_is(json, JSON_BOOLEAN))
        return false;
    *out = json->boolean;
    return true;
}
