/* complete.c — see complete.h. The names come from information_schema.columns, in one request at
 * the first TAB and after statements that may have changed them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/complete.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/cli.h"

#include <stdlib.h>

struct names {
    struct map words; /* tables as `t` and `ns.t`, and columns; the value is not used */
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
    struct names *names = mem_zalloc(sizeof *names);

    map_init(&names->words);
    return names;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    map_clear(&names->words);
    mem_free(names);
}

void names_forget(struct names *names)
{
    if (names)
        names->fetched = false;
}

static void names_add(struct names *names, const char *text)
{
    CHECK(names != NULL);
    if (text && *text)
        (void)map_put(&names->words, str_from_c(text), names); /* a known one stays */
}

static void names_fetch(struct names *names, kalam_client *client)
{
    static const char sql[] =
        "SELECT table_schema, table_name, column_name FROM information_schema.columns";
    kalam_results *results = NULL;
    struct buf full;

    CHECK(names && !names->fetched);
    names->fetched = true; /* a server that refuses is not asked at every TAB */
    if (!client || kalam_query(client, sql, &results, NULL) != KALAM_OK) {
        kalam_results_free(results);
        return;
    }
    map_clear(&names->words);
    map_init(&names->words);
    buf_init(&full);
    for (size_t row = 0; row < kalam_row_count(results, 0); row++) {
        const char *space = kalam_text(results, 0, row, 0), *table = kalam_text(results, 0, row, 1);
        buf_reset(&full);
        buf_printf(&full, "%s.%s%c", space ? space : "", table ? table : "", 0);
        names_add(names, full.data);
        names_add(names, table);
        names_add(names, kalam_text(results, 0, row, 2));
    }
    buf_clear(&full);
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
    if (word.size < prefix.size || !str_equal_nocase(str_from(word.data, prefix.size), prefix))
        return;
    out->candidates = mem_realloc(out->candidates, (out->count + 1) * sizeof *out->candidates);
    out->candidates[out->count++] = mem_strdup(word);
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

void complete_line(struct names *names, kalam_client *client, struct str line,
                   struct completion *out)
{
    size_t start = line.size, cursor = 0;
    struct str prefix, key;
    void *value;

    CHECK(names && out);
    *out = (struct completion){0};
    while (start > 0 && complete_is_word_byte(line.data[start - 1]))
        start--;
    prefix = str_from(line.data + start, line.size - start);
    out->word_size = out->common = prefix.size;
    if (prefix.size == 0)
        return;
    if (*prefix.data == '\\') {
        for (size_t i = 0; command_name(i); i++)
            complete_add(out, str_from_c(command_name(i)), prefix);
    } else {
        if (!names->fetched)
            names_fetch(names, client);
        for (size_t i = 0; i < ARRAY_COUNT(complete_keywords); i++)
            complete_add(out, str_from_c(complete_keywords[i]), prefix);
        while (map_next(&names->words, &cursor, &key, &value))
            complete_add(out, key, prefix);
    }
    if (out->count == 0)
        return;
    qsort(out->candidates, out->count, sizeof *out->candidates, complete_compare);
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
