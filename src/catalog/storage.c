/* storage.c — a storage object and the rules for its id, uri and templates, see storage.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/storage.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "storage/files_limits.h"

#include <stdio.h>
#include <unistd.h>

/* ---- the object ------------------------------------------------------------------------------ */

struct storage *storage_new(void)
{
    struct storage *storage = mem_zalloc(sizeof(*storage));

    atomic_init(&storage->refs, 1);
    storage->arena = mem_zalloc(sizeof(*storage->arena));
    arena_init(storage->arena, 0);
    storage->shared_template = STR_LIT(STORAGE_SHARED_TEMPLATE);
    storage->user_template = STR_LIT(STORAGE_USER_TEMPLATE);
    CHECK(storage->type == STORAGE_FILESYSTEM);
    return storage;
}

struct storage *storage_copy(const struct storage *storage)
{
    struct storage *copy = storage_new();
    struct arena *arena = copy->arena;

    CHECK(storage->id.size > 0);
    copy->id = arena_copy(arena, storage->id);
    copy->name = arena_copy(arena, storage->name);
    copy->description = arena_copy(arena, storage->description);
    copy->type = storage->type;
    copy->uri = arena_copy(arena, storage->uri);
    copy->credentials = arena_copy(arena, storage->credentials);
    copy->config = arena_copy(arena, storage->config);
    copy->shared_template = arena_copy(arena, storage->shared_template);
    copy->user_template = arena_copy(arena, storage->user_template);
    copy->created_at = storage->created_at;
    copy->updated_at = storage->updated_at;
    return copy;
}

struct storage *storage_ref(const struct storage *storage)
{
    /* The count is the only member that changes after publication. */
    struct storage *shared = (struct storage *)(uintptr_t)storage;
    unsigned before = atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return shared;
}

void storage_unref(struct storage *storage)
{
    if (storage == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&storage->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    arena_clear(storage->arena);
    mem_free(storage->arena);
    mem_free(storage);
}

const char *storage_type_name(enum storage_type type)
{
    CHECK(type == STORAGE_FILESYSTEM || type == STORAGE_S3);
    return type == STORAGE_S3 ? "s3" : "filesystem";
}

/* ---- id and type ----------------------------------------------------------------------------- */

enum status storage_id_check(struct str id, struct error *err)
{
    bool good = id.size > 0 && id.size <= STORAGE_ID_MAX;

    CHECK(id.data != NULL || id.size == 0);
    for (size_t i = 0; i < id.size && good; i++) {
        char c = id.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    }
    if (good)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_SQL, "a storage id has 1 to %d letters, digits, _ and -",
                     STORAGE_ID_MAX);
}

enum status storage_type_parse(struct str text, enum storage_type *type, struct error *err)
{
    static const char *const later[] = {"azure", "gcs"};

    CHECK(type != NULL);
    *type = STORAGE_FILESYSTEM;
    if (str_equal_nocase(text, STR_LIT("filesystem")))
        return STATUS_OK;
    *type = STORAGE_S3;
    if (str_equal_nocase(text, STR_LIT("s3")))
        return STATUS_OK;
    for (size_t i = 0; i < ARRAY_COUNT(later); i++)
        if (str_equal_nocase(text, str_from_c(later[i])))
            return error_set(err, STATUS_NOT_SUPPORTED,
                             "storage type %s is not supported in this version", later[i]);
    return error_set(err, STATUS_INVALID_SQL, "unknown storage type \"%.*s\": filesystem or s3",
                     (int)(text.size > 64 ? 64 : text.size), text.data);
}

/* ---- uri ------------------------------------------------------------------------------------- */

static enum status storage_uri_refuse(const char *why, struct error *err)
{
    CHECK(why != NULL);
    return error_set(err, STATUS_INVALID_OPERATION, "invalid storage uri: %s", why);
}

/* Appends the components of a path, each with a slash before it; doubled slashes become one. */
static enum status storage_uri_path(struct str rest, struct buf *out, struct error *err)
{
    while (rest.size > 0) {
        size_t slash = str_find(rest, STR_LIT("/"));
        struct str part = str_from(rest.data, slash == SIZE_MAX ? rest.size : slash);
        size_t skip = part.size + (slash == SIZE_MAX ? 0 : 1);

        CHECK(skip > 0);
        rest = str_from(rest.data + skip, rest.size - skip);
        if (part.size == 0 || str_equal(part, STR_LIT(".")))
            continue;
        if (str_equal(part, STR_LIT("..")))
            return storage_uri_refuse("it must not hold \"..\"", err);
        buf_append_byte(out, '/');
        buf_append_str(out, part);
    }
    return STATUS_OK;
}

static enum status storage_uri_folder(struct str text, struct buf *out, struct error *err)
{
    char folder[STORAGE_URI_MAX];
    bool scheme = true;
    enum status status;

    CHECK(out->size == 0);
    if (str_starts_with(text, STR_LIT("file://")))
        text = str_from(text.data + 7, text.size - 7);
    else
        scheme = false;
    if (text.size == 0)
        return storage_uri_refuse("it is empty", err);
    if (scheme && text.data[0] != '/')
        return storage_uri_refuse("file:// names a host, file:///… is a path", err);
    if (str_find(text, STR_LIT("://")) != SIZE_MAX)
        return storage_uri_refuse("a filesystem storage takes a path or file://…", err);
    if (text.data[0] != '/') {
        if (getcwd(folder, sizeof(folder)) == NULL)
            return storage_uri_refuse("the working folder is not known, use an absolute path", err);
        status = storage_uri_path(str_from_c(folder), out, err);
        if (status != STATUS_OK)
            return status;
    }
    status = storage_uri_path(text, out, err);
    if (status == STATUS_OK && out->size == 0)
        return storage_uri_refuse("the root folder cannot be a storage", err);
    return status;
}

static bool storage_bucket_is_valid(struct str bucket)
{
    bool good = bucket.size >= 3 && bucket.size <= 63;

    CHECK(bucket.data != NULL);
    for (size_t i = 0; i < bucket.size && good; i++) {
        char c = bucket.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               ((c == '-' || c == '.') && i > 0 && i + 1 < bucket.size);
    }
    return good;
}

static enum status storage_uri_bucket(struct str text, struct buf *out, struct error *err)
{
    CHECK(out->size == 0);
    if (!str_starts_with(text, STR_LIT("s3://")))
        return storage_uri_refuse("an s3 storage takes s3://bucket/prefix/", err);
    struct str rest = str_from(text.data + 5, text.size - 5);
    size_t slash = str_find(rest, STR_LIT("/"));
    struct str bucket = str_from(rest.data, slash == SIZE_MAX ? rest.size : slash);
    if (!storage_bucket_is_valid(bucket))
        return storage_uri_refuse(
            "a bucket name has 3 to 63 lower case letters, digits, dots and hyphens", err);
    buf_append_str(out, STR_LIT("s3://"));
    buf_append_str(out, bucket);
    enum status status =
        storage_uri_path(str_from(rest.data + bucket.size, rest.size - bucket.size), out, err);
    buf_append_byte(out, '/');
    return status;
}

enum status storage_uri_check(enum storage_type type, struct str text, struct arena *arena,
                              struct str *out, struct error *err)
{
    enum status status;
    struct buf made;

    CHECK(out != NULL);
    if (text.size > STORAGE_URI_MAX)
        return storage_uri_refuse("it is too long", err);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7f || c == '\\')
            return storage_uri_refuse("control characters and \\ are not allowed", err);
        if (c == '{' || c == '}' || c == '$')
            return storage_uri_refuse("variables belong into the templates", err);
    }
    buf_init(&made);
    status = type == STORAGE_S3 ? storage_uri_bucket(text, &made, err)
                                : storage_uri_folder(text, &made, err);
    if (status == STATUS_OK)
        *out = arena_copy(arena, buf_str(&made));
    buf_clear(&made);
    return status;
}

struct str storage_root(struct str uri)
{
    CHECK(uri.data != NULL || uri.size == 0);
    while (uri.size > 1 && uri.data[uri.size - 1] == '/')
        uri.size--;
    return uri;
}

/* ---- templates ------------------------------------------------------------------------------- */

enum storage_variable {
    VARIABLE_NAMESPACE = 1,
    VARIABLE_TABLE = 2,
    VARIABLE_SHARD = 4,
    VARIABLE_USER = 8
};

struct storage_template {
    bool is_user;
    unsigned seen; /* enum storage_variable */
    char problem[96];
};

static unsigned storage_variable_parse(struct str name)
{
    static const struct {
        const char *name;
        enum storage_variable variable;
    } known[] = {
        {"namespace", VARIABLE_NAMESPACE}, {"tableName", VARIABLE_TABLE},
        {"table_name", VARIABLE_TABLE},    {"shard", VARIABLE_SHARD},
        {"userId", VARIABLE_USER},         {"user_id", VARIABLE_USER},
    };

    CHECK(name.data != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_equal(name, str_from_c(known[i].name)))
            return known[i].variable;
    return 0;
}

static bool storage_template_problem(struct storage_template *check, const char *format,
                                     struct str name)
{
    struct error text;

    CHECK(format != NULL);
    (void)error_set(&text, STATUS_INVALID_OPERATION, "%s \"%.*s\"", format,
                    (int)(name.size > 40 ? 40 : name.size), name.data);
    memcpy(check->problem, text.message, sizeof(check->problem) - 1);
    check->problem[sizeof(check->problem) - 1] = '\0';
    return false;
}

static bool storage_template_variable(struct storage_template *check, struct str name)
{
    unsigned variable = storage_variable_parse(name);

    CHECK(check->problem[0] == '\0');
    if (variable == 0)
        return storage_template_problem(check, "unknown variable", name);
    if (!check->is_user && (variable == VARIABLE_SHARD || variable == VARIABLE_USER))
        return storage_template_problem(check, "shared tables have no variable", name);
    if (check->seen >= variable)
        return storage_template_problem(
            check, "variables stand in the order namespace, tableName, shard, userId: misplaced",
            name);
    check->seen |= variable;
    return true;
}

static bool storage_template_variables(struct storage_template *check, struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '}')
            return storage_template_problem(check, "unbalanced brace", STR_LIT("}"));
        if (text.data[i] == '$' && (i + 1 == text.size || text.data[i + 1] != '{'))
            return storage_template_problem(check, "a variable is written {name}, not",
                                            STR_LIT("$"));
        if (text.data[i] != '{')
            continue;
        struct str rest = str_from(text.data + i + 1, text.size - i - 1);
        size_t size = str_find(rest, STR_LIT("}"));
        if (size == SIZE_MAX)
            return storage_template_problem(check, "unbalanced brace", STR_LIT("{"));
        if (!storage_template_variable(check, str_from(rest.data, size)))
            return false;
        i += size + 1;
        CHECK(text.data[i] == '}');
    }
    return true;
}

/* Bytes of a part of a path at most: a variable stands for an identifier or a user id. */
static size_t storage_part_bytes(struct str part)
{
    size_t size = 0;
    bool inside = false;

    _Static_assert(LIMIT_IDENTIFIER_BYTES >= LIMIT_USER_ID_BYTES, "identifiers are the longest");
    _Static_assert(FILES_NAME_MAX == 240, "the text below says so");
    CHECK(part.data != NULL || part.size == 0);
    for (size_t i = 0; i < part.size; i++) {
        inside = inside ? part.data[i] != '}' : part.data[i] == '{';
        if (part.data[i] == '}')
            size += LIMIT_IDENTIFIER_BYTES;
        else if (!inside && part.data[i] != '$')
            size++;
    }
    return size;
}

const char *storage_path_problem(struct str text)
{
    static const char *const bad[][2] = {{"//", "it must not hold //"},
                                         {"..", "it must not hold \"..\""},
                                         {"\\", "it must not hold \\"},
                                         {"://", "it must not hold ://"}};
    struct str rest = text;
    size_t total = 0;

    CHECK(text.size == 0 || text.data != NULL);
    if (text.size == 0 || text.data[0] == '/')
        return "it must be a path below the storage, neither empty nor absolute";
    if (text.size > STORAGE_URI_MAX)
        return "it is too long";
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (str_find(text, str_from_c(bad[i][0])) != SIZE_MAX)
            return bad[i][1];
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return "it must not hold control characters";
    while (rest.size > 0) {
        size_t slash = str_find(rest, STR_LIT("/"));
        size_t size = slash == SIZE_MAX ? rest.size : slash;
        if (str_equal(str_from(rest.data, size), STR_LIT(".")))
            return "it must not hold the component \".\"";
        size_t bytes = storage_part_bytes(str_from(rest.data, size));
        total += bytes + 1;
        if (bytes > FILES_NAME_MAX)
            return "a component of it may get longer than 240 bytes";
        if (total + FILES_NAME_MAX > FILES_PATH_MAX)
            return "it may get too long";
        size += slash == SIZE_MAX ? 0 : 1;
        rest = str_from(rest.data + size, rest.size - size);
    }
    return NULL;
}

static bool storage_template_shape(struct storage_template *check, struct str text)
{
    const char *problem = storage_path_problem(text);

    CHECK(check->problem[0] == '\0');
    if (problem != NULL)
        (void)snprintf(check->problem, sizeof(check->problem), "%s", problem);
    return problem == NULL;
}

enum status storage_template_check(struct str text, bool is_user, struct error *err)
{
    struct storage_template check = {.is_user = is_user};
    bool good = storage_template_shape(&check, text) && storage_template_variables(&check, text);

    CHECK(text.data != NULL || text.size == 0);
    if (good && is_user && (check.seen & VARIABLE_USER) == 0)
        good = storage_template_problem(&check, "missing variable", STR_LIT("userId"));
    if (good)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_OPERATION,
                     "invalid %s_tables_template: %s; a correct one is %s",
                     is_user ? "user" : "shared", check.problem,
                     is_user ? STORAGE_USER_TEMPLATE : STORAGE_SHARED_TEMPLATE);
}
