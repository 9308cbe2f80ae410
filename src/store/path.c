/* path.c — folders and names of Parquet files, docs/sql.md.
 *
 * A template is split at '/' into components; variables are replaced in one pass, so that a value
 * that looks like a variable stays text. Then each component is checked: an empty one (an unused
 * `{shard}`, a doubled or leading slash) is left out, one that is "." or ".." or holds a separator
 * is refused.
 * The result is always below the storage's root.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/path.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "catalog/storage.h"
#include "value/datetime.h"

#include <pthread.h>

/* ---- folders
 * -------------------------------------------------------------------------------------- */

/* Whose folder it is. */
struct path_owner {
    const struct table *table;
    struct str user, shard;
};

enum path_variable { PATH_NAMESPACE, PATH_TABLE, PATH_USER, PATH_SHARD, PATH_UNKNOWN };

static enum path_variable path_variable_parse(struct str name)
{
    static const struct {
        const char *name;
        enum path_variable variable;
    } known[] = {
        {"namespace", PATH_NAMESPACE}, {"tableName", PATH_TABLE}, {"table_name", PATH_TABLE},
        {"userId", PATH_USER},         {"user_id", PATH_USER},    {"shard", PATH_SHARD},
    };

    CHECK(name.data != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (str_equal(name, str_from_c(known[i].name)))
            return known[i].variable;
    }
    return PATH_UNKNOWN;
}

static enum status path_put_variable(const struct path_owner *owner, struct str name,
                                     struct buf *out, struct error *err)
{
    const struct table *table = owner->table;
    enum path_variable variable = path_variable_parse(name);
    struct str value = STR_EMPTY;

    CHECK(out != NULL);
    if (variable == PATH_UNKNOWN || (variable == PATH_USER && table->kind != TABLE_KIND_USER))
        return error_set(err, STATUS_INVALID_OPERATION, "unknown path variable \"%.*s\"",
                         STR_ARG(name));
    if (variable == PATH_SHARD) {
        buf_append_str(out, owner->shard);
        return STATUS_OK;
    }
    if (variable == PATH_NAMESPACE)
        value = table->space;
    else
        value = variable == PATH_TABLE ? table->name : owner->user;
    if (value.size == 0 || memchr(value.data, '/', value.size) != NULL ||
        memchr(value.data, '\0', value.size) != NULL || str_equal(value, STR_LIT(".")) ||
        str_equal(value, STR_LIT("..")))
        return error_set(err, STATUS_INVALID_OPERATION,
                         "the value of path variable \"%.*s\" cannot be a folder", STR_ARG(name));
    buf_append_str(out, value);
    return STATUS_OK;
}

/* One component of the template; a variable is `{name}` or `${name}`. */
static enum status path_put_component(const struct path_owner *owner, struct str text,
                                      struct buf *out, struct error *err)
{
    for (size_t i = 0; i < text.size; i++) {
        bool dollar = text.data[i] == '$' && i + 1 < text.size && text.data[i + 1] == '{';
        if (!dollar && text.data[i] != '{') {
            if (text.data[i] == '}')
                return error_set(err, STATUS_INVALID_OPERATION,
                                 "unbalanced brace in a path template");
            buf_append_byte(out, (uint8_t)text.data[i]);
            continue;
        }
        size_t start = i + (dollar ? 2 : 1);
        size_t size = str_find(str_from(text.data + start, text.size - start), STR_LIT("}"));
        if (size == SIZE_MAX)
            return error_set(err, STATUS_INVALID_OPERATION, "unbalanced brace in a path template");
        enum status status = path_put_variable(owner, str_from(text.data + start, size), out, err);
        if (status != STATUS_OK)
            return status;
        i = start + size;
        CHECK(text.data[i] == '}');
    }
    return STATUS_OK;
}

enum status path_folder(const struct table *table, const struct path_template *template,
                        struct str user, struct buf *out, struct error *err)
{
    const struct path_owner owner = {.table = table, .user = user, .shard = template->shard};
    struct str rest = template->text;
    size_t start = out->size;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    if (rest.size == 0)
        rest = table->kind == TABLE_KIND_USER ? STR_LIT(STORAGE_USER_TEMPLATE)
                                              : STR_LIT(STORAGE_SHARED_TEMPLATE);
    while (rest.size > 0) {
        size_t end = str_find(rest, STR_LIT("/"));
        struct str part = str_from(rest.data, end == SIZE_MAX ? rest.size : end);
        size_t skip = part.size + (end == SIZE_MAX ? 0 : 1);
        size_t before = out->size;
        if (before > start)
            buf_append_byte(out, '/');
        size_t first = out->size;
        enum status status = path_put_component(&owner, part, out, err);
        if (status != STATUS_OK)
            return status;
        struct str made = str_from(out->data + first, out->size - first);
        if (str_equal(made, STR_LIT(".")) || str_equal(made, STR_LIT("..")))
            return error_set(err, STATUS_INVALID_OPERATION, "a path cannot hold \"%.*s\"",
                             STR_ARG(made));
        if (made.size == 0)
            out->size = before;
        rest = str_from(rest.data + skip, rest.size - skip);
    }
    if (out->size == start)
        return error_set(err, STATUS_INVALID_OPERATION, "the path of a table is empty");
    return STATUS_OK;
}

/* ---- names
 * ---------------------------------------------------------------------------------------- */

void path_file_name(int64_t now_us, unsigned attempt, struct buf *out)
{
    int64_t time_us;
    struct datetime_date date = datetime_date(datetime_split(now_us, &time_us));
    int seconds = (int)(time_us / 1000000);

    CHECK(seconds >= 0 && seconds < 86400);
    buf_printf(out, "%04d-%02d-%02dT%02d-%02d-%02d", date.year, date.month, date.day,
               seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (attempt > 0)
        buf_printf(out, "-%03u", attempt);
    buf_append_str(out, STR_LIT(".parquet"));
}

enum { PATH_NAMES_KEPT_S = 10, PATH_CLOCK_BACK_S = 60 };

/* A thread may come with a second that is over for others, and who has a name may not have written
 * it down yet: names are kept for one to two spans beyond their second. What is far behind comes
 * from a clock that was set back. */
struct path_names {
    pthread_mutex_t mutex;
    int64_t since; /* second in which `names` began */
    struct map names, former;
};

struct path_names *path_names_new(void)
{
    struct path_names *names = mem_zalloc(sizeof(*names));

    CHECK(pthread_mutex_init(&names->mutex, NULL) == 0);
    map_init(&names->names);
    map_init(&names->former);
    return names;
}

void path_names_free(struct path_names *names)
{
    if (names == NULL)
        return;
    map_clear(&names->names);
    map_clear(&names->former);
    CHECK(pthread_mutex_destroy(&names->mutex) == 0);
    mem_free(names);
}

bool path_names_claim(struct path_names *names, int64_t now_us, struct str path)
{
    int64_t second = now_us / 1000000;

    CHECK(path.size > 0);
    pthread_mutex_lock(&names->mutex);
    if (second - names->since >= PATH_NAMES_KEPT_S || names->since - second >= PATH_CLOCK_BACK_S) {
        map_clear(&names->former);
        names->former = names->names;
        map_init(&names->names);
        names->since = second;
    }
    bool is_new =
        map_get(&names->former, path) == NULL && map_put(&names->names, path, names) == NULL;
    pthread_mutex_unlock(&names->mutex);
    return is_new;
}
