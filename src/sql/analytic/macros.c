/* macros.c — PostgreSQL's meaning of functions and operators in DuckDB.
 *
 * The macros stand before DuckDB's own functions in the search path; `system.main.f` is DuckDB's. A
 * macro that names an argument twice copies it: allow_copies has to know (allow.c, and its test).
 * Overloads of a macro by type are chosen before aggregates, windows and columns of outer SELECTs
 * have one: sum_of_type, the only one, is called where there are none of these (check_type.c).
 * docs/sql-functions.md lists the differences. Threads: any.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"

#include <pthread.h>

#define ANALYTIC_BIG_TEXT "65536"
#define ANALYTIC_ZERO "CASE WHEN b = 0 AND a IS NOT NULL THEN error('division by zero') "
#define ANALYTIC_WHOLE ANALYTIC_ZERO "ELSE system.main.\"//\"(a, b) END"

/* HUGEINT, a sum of BIGINT, is NUMERIC to users: it divides as DECIMAL does, into a DOUBLE. The
 * branch that is never taken gives `a` the type DOUBLE, or none of its own; the type of a list is
 * known even where that of a NULL is not. */
#define ANALYTIC_QUOTIENT \
    ANALYTIC_ZERO \
    "ELSE system.main.\"//\"(CASE WHEN true THEN a " \
    "ELSE struct_extract({'huge': NULL::DOUBLE, 'other': NULL}, " \
    "CASE WHEN 'HUGEINT[]' IN (typeof([a]), typeof([b])) THEN 'huge' ELSE 'other' END) END, b) " \
    "END"

/* DuckDB finds the remainder of the least integer by -1 too large, though it is 0. */
#define ANALYTIC_REMAINDER \
    ANALYTIC_ZERO "WHEN b = -1 THEN system.main.\"%\"(a, -b) ELSE system.main.\"%\"(a, b) END"

#define ANALYTIC_APART(name) \
    "CASE WHEN NOT distance_fits(a, b) THEN error('the texts given to " name " are too long') " \
    "ELSE "
#define ANALYTIC_DISTANCE(name) ANALYTIC_APART(name) "system.main." name "(a, b) END"
#define ANALYTIC_SIMILARITY(name) ANALYTIC_APART(name) "system.main." name "(a, b, c) END"

/* Centuries and millennia begin with the year 1. What is no unit is none here. COALESCE keeps
 * DuckDB from folding a comparison with a moment that is no whole unit: its rule forgets that the
 * answer for NULL is NULL. */
#define ANALYTIC_DATE_TRUNC \
    "CASE WHEN lower(p) IN ('century', 'centuries', 'millennium', 'millennia') " \
    "THEN system.main.date_trunc(p, x - INTERVAL 1 YEAR) + INTERVAL 1 YEAR " \
    "WHEN lower(p) IN ('dow', 'dayofweek', 'weekday', 'isodow', 'doy', 'dayofyear', 'epoch', " \
    "'isoyear', 'yearweek', 'era', 'julian') " \
    "THEN error('timestamp units \"' || p || '\" not recognized') " \
    "ELSE coalesce(system.main.date_trunc(p, x), NULL) END"

/* A DOUBLE half-way between two whole numbers goes to the even one; typeof is folded. */
#define ANALYTIC_ROUND \
    "system.main.round(x) - CASE " \
    "WHEN typeof(x) IN ('DOUBLE', 'FLOAT') AND abs(x - trunc(x)) = 0.5 " \
    "AND system.main.\"%\"(system.main.round(x), 2) <> 0 THEN sign(x) ELSE 0::TINYINT END"

/* DuckDB's own field has no fraction. */
#define ANALYTIC_MICROSECONDS "system.main.date_part('microseconds', x)"
#define ANALYTIC_FIELD(factor, type) \
    "CAST(CAST(" ANALYTIC_MICROSECONDS " AS DECIMAL(8, 0)) * " factor " AS DECIMAL(" type "))"

/* DuckDB's takes INTEGER only. What is more than any number has is all the same. */
#define ANALYTIC_ROUND_DIGITS \
    "system.main.round(x, CAST(CASE WHEN n > 400 THEN 400 WHEN n < -400 THEN -400 ELSE n END AS " \
    "INTEGER))"

/* round(x, -2). DuckDB cuts the bits off an integer that has left its type, and makes 0 of a
 * DECIMAL that has as many digits as are rounded, and of NULL. What is behind the point does not
 * matter. 28 digits leave room for ten places of what stands beside it in a UNION or COALESCE. */
#define ANALYTIC_ROUND_TO_TENS \
    "CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN system.main.round(x, n) " \
    "WHEN x IS NULL THEN NULL WHEN n < -38 THEN CAST(0 AS DECIMAL(28, 0)) " \
    "ELSE system.main.round(CAST(system.main.trunc(x) AS DECIMAL(28, 0)), n) END"

/* greatest() and least() pass over NULL. Nothing leaves BIGINT, nor the 2^32 that DuckDB takes. */
#define ANALYTIC_REST \
    "CASE WHEN f IS NOT NULL THEN system.main.substring(s, least(greatest(f, 1), 4294967295)) END"
#define ANALYTIC_PART \
    "CASE WHEN n < 0 AND s IS NOT NULL AND f IS NOT NULL " \
    "THEN error('negative substring length not allowed') " \
    "WHEN n IS NOT NULL AND f IS NOT NULL THEN system.main.substring(s, " \
    "least(greatest(f, 1), 4294967295), " \
    "least(greatest(least(n, 4611686018427387904) + greatest(least(f, 1), -4611686018427387904) " \
    "- 1, 0), 4294967295)) END"

/* Behind -> and ->> a text is a key, an integer a position. DuckDB reads `$…` and `/…` as paths and
 * `*` as all parts. The empty key and `*` cannot be quoted in a path; as a JSON pointer they are
 * keys. What is constant is folded. */
#define ANALYTIC_KEY \
    "CASE WHEN typeof(b) = 'VARCHAR' THEN system.main.regexp_replace('$.\"' || " \
    "system.main.replace(system.main.replace(CAST(b AS VARCHAR), '\\', '\\\\'), '\"', '\\\"') || " \
    "'\"', '^\\$\\.\"(\\*?)\"$', '/\\1') " \
    "ELSE '$[' || system.main.replace(system.main.replace(CAST(b AS VARCHAR), ']', ''), '-', " \
    "'#-') || ']' END"

/* Lists, structs and the like become JSON before it is measured. */
#define ANALYTIC_DEEP(value) "NOT json_fits(CAST(" value " AS JSON))"
#define ANALYTIC_TOO_DEEP " THEN error('the JSON document is nested too deeply') "

/* (document, path): as json_extract, or as json_keys, which takes no path, too. */
#define ANALYTIC_PATH(function) \
    "CASE WHEN path_fits(CAST(b AS VARCHAR)) IS NOT DISTINCT FROM false " \
    "THEN error('" ANALYTIC_PATH_REFUSED "') ELSE system.main." function "(a, b) END"
#define ANALYTIC_PATH_MACRO(name, function) \
    "CREATE OR REPLACE MACRO " name "(a, b) AS " ANALYTIC_PATH(function)
#define ANALYTIC_PATH_MACROS(name) \
    "CREATE OR REPLACE MACRO " name "(a) AS system.main." name "(a), (a, b) AS " ANALYTIC_PATH(name)

#define ANALYTIC_SPLIT(function, more) \
    "CASE WHEN NOT split_fits(s, d) THEN error('the result of " function " is too long') " \
    "ELSE system.main." function "(s, d" more ") END"

/* Of numbers and BYTES, too: these stay as they are. */
#define ANALYTIC_GROWTH(name, fits) \
    "CREATE OR REPLACE MACRO " name "(s) AS CASE WHEN typeof(s) = 'VARCHAR' " \
    "AND NOT " fits "(CAST(s AS VARCHAR)) " \
    "THEN error('the result of " name " is too long') ELSE system.main." name "(s) END"

#define ANALYTIC_MAP_KEYS "2000"
/* The guard gives back the text s, or an error (guard.c). DuckDB wants constant options before it
 * knows those of a macro, unless there is an operator on them: || puts that off. */
#define ANALYTIC_REGEX(name, guard) \
    "CREATE OR REPLACE MACRO " name "(s, p) AS system.main." name "(" guard "(s, p, ''), p), " \
    "(s, p, o) AS system.main." name "(" guard "(s, p, o), p, o || '')"
#define ANALYTIC_EXTRACT \
    "CREATE OR REPLACE MACRO regexp_extract(s, p) AS " \
    "system.main.regexp_extract(regexp_extract_text(s, p, '0', ''), p), " \
    "(s, p, g) AS system.main.regexp_extract(" \
    "regexp_extract_text(s, p, CAST(g AS VARCHAR), ''), p, g), " \
    "(s, p, g, o) AS system.main.regexp_extract(" \
    "regexp_extract_text(s, p, CAST(g AS VARCHAR), o), p, g, o || '')"
#define ANALYTIC_EXTRACT_ALL \
    "CREATE OR REPLACE MACRO regexp_extract_all(s, p) AS " \
    "system.main.regexp_extract_all(regexp_extract_all_text(s, p, ''), p), " \
    "(s, p, g) AS system.main.regexp_extract_all(regexp_extract_all_text(s, p, ''), p, g), " \
    "(s, p, g, o) AS system.main.regexp_extract_all(regexp_extract_all_text(s, p, o), p, g, o || " \
    "'')"
#define ANALYTIC_REGEXP_REPLACE \
    "CREATE OR REPLACE MACRO regexp_replace(s, p, r) AS " \
    "system.main.regexp_replace(regexp_replace_text(s, p, r, ''), p, r), " \
    "(s, p, r, o) AS system.main.regexp_replace(regexp_replace_text(s, p, r, o), p, r, o || '')"

#define ANALYTIC_GRADE_UP "system.main.list_grade_up(CASE WHEN true THEN l END"

static const char *const MACROS[] = {
    "CREATE OR REPLACE MACRO \"/\"(a, b) AS " ANALYTIC_QUOTIENT,
    "CREATE OR REPLACE MACRO \"//\"(a, b) AS " ANALYTIC_WHOLE,
    "CREATE OR REPLACE MACRO divide(a, b) AS " ANALYTIC_QUOTIENT,
    "CREATE OR REPLACE MACRO \"%\"(a, b) AS " ANALYTIC_REMAINDER,
    "CREATE OR REPLACE MACRO mod(a, b) AS " ANALYTIC_REMAINDER,
    /* A backslash escapes in LIKE. Constant patterns that DuckDB matches fast stay its own. */
    "CREATE OR REPLACE MACRO \"~~\"(a, b) AS CASE WHEN like_is_plain(b) "
    "THEN system.main.\"~~\"(a, b) ELSE text_like(a, b, '\\') END",
    "CREATE OR REPLACE MACRO \"!~~\"(a, b) AS CASE WHEN like_is_plain(b) "
    "THEN system.main.\"!~~\"(a, b) ELSE NOT text_like(a, b, '\\') END",
    "CREATE OR REPLACE MACRO \"~~*\"(a, b) AS CASE WHEN ilike_is_plain(b) "
    "THEN system.main.\"~~*\"(a, b) ELSE text_ilike(a, b, '\\') END",
    "CREATE OR REPLACE MACRO \"!~~*\"(a, b) AS CASE WHEN ilike_is_plain(b) "
    "THEN system.main.\"!~~*\"(a, b) ELSE NOT text_ilike(a, b, '\\') END",
    "CREATE OR REPLACE MACRO like_escape(a, b, e) AS text_like(a, b, e)",
    "CREATE OR REPLACE MACRO not_like_escape(a, b, e) AS NOT text_like(a, b, e)",
    "CREATE OR REPLACE MACRO ilike_escape(a, b, e) AS text_ilike(a, b, e)",
    "CREATE OR REPLACE MACRO not_ilike_escape(a, b, e) AS NOT text_ilike(a, b, e)",
    /* Positions before the first character count, a negative length is an error. */
    "CREATE OR REPLACE MACRO substring(s, f) AS " ANALYTIC_REST ", (s, f, n) AS " ANALYTIC_PART,
    "CREATE OR REPLACE MACRO substr(s, f) AS " ANALYTIC_REST ", (s, f, n) AS " ANALYTIC_PART,
    /* Texts that grow without being counted as memory. */
    "CREATE OR REPLACE MACRO repeat(s, n) AS CASE WHEN suffix(typeof(s), ']') "
    "THEN error('repeat takes a text, no list') WHEN n > " ANALYTIC_BIG_TEXT
    " OR len(s) * n > " ANALYTIC_BIG_TEXT
    " THEN error('the result of repeat is too long') ELSE system.main.repeat(s, n) END",
    "CREATE OR REPLACE MACRO lpad(s, n) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
    " THEN error('the result of lpad is too long') ELSE system.main.lpad(s, n, ' ') END, "
    "(s, n, c) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
    " THEN error('the result of lpad is too long') ELSE system.main.lpad(s, n, c) END",
    "CREATE OR REPLACE MACRO rpad(s, n) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
    " THEN error('the result of rpad is too long') ELSE system.main.rpad(s, n, ' ') END, "
    "(s, n, c) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
    " THEN error('the result of rpad is too long') ELSE system.main.rpad(s, n, c) END",
    "CREATE OR REPLACE MACRO replace(s, a, b) AS CASE WHEN NOT replace_fits(s, a, b) "
    "THEN error('the result of replace is too long') ELSE system.main.replace(s, a, b) END",
    "CREATE OR REPLACE MACRO split_part(s, d, n) AS " ANALYTIC_SPLIT("split_part", ", n"),
    "CREATE OR REPLACE MACRO split(s, d) AS " ANALYTIC_SPLIT("split", ""),
    "CREATE OR REPLACE MACRO str_split(s, d) AS " ANALYTIC_SPLIT("str_split", ""),
    "CREATE OR REPLACE MACRO string_split(s, d) AS " ANALYTIC_SPLIT("string_split", ""),
    "CREATE OR REPLACE MACRO string_to_array(s, d) AS " ANALYTIC_SPLIT("string_to_array", ""),
    ANALYTIC_GROWTH("bin", "binary_fits"),
    ANALYTIC_GROWTH("hex", "hex_fits"),
    ANALYTIC_GROWTH("regexp_escape", "hex_fits"),
    ANALYTIC_GROWTH("to_binary", "binary_fits"),
    ANALYTIC_GROWTH("to_hex", "hex_fits"),
    ANALYTIC_GROWTH("url_encode", "hex_fits"),
    /* Keys are looked for one by one. */
    "CREATE OR REPLACE MACRO map(k, v) AS CASE WHEN len(k) > " ANALYTIC_MAP_KEYS
    " THEN error('a map takes at most " ANALYTIC_MAP_KEYS " keys') ELSE system.main.map(k, v) END",
    ANALYTIC_REGEX("regexp_matches", "regexp_matches_text"),
    ANALYTIC_REGEX("regexp_full_match", "regexp_full_match_text"),
    ANALYTIC_EXTRACT,
    ANALYTIC_EXTRACT_ALL,
    ANALYTIC_REGEXP_REPLACE,
    ANALYTIC_REGEX("regexp_split_to_array", "regexp_split_text"),
    ANALYTIC_REGEX("str_split_regex", "regexp_split_text"),
    ANALYTIC_REGEX("string_split_regex", "regexp_split_text"),
    /* Texts that take length by length. */
    "CREATE OR REPLACE MACRO nfc_normalize(s) AS CASE WHEN NOT nfc_fits(s) "
    "THEN error('too many marks on one letter') ELSE system.main.nfc_normalize(s) END",
    "CREATE OR REPLACE MACRO levenshtein(a, b) AS " ANALYTIC_DISTANCE("levenshtein"),
    "CREATE OR REPLACE MACRO editdist3(a, b) AS " ANALYTIC_DISTANCE("editdist3"),
    "CREATE OR REPLACE MACRO damerau_levenshtein(a, b) AS " ANALYTIC_DISTANCE(
        "damerau_levenshtein"),
    "CREATE OR REPLACE MACRO jaro_similarity(a, b) AS " ANALYTIC_DISTANCE(
        "jaro_similarity") ", (a, b, c) AS " ANALYTIC_SIMILARITY("jaro_similarity"),
    "CREATE OR REPLACE MACRO jaro_winkler_similarity(a, b) AS " ANALYTIC_DISTANCE(
        "jaro_winkler_similarity") ", (a, b, c) AS " ANALYTIC_SIMILARITY("jaro_winkler_similarity"),
    /* Documents that DuckDB descends into level by level, on the stack. */
    "CREATE OR REPLACE MACRO json_structure(a) AS CASE WHEN " ANALYTIC_DEEP("a") ANALYTIC_TOO_DEEP
    "ELSE system.main.json_structure(a) END",
    "CREATE OR REPLACE MACRO json_contains(a, b) AS CASE WHEN " ANALYTIC_DEEP(
        "a") " OR " ANALYTIC_DEEP("b") ANALYTIC_TOO_DEEP "ELSE system.main.json_contains(a, b) END",
    "CREATE OR REPLACE MACRO json_merge_patch(a, b) AS CASE WHEN " ANALYTIC_DEEP(
        "a") " OR " ANALYTIC_DEEP("b") ANALYTIC_TOO_DEEP
    "ELSE system.main.json_merge_patch(a, b) END, "
    "(a, b, c) AS CASE WHEN " ANALYTIC_DEEP("a") " OR " ANALYTIC_DEEP("b") " OR " ANALYTIC_DEEP("c")
        ANALYTIC_TOO_DEEP "ELSE system.main.json_merge_patch(a, b, c) END",
    /* DuckDB breaks down where the list is a parameter, whose type is not known at first. */
    "CREATE OR REPLACE MACRO list_grade_up(l) AS " ANALYTIC_GRADE_UP ")"
    ", (l, a) AS " ANALYTIC_GRADE_UP ", a), (l, a, b) AS " ANALYTIC_GRADE_UP ", a, b)",
    ANALYTIC_PATH_MACRO("json_extract_at", "json_extract"), /* json_extract: check_path.c */
    ANALYTIC_PATH_MACRO("json_extract_path", "json_extract_path"),
    ANALYTIC_PATH_MACRO("json_extract_path_text", "json_extract_path_text"),
    ANALYTIC_PATH_MACRO("json_extract_string", "json_extract_string"),
    ANALYTIC_PATH_MACRO("\"->>\"", "\"->>\""),
    ANALYTIC_PATH_MACRO("json_exists", "json_exists"),
    ANALYTIC_PATH_MACRO("json_value", "json_value"),
    ANALYTIC_PATH_MACROS("json_array_length"),
    ANALYTIC_PATH_MACROS("json_keys"),
    ANALYTIC_PATH_MACROS("json_type"),
    "CREATE OR REPLACE MACRO every(a) AS bool_and(a)",
    /* Blanks only, not all that Unicode has. */
    "CREATE OR REPLACE MACRO trim(a) AS system.main.trim(a, ' '), (a, b) AS system.main.trim(a, b)",
    "CREATE OR REPLACE MACRO btrim(a) AS system.main.trim(a, ' '), "
    "(a, b) AS system.main.trim(a, b)",
    "CREATE OR REPLACE MACRO ltrim(a) AS system.main.ltrim(a, ' '), "
    "(a, b) AS system.main.ltrim(a, b)",
    "CREATE OR REPLACE MACRO rtrim(a) AS system.main.rtrim(a, ' '), "
    "(a, b) AS system.main.rtrim(a, b)",
    /* What a plain sum() becomes: BIGINT of integers up to INT, as in PostgreSQL. */
    "CREATE OR REPLACE MACRO sum_of_type(a SMALLINT) AS CAST(sum(a) AS BIGINT), "
    "(a INTEGER) AS CAST(sum(a) AS BIGINT), (a) AS sum(a)",
    "CREATE OR REPLACE MACRO round(x) AS " ANALYTIC_ROUND
    ", (x, n BIGINT) AS " ANALYTIC_ROUND_DIGITS ", (x, n) AS system.main.round(x, n)",
    "CREATE OR REPLACE MACRO round_to_tens(x, n) AS " ANALYTIC_ROUND_TO_TENS,
    "CREATE OR REPLACE MACRO date_trunc(p, x) AS " ANALYTIC_DATE_TRUNC,
    "CREATE OR REPLACE MACRO datetrunc(p, x) AS " ANALYTIC_DATE_TRUNC,
    "CREATE OR REPLACE MACRO \"+>\"(a, b) AS system.main.json_extract(a, " ANALYTIC_KEY ")",
    "CREATE OR REPLACE MACRO \"+>>\"(a, b) AS system.main.\"->>\"(a, " ANALYTIC_KEY ")",
    /* fields with a fraction: DECIMAL, or DOUBLE by date_part */
    "CREATE OR REPLACE MACRO extract_second(x) AS " ANALYTIC_FIELD("0.000001", "18, 6"),
    "CREATE OR REPLACE MACRO extract_millisecond(x) AS " ANALYTIC_FIELD("0.001", "18, 3"),
    "CREATE OR REPLACE MACRO extract_epoch(x) AS CAST(CAST(epoch_us(x) AS DECIMAL(19, 0)) * "
    "0.000001 AS DECIMAL(20, 6))",
    "CREATE OR REPLACE MACRO date_part_second(x) AS system.main.\"/\"(" ANALYTIC_MICROSECONDS
    ", 1e6)",
    "CREATE OR REPLACE MACRO date_part_millisecond(x) AS system.main.\"/\"(" ANALYTIC_MICROSECONDS
    ", 1e3)",
    /* INT, as in PostgreSQL, not BIGINT */
    "CREATE OR REPLACE MACRO length(a) AS CAST(size_in_characters(a) AS INTEGER)",
    "CREATE OR REPLACE MACRO octet_length(a) AS CAST(size_in_bytes(a) AS INTEGER)",
    "CREATE OR REPLACE MACRO bit_length(a) AS CAST(system.main.bit_length(a) AS INTEGER)",
    "CREATE OR REPLACE MACRO strpos(a, b) AS CAST(system.main.instr(a, b) AS INTEGER)",
    "CREATE OR REPLACE MACRO instr(a, b) AS CAST(system.main.instr(a, b) AS INTEGER)",
    "CREATE OR REPLACE MACRO position(a, b) AS CAST(system.main.instr(a, b) AS INTEGER)",
    "CREATE OR REPLACE MACRO char_length(a) AS CAST(system.main.length(a) AS INTEGER)",
    "CREATE OR REPLACE MACRO character_length(a) AS CAST(system.main.length(a) AS INTEGER)",
};

static const char *all_macros[ARRAY_COUNT(MACROS) + ANALYTIC_ROW_MACROS];

static void macros_make(void)
{
    memcpy(all_macros, MACROS, sizeof(MACROS));
    CHECK(row_macros_make(all_macros + ARRAY_COUNT(MACROS)) == ANALYTIC_ROW_MACROS);
}

const char *const *analytic_setup(size_t *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    CHECK(count && pthread_once(&once, macros_make) == 0);
    *count = ARRAY_COUNT(all_macros);
    return all_macros;
}
