/* toml.c — see toml.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/toml.h"

#include "base/check.h"
#include "base/utf8.h"

#include <stdio.h>

struct toml_reader {
    struct str line; /* what is left of it */
    struct buf section, key, text;
    const char *(*take)(void *context, const struct toml_entry *entry);
    void *context;
};

static void toml_skip_blanks(struct toml_reader *reader)
{
    CHECK(reader);
    while (reader->line.size > 0 && (*reader->line.data == ' ' || *reader->line.data == '\t'))
        reader->line = str_from(reader->line.data + 1, reader->line.size - 1);
}

static bool toml_take_byte(struct toml_reader *reader, char c)
{
    CHECK(reader);
    if (reader->line.size == 0 || *reader->line.data != c)
        return false;
    reader->line = str_from(reader->line.data + 1, reader->line.size - 1);
    return true;
}

static bool toml_is_end(struct toml_reader *reader)
{
    CHECK(reader);
    toml_skip_blanks(reader);
    return reader->line.size == 0 || *reader->line.data == '#' || *reader->line.data == '\r';
}

static const char *toml_read_text(struct toml_reader *reader, struct buf *out)
{
    static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";

    CHECK(reader);
    buf_reset(out);
    if (!toml_take_byte(reader, '"'))
        return "expected a text in double quotes";
    while (reader->line.size > 0) {
        char c = *reader->line.data;
        reader->line = str_from(reader->line.data + 1, reader->line.size - 1);
        if (c == '"') {
            buf_append_byte(out, 0);
            return utf8_is_valid(str_from(out->data, out->size)) ? NULL : "not valid UTF-8";
        }
        if (c == '\\') {
            const char *escape = reader->line.size > 0 ? strchr(from, *reader->line.data) : NULL;
            if (!escape || !*escape)
                return "unknown escape in a text";
            c = to[escape - from];
            reader->line = str_from(reader->line.data + 1, reader->line.size - 1);
        }
        if (c == 0)
            return "a text holds no NUL";
        buf_append_byte(out, (uint8_t)c);
    }
    return "the closing quote is missing";
}

static const char *toml_read_name(struct toml_reader *reader, struct buf *out)
{
    size_t size = 0;

    CHECK(reader);
    if (reader->line.size > 0 && *reader->line.data == '"')
        return toml_read_text(reader, out);
    while (size < reader->line.size &&
           strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
                  reader->line.data[size]) &&
           reader->line.data[size])
        size++;
    if (size == 0)
        return "expected a name";
    buf_reset(out);
    buf_append(out, reader->line.data, size);
    buf_append_byte(out, 0);
    reader->line = str_from(reader->line.data + size, reader->line.size - size);
    return NULL;
}

static const char *toml_read_value(struct toml_reader *reader, struct toml_entry *entry)
{
    size_t size = 0;
    struct str word;

    CHECK(reader && entry);
    if (reader->line.size > 0 && *reader->line.data == '"') {
        const char *wrong = toml_read_text(reader, &reader->text);
        entry->kind = TOML_TEXT;
        entry->text = reader->text.data;
        return wrong;
    }
    while (size < reader->line.size && !strchr(" \t\r#", reader->line.data[size]))
        size++;
    word = str_from(reader->line.data, size);
    reader->line = str_from(reader->line.data + size, reader->line.size - size);
    if (str_to_int64(word, &entry->integer)) {
        entry->kind = TOML_INTEGER;
        return NULL;
    }
    entry->kind = TOML_BOOLEAN;
    entry->boolean = str_equal(word, STR_LIT("true"));
    return entry->boolean || str_equal(word, STR_LIT("false"))
               ? NULL
               : "expected a text in double quotes, a whole number, true or false";
}

static const char *toml_read_line(struct toml_reader *reader)
{
    struct toml_entry entry = {0};
    const char *wrong;

    CHECK(reader->take);
    buf_reset(&reader->key);
    if (toml_is_end(reader))
        return NULL;
    if (toml_take_byte(reader, '[')) {
        toml_skip_blanks(reader);
        wrong = toml_read_name(reader, &reader->section);
        toml_skip_blanks(reader);
        if (!wrong && !toml_take_byte(reader, ']'))
            wrong = "expected ] behind the section's name";
        return wrong || toml_is_end(reader) ? wrong : "unexpected text behind the section";
    }
    wrong = toml_read_name(reader, &reader->key);
    toml_skip_blanks(reader);
    if (!wrong && !toml_take_byte(reader, '='))
        wrong = "expected = behind the key";
    toml_skip_blanks(reader);
    if (!wrong)
        wrong = toml_read_value(reader, &entry);
    if (!wrong && !toml_is_end(reader))
        wrong = "unexpected text behind the value";
    if (wrong)
        return wrong;
    entry.section = reader->section.size > 0 ? reader->section.data : "";
    entry.key = reader->key.data;
    return reader->take(reader->context, &entry);
}

bool toml_read(struct str text, const char *(*take)(void *context, const struct toml_entry *entry),
               void *context, struct toml_problem *problem)
{
    struct toml_reader reader = {.take = take, .context = context};
    const char *wrong = NULL;
    int line = 0;

    CHECK(context);
    buf_init(&reader.section);
    buf_init(&reader.key);
    buf_init(&reader.text);
    while (!wrong && text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        line++;
        reader.line = str_from(text.data, size);
        text = str_from(text.data + size + (end ? 1 : 0), text.size - size - (end ? 1 : 0));
        wrong = toml_read_line(&reader);
    }
    if (wrong) {
        problem->line = line;
        snprintf(problem->key, sizeof problem->key, "%.*s",
                 (int)(reader.key.size > 0 ? reader.key.size - 1 : 0),
                 reader.key.size > 0 ? reader.key.data : "");
        snprintf(problem->message, sizeof problem->message, "%s", wrong);
    }
    buf_clear(&reader.section);
    buf_clear(&reader.key);
    buf_clear(&reader.text);
    return !wrong;
}

void toml_write_text(struct buf *out, const char *text)
{
    CHECK(text);
    buf_append_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_byte(out, '\\');
        if (*text == '\n')
            buf_append_str(out, STR_LIT("\\n"));
        else if (*text == '\r')
            buf_append_str(out, STR_LIT("\\r"));
        else
            buf_append_byte(out, (uint8_t)*text);
    }
    buf_append_byte(out, '"');
}
