/* check_alias.c — names that DuckDB takes for another thing: aliases of select lists, tables, old
 * names of columns of system tables.
 *
 * In PostgreSQL a name in a select list, WHERE or HAVING is that of a column of FROM, of this
 * SELECT or one around it. DuckDB looks at the aliases of the list before it looks further out, and
 * at the elements of FROM to the left of a subquery in FROM. Where a SELECT around has such a
 * column, the reference is qualified, so that it is found; without one DuckDB's reading stays.
 * A table's name as a value is a struct of DuckDB's, which is not NULL where an outer join finds
 * no row: it is refused.
 *
 * An old name, an alias of a system table, is no column of the scan, so that `*` does not show it:
 * a reference to it is exchanged for what it stands for, qualified by the table's name in this
 * FROM. Real columns go first: a table, subquery or CTE of the same FROM that has, or may have, a
 * column of this name keeps the reference. In a select list the replacement is named as the alias,
 * so that outer queries find it. Only for USING, which joins on names, the alias becomes a column
 * of the scan.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "catalog/system_tables.h"
#include "sql/syntax/lexer.h"

enum alias_has { ALIAS_LACKS, ALIAS_MAY_HAVE, ALIAS_HAS };

const struct tree *check_naming_select(const struct tree *query)
{
    if (query && tree_get(query, "node")) /* a statement around the node */
        query = tree_get(query, "node");
    while (query && query->kind == TREE_OBJECT && !tree_is(query, "type", "SELECT_NODE"))
        query = tree_get(query, "left"); /* UNION: the first half names the columns */
    CHECK(!query || query->kind != TREE_OBJECT || tree_is(query, "type", "SELECT_NODE"));
    return query && query->kind == TREE_OBJECT ? query : NULL;
}

/* Has a subquery or CTE a column of this name? A star may give one. */
static enum alias_has alias_query_has(const struct tree *query, struct str name)
{
    enum alias_has has = ALIAS_LACKS;
    const struct tree *select = check_naming_select(query);
    const struct tree *list = select ? tree_get(select, "select_list") : NULL;

    if (!list)
        return ALIAS_MAY_HAVE;
    for (const struct tree *item = list->child; item; item = item->next) {
        uint32_t count = 0;
        struct str shown = tree_text(item, "alias");
        if (tree_is(item, "class", "STAR"))
            has = ALIAS_MAY_HAVE;
        if (shown.size == 0 && tree_is(item, "class", "COLUMN_REF"))
            shown = check_last_name(item, &count);
        if (str_equal_nocase(shown, name))
            return ALIAS_HAS;
    }
    CHECK(list->kind == TREE_ARRAY);
    return has;
}

bool check_query_has(const struct tree *query, struct str name, bool unknown)
{
    enum alias_has has = alias_query_has(query, name);

    CHECK(name.data || name.size == 0);
    return has == ALIAS_HAS || (unknown && has == ALIAS_MAY_HAVE);
}

static const struct table *alias_table(const struct check *check, const struct check_item *item)
{
    CHECK(item->table < (int32_t)check->plan->table_count);
    return item->table < 0 ? NULL : check->plan->tables[item->table].table;
}

/* Is the alias a column of the scan already, for USING? */
static bool alias_is_joined(const struct check *check, const struct check_item *item,
                            struct str name)
{
    struct buf text;

    CHECK(item->table < (int32_t)check->plan->table_count);
    if (item->table < 0)
        return false;
    buf_init(&text);
    buf_append_str(&text, STR_LIT(" AS "));
    splice_append_quoted(&text, name, '"');
    bool found =
        str_find(check->plan->tables[item->table].using_aliases, buf_str(&text)) != SIZE_MAX;
    buf_clear(&text);
    return found;
}

enum alias_match { ALIAS_NO, ALIAS_YES, ALIAS_COLUMN, ALIAS_HIDDEN };

static enum alias_match alias_match(const struct check *check, const struct check_item *item,
                                    struct str name)
{
    const struct table *table = alias_table(check, item);

    CHECK(name.size > 0);
    if (item->is_function)
        return ALIAS_NO;
    if (item->is_renamed || alias_is_joined(check, item, name))
        return ALIAS_COLUMN; /* DuckDB knows */
    if (!table)
        return alias_query_has(item->query, name) != ALIAS_LACKS ? ALIAS_COLUMN : ALIAS_NO;
    int column = table_find_column(table, name);
    if (column >= 0 && table->kind == TABLE_KIND_SYSTEM &&
        (uint32_t)column >= system_table_shown(table))
        return ALIAS_HIDDEN;
    if (column >= 0)
        return ALIAS_COLUMN;
    if (table->kind != TABLE_KIND_SYSTEM)
        return ALIAS_NO;
    return system_table_find_alias(table, name) >= 0 ||
                   system_table_alias_expression(table, name).size > 0
               ? ALIAS_YES
               : ALIAS_NO;
}

/* The element of FROM whose alias column is meant, searched outwards; NULL if none is. */
static const struct check_item *alias_find(const struct check *check,
                                           const struct splice_name *name)
{
    struct str last = name->parts[name->count - 1];

    CHECK(name->count > 0);
    for (const struct check_level *level = check->level; level; level = level->outer) {
        const struct check_item *found = NULL;
        for (const struct check_item *item = level->items; item; item = item->next) {
            if (name->count > 1 && !str_equal_nocase(item->name, name->parts[name->count - 2]))
                continue;
            enum alias_match match = alias_match(check, item, last);
            if (match == ALIAS_COLUMN)
                return NULL;
            if (match != ALIAS_NO && !found)
                found = item;
        }
        if (found)
            return found;
    }
    return NULL;
}

/* Without an item inside the scan of the table itself. */
static void alias_append_column(struct buf *out, const struct check_item *item, struct str column)
{
    CHECK(column.size > 0);
    if (item != NULL) {
        splice_append_quoted(out, item->name, '"');
        buf_append_byte(out, '.');
    }
    splice_append_quoted(out, column, '"');
}

/* The expression with its columns qualified; JSON operators as prepare.c spells them. */
static void alias_append_expression(struct buf *out, const struct check_item *item,
                                    const struct table *table, struct str text)
{
    struct lexer lexer;
    struct token token;

    CHECK(text.size > 0);
    lexer_init(&lexer, text);
    buf_append_byte(out, '(');
    for (token = lexer_next(&lexer); token.kind != TOKEN_END && token.kind != TOKEN_ERROR;
         token = lexer_next(&lexer)) {
        struct str part = token_text(text, &token);
        buf_append_byte(out, ' ');
        if (token.kind == TOKEN_WORD && table_find_column(table, part) >= 0)
            alias_append_column(out, item, part);
        else if (token.kind == TOKEN_ARROW_TEXT)
            buf_append_str(out, STR_LIT("+>>"));
        else
            buf_append_str(out, part);
    }
    buf_append_str(out, STR_LIT(" )"));
}

void check_system_alias(struct check *check, const struct tree *node,
                        const struct splice_name *name)
{
    const struct check_item *item = alias_find(check, name);
    uint32_t count = name->count;
    struct str last = name->parts[count - 1];
    struct analytic_splice splice = {.kind = SPLICE_TEXT,
                                     .start = name->starts[count > 1 ? count - 2 : 0],
                                     .end = name->ends[count - 1]};
    struct buf text;

    CHECK(count > 0 && !check->draft->verify);
    if (!item)
        return;
    const struct table *table = alias_table(check, item);
    int column = system_table_find_alias(table, last);
    if (table_find_column(table, last) >= 0) {
        check->plan->tables[item->table].show_hidden = true;
        return;
    }
    buf_init(&text);
    if (column >= 0)
        alias_append_column(&text, item, table_column_name(table, (uint32_t)column));
    else
        alias_append_expression(&text, item, table, system_table_alias_expression(table, last));
    if (check->item == node) {
        buf_append_str(&text, STR_LIT(" AS "));
        splice_append_quoted(&text, last, '"');
    }
    splice.text = arena_copy(&check->plan->arena, buf_str(&text));
    buf_clear(&text);
    splice_add(check->plan, &splice);
}

/* ---- names of columns, result columns and tables ---- */

static enum alias_has alias_table_has(const struct table *table, struct str name, uint32_t renamed)
{
    CHECK(name.size > 0);
    for (uint32_t i = renamed; i < table_column_total(table); i++) {
        if (str_equal_nocase(table_column_name(table, i), name))
            return ALIAS_HAS;
    }
    return table->kind == TABLE_KIND_SYSTEM && (system_table_find_alias(table, name) >= 0 ||
                                                system_table_alias_expression(table, name).size > 0)
               ? ALIAS_MAY_HAVE
               : ALIAS_LACKS;
}

/* Among the DECIMALs of a subquery, those of its stars included. */
static bool alias_is_kept(const struct check_item *item, struct str name)
{
    CHECK(name.size > 0);
    for (const struct check_name *one = item->decimals; one; one = one->next) {
        if (str_equal_nocase(one->text, name))
            return true;
    }
    return false;
}

static enum alias_has alias_item_has(const struct check *check, const struct check_item *item,
                                     struct str name)
{
    const struct table *table = alias_table(check, item);
    uint32_t renamed = 0;

    CHECK(name.size > 0);
    for (const struct tree *one = item->names ? item->names->child : NULL; one;
         one = one->next, renamed++) {
        if (str_equal_nocase(one->text, name))
            return ALIAS_HAS;
    }
    if (table)
        return alias_table_has(table, name, renamed);
    if (renamed > 0)
        return ALIAS_LACKS;
    if (alias_is_kept(item, name))
        return ALIAS_HAS;
    if (item->is_function && item->name.size > 0) /* its only column is called as itself */
        return str_equal_nocase(item->name, name) ? ALIAS_HAS : ALIAS_LACKS;
    return item->is_function ? ALIAS_MAY_HAVE : alias_query_has(item->query, name);
}

bool check_item_lacks(const struct check *check, const struct check_item *item, struct str name)
{
    CHECK(item);
    return alias_item_has(check, item, name) == ALIAS_LACKS;
}

/* `*item` has the column; NULL if several have, or it is not known which. */
static enum alias_has alias_level_has(const struct check *check, const struct check_level *level,
                                      struct str name, const struct check_item **item)
{
    enum alias_has most = ALIAS_LACKS;

    *item = NULL;
    CHECK(level);
    for (const struct check_item *one = level->items; one; one = one->next) {
        enum alias_has has = alias_item_has(check, one, name);
        if (has == ALIAS_HAS)
            *item = most == ALIAS_HAS ? NULL : one;
        most = has > most ? has : most;
    }
    return most;
}

static bool alias_is_listed(const struct check_level *level, struct str name)
{
    CHECK(level);
    for (const struct check_alias *alias = level->aliases; alias; alias = alias->next) {
        if (str_equal_nocase(alias->name, name))
            return true;
    }
    return false;
}

/* Does the name of the element lead to it from here? */
static bool alias_is_reachable(const struct check *check, const struct check_level *level,
                               const struct check_item *item)
{
    CHECK(item);
    if (item->name.size == 0 || check_find_item(level, item->name) != item)
        return false;
    for (const struct check_level *inner = check->level; inner != level; inner = inner->outer) {
        for (const struct check_item *one = inner->items; one; one = one->next) {
            if (str_equal_nocase(one->name, item->name))
                return false;
        }
    }
    return true;
}

static bool alias_item_is_decimal(const struct check *check, const struct check_item *item,
                                  struct str name)
{
    const struct table *table = alias_table(check, item);

    CHECK(name.size > 0);
    if (item->names)
        return false;
    for (uint32_t i = 0; table && i < table_column_total(table); i++) {
        if (str_equal_nocase(table_column_name(table, i), name))
            return table_column_type(table, i).kind == VALUE_DECIMAL;
    }
    return alias_is_kept(item, name);
}

bool check_column_is_decimal(const struct check *check, const struct tree *node)
{
    const struct check_item *item = NULL;
    uint32_t count;
    struct str name = check_last_name(node, &count);
    enum alias_has has = ALIAS_LACKS;

    CHECK(node->kind == TREE_OBJECT);
    if (count != 1 && count != 2)
        return false;
    for (const struct check_level *level = check->level; level && !item && has == ALIAS_LACKS;
         level = level->outer) {
        if (count == 2)
            item = check_find_item(level, tree_get(node, "column_names")->child->text);
        else
            has = alias_level_has(check, level, name, &item);
    }
    return item && alias_item_is_decimal(check, item, name);
}

static enum status alias_refuse(struct check *check, const struct tree *node, struct str name)
{
    CHECK(check->err);
    error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(node),
                 "\"%.*s\" may be a column of several SELECTs around", STR_ARG(name));
    error_hint(check->err, "put the table's name before it");
    return STATUS_NOT_SUPPORTED;
}

/* The column of a SELECT further out gets the name of its table before it. */
static void alias_qualify(struct check *check, const struct tree *node,
                          const struct check_item *item)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct splice_name name;
    struct buf text;

    CHECK(!check->draft->verify);
    if (!splice_read_name(check->plan->sql, tree_location(node), check->arena, &name) ||
        name.count != 1)
        return;
    buf_init(&text);
    alias_append_column(&text, item, name.parts[0]);
    splice.start = name.starts[0];
    splice.end = name.ends[0];
    splice.text = arena_copy(&check->plan->arena, buf_str(&text));
    buf_clear(&text);
    splice_add(check->plan, &splice);
}

/* An element of FROM, without a column of its own name as far as that is known. */
static bool alias_is_row(const struct check *check, const struct check_level *level,
                         struct str name)
{
    const struct check_item *item = check_find_item(level, name);

    CHECK(name.size > 0);
    return item && !item->is_function && (item->table >= 0 || item->names || item->query) &&
           alias_item_has(check, item, name) != ALIAS_HAS &&
           !(item->query && check_star_has(check, item->query, name));
}

enum status check_refuse_row(struct check *check, const struct tree *node, struct str name)
{
    CHECK(name.size > 0);
    error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(node),
                 "a row of \"%.*s\" as a value is not supported in this version", STR_ARG(name));
    error_hint(check->err, "name a column, such as one of the key");
    return STATUS_NOT_SUPPORTED;
}

/* Where DuckDB has found the name before it came to the level at hand. */
enum alias_way { ALIAS_DIRECT, ALIAS_BY_LIST, ALIAS_BY_NEIGHBOUR };

/* A level that has the column, or may have it; DuckDB may not come that far. */
static enum status alias_reach(struct check *check, const struct tree *node, struct str name,
                               const struct check_level *level, const struct check_item *item,
                               enum alias_way way, bool *done)
{
    CHECK(way != ALIAS_DIRECT);
    if (way == ALIAS_BY_NEIGHBOUR || !item || !alias_is_reachable(check, level, item))
        return alias_refuse(check, node, name);
    alias_qualify(check, node, item);
    *done = true;
    return STATUS_OK;
}

/* Does a subquery in ON see the element? Those of its join only. */
static bool alias_is_joining(const struct check_level *level, const struct check_item *item)
{
    CHECK(level->open);
    if (!level->in_on || !item)
        return false;
    for (const struct check_item *one = level->items; one && one != level->before_on;
         one = one->next) {
        if (one == item)
            return true;
    }
    return false;
}

/* Within an expression of ORDER BY, GROUP BY or DISTINCT ON the name of an alias is that of a
 * column of FROM in PostgreSQL, of a SELECT around too. Where none is known to have one, it is the
 * alias. */
static void alias_pass_by(struct check *check, const struct tree *node, struct str name,
                          const struct check_level *level, bool *done)
{
    const struct check_item *item;
    enum alias_has has = ALIAS_LACKS;

    CHECK(level);
    for (; level && has == ALIAS_LACKS; level = level->outer) {
        has = level->open ? ALIAS_LACKS : alias_level_has(check, level, name, &item);
        if (has != ALIAS_HAS || !item || !alias_is_reachable(check, level, item))
            continue;
        alias_qualify(check, node, item);
        *done = true;
    }
}

/* Where DuckDB does not find a name among the columns of a FROM, it compares it with all of them,
 * for its message, even if the name is found further out or as an alias. */
static enum status alias_count_search(struct check *check, const struct tree *node, struct str name)
{
    const struct check_item *item;
    uint64_t searched = 0;

    CHECK(check->multiplier > 0);
    for (const struct check_level *level = check->level; level; level = level->outer) {
        uint64_t columns = level->values;
        for (item = level->items; item; item = item->next)
            columns += item->columns;
        searched += columns;
        if (alias_level_has(check, level, name, &item) == ALIAS_HAS)
            break;
        searched += CHECK_SEARCH_FACTOR * columns * (CHECK_SEARCH_FROM + level->joined);
    }
    check->searched += searched * check->multiplier;
    if (check->searched <= CHECK_SEARCH_MAX)
        return STATUS_OK;
    error_set_at(check->err, STATUS_INVALID_SQL, tree_location(node),
                 "too many names to be looked for among the columns of FROM");
    error_hint(check->err, "put the table's name before a column");
    return STATUS_INVALID_SQL;
}

enum status check_plain_name(struct check *check, const struct tree *node, struct str name,
                             bool *done)
{
    enum alias_way way = ALIAS_DIRECT;
    const struct check_item *item;
    enum status status = alias_count_search(check, node, name);

    CHECK(!check->draft->verify);
    if (status != STATUS_OK || check->lambdas > 0) /* its parameters go first */
        return status;
    for (const struct check_level *level = check->level; level; level = level->outer) {
        enum alias_has has = alias_level_has(check, level, name, &item);
        bool found = has == ALIAS_HAS || (has == ALIAS_MAY_HAVE && way != ALIAS_BY_NEIGHBOUR);
        bool listed = alias_is_listed(level, name);

        if (way == ALIAS_DIRECT && listed && !level->inputs_only) {
            if (level->in_expression)
                alias_pass_by(check, node, name, level, done);
            return STATUS_OK; /* ORDER BY and GROUP BY know aliases */
        }
        if (found && way != ALIAS_DIRECT)
            return alias_reach(check, node, name, level, item, way, done);
        if (way == ALIAS_DIRECT && has != ALIAS_HAS && alias_is_row(check, level, name))
            return check_refuse_row(check, node, name);
        if (found && (!level->open || level == check->level || alias_is_joining(level, item)))
            return STATUS_OK;
        if (found)
            way = ALIAS_BY_NEIGHBOUR;
        else if (way == ALIAS_DIRECT && listed)
            way = ALIAS_BY_LIST;
    }
    return STATUS_OK;
}

/* ---- USING ---- */

static void alias_join_on(struct check *check, const struct check_item *item, struct str name)
{
    const struct table *table = alias_table(check, item);
    struct analytic_table *reference = &check->plan->tables[item->table];
    int column = system_table_find_alias(table, name);
    struct buf text;

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    buf_init(&text);
    buf_append_str(&text, reference->using_aliases);
    buf_append_byte(&text, ',');
    if (column >= 0)
        alias_append_column(&text, NULL, table_column_name(table, (uint32_t)column));
    else
        alias_append_expression(&text, NULL, table, system_table_alias_expression(table, name));
    buf_append_str(&text, STR_LIT(" AS "));
    splice_append_quoted(&text, name, '"');
    reference->using_aliases = arena_copy(&check->plan->arena, buf_str(&text));
    buf_clear(&text);
}

void check_system_using(struct check *check, const struct tree *join,
                        const struct check_item *before)
{
    const struct tree *names = tree_get(join, "using_columns");

    CHECK(check->level != NULL);
    for (const struct tree *name = names ? names->child : NULL; name; name = name->next)
        for (const struct check_item *item = check->level->items; item != before; item = item->next)
            if (name->text.size > 0 && alias_match(check, item, name->text) == ALIAS_YES)
                alias_join_on(check, item, name->text);
}

/* ---- lists ---- */

/* Do `ANY (` and nothing else stand right before this place? */
static bool alias_behind_any(struct str sql, uint32_t at)
{
    static const char word[] = "any";
    const size_t size = sizeof(word) - 1;

    CHECK(at <= sql.size);
    while (at > 0 && (sql.data[at - 1] == ' ' || sql.data[at - 1] == '\n'))
        at--;
    if (at == 0 || sql.data[--at] != '(')
        return false;
    while (at > 0 && (sql.data[at - 1] == ' ' || sql.data[at - 1] == '\n'))
        at--;
    return at > size &&
           str_equal_nocase(str_from(sql.data + at - size, size), str_from(word, size)) &&
           !((sql.data[at - size - 1] | 0x20) >= 'a' && (sql.data[at - size - 1] | 0x20) <= 'z');
}

/* The element of FROM whose JSON column is meant; DuckDB puts the list into a SELECT of its own. */
static const struct check_item *alias_find_json(const struct check *check,
                                                const struct splice_name *name)
{
    struct str last = name->parts[name->count - 1];

    CHECK(name->count > 0);
    for (const struct check_level *level = check->level; level; level = level->outer) {
        for (const struct check_item *item = level->items; item; item = item->next) {
            const struct table *table = alias_table(check, item);
            int column = table ? table_find_column(table, last) : -1;
            if (column >= 0 && table->kind == TABLE_KIND_SYSTEM &&
                table_column_type(table, (uint32_t)column).kind == VALUE_JSON &&
                (name->count == 1 || str_equal_nocase(item->name, name->parts[0])))
                return item;
        }
    }
    return NULL;
}

/* `'x' = ANY (parameters)`: a JSON array of texts in a system table is a list there. */
void check_system_list(struct check *check, const struct splice_name *name)
{
    struct analytic_splice splice = {
        .kind = SPLICE_TEXT, .start = name->starts[0], .end = name->ends[name->count - 1]};
    const struct check_item *item = NULL;
    struct buf text;

    CHECK(name->count > 0 && !check->draft->verify);
    if (name->count <= 2 && alias_behind_any(check->plan->sql, name->starts[0]))
        item = alias_find_json(check, name);
    if (!item)
        return;
    buf_init(&text);
    buf_append_str(&text, STR_LIT("CAST("));
    alias_append_column(&text, item, name->parts[name->count - 1]);
    buf_append_str(&text, STR_LIT(" AS VARCHAR[])"));
    splice.text = arena_copy(&check->plan->arena, buf_str(&text));
    buf_clear(&text);
    splice_add(check->plan, &splice);
}
