/* ddl_internal.h — one change of the catalogue in the making, shared by the ddl*.c files.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_DDL_INTERNAL_H
#define STORE_DDL_INTERNAL_H

#include "base/map.h"
#include "catalog/system_tables.h"
#include "store/commit/commit_internal.h"
#include "store/ddl.h"

struct ddl {
    struct store *store;
    struct view *view; /* newest: nobody else changes the catalogue meanwhile */
    const struct catalog *catalog;
    struct catalog_builder *builder;
    struct catalog *next; /* between finish and hand-over */
    struct arena arena;
    struct commit_request request;
    size_t op_capacity;
    struct storage **storages; /* written; their folders are made right before the commit */
    size_t storage_count, storage_capacity;
    struct map keys; /* of `request`'s operations: number of the table, key */
    /* More of the same batch, on the commit thread; may be NULL. */
    enum status (*extra)(struct ddl *ddl, struct kv_batch *batch, struct error *err);
    void (*published)(struct ddl *ddl); /* on the commit thread; may be NULL */
    const struct table *table;          /* the one created or dropped */
    void *context;                      /* of `extra` */
    int64_t now;
    struct str sql;                  /* for the listener */
    const struct value **old_values; /* per operation, only with a listener */
};

/* Takes the catalogue lock. */
void ddl_begin(struct ddl *ddl, struct store *store);
/* For a statement of a client: its text, for the listener, and its time, 0 = the clock's. */
void ddl_begin_statement(struct ddl *ddl, struct store *store, struct str sql, int64_t now_us);
void ddl_end(struct ddl *ddl);
/* A row of a stored system table to insert or replace; `values` lie in ddl->arena. */
void ddl_put(struct ddl *ddl, enum system_table which, struct value *values);
void ddl_delete(struct ddl *ddl, enum system_table which, const struct value *key_values);
struct value *ddl_values(struct ddl *ddl);
/* Finishes the builder and waits until the change is durable and visible. */
enum status ddl_commit(struct ddl *ddl, struct error *err) MUST_CHECK;

/* ddl_schemas.c */
void ddl_put_schema(struct ddl *ddl, const struct table *table, const struct table_schema *schema,
                    bool dropped);
/* Before the versions of a new table are put: those of a dropped one of its name make room. */
enum status ddl_schemas_set_aside(struct ddl *ddl, const struct table *table,
                                  struct error *err) MUST_CHECK;

/* ddl_table.c */
void ddl_put_table(struct ddl *ddl, const struct table *table);
/* Ids for `count` tables, never given again, also when nothing comes of them. A commit of its own
 * under the catalogue lock that `ddl` holds. */
enum status ddl_take_table_ids(struct ddl *ddl, size_t count, struct table_id *first,
                               struct error *err) MUST_CHECK;
enum status ddl_table_gone(const struct table *table, struct error *err);

/* ddl_storage.c */
enum status ddl_storage_missing(struct str id, struct error *err);
/* Makes the folders of storages that this change writes. */
enum status ddl_prepare_storages(struct ddl *ddl, struct error *err) MUST_CHECK;
/* STORAGE_UNAVAILABLE unless files of the new table may be written. Before the catalogue lock is
 * taken: its disk may not answer. Names of tables and storages that do not fit are left to those
 * who have the lock. */
enum status ddl_table_ask_storage(struct store *store, const struct table *table,
                                  struct error *err) MUST_CHECK;
/* The table's storage and the template it gives; kept by the table for good. */
enum status ddl_table_resolve_storage(struct ddl *ddl, struct table *table,
                                      struct error *err) MUST_CHECK;

/* ddl_files.c: remembers that the table's space waits for its readers. */
void ddl_dropping_add(struct ddl *ddl, const struct table *table, int64_t position);

/* Has this change an operation on the row already? */
bool ddl_has(const struct ddl *ddl, enum system_table which, struct str key);

/* ddl_event.c: the row as the catalogue has it, in ddl->arena; NULL if it has none. */
const struct value *ddl_event_old(struct ddl *ddl, enum system_table which,
                                  const struct value *values);
/* Tells the listener what was committed. */
void ddl_event_send(struct ddl *ddl);

#endif
