/* rows_in.c — see rows_in.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/rows_in.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_DEPTH_MAX = 64, ROWS_COLUMNS_MAX = 4096 };

struct rows_cell {
    size_t start, size; /* in `text` */
    bool is_null;
};

struct rows_in {
    FILE *file;
    enum file_kind kind;
    uint64_t size, position, line, row_line;
    struct buf text; /* the row's values, one behind the other */
    struct rows_cell *cells;
    size_t cell_count, cell_capacity;
    struct str *names; /* owned */
    size_t name_count;
    bool in_array;     /* JSON: behind an opening bracket */
    bool behind_value; /* in it, behind an object: a comma or the end comes */
};

static const char *const file_kind_names[FILE_KIND_COUNT] = {"csv", "json", "jsonl", "parquet"};

const char *file_kind_name(enum file_kind kind)
{
    CHECK((unsigned)kind < FILE_KIND_COUNT);
    return file_kind_names[kind];
}

bool file_kind_from_name(const char *name, enum file_kind *out)
{
    CHECK(name && out);
    for (size_t i = 0; i < FILE_KIND_COUNT; i++) {
        if (strcmp(name, file_kind_names[i]) == 0) {
            *out = (enum file_kind)i;
            return true;
        }
    }
    return false;
}

bool file_kind_of_path(const char *path, enum file_kind *out)
{
    const char *dot = strrchr(path, '.');

    CHECK(out != NULL);
    if (dot && strcmp(dot, ".ndjson") == 0) {
        *out = FILE_JSONL;
        return true;
    }
    return dot && file_kind_from_name(dot + 1, out);
}

/* ---- bytes ---- */

static int rows_take(struct rows_in *rows)
{
    int c = getc_unlocked(rows->file);

    if (c == EOF)
        return c;
    rows->position++;
    rows->line += c == '\n';
    return c;
}

static void rows_give_back(struct rows_in *rows, int c)
{
    if (c == EOF)
        return;
    CHECK(rows->position > 0);
    ungetc(c, rows->file);
    rows->position--;
    rows->line -= c == '\n';
}

/* The next bytes are these. */
static bool rows_take_bytes(struct rows_in *rows, const char *bytes)
{
    CHECK(bytes && *bytes);
    for (; *bytes; bytes++) {
        if (rows_take(rows) != (unsigned char)*bytes)
            return false;
    }
    return true;
}

static int rows_skip_blanks(struct rows_in *rows)
{
    int c;

    do
        c = rows_take(rows);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    return c;
}

static enum rows_step rows_fail(const struct rows_in *rows, struct buf *problem, const char *what)
{
    CHECK(rows && what);
    buf_printf(problem, "line %llu: %s", (unsigned long long)rows->line, what);
    return ROWS_BAD;
}

static struct rows_cell *rows_add_cell(struct rows_in *rows)
{
    CHECK(rows->cell_count <= rows->cell_capacity);
    if (rows->cell_count == rows->cell_capacity) {
        rows->cell_capacity = rows->cell_capacity > 0 ? rows->cell_capacity * 2 : 16;
        rows->cells = mem_realloc(rows->cells, rows->cell_capacity * sizeof *rows->cells);
    }
    struct rows_cell *cell = &rows->cells[rows->cell_count++];
    *cell = (struct rows_cell){.start = rows->text.size};
    return cell;
}

static void rows_reset(struct rows_in *rows)
{
    buf_reset(&rows->text);
    rows->cell_count = 0;
}

/* The cells become the names of the columns. */
static void rows_keep_names(struct rows_in *rows)
{
    CHECK(!rows->names);
    rows->names = mem_calloc(rows->cell_count + 1, sizeof *rows->names);
    for (size_t i = 0; i < rows->cell_count; i++) {
        struct str name = str_from(rows->text.data + rows->cells[i].start, rows->cells[i].size);
        rows->names[i] = str_from(mem_strdup(name), name.size);
    }
    rows->name_count = rows->cell_count;
}

/* ---- CSV ---- */

/* Behind an opening quote, to behind the closing one. */
static bool rows_take_quoted(struct rows_in *rows)
{
    for (int c; (c = rows_take(rows)) != EOF;) {
        if (c == '"') {
            c = rows_take(rows);
            if (c != '"') {
                rows_give_back(rows, c);
                return true;
            }
        }
        buf_append_byte(&rows->text, (uint8_t)c);
    }
    return false;
}

/* A field and what ends it: ',' or '\n' or EOF; 0 = malformed. */
static int rows_take_field(struct rows_in *rows)
{
    struct rows_cell *cell = rows_add_cell(rows);
    size_t index = rows->cell_count - 1;
    int c = rows_take(rows);

    CHECK(cell->start == rows->text.size);
    if (c == '"') {
        if (!rows_take_quoted(rows))
            return 0;
        c = rows_take(rows);
    } else {
        while (c != ',' && c != '\n' && c != EOF && c != '\r') {
            if (c == '"')
                return 0;
            buf_append_byte(&rows->text, (uint8_t)c);
            c = rows_take(rows);
        }
        cell->is_null = rows->text.size == cell->start;
    }
    rows->cells[index].size = rows->text.size - rows->cells[index].start;
    if (c == '\r') {
        c = rows_take(rows);
        if (c != '\n' && c != EOF)
            return 0;
    }
    return c == ',' || c == '\n' || c == EOF ? (c == EOF ? '\n' : c) : 0;
}

static enum rows_step rows_next_csv(struct rows_in *rows, struct buf *problem)
{
    int c = rows_take(rows), end = ',';

    while (rows->names && rows->name_count > 1 && (c == '\n' || c == '\r'))
        c = rows_take(rows); /* blank lines; in a table of one column they are NULL */
    if (c == EOF)
        return ROWS_END;
    rows_give_back(rows, c);
    rows_reset(rows);
    rows->row_line = rows->line;
    while (end == ',' && rows->cell_count < ROWS_COLUMNS_MAX)
        end = rows_take_field(rows);
    if (end != '\n')
        return rows_fail(rows, problem, "not CSV: a quote is wrong or missing");
    CHECK(rows->cell_count > 0);
    if (rows->names && rows->cell_count != rows->name_count) {
        buf_printf(problem, "line %llu: %zu fields, the header has %zu",
                   (unsigned long long)rows->row_line, rows->cell_count, rows->name_count);
        return ROWS_BAD;
    }
    return ROWS_ROW;
}

/* ---- JSON ---- */

static bool rows_take_hex(struct rows_in *rows, uint32_t *out)
{
    CHECK(out != NULL);
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = rows_take(rows);
        const char *digits = "0123456789abcdef", *at;
        at = c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (!at)
            return false;
        *out = *out * 16 + (uint32_t)(at - digits);
    }
    return true;
}

static bool rows_take_escape(struct rows_in *rows)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;
    char bytes[4];
    int c = rows_take(rows);
    const char *at = c > 0 ? strchr(from, c) : NULL;

    CHECK(sizeof from == sizeof to);
    if (at) {
        buf_append_byte(&rows->text, (uint8_t)to[at - from]);
        return true;
    }
    if (c != 'u' || !rows_take_hex(rows, &code) || code == 0)
        return false;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!rows_take_bytes(rows, "\\u") || !rows_take_hex(rows, &low) || low < 0xdc00 ||
            low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return false;
    }
    buf_append(&rows->text, bytes, utf8_encode(code, bytes));
    return true;
}

/* Behind the opening quote, to behind the closing one. */
static bool rows_take_string(struct rows_in *rows)
{
    for (int c; (c = rows_take(rows)) != '"';) {
        if (c < ' ')
            return false; /* EOF too */
        if (c != '\\')
            buf_append_byte(&rows->text, (uint8_t)c);
        else if (!rows_take_escape(rows))
            return false;
    }
    return true;
}

/* An object or array as it stands; `c` is its opening bracket. */
static bool rows_take_nested(struct rows_in *rows, int c)
{
    int depth = 0;
    bool quoted = false;

    for (; c != EOF && depth <= ROWS_DEPTH_MAX; c = rows_take(rows)) {
        buf_append_byte(&rows->text, (uint8_t)c);
        if (quoted && c == '\\') {
            c = rows_take(rows);
            if (c == EOF)
                return false;
            buf_append_byte(&rows->text, (uint8_t)c);
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            if (depth == 0)
                return true;
        }
    }
    return false;
}

/* A value becomes the cell's. */
static bool rows_take_value(struct rows_in *rows, struct rows_cell *cell)
{
    int c = rows_skip_blanks(rows);
    bool ok = true;

    cell->start = rows->text.size;
    if (c == '"') {
        ok = rows_take_string(rows);
    } else if (c == '{' || c == '[') {
        ok = rows_take_nested(rows, c);
    } else {
        while (c > ' ' && c != ',' && c != '}' && c != ']') {
            buf_append_byte(&rows->text, (uint8_t)c);
            c = rows_take(rows);
        }
        rows_give_back(rows, c);
        ok = rows->text.size > cell->start;
    }
    cell->size = rows->text.size - cell->start;
    CHECK(cell->start <= rows->text.size);
    return ok;
}

static const char *rows_skip_digits(const char *at, const char *end)
{
    CHECK(at <= end);
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static bool rows_is_number(struct str text)
{
    const char *at = text.data, *end = at + text.size;

    CHECK(text.size > 0);
    at += *at == '-';
    const char *digits = at;
    at = rows_skip_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return false;
    if (at < end && *at == '.') {
        digits = ++at;
        at = rows_skip_digits(at, end);
        if (at == digits)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = at;
        at = rows_skip_digits(at, end);
        if (at == digits)
            return false;
    }
    return at == end;
}

static bool rows_is_word(struct str text)
{
    static const char *const words[] = {"null", "true", "false"};

    CHECK(text.data != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_equal(text, str_from_c(words[i])))
            return true;
    }
    return rows_is_number(text);
}

/* Column of a key; SIZE_MAX if it is none. */
static size_t rows_column(const struct rows_in *rows, struct str key)
{
    CHECK(key.size == 0 || key.data);
    for (size_t i = 0; i < rows->name_count; i++) {
        if (str_equal(rows->names[i], key))
            return i;
    }
    return SIZE_MAX;
}

/* The members of an object as pairs of cells: key, value. */
static bool rows_take_members(struct rows_in *rows)
{
    int c = rows_skip_blanks(rows);

    while (c != '}') {
        struct rows_cell key = {.start = rows->text.size}, value = {0};
        if (c != '"' || !rows_take_string(rows))
            return false;
        key.size = rows->text.size - key.start;
        if (rows_skip_blanks(rows) != ':')
            return false;
        c = rows_skip_blanks(rows);
        rows_give_back(rows, c);
        if (!rows_take_value(rows, &value))
            return false;
        struct str text = str_from(rows->text.data + value.start, value.size);
        if (c != '"' && c != '{' && c != '[' && !rows_is_word(text))
            return false;
        value.is_null = c == 'n';
        *rows_add_cell(rows) = key;
        *rows_add_cell(rows) = value;
        c = rows_skip_blanks(rows);
        if (c != ',' && c != '}')
            return false;
        if (c == ',' && (c = rows_skip_blanks(rows)) != '"')
            return false;
    }
    return rows->cell_count <= 2 * ROWS_COLUMNS_MAX;
}

/* Puts the values into the order of the columns; a key that is missing is NULL. */
static enum rows_step rows_order_cells(struct rows_in *rows, struct buf *problem)
{
    struct rows_cell *pairs = rows->cells;
    size_t count = rows->cell_count / 2;

    CHECK(rows->cell_count % 2 == 0);
    if (!rows->names) {
        rows->names = mem_calloc(count + 1, sizeof *rows->names);
        for (size_t i = 0; i < count; i++) {
            struct str name = str_from(rows->text.data + pairs[2 * i].start, pairs[2 * i].size);
            rows->names[i] = str_from(mem_strdup(name), name.size);
        }
        rows->name_count = count;
    }
    rows->cells = mem_calloc(rows->name_count + 1, sizeof *rows->cells);
    rows->cell_count = rows->cell_capacity = rows->name_count;
    for (size_t i = 0; i < rows->name_count; i++)
        rows->cells[i].is_null = true;
    enum rows_step step = ROWS_ROW;
    for (size_t i = 0; i < count && step == ROWS_ROW; i++) {
        struct str key = str_from(rows->text.data + pairs[2 * i].start, pairs[2 * i].size);
        size_t column = rows_column(rows, key);
        if (column != SIZE_MAX) {
            rows->cells[column] = pairs[2 * i + 1];
            continue;
        }
        buf_printf(problem, "line %llu: the first object has no \"%.*s\"",
                   (unsigned long long)rows->row_line, STR_ARG(key));
        step = ROWS_BAD;
    }
    mem_free(pairs);
    return step;
}

/* To behind the opening bracket of an object, over brackets of arrays and a comma. */
static enum rows_step rows_find_object(struct rows_in *rows, struct buf *problem)
{
    int c = rows_skip_blanks(rows);

    CHECK(rows->in_array || !rows->behind_value);
    if (rows->behind_value && c == ',')
        c = rows_skip_blanks(rows);
    else if (rows->behind_value && c != ']' && c != EOF)
        return rows_fail(rows, problem, "a comma was expected between two objects");
    else
        for (; c == (rows->in_array ? ']' : '['); c = rows_skip_blanks(rows))
            rows->in_array = !rows->in_array;
    rows->behind_value = rows->in_array;
    if (!rows->in_array && c == EOF)
        return ROWS_END;
    if (c == '{')
        return ROWS_ROW;
    return rows_fail(rows, problem,
                     c == EOF ? "the file ends within the array" : "an object was expected");
}

static enum rows_step rows_next_json(struct rows_in *rows, struct buf *problem)
{
    enum rows_step step = rows_find_object(rows, problem);

    CHECK(rows->kind != FILE_CSV);
    if (step != ROWS_ROW)
        return step;
    rows_reset(rows);
    rows->row_line = rows->line;
    if (!rows_take_members(rows))
        return rows_fail(rows, problem, "not JSON");
    if (rows->cell_count == 0 && !rows->names)
        return rows_fail(rows, problem, "an object without members");
    return rows_order_cells(rows, problem);
}

/* ---- both ---- */

enum rows_step rows_in_next(struct rows_in *rows, struct buf *problem)
{
    enum rows_step step =
        rows->kind == FILE_CSV ? rows_next_csv(rows, problem) : rows_next_json(rows, problem);

    CHECK(problem != NULL);
    if (ferror(rows->file))
        return rows_fail(rows, problem, strerror(errno));
    if (step == ROWS_ROW && (!utf8_is_valid(buf_str(&rows->text)) ||
                             (rows->text.size > 0 && memchr(rows->text.data, 0, rows->text.size))))
        return rows_fail(rows, problem, "not UTF-8 text");
    return step;
}

struct rows_in *rows_in_open(const char *path, enum file_kind kind, struct buf *problem)
{
    struct rows_in *rows = mem_zalloc(sizeof *rows);
    struct stat info;

    CHECK(kind != FILE_PARQUET);
    rows->kind = kind;
    rows->line = 1;
    buf_init(&rows->text);
    rows->file = strcmp(path, "-") == 0 ? terminal_open_input() : fopen(path, "re");
    if (!rows->file) {
        buf_printf(problem, "%s: %s", path, strerror(errno));
        goto fail;
    }
    int fd = fileno(rows->file); /* standard input has none */
    if (fstat(fd >= 0 ? fd : STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode))
        rows->size = (uint64_t)info.st_size;
    int c = rows_take(rows); /* a byte order mark of a spreadsheet is none of the name */
    if (c == 0xef && !rows_take_bytes(rows, "\xbb\xbf")) {
        rows_fail(rows, problem, "not UTF-8 text");
        goto fail;
    }
    if (c != 0xef)
        rows_give_back(rows, c);
    if (kind != FILE_CSV)
        return rows;
    enum rows_step step = rows_in_next(rows, problem);
    if (step == ROWS_ROW) {
        rows_keep_names(rows);
        return rows;
    }
    if (step == ROWS_END)
        buf_printf(problem, "%s is empty: a header with the names of the columns is needed", path);
fail:
    rows_in_close(rows);
    return NULL;
}

void rows_in_close(struct rows_in *rows)
{
    if (!rows)
        return;
    CHECK(rows->name_count == 0 || rows->names);
    for (size_t i = 0; i < rows->name_count; i++)
        mem_free((char *)(uintptr_t)rows->names[i].data);
    mem_free(rows->names);
    mem_free(rows->cells);
    buf_clear(&rows->text);
    if (rows->file)
        fclose(rows->file);
    mem_free(rows);
}

size_t rows_in_columns(const struct rows_in *rows)
{
    return rows->name_count;
}

struct str rows_in_name(const struct rows_in *rows, size_t column)
{
    CHECK(column < rows->name_count);
    return rows->names[column];
}

bool rows_in_value(const struct rows_in *rows, size_t column, struct str *out)
{
    CHECK(column < rows->cell_count);
    if (rows->cells[column].is_null)
        return false;
    *out = str_from(rows->text.data + rows->cells[column].start, rows->cells[column].size);
    return true;
}

uint64_t rows_in_line(const struct rows_in *rows)
{
    return rows->row_line;
}

uint64_t rows_in_position(const struct rows_in *rows, uint64_t *size)
{
    CHECK(size != NULL);
    *size = rows->size;
    return rows->position;
}
