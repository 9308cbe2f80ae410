/* complete.c — see complete.h. The names come from information_schema.columns, in one request at
 * the first TAB and after statements that may have changed them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/complete.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"

#include <stdlib.h>

struct name {
    char *space, *table, *column;
};

struct names {
    struct name *all; /* one per column */
    size_t count;
    bool fetched;
};

static const char *const complete_keywords[] = {
    "ALTER",     "AND",       "AS",       "ASC",     "BACKUP",   "BEGIN",   "BETWEEN",   "BY",
    "COLUMN",    "COMMIT",    "CONFLICT", "CREATE",  "DATABASE", "DELETE",  "DESC",      "DESCRIBE",
    "DISTINCT",  "DROP",      "EXISTS",   "EXPLAIN", "FLUSH",    "FROM",    "GROUP",     "HAVING",
    "ILIKE",     "IN",        "INNER",    "INSERT",  "INTO",     "IS",      "JOB",       "JOIN",
    "KEY",       "KILL",      "LEFT",     "LIKE",    "LIMIT",    "LIVE",    "NAMESPACE", "NOT",
    "NULL",      "OFFSET",    "ON",       "OR",      "ORDER",    "PRIMARY", "QUERY",     "RESTORE",
    "RETURNING", "ROLLBACK",  "SELECT",   "SET",     "SHARED",   "SHOW",    "STATS",     "STORAGE",
    "STREAM",    "SUBSCRIBE", "TABLE",    "TABLES",  "TO",       "UPDATE",  "USER",      "VALUES",
    "WHERE",     "WITH"};

struct names *names_new(void)
{
    return mem_zalloc(sizeof(struct names));
}

static void names_drop(struct names *names)
{
    CHECK(names->count == 0 || names->all);
    for (size_t i = 0; i < names->count; i++) {
        mem_free(names->all[i].space);
        mem_free(names->all[i].table);
        mem_free(names->all[i].column);
    }
    mem_free(names->all);
    names->all = NULL;
    names->count = 0;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    names_drop(names);
    mem_free(names);
}

void names_forget(struct names *names)
{
    if (names)
        names->fetched = false;
}

static void names_fetch(struct names *names, kalam_client *client)
{
    static const char sql[] =
        "SELECT table_schema, table_name, column_name FROM information_schema.columns";
    kalam_results *results = NULL;

    CHECK(names && !names->fetched);
    names->fetched = true; /* a server that refuses is not asked at every TAB */
    if (client && kalam_query(client, sql, &results, NULL) == KALAM_OK) {
        names_drop(names);
        names->count = kalam_row_count(results, 0);
        names->all = mem_calloc(names->count + 1, sizeof *names->all);
        for (size_t row = 0; row < names->count; row++) {
            names->all[row].space = mem_strdup(str_from_c(kalam_text(results, 0, row, 0)));
            names->all[row].table = mem_strdup(str_from_c(kalam_text(results, 0, row, 1)));
            names->all[row].column = mem_strdup(str_from_c(kalam_text(results, 0, row, 2)));
        }
    }
    kalam_results_free(results);
}

static bool complete_is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '\\' || (unsigned char)c >= 128;
}

static void complete_add(struct completion *out, struct str word, struct str prefix)
{
    CHECK(out);
    if (word.size < prefix.size || word.size == 0 ||
        !str_equal_nocase(str_from(word.data, prefix.size), prefix))
        return;
    out->candidates = mem_realloc(out->candidates, (out->count + 1) * sizeof *out->candidates);
    out->candidates[out->count++] = mem_strdup(word);
}

/* ---- where in the statement ---- */

enum place { PLACE_START, PLACE_TABLE, PLACE_COLUMN, PLACE_VALUE };

struct place_word {
    const char *word;
    enum place place;
};

/* What stands behind a word; the last such word before the cursor counts. */
static const struct place_word complete_places[] = {
    {"from", PLACE_TABLE},       {"join", PLACE_TABLE},    {"into", PLACE_TABLE},
    {"update", PLACE_TABLE},     {"table", PLACE_TABLE},   {"to", PLACE_TABLE},
    {"describe", PLACE_TABLE},   {"desc", PLACE_TABLE},    {"\\d", PLACE_TABLE},
    {"\\copy", PLACE_TABLE},     {"select", PLACE_COLUMN}, {"where", PLACE_COLUMN},
    {"on", PLACE_COLUMN},        {"by", PLACE_COLUMN},     {"set", PLACE_COLUMN},
    {"having", PLACE_COLUMN},    {"and", PLACE_COLUMN},    {"or", PLACE_COLUMN},
    {"returning", PLACE_COLUMN}, {"values", PLACE_VALUE},  {"\\format", PLACE_VALUE},
};

/* The word that begins at `*at` or behind; false at the end. Quoted texts are skipped. */
static bool complete_word(struct str text, size_t *at, struct str *word)
{
    size_t start = *at;

    CHECK(word != NULL);
    while (start < text.size && !complete_is_word_byte(text.data[start])) {
        char c = text.data[start++];
        while (c == '\'' && start < text.size && text.data[start++] != '\'')
            continue;
    }
    for (*at = start; *at < text.size && complete_is_word_byte(text.data[*at]);)
        ++*at;
    *word = str_from(text.data + start, *at - start);
    return word->size > 0;
}

static enum place complete_place(struct str text)
{
    enum place place = PLACE_START;
    struct str word;

    CHECK(text.size == 0 || text.data);
    for (size_t at = 0; complete_word(text, &at, &word);) {
        for (size_t i = 0; i < ARRAY_COUNT(complete_places); i++) {
            if (str_equal_nocase(word, str_from_c(complete_places[i].word)))
                place = complete_places[i].place;
        }
    }
    return place;
}

/* The statement names the table, as `t` or `ns.t`. */
static bool complete_names_table(struct str text, const struct name *name)
{
    struct str word, table = str_from_c(name->table);

    CHECK(name->table);
    for (size_t at = 0; complete_word(text, &at, &word);) {
        if (str_equal_nocase(word, table) ||
            (word.size > table.size && word.data[word.size - table.size - 1] == '.' &&
             str_equal_nocase(str_from(word.data + word.size - table.size, table.size), table)))
            return true;
    }
    return false;
}

static void complete_add_tables(const struct names *names, struct str prefix,
                                struct completion *out)
{
    bool qualified = prefix.size > 0 && memchr(prefix.data, '.', prefix.size);
    struct buf full;

    CHECK(names && out);
    buf_init(&full);
    for (size_t i = 0; i < names->count; i++) {
        const struct name *name = &names->all[i];
        if (i > 0 && strcmp(name[-1].table, name->table) == 0 &&
            strcmp(name[-1].space, name->space) == 0)
            continue; /* one row per column */
        buf_reset(&full);
        buf_printf(&full, "%s.%s", name->space, name->table);
        complete_add(out, buf_str(&full), prefix);
        if (!qualified)
            complete_add(out, str_from_c(name->table), prefix);
    }
    buf_clear(&full);
}

/* Columns of the tables that the statement names; of all tables if it names none. */
static void complete_add_columns(const struct names *names, struct str text, struct str prefix,
                                 struct completion *out)
{
    size_t dot = prefix.size, before = out->count;

    CHECK(names && out);
    while (dot > 0 && prefix.data[dot - 1] != '.')
        dot--;
    for (int all = 0; all < 2 && out->count == before; all++) {
        for (size_t i = 0; i < names->count; i++) {
            const struct name *name = &names->all[i];
            struct buf full;
            if (!all && !complete_names_table(text, name))
                continue;
            buf_init(&full); /* an alias or a table may stand before the column */
            buf_append(&full, prefix.data, dot);
            buf_append_str(&full, str_from_c(name->column));
            complete_add(out, buf_str(&full), prefix);
            buf_clear(&full);
        }
    }
}

static void complete_add_list(const char *const *words, size_t count, struct str prefix,
                              struct completion *out)
{
    CHECK(words && out);
    for (size_t i = 0; i < count && words[i]; i++)
        complete_add(out, str_from_c(words[i]), prefix);
}

static int complete_compare(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    CHECK(a);
    return strcmp(*left, *right);
}

/* How much of the candidates is the same, ignoring case. */
static size_t complete_common(const struct completion *completion)
{
    const char *first = completion->candidates[0];
    size_t common = strlen(first);

    CHECK(completion);
    for (size_t i = 1; i < completion->count; i++) {
        struct str other = str_from_c(completion->candidates[i]);
        common = other.size < common ? other.size : common;
        while (common > 0 &&
               !str_equal_nocase(str_from(first, common), str_from(other.data, common)))
            common--;
    }
    return common;
}

static void complete_sql(struct names *names, kalam_client *client, struct str before,
                         struct str prefix, struct completion *out)
{
    static const char *const formats[] = {"csv",   "expanded", "html", "json",
                                          "jsonl", "markdown", "table"};
    enum place place = complete_place(before);

    CHECK(names && out);
    if (!names->fetched)
        names_fetch(names, client);
    if (place == PLACE_VALUE && before.size > 7 && *before.data == '\\') {
        complete_add_list(formats, ARRAY_COUNT(formats), prefix, out);
        return;
    }
    if (place == PLACE_TABLE)
        complete_add_tables(names, prefix, out);
    if (place == PLACE_COLUMN)
        complete_add_columns(names, before, prefix, out);
    if (prefix.size == 0)
        return; /* not the whole language */
    if (place == PLACE_COLUMN || place == PLACE_VALUE)
        complete_add_list(complete_functions, SIZE_MAX, prefix, out);
    if (place == PLACE_COLUMN || place == PLACE_START)
        complete_add_tables(names, prefix, out);
    complete_add_list(complete_keywords, ARRAY_COUNT(complete_keywords), prefix, out);
}

/* Sorts, and drops what stands there twice. */
static void complete_sort(struct completion *out)
{
    size_t kept = 0;

    CHECK(out->count > 0);
    qsort(out->candidates, out->count, sizeof *out->candidates, complete_compare);
    for (size_t i = 0; i < out->count; i++) {
        if (kept > 0 && strcmp(out->candidates[kept - 1], out->candidates[i]) == 0)
            mem_free(out->candidates[i]);
        else
            out->candidates[kept++] = out->candidates[i];
    }
    out->count = kept;
}

void complete_line(struct names *names, kalam_client *client, struct str line,
                   struct completion *out)
{
    size_t start = line.size;
    struct str prefix;

    CHECK(names && out);
    *out = (struct completion){0};
    while (start > 0 && complete_is_word_byte(line.data[start - 1]))
        start--;
    prefix = str_from(line.data + start, line.size - start);
    out->word_size = out->common = prefix.size;
    if (prefix.size > 0 && *prefix.data == '\\') {
        for (size_t i = 0; command_name(i); i++)
            complete_add(out, str_from_c(command_name(i)), prefix);
    } else {
        complete_sql(names, client, str_from(line.data, start), prefix, out);
    }
    if (out->count == 0)
        return;
    complete_sort(out);
    out->common = complete_common(out);
}

void completion_clear(struct completion *completion)
{
    CHECK(completion);
    for (size_t i = 0; i < completion->count; i++)
        mem_free(completion->candidates[i]);
    mem_free(completion->candidates);
    *completion = (struct completion){0};
}
