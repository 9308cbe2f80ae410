/* allow.c — what SELECTs that DuckDB runs may call: functions, types, collations.
 *
 * An allow-list, because DuckDB has hundreds of functions and every release brings more: some read
 * files, settings or other connections, some change the instance, some take any amount of memory. A
 * name that stands nowhere here is refused. docs/sql-functions.md shows the same list to users; the
 * test compares both. Lists are sorted for the binary search and separated by kind.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"

#include <stdlib.h>

/* Pure and, in memory and time, linear in their arguments. Operators are functions in DuckDB's
 * tree. */
static const char *const ALLOW_SCALARS[] = {
    "!__postfix",
    "&",
    "&&",
    "*",
    "**",
    "+",
    "-",
    "->>",
    "<<",
    "<@",
    ">>",
    "@",
    "@>",
    "^",
    "^@",
    "abs",
    "acos",
    "acosh",
    "add",
    "age",
    "apply",
    "array_aggr",
    "array_aggregate",
    "array_append",
    "array_apply",
    "array_cat",
    "array_concat",
    "array_contains",
    "array_distinct",
    "array_extract",
    "array_filter",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_indexof",
    "array_intersect",
    "array_length",
    "array_pop_back",
    "array_pop_front",
    "array_position",
    "array_prepend",
    "array_push_back",
    "array_push_front",
    "array_reduce",
    "array_reverse",
    "array_reverse_sort",
    "array_select",
    "array_slice",
    "array_sort",
    "array_to_json",
    "array_to_string",
    "array_transform",
    "array_unique",
    "array_value",
    "array_where",
    "array_zip",
    "ascii",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "base64",
    "bin",
    "bit_count",
    "bit_length",
    "btrim",
    "cardinality",
    "cbrt",
    "ceil",
    "ceiling",
    "century",
    "char_length",
    "character_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "cos",
    "cosh",
    "cot",
    "damerau_levenshtein",
    "date_add",
    "date_diff",
    "date_part",
    "date_sub",
    "datediff",
    "datepart",
    "datesub",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "days_in_month",
    "decade",
    "decode",
    "degrees",
    "editdist3",
    "element_at",
    "encode",
    "ends_with",
    "epoch",
    "epoch_ms",
    "epoch_ns",
    "epoch_us",
    "era",
    "even",
    "exp",
    "factorial",
    "filter",
    "flatten",
    "floor",
    "format_bytes",
    "from_base64",
    "from_binary",
    "from_hex",
    "gamma",
    "gcd",
    "gen_random_uuid",
    "generate_subscripts",
    "greatest",
    "greatest_common_divisor",
    "hamming",
    "hash",
    "hex",
    "hour",
    "ilike_escape",
    "instr",
    "isfinite",
    "isinf",
    "isnan",
    "isodow",
    "isoyear",
    "jaccard",
    "jaro_similarity",
    "jaro_winkler_similarity",
    "json",
    "json_array",
    "json_array_length",
    "json_contains",
    "json_exists",
    "json_extract",
    "json_extract_path",
    "json_extract_path_text",
    "json_extract_string",
    "json_keys",
    "json_merge_patch",
    "json_object",
    "json_pretty",
    "json_quote",
    "json_structure",
    "json_type",
    "json_valid",
    "json_value",
    "julian",
    "last_day",
    "lcase",
    "lcm",
    "least",
    "least_common_multiple",
    "left",
    "len",
    "levenshtein",
    "lgamma",
    "like_escape",
    "list_aggr",
    "list_aggregate",
    "list_any_value",
    "list_append",
    "list_apply",
    "list_avg",
    "list_bool_and",
    "list_bool_or",
    "list_cat",
    "list_concat",
    "list_contains",
    "list_cosine_distance",
    "list_cosine_similarity",
    "list_count",
    "list_distance",
    "list_distinct",
    "list_dot_product",
    "list_element",
    "list_extract",
    "list_filter",
    "list_first",
    "list_grade_up",
    "list_has",
    "list_has_all",
    "list_has_any",
    "list_histogram",
    "list_indexof",
    "list_inner_product",
    "list_intersect",
    "list_last",
    "list_max",
    "list_median",
    "list_min",
    "list_mode",
    "list_pack",
    "list_position",
    "list_prepend",
    "list_product",
    "list_reduce",
    "list_reverse",
    "list_reverse_sort",
    "list_select",
    "list_slice",
    "list_sort",
    "list_stddev_pop",
    "list_stddev_samp",
    "list_string_agg",
    "list_sum",
    "list_transform",
    "list_unique",
    "list_value",
    "list_var_pop",
    "list_var_samp",
    "list_where",
    "list_zip",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "make_date",
    "make_time",
    "make_timestamp",
    "map",
    "map_concat",
    "map_contains",
    "map_entries",
    "map_extract",
    "map_extract_value",
    "map_from_entries",
    "map_keys",
    "map_values",
    "md5",
    "microsecond",
    "millennium",
    "millisecond",
    "minute",
    "mismatches",
    "month",
    "monthname",
    "multiply",
    "nextafter",
    "nfc_normalize",
    "not_ilike_escape",
    "not_like_escape",
    "nullif",
    "ord",
    "pi",
    "position",
    "pow",
    "power",
    "prefix",
    "quarter",
    "radians",
    "random",
    "reduce",
    "regexp_escape",
    "regexp_extract",
    "regexp_extract_all",
    "regexp_full_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_split_to_array",
    "reverse",
    "right",
    "row",
    "row_to_json",
    "rtrim",
    "second",
    "sha1",
    "sha256",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "split",
    "split_part",
    "sqrt",
    "starts_with",
    "str_split",
    "str_split_regex",
    "strftime",
    "string_split",
    "string_split_regex",
    "string_to_array",
    "strip_accents",
    "strlen",
    "strpos",
    "strptime",
    "struct_extract",
    "struct_insert",
    "struct_pack",
    "substring_grapheme",
    "subtract",
    "suffix",
    "tan",
    "tanh",
    "time_bucket",
    "timezone",
    "to_base64",
    "to_binary",
    "to_centuries",
    "to_days",
    "to_decades",
    "to_hex",
    "to_hours",
    "to_json",
    "to_microseconds",
    "to_millennia",
    "to_milliseconds",
    "to_minutes",
    "to_months",
    "to_quarters",
    "to_seconds",
    "to_timestamp",
    "to_weeks",
    "to_years",
    "translate",
    "trim",
    "trunc",
    "try_strptime",
    "typeof",
    "ucase",
    "unbin",
    "unhex",
    "unicode",
    "unnest",
    "upper",
    "url_decode",
    "url_encode",
    "uuid",
    "uuidv4",
    "uuidv7",
    "week",
    "weekday",
    "weekofyear",
    "xor",
    "year",
    "yearweek",
    "|",
    "||",
    "~",
    "~>",
    "~>>",
};

/* Aggregates and window functions. */
static const char *const ALLOW_AGGREGATES[] = {
    "any_value",
    "approx_count_distinct",
    "approx_quantile",
    "arbitrary",
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "count_if",
    "count_star",
    "countif",
    "covar_pop",
    "covar_samp",
    "cume_dist",
    "dense_rank",
    "entropy",
    "every",
    "favg",
    "first",
    "first_value",
    "fsum",
    "geomean",
    "group_concat",
    "histogram",
    "json_group_array",
    "json_group_object",
    "kahan_sum",
    "kurtosis",
    "lag",
    "last",
    "last_value",
    "lead",
    "list",
    "listagg",
    "mad",
    "max",
    "max_by",
    "mean",
    "median",
    "min",
    "min_by",
    "mode",
    "nth_value",
    "ntile",
    "percent_rank",
    "product",
    "quantile",
    "quantile_cont",
    "quantile_disc",
    "rank",
    "rank_dense",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "row_number",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
};

static const struct allow_special {
    const char *name;
    enum allow_kind kind;
} ALLOW_SPECIALS[] = {
    {"!~~", ALLOW_MACRO},
    {"!~~*", ALLOW_MACRO},
    {"%", ALLOW_MACRO},
    {"/", ALLOW_MACRO},
    {"//", ALLOW_MACRO},
    {"array_resize", ALLOW_RESIZE},
    {"current_date", ALLOW_TODAY},
    {"current_localtime", ALLOW_CLOCK},
    {"current_localtimestamp", ALLOW_NOW},
    {"current_role", ALLOW_ROLE},
    {"current_time", ALLOW_CLOCK},
    {"current_timestamp", ALLOW_NOW},
    {"current_user", ALLOW_USER},
    {"date_trunc", ALLOW_MACRO},
    {"datetrunc", ALLOW_MACRO},
    {"divide", ALLOW_MACRO},
    {"generate_series", ALLOW_SERIES},
    {"get_current_time", ALLOW_CLOCK},
    {"get_current_timestamp", ALLOW_NOW},
    {"length", ALLOW_MACRO},
    {"list_resize", ALLOW_RESIZE},
    {"localtime", ALLOW_CLOCK},
    {"localtimestamp", ALLOW_NOW},
    {"lpad", ALLOW_MACRO},
    {"mod", ALLOW_MACRO},
    {"now", ALLOW_NOW},
    {"octet_length", ALLOW_MACRO},
    {"range", ALLOW_SERIES},
    {"repeat", ALLOW_MACRO},
    {"replace", ALLOW_MACRO},
    {"round", ALLOW_MACRO},
    {"rpad", ALLOW_MACRO},
    {"session_user", ALLOW_USER},
    {"substr", ALLOW_MACRO},
    {"substring", ALLOW_MACRO},
    {"today", ALLOW_TODAY},
    {"transaction_timestamp", ALLOW_NOW},
    {"user", ALLOW_USER},
    {"uuid_v7", ALLOW_UUID_V7},
    {"~~", ALLOW_MACRO},
    {"~~*", ALLOW_MACRO},
};

/* Refused functions that people try, with a way out. */
static const struct allow_hint {
    const char *name, *hint;
} ALLOW_HINTS[] = {
    {"format", "build the text with || or concat"},
    {"initcap", "use upper(left(x, 1)) || lower(substring(x, 2))"},
    {"printf", "build the text with || or concat"},
    {"snowflake_id", "generated ids are given by INSERT and by column defaults"},
    {"to_char", "use strftime(x, '%Y-%m-%d')"},
    {"ulid", "generated ids are given by INSERT and by column defaults"},
};

static const char *const ALLOW_TYPES[] = {
    "BIGINT",         "BLOB",    "BOOLEAN",  "DATE",      "DECIMAL",
    "DOUBLE",         "FLOAT",   "HUGEINT",  "INTEGER",   "INTEGER_LITERAL",
    "INTERVAL",       "JSON",    "LIST",     "MAP",       "SMALLINT",
    "STRING_LITERAL", "STRUCT",  "TIME",     "TIMESTAMP", "TIMESTAMP WITH TIME ZONE",
    "TINYINT",        "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT",
    "UUID",           "VARCHAR",
};

/* Types of spec §2.2 that DuckDB spells or means otherwise. */
static const struct allow_type_alias {
    const char *word, *bare, *modified;
} ALLOW_TYPE_ALIASES[] = {
    {"bytes", "BLOB", "BLOB"},
    {"clob", "VARCHAR", NULL},
    {"dec", "DECIMAL(38,10)", NULL},
    {"decimal", "DECIMAL(38,10)", NULL},
    {"float", "DOUBLE", NULL},
    {"float64", "DOUBLE", NULL},
    {"jsonb", "JSON", NULL},
    {"mediumint", "INTEGER", NULL},
    {"numeric", "DECIMAL(38,10)", NULL},
    {"object", "JSON", NULL},
};

static int allow_compare(const void *key, const void *element)
{
    const struct str *name = key;

    CHECK(name->data);
    return str_compare(*name, str_from_c(*(const char *const *)element));
}

/* All tables start with the name, so that one comparison serves them. */
static const void *allow_find(struct str name, const void *list, size_t count, size_t size)
{
    char lower[64];

    CHECK(list && count > 0);
    if (name.size == 0 || name.size > sizeof(lower))
        return NULL;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    name.data = lower;
    return bsearch(&name, list, count, size, allow_compare);
}

enum allow_kind allow_function(struct str name)
{
    const struct allow_special *special =
        allow_find(name, ALLOW_SPECIALS, ARRAY_COUNT(ALLOW_SPECIALS), sizeof(ALLOW_SPECIALS[0]));

    CHECK(ALLOW_NONE == 0);
    if (special)
        return special->kind;
    if (allow_find(name, ALLOW_SCALARS, ARRAY_COUNT(ALLOW_SCALARS), sizeof(ALLOW_SCALARS[0])))
        return ALLOW_SCALAR;
    if (allow_find(name, ALLOW_AGGREGATES, ARRAY_COUNT(ALLOW_AGGREGATES),
                   sizeof(ALLOW_AGGREGATES[0])))
        return ALLOW_AGGREGATE;
    return ALLOW_NONE;
}

struct str allow_function_at(size_t index)
{
    CHECK(index < SIZE_MAX / 2);
    if (index < ARRAY_COUNT(ALLOW_SCALARS))
        return str_from_c(ALLOW_SCALARS[index]);
    index -= ARRAY_COUNT(ALLOW_SCALARS);
    if (index < ARRAY_COUNT(ALLOW_AGGREGATES))
        return str_from_c(ALLOW_AGGREGATES[index]);
    index -= ARRAY_COUNT(ALLOW_AGGREGATES);
    return index < ARRAY_COUNT(ALLOW_SPECIALS) ? str_from_c(ALLOW_SPECIALS[index].name) : STR_EMPTY;
}

const char *allow_refusal_hint(struct str name)
{
    const struct allow_hint *hint =
        allow_find(name, ALLOW_HINTS, ARRAY_COUNT(ALLOW_HINTS), sizeof(ALLOW_HINTS[0]));

    CHECK(!hint || allow_function(name) == ALLOW_NONE);
    return hint ? hint->hint : NULL;
}

bool allow_type(struct str id)
{
    CHECK(id.data || id.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(ALLOW_TYPES); i++) {
        if (str_equal(id, str_from_c(ALLOW_TYPES[i])))
            return true;
    }
    return false;
}

const char *allow_type_rewrite(struct str word, bool bare)
{
    const struct allow_type_alias *alias = allow_find(
        word, ALLOW_TYPE_ALIASES, ARRAY_COUNT(ALLOW_TYPE_ALIASES), sizeof(ALLOW_TYPE_ALIASES[0]));

    CHECK(word.data || word.size == 0);
    if (!alias)
        return NULL;
    return bare ? alias->bare : alias->modified;
}

bool allow_collation(struct str name)
{
    CHECK(name.data || name.size == 0);
    return str_equal_nocase(name, STR_LIT("c")) || str_equal_nocase(name, STR_LIT("posix")) ||
           str_equal_nocase(name, STR_LIT("binary")) || str_equal_nocase(name, STR_LIT("nocase"));
}

/* DuckDB's own views can be named without a schema, and a name with a dot or slash may be taken for
 * a file. Should a CTE's name ever be looked up where the CTE is not visible, it must find neither.
 */
bool allow_cte_name(struct str name)
{
    static const char *const prefixes[] = {"duckdb_", "pg_", "sqlite_", "pragma_", "hot_scan"};

    CHECK(name.data || name.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        size_t size = strlen(prefixes[i]);
        if (name.size >= size &&
            str_equal_nocase(str_from(name.data, size), str_from_c(prefixes[i])))
            return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '_' && c != ' ' && c != '-' && c < 0x80)
            return false;
    }
    return name.size > 0;
}
