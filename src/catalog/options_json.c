/* options_json.c — small JSON objects of options: reading a member, merging two.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "catalog/catalog_internal.h"

#include <json-c/json.h>

struct json_object *options_json_parse(struct str json)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *root = NULL;

    if (tokener == NULL)
        mem_exhausted();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    if (json.size > 0 && json.size < INT32_MAX)
        root = json_tokener_parse_ex(tokener, json.data, (int)json.size);
    if (root != NULL && (!json_object_is_type(root, json_type_object) ||
                         json_tokener_get_parse_end(tokener) != json.size)) {
        json_object_put(root);
        root = NULL;
    }
    json_tokener_free(tokener);
    return root;
}

int64_t options_json_integer(struct str json, const char *name, int64_t fallback)
{
    struct json_object *root = options_json_parse(json), *member;
    int64_t result = fallback;

    CHECK(name != NULL);
    if (root != NULL && json_object_object_get_ex(root, name, &member) &&
        json_object_is_type(member, json_type_int))
        result = json_object_get_int64(member);
    json_object_put(root);
    return result;
}

bool options_json_boolean(struct str json, const char *name, bool fallback)
{
    struct json_object *root = options_json_parse(json), *member;
    bool result = fallback;

    CHECK(name != NULL);
    if (root != NULL && json_object_object_get_ex(root, name, &member) &&
        json_object_is_type(member, json_type_boolean))
        result = json_object_get_boolean(member);
    json_object_put(root);
    return result;
}

struct str options_json_text(struct str json, const char *name, struct arena *arena)
{
    struct json_object *root = options_json_parse(json), *member;
    struct str result = STR_EMPTY;

    CHECK(name != NULL);
    if (root != NULL && json_object_object_get_ex(root, name, &member) &&
        json_object_is_type(member, json_type_string))
        result = arena_copy(arena, str_from(json_object_get_string(member),
                                            (size_t)json_object_get_string_len(member)));
    json_object_put(root);
    return result;
}

/* json-c reads an integer that is too large as the largest or smallest one. */
static bool options_json_is_exact(struct json_object *object)
{
    CHECK(json_object_is_type(object, json_type_object));
    json_object_object_foreach(object, key, member)
    {
        (void)key;
        if (json_object_is_type(member, json_type_int) &&
            (json_object_get_uint64(member) > INT64_MAX ||
             json_object_get_int64(member) == INT64_MIN))
            return false;
    }
    return true;
}

static bool options_json_is_flat(struct json_object *object)
{
    CHECK(json_object_is_type(object, json_type_object));
    json_object_object_foreach(object, key, member)
    {
        enum json_type type = json_object_get_type(member);
        (void)key;
        if (type == json_type_object || type == json_type_array)
            return false;
    }
    return true;
}

enum status options_json_merge(struct str base, struct str patch, struct arena *arena,
                               struct str *out, struct error *err)
{
    struct json_object *target = options_json_parse(str_is_empty(base) ? STR_LIT("{}") : base);
    struct json_object *changes = options_json_parse(str_is_empty(patch) ? STR_LIT("{}") : patch);
    enum status status = STATUS_OK;

    CHECK(out != NULL);
    if (target == NULL || changes == NULL || !options_json_is_flat(changes)) {
        status = error_set(err, STATUS_INVALID_SQL,
                           "options must be strings, numbers, booleans or NULL");
        goto out;
    }
    if (!options_json_is_exact(changes)) {
        status = error_set(err, STATUS_INVALID_SQL,
                           "integers of options have at most 63 bits: write others as strings");
        goto out;
    }
    json_object_object_foreach(changes, key, member)
    {
        if (member == NULL)
            json_object_object_del(target, key);
        else
            (void)json_object_object_add(target, key, json_object_get(member));
    }
    size_t size = 0;
    const char *text = json_object_to_json_string_length(
        target, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    *out = arena_copy(arena, str_from(text, size));
out:
    json_object_put(changes);
    json_object_put(target);
    return status;
}
