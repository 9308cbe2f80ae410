/* allow_name.c — what SELECTs that DuckDB runs may name beside functions: types, collations, CTEs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"

static const char *const ALLOW_TYPES[] = {
    "BIGINT",         "BLOB",    "BOOLEAN",  "DATE",      "DECIMAL",
    "DOUBLE",         "FLOAT",   "HUGEINT",  "INTEGER",   "INTEGER_LITERAL",
    "INTERVAL",       "JSON",    "LIST",     "MAP",       "SMALLINT",
    "STRING_LITERAL", "STRUCT",  "TIME",     "TIMESTAMP", "TIMESTAMP WITH TIME ZONE",
    "TINYINT",        "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT",
    "UUID",           "VARCHAR",
};

/* Types of docs/sql.md that DuckDB spells or means otherwise. */
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
    CHECK(word.data || word.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(ALLOW_TYPE_ALIASES); i++) {
        const struct allow_type_alias *alias = &ALLOW_TYPE_ALIASES[i];
        if (str_equal_nocase(word, str_from_c(alias->word)))
            return bare ? alias->bare : alias->modified;
    }
    return NULL;
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
