/* binder.c — who may touch which table, and whose rows of it.
 *
 * Isolation does not depend on roles: the instance of a USER table is the caller's own unless the
 * name says otherwise and the caller's role is service or higher. What auth.enforce_roles = false
 * switches off is the rest: access levels of shared tables and the rights on system tables.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/binder.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "catalog/system_tables.h"

bool binder_has_role(const struct sql_engine *engine, const struct sql_caller *caller,
                     enum role least)
{
    CHECK(engine != NULL && caller != NULL);
    return !engine->options.enforce_roles || caller->role >= least;
}

bool binder_sees_all_rows(const struct sql_engine *engine, const struct sql_caller *caller)
{
    return binder_has_role(engine, caller, ROLE_DBA);
}

bool binder_is_system_space(struct str space)
{
    CHECK(space.size > 0);
    return str_equal(space, STR_LIT("system")) || str_equal(space, STR_LIT("information_schema"));
}

bool binder_is_reserved_space(struct str space)
{
    static const char *const reserved[] = {"system",     "sys",     "information_schema",
                                           "pg_catalog", "kalamdb", "kalam",
                                           "root",       "main",    "sql",
                                           "admin",      "internal"};

    CHECK(space.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
        if (str_equal_nocase(space, str_from_c(reserved[i])))
            return true;
    return false;
}

enum status binder_table_not_found(struct str space, struct str table, int64_t position,
                                   struct error *err)
{
    CHECK(table.size > 0);
    return error_set_at(err, STATUS_TABLE_NOT_FOUND, position,
                        "table not found: relation \"%.*s.%.*s\" does not exist", STR_ARG(space),
                        STR_ARG(table));
}

enum status binder_check_identifier(struct str name, const char *what, int64_t position,
                                    struct error *err)
{
    CHECK(what != NULL);
    if (name.size == 0 || name.size > LIMIT_IDENTIFIER_BYTES)
        return error_set_at(err, STATUS_INVALID_SQL, position,
                            "invalid %s name \"%.*s\": 1 to %d bytes are allowed", what,
                            STR_ARG(name), LIMIT_IDENTIFIER_BYTES);
    if (!catalog_name_is_valid(name))
        return error_set_at(
            err, STATUS_INVALID_SQL, position,
            "invalid %s name \"%.*s\": a letter, then letters, digits and _ are allowed", what,
            STR_ARG(name));
    return STATUS_OK;
}

/* ---- rights ---------------------------------------------------------------------------------- */

static enum status binder_authorize_system(const struct sql_engine *engine,
                                           const struct sql_caller *caller,
                                           const struct table *table, bool write, struct error *err)
{
    enum role least = ROLE_DBA;

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    switch (system_table_of(table)) {
    case SYSTEM_TABLE_USERS: /* own row */
    case SYSTEM_TABLE_NAMESPACES:
    case SYSTEM_TABLE_TABLES:
    case SYSTEM_TABLE_TABLE_SCHEMAS:
    case SYSTEM_TABLE_TABLE_OPTIONS:
    case SYSTEM_TABLE_JOBS:                /* own rows */
    case SYSTEM_TABLE_LIVE_QUERIES:        /* own rows */
    case SYSTEM_TABLE_USER_TABLE_COUNTERS: /* own rows */
    case SYSTEM_TABLE_SCHEMATA:
    case SYSTEM_TABLE_SCHEMA_TABLES:
    case SYSTEM_TABLE_SCHEMA_COLUMNS:
        least = ROLE_USER;
        break;
    default:
        break;
    }
    if (write)
        least = ROLE_DBA;
    if (binder_has_role(engine, caller, least))
        return STATUS_OK;
    return error_set(err, STATUS_PERMISSION_DENIED, "permission denied for system table %.*s.%.*s",
                     STR_ARG(table->space), STR_ARG(table->name));
}

static enum status binder_authorize_shared(const struct sql_engine *engine,
                                           const struct sql_caller *caller,
                                           const struct table *table, bool write, struct error *err)
{
    enum role least = ROLE_USER;

    CHECK(table->kind == TABLE_KIND_SHARED);
    switch (table->access) {
    case TABLE_ACCESS_UNSET:
        break;
    case TABLE_ACCESS_PUBLIC:
        least = write ? ROLE_SERVICE : ROLE_USER;
        break;
    case TABLE_ACCESS_PRIVATE:
        least = ROLE_SERVICE;
        break;
    case TABLE_ACCESS_RESTRICTED:
        least = ROLE_DBA;
        break;
    }
    if (binder_has_role(engine, caller, least))
        return STATUS_OK;
    return error_set(err, STATUS_PERMISSION_DENIED,
                     "permission denied: role %s may not %s table \"%.*s.%.*s\"",
                     role_name(caller->role), write ? "write to" : "read", STR_ARG(table->space),
                     STR_ARG(table->name));
}

static enum status binder_authorize_user(const struct sql_caller *caller, const struct table *table,
                                         struct str qualifier, int64_t position,
                                         struct str *instance, struct error *err)
{
    bool own = str_is_empty(qualifier) || str_equal(qualifier, STR_LIT("user")) ||
               str_equal(qualifier, caller->user);

    CHECK(table->kind == TABLE_KIND_USER);
    *instance = own ? caller->user : qualifier;
    if (!own && !user_id_is_valid(qualifier)) /* before any key is built of it */
        return error_set_at(err, STATUS_INVALID_SQL, position,
                            "invalid user id \"%.*s\": 1 to %d letters, digits and _ . @ + -",
                            STR_ARG(utf8_cut(qualifier, LIMIT_USER_ID_BYTES)), LIMIT_USER_ID_BYTES);
    if (str_is_empty(*instance))
        return error_set_at(err, STATUS_PERMISSION_DENIED, position,
                            "table \"%.*s.%.*s\" needs a user", STR_ARG(table->space),
                            STR_ARG(table->name));
    if (own || caller->role >= ROLE_SERVICE)
        return STATUS_OK;
    return error_set_at(err, STATUS_PERMISSION_DENIED, position,
                        "permission denied: the rows of another user need the role service");
}

enum status binder_authorize(const struct sql_engine *engine, const struct sql_caller *caller,
                             const struct table *table, struct str qualifier, bool write,
                             int64_t position, struct str *instance, struct error *err)
{
    CHECK(engine != NULL && caller != NULL && table != NULL && instance != NULL);
    *instance = STR_EMPTY;
    if (caller->in_transaction &&
        (table->kind == TABLE_KIND_STREAM || table->kind == TABLE_KIND_SYSTEM))
        return error_set_at(err, STATUS_INVALID_OPERATION, position,
                            "%s table \"%.*s.%.*s\" cannot be used inside a transaction",
                            table->kind == TABLE_KIND_STREAM ? "stream" : "system",
                            STR_ARG(table->space), STR_ARG(table->name));
    if (caller->executes_as &&
        (table->kind == TABLE_KIND_SHARED || table->kind == TABLE_KIND_SYSTEM))
        return error_set_at(err, STATUS_INVALID_OPERATION, position,
                            "%s table \"%.*s.%.*s\" cannot be used by EXECUTE AS: it reaches user "
                            "and stream tables only",
                            table->kind == TABLE_KIND_SHARED ? "shared" : "system",
                            STR_ARG(table->space), STR_ARG(table->name));
    if (table->kind == TABLE_KIND_USER)
        return binder_authorize_user(caller, table, qualifier, position, instance, err);
    if (!str_is_empty(qualifier))
        return error_set_at(err, STATUS_INVALID_OPERATION, position,
                            "table \"%.*s.%.*s\" is not a user table: it has no rows of a user",
                            STR_ARG(table->space), STR_ARG(table->name));
    if (table->kind == TABLE_KIND_SYSTEM)
        return binder_authorize_system(engine, caller, table, write, err);
    if (table->kind == TABLE_KIND_SHARED)
        return binder_authorize_shared(engine, caller, table, write, err);
    return STATUS_OK;
}

enum status binder_resolve_table(struct sql_engine *engine,
                                 const struct table_access_request *request,
                                 struct resolved_table *out, struct error *err)
{
    struct str space = request->space;

    CHECK(engine != NULL && request->caller != NULL && request->catalog != NULL && out != NULL);
    if (str_is_empty(space))
        space = request->caller->space;
    *out = (struct resolved_table){
        .table = catalog_find_table(request->catalog, space, request->table),
    };
    if (out->table == NULL)
        return binder_table_not_found(space, request->table, request->position, err);
    return binder_authorize(engine, request->caller, out->table, request->user, request->write,
                            request->position, &out->user, err);
}
