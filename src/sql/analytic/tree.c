/* tree.c — the JSON text of DuckDB's json_serialize_sql, or of a profile, as a tree in an arena.
 *
 * The only file of sql/ that knows json-c. Order of members is kept, so that the check visits the
 * statement as it is written. Depth is bounded by the JSON parser before anything recurses here.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/limits.h"

#include <json-c/json.h>

/* One level of SQL nesting is at most six levels of JSON (a subquery in a CASE in a call). */
enum { TREE_JSON_DEPTH = LIMIT_EXPRESSION_DEPTH * 6 };

static struct str tree_copy_text(struct arena *arena, struct json_object *json)
{
    struct str text = {json_object_get_string(json), (size_t)json_object_get_string_len(json)};

    CHECK(json_object_is_type(json, json_type_string));
    return arena_copy(arena, text);
}

static struct tree *tree_convert(struct json_object *json, struct arena *arena)
{
    struct tree *tree = arena_zalloc(arena, sizeof(*tree));
    struct tree **tail = &tree->child;
    uint64_t number;

    switch (json_object_get_type(json)) {
    case json_type_null:
        tree->kind = TREE_NULL;
        break;
    case json_type_boolean:
        tree->kind = TREE_BOOLEAN;
        tree->boolean = json_object_get_boolean(json);
        break;
    case json_type_int:
        tree->kind = TREE_INTEGER;
        tree->integer = json_object_get_int64(json);
        number = json_object_get_uint64(json);
        if (tree->integer >= 0 && number > INT64_MAX)
            tree->integer = -1;
        break;
    case json_type_string:
        tree->kind = TREE_TEXT;
        tree->text = tree_copy_text(arena, json);
        break;
    case json_type_double:
        tree->kind = TREE_REAL;
        tree->real = json_object_get_double(json);
        break;
    case json_type_array:
        tree->kind = TREE_ARRAY;
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            *tail = tree_convert(json_object_array_get_idx(json, i), arena);
            tail = &(*tail)->next;
        }
        break;
    case json_type_object:
        tree->kind = TREE_OBJECT;
        json_object_object_foreach(json, key, member)
        {
            *tail = tree_convert(member, arena);
            (*tail)->key = arena_copy(arena, str_from_c(key));
            tail = &(*tail)->next;
        }
        break;
    }
    CHECK(tree->child == NULL || tree->kind >= TREE_ARRAY);
    return tree;
}

enum status tree_parse(struct str json, struct arena *arena, struct tree **out, struct error *err)
{
    struct json_tokener *tokener = json_tokener_new_ex(TREE_JSON_DEPTH);
    struct json_object *root;
    enum status status = STATUS_OK;

    CHECK(json.size <= INT32_MAX);
    if (!tokener)
        return error_set(err, STATUS_RESULT_TOO_LARGE, "out of memory");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    root = json_tokener_parse_ex(tokener, json.data, (int)json.size);
    if (json_tokener_get_error(tokener) == json_tokener_error_depth) {
        status = error_set(err, STATUS_INVALID_SQL, "the statement is nested too deeply");
        error_hint(err, "at most %d levels", LIMIT_EXPRESSION_DEPTH);
    } else if (!root || json_tokener_get_parse_end(tokener) != json.size) {
        /* DuckDB writes nothing else than JSON. */
        status = error_set(err, STATUS_RESULT_TOO_LARGE, "out of memory");
    } else if (!json_object_is_type(root, json_type_object)) {
        status = error_set(err, STATUS_INTERNAL_ERROR, "the syntax tree cannot be read");
    } else {
        *out = tree_convert(root, arena);
        status = arena_check(arena, err);
    }
    json_object_put(root);
    json_tokener_free(tokener);
    return status;
}

const struct tree *tree_get(const struct tree *object, const char *key)
{
    struct str name = str_from_c(key);

    CHECK(object && object->kind == TREE_OBJECT);
    for (const struct tree *member = object->child; member; member = member->next) {
        if (str_equal(member->key, name))
            return member->kind == TREE_NULL ? NULL : member;
    }
    return NULL;
}

bool tree_has_class(const struct tree *node, const char *class)
{
    CHECK(node && class);
    return node->kind == TREE_OBJECT && tree_is(node, "class", class);
}

struct str tree_text(const struct tree *object, const char *key)
{
    const struct tree *member = tree_get(object, key);

    CHECK(object->kind == TREE_OBJECT);
    return member && member->kind == TREE_TEXT ? member->text : STR_EMPTY;
}

bool tree_is(const struct tree *object, const char *key, const char *text)
{
    CHECK(text);
    return str_equal(tree_text(object, key), str_from_c(text));
}

int64_t tree_location(const struct tree *object)
{
    const struct tree *member = tree_get(object, "query_location");

    CHECK(object->kind == TREE_OBJECT);
    return member && member->kind == TREE_INTEGER ? member->integer : -1;
}

/* The first member of these that tells something of the expression itself. */
static const struct tree *tree_skip_place(const struct tree *member)
{
    while (member && (str_equal(member->key, STR_LIT("query_location")) ||
                      str_equal(member->key, STR_LIT("alias"))))
        member = member->next;
    CHECK(!member || member->kind <= TREE_OBJECT);
    return member;
}

static uint32_t tree_count(const struct tree *list)
{
    uint32_t count = 0;

    CHECK(list && list->kind == TREE_ARRAY);
    for (const struct tree *one = list->child; one; one = one->next)
        count++;
    return count;
}

/* Two references, of which one may leave out qualifiers of the other. */
static bool tree_is_same_column(const struct tree *a, const struct tree *b)
{
    const struct tree *one = tree_get(a, "column_names"), *other = tree_get(b, "column_names");

    if (!one || !other)
        return false;
    uint32_t ones = tree_count(one), others = tree_count(other);
    one = one->child;
    other = other->child;
    for (; ones > others; ones--)
        one = one->next;
    for (; others > ones; others--)
        other = other->next;
    CHECK(ones == others);
    while (one && str_equal_nocase(one->text, other->text)) {
        one = one->next;
        other = other->next;
    }
    return !one;
}

bool tree_is_same(const struct tree *a, const struct tree *b)
{
    const struct tree *one, *other;

    CHECK(a && b);
    if (a->kind != b->kind || a->boolean != b->boolean || a->integer != b->integer ||
        a->real != b->real || !str_equal(a->text, b->text))
        return false;
    if (tree_has_class(a, "COLUMN_REF") && tree_has_class(b, "COLUMN_REF"))
        return tree_is_same_column(a, b);
    one = tree_skip_place(a->child);
    other = tree_skip_place(b->child);
    while (one && other && str_equal(one->key, other->key) && tree_is_same(one, other)) {
        one = tree_skip_place(one->next); /* depth as of the JSON */
        other = tree_skip_place(other->next);
    }
    return !one && !other;
}
