/* function.c — functions that the macros of macros.c call in DuckDB.
 *
 * DuckDB's LIKE is exponential in the number of % unless the pattern is a constant without _; ours
 * is not and counts its steps. The others bound what DuckDB would make of some texts before it
 * makes it: time and memory of whole vectors are neither counted nor interrupted there. Threads:
 * DuckDB's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"
#include "sql/expr/expr_internal.h"

#include "base/check.h"
#include "base/macros.h"
#include "base/utf8.h"

enum {
    FUNCTION_PLAIN_MAX = 1024,       /* bytes of a pattern: LIKE … */
    FUNCTION_PLAIN_NOCASE_MAX = 64,  /* … and ILIKE, which looks for it at each character */
    FUNCTION_DISTANCE_MAX = 1 << 18, /* length × length */
    FUNCTION_MARKS_MAX = 256,        /* characters in a row that are put in order */
    FUNCTION_JSON_DEPTH_MAX = 1000,  /* levels of a document */
    FUNCTION_PART_BYTES = 16,        /* of a part of a text in a list */
    FUNCTION_PARTS_MAX = 1 << 16,
    FUNCTION_HEX_TIMES = 3,
    FUNCTION_BINARY_TIMES = 8,
    FUNCTION_GROWN_MAX = 1 << 29,   /* bytes of 2048 rows: to_binary and the like … */
    FUNCTION_RESULTS_MAX = 1 << 30, /* … others; bytes of the 2048 rows that are held at once */
};

/* Patterns that DuckDB matches in linear time if they are constants. */
static bool function_is_plain(struct str pattern)
{
    CHECK(pattern.data || pattern.size == 0);
    return pattern.size <= FUNCTION_PLAIN_MAX && !memchr(pattern.data, '_', pattern.size) &&
           !memchr(pattern.data, '\\', pattern.size);
}

static enum status function_like_is_plain(const struct str *args, uint64_t *work, bool *out,
                                          struct error *err)
{
    CHECK(work && err);
    *out = function_is_plain(args[0]);
    return STATUS_OK;
}

/* DuckDB has no such form of ILIKE, but one % at either end costs no more than a search. */
static enum status function_ilike_is_plain(const struct str *args, uint64_t *work, bool *out,
                                           struct error *err)
{
    struct str inner = args[0];

    CHECK(work && err);
    if (inner.size > 0 && inner.data[0] == '%')
        inner = str_from(inner.data + 1, inner.size - 1);
    if (inner.size > 0 && inner.data[inner.size - 1] == '%')
        inner.size--;
    *out = inner.size <= FUNCTION_PLAIN_NOCASE_MAX && function_is_plain(inner) &&
           !memchr(inner.data, '%', inner.size);
    return STATUS_OK;
}

static enum status function_like(const struct str *args, uint64_t *work, bool *out,
                                 struct error *err)
{
    uint64_t steps = 0;
    enum status status = expr_like(args[0], args[1], args[2], true, false, &steps, out, err);

    CHECK(steps < UINT64_MAX / 2);
    *work += steps;
    return status;
}

static enum status function_ilike(const struct str *args, uint64_t *work, bool *out,
                                  struct error *err)
{
    uint64_t steps = 0;
    enum status status = expr_like(args[0], args[1], args[2], true, true, &steps, out, err);

    CHECK(steps < UINT64_MAX / 2);
    *work += steps;
    return status;
}

/* Distances take length × length in time, some in memory too. */
static enum status function_distance_fits(const struct str *args, uint64_t *work, bool *out,
                                          struct error *err)
{
    CHECK(work && err);
    *out = (uint64_t)args[0].size * args[1].size <= FUNCTION_DISTANCE_MAX;
    return STATUS_OK;
}

/* Blocks of scripts that write thousands of characters without a blank and hold no marks. */
static bool function_is_letter(uint32_t codepoint)
{
    static const struct {
        uint32_t first, last;
    } letters[] = {{0x00, 0x2ff},      {0x370, 0x482},    {0x48a, 0x590},   {0xe01, 0xe30},
                   {0xe40, 0xe46},     {0xe81, 0xeb0},    {0xf40, 0xf6c},   {0x1000, 0x102a},
                   {0x1100, 0x11ff},   {0x1780, 0x17b3},  {0x2000, 0x20cf}, {0x2100, 0x2cee},
                   {0x3040, 0x3098},   {0x30a0, 0x9fff},  {0xac00, 0xd7a3}, {0xf900, 0xfaff},
                   {0x1f000, 0x1faff}, {0x20000, 0x3ffff}};

    CHECK(codepoint <= 0x10ffff);
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (codepoint <= letters[i].last)
            return codepoint >= letters[i].first;
    return false;
}

/* nfc_normalize puts the marks behind a letter in order by exchanging neighbours. */
static enum status function_nfc_fits(const struct str *args, uint64_t *work, bool *out,
                                     struct error *err)
{
    struct str rest = args[0];
    uint32_t marks = 0;

    CHECK(work && err);
    for (*out = true; *out && rest.size > 0;) {
        uint32_t codepoint = 0;
        size_t size = utf8_decode(rest, &codepoint);
        marks = function_is_letter(codepoint) ? 0 : marks + 1;
        *out = marks <= FUNCTION_MARKS_MAX;
        size = size > 0 ? size : 1;
        rest = str_from(rest.data + size, rest.size - size);
    }
    return STATUS_OK;
}

/* How deep a JSON document is nested: brackets outside of strings. A text that is none is refused
 * by the function itself. */
static enum status function_json_fits(const struct str *args, uint64_t *work, bool *out,
                                      struct error *err)
{
    uint32_t depth = 0, deepest = 0;
    bool quoted = false;

    CHECK(work && err);
    for (size_t i = 0; i < args[0].size; i++) {
        char c = args[0].data[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\'; /* the character behind it ends nothing */
        else if (c == '[' || c == '{')
            deepest = ++depth > deepest ? depth : deepest;
        else if (c == ']' || c == '}')
            depth -= depth > 0;
    }
    *work += args[0].size;
    *out = deepest <= FUNCTION_JSON_DEPTH_MAX;
    return STATUS_OK;
}

/* Behind the key that begins at `at`, in quotes or not. */
static size_t function_skip_key(struct str path, size_t at)
{
    bool quoted = at < path.size && path.data[at] == '"';

    CHECK(at <= path.size);
    for (at += quoted; at < path.size; at++) {
        char c = path.data[at];
        if (quoted && c == '"')
            return at + 1;
        if (!quoted && (c == '.' || c == '['))
            return at;
        at += quoted && c == '\\';
    }
    return path.size;
}

/* `..` and `.**`, each of which looks at all places below. */
static uint32_t function_searches(struct str path)
{
    uint32_t count = 0;

    CHECK(path.data || path.size == 0);
    for (size_t i = 0; i < path.size;) {
        struct str rest = str_from(path.data + i, path.size - i);
        bool deep = str_starts_with(rest, STR_LIT("..")) || str_starts_with(rest, STR_LIT(".**"));
        i++;
        count += deep;
        if (rest.data[0] == '.')
            i = function_skip_key(path, i + deep);
    }
    return count;
}

bool analytic_path_fits(struct str text)
{
    CHECK(text.data || text.size == 0);
    if (text.size > 0 && text.data[0] == '$')
        return function_searches(text) <= 1;
    struct str quote = {memchr(text.data, '"', text.size), 1};
    if (text.size == 0 || quote.data == NULL)
        return true;
    /* DuckDB writes a key between quotes as it is: behind one of its own, it is path again */
    size_t behind = (size_t)(quote.data - text.data) + 1;
    return function_searches(str_from(text.data + behind, text.size - behind)) <= 1;
}

static enum status function_path_fits(const struct str *args, uint64_t *work, bool *out,
                                      struct error *err)
{
    CHECK(work && err);
    *out = analytic_path_fits(args[0]);
    return STATUS_OK;
}

/* replace(text, part, by) */
static enum status function_replace_fits(const struct str *args, uint64_t *work, bool *out,
                                         struct error *err)
{
    uint64_t result = expr_replace_size_max(args[0], args[1], args[2]);

    CHECK(work && err);
    *work += result;
    *out = result <= EXPR_REPLACE_MAX && *work <= FUNCTION_RESULTS_MAX;
    return STATUS_OK;
}

static bool function_grown_fits(struct str text, uint64_t times, uint64_t *work)
{
    uint64_t result = (uint64_t)text.size * times;

    CHECK(times > 1);
    *work += result;
    return result <= EXPR_REPLACE_MAX && *work <= FUNCTION_GROWN_MAX;
}

/* As hex and url_encode make a text longer, at most. */
static enum status function_hex_fits(const struct str *args, uint64_t *work, bool *out,
                                     struct error *err)
{
    CHECK(work && err);
    *out = function_grown_fits(args[0], FUNCTION_HEX_TIMES, work);
    return STATUS_OK;
}

static enum status function_binary_fits(const struct str *args, uint64_t *work, bool *out,
                                        struct error *err)
{
    CHECK(work && err);
    *out = function_grown_fits(args[0], FUNCTION_BINARY_TIMES, work);
    return STATUS_OK;
}

static uint64_t function_parts(struct str text, struct str separator)
{
    uint64_t parts = 1;
    size_t at;

    CHECK(text.data || text.size == 0);
    if (separator.size == 0)
        return text.size; /* each character, at most */
    while ((at = str_find(text, separator)) != SIZE_MAX) {
        parts++;
        at += separator.size;
        text = str_from(text.data + at, text.size - at);
    }
    return parts;
}

/* The list of the parts of a text: string_split(text, separator). DuckDB makes 2048 lists of one
 * text that stands in all rows. */
static enum status function_split_fits(const struct str *args, uint64_t *work, bool *out,
                                       struct error *err)
{
    uint64_t parts = function_parts(args[0], args[1]);

    CHECK(work && err);
    *work += parts * FUNCTION_PART_BYTES;
    *out = parts <= FUNCTION_PARTS_MAX && *work <= FUNCTION_RESULTS_MAX;
    return STATUS_OK;
}

const struct columnar_function *analytic_functions(size_t *count)
{
    static const struct columnar_function functions[] = {
        {"like_is_plain", 1, true, function_like_is_plain, NULL, "LIKE"},
        {"ilike_is_plain", 1, true, function_ilike_is_plain, NULL, "ILIKE"},
        {"text_like", 3, false, function_like, NULL, "LIKE"},
        {"text_ilike", 3, false, function_ilike, NULL, "ILIKE"},
        {"distance_fits", 2, false, function_distance_fits, NULL, "levenshtein"},
        {"nfc_fits", 1, false, function_nfc_fits, NULL, "nfc_normalize"},
        {"json_fits", 1, false, function_json_fits, NULL, NULL},
        {"path_fits", 1, false, function_path_fits, NULL, NULL},
        {"hex_fits", 1, false, function_hex_fits, NULL, NULL},
        {"binary_fits", 1, false, function_binary_fits, NULL, NULL},
        {"replace_fits", 3, false, function_replace_fits, NULL, "replace"},
        {"split_fits", 2, false, function_split_fits, NULL, "string_split"},
        {"regexp_matches_text", 3, false, NULL, &ANALYTIC_GUARD_MATCHES, NULL},
        {"regexp_full_match_text", 3, false, NULL, &ANALYTIC_GUARD_FULL_MATCH, NULL},
        {"regexp_extract_text", 4, false, NULL, &ANALYTIC_GUARD_EXTRACT, NULL},
        {"regexp_extract_all_text", 3, false, NULL, &ANALYTIC_GUARD_EXTRACT_ALL, NULL},
        {"regexp_replace_text", 4, false, NULL, &ANALYTIC_GUARD_REPLACE, NULL},
        {"regexp_split_text", 3, false, NULL, &ANALYTIC_GUARD_SPLIT, NULL},
    };

    CHECK(count);
    *count = ARRAY_COUNT(functions);
    return functions;
}
