/* ddl_event.c — tells the listener of store_options.change_event what a change did to system rows.
 *
 * Replication or an audit trail can hang on it: one event per row with its old and new values,
 * after the commit, in commit order, still under the catalogue lock, so that nobody overtakes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/ddl/ddl_internal.h"

/* In system.tables and table_schemas. */
enum { EVENT_SPACE = 1, EVENT_NAME = 2 };

static const struct table *ddl_event_table(const struct ddl *ddl, enum system_table which,
                                           const struct value *values)
{
    int space = table_find_column(system_table(ddl->catalog, which), STR_LIT("namespace_id"));
    int name = table_find_column(system_table(ddl->catalog, which), STR_LIT("table_name"));

    CHECK(space >= EVENT_SPACE && name >= EVENT_NAME);
    return catalog_find_table(ddl->catalog, values[space].text, values[name].text);
}

const struct value *ddl_event_old(struct ddl *ddl, enum system_table which,
                                  const struct value *values)
{
    struct value *old = ddl_values(ddl);
    const struct catalog_namespace *space;
    const struct table *table;
    const struct table_schema *schema = NULL;
    const struct user *user;
    const struct storage *storage;

    CHECK(!values[0].is_null);
    switch (which) {
    case SYSTEM_TABLE_USERS:
        user = catalog_find_user(ddl->catalog, values[0].text);
        if (user != NULL)
            system_row_user(user, &ddl->arena, old);
        return user != NULL ? old : NULL;
    case SYSTEM_TABLE_NAMESPACES:
        space = catalog_find_namespace(ddl->catalog, values[0].text);
        if (space != NULL)
            system_row_namespace(space, &ddl->arena, old);
        return space != NULL ? old : NULL;
    case SYSTEM_TABLE_STORAGES:
        storage = catalog_find_storage(ddl->catalog, values[0].text);
        if (storage != NULL)
            system_row_storage(storage, old);
        return storage != NULL ? old : NULL;
    case SYSTEM_TABLE_TABLES:
        table = ddl_event_table(ddl, which, values);
        if (table != NULL)
            system_row_table(table, &ddl->arena, old);
        return table != NULL ? old : NULL;
    case SYSTEM_TABLE_TABLE_SCHEMAS:
        table = ddl_event_table(ddl, which, values);
        int version = table_find_column(system_table(ddl->catalog, which), STR_LIT("version"));
        if (table != NULL && version >= 0)
            schema = table_schema_version(table, (uint32_t)values[version].integer);
        if (schema != NULL)
            system_row_table_schema(table, schema, false, &ddl->arena, old);
        return schema != NULL ? old : NULL;
    default:
        return NULL;
    }
}

void ddl_event_send(struct ddl *ddl)
{
    const struct store_options *options = &ddl->store->options;

    CHECK(ddl->request.status == STATUS_OK);
    if (options->change_event == NULL)
        return;
    for (size_t i = 0; i < ddl->request.op_count; i++) {
        const struct row_op *op = &ddl->request.ops[i];
        const struct value *old = ddl->old_values[i];
        struct change_event event = {
            .op = op->kind == ROW_OP_CHANGE ? CHANGE_DELETE
                  : old != NULL             ? CHANGE_UPDATE
                                            : CHANGE_INSERT,
            .table = op->table,
            .old_values = old,
            .new_values = op->kind == ROW_OP_CHANGE ? NULL : op->values,
            .sql = ddl->sql,
            .position = ddl->request.position,
        };
        event.key = event.new_values != NULL ? event.new_values[0].text
                    : old != NULL            ? old[0].text
                                             : STR_EMPTY;
        options->change_event(options->change_event_context, &event);
    }
}
