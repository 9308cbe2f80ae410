/* ddl.h — changes of the catalogue: under one lock, as one batch, visible with one view.
 * Blocking (they wait for the commit thread): workers only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_DDL_H
#define STORE_DDL_H

#include "catalog/storage.h"
#include "store/store.h"

/* Each checks existence itself under the lock. Errors with the texts of docs/sql.md:
 * ALREADY_EXISTS, NAMESPACE_NOT_FOUND, TABLE_NOT_FOUND, CONFLICT. ALTER merges the members of
 * `options_json` into the namespace's options; a null removes its key. */
enum status ddl_create_namespace(struct store *store, struct str name, struct str options_json,
                                 bool *created, struct error *err) MUST_CHECK;
enum status ddl_alter_namespace(struct store *store, struct str name, struct str options_json,
                                struct error *err) MUST_CHECK;
enum status ddl_drop_namespace(struct store *store, struct str name, struct error *err) MUST_CHECK;
/* From close to open no table is made in the namespace (CONFLICT), so that it can be emptied and
 * dropped. Nests; the namespace need not exist. */
void ddl_close_namespace(struct store *store, struct str name);
void ddl_open_namespace(struct store *store, struct str name);
/* CREATE TABLE. */
struct ddl_create {
    /* From table_new with names, columns (ids 1…n are given here), options; the reference is taken.
     * Gets id, layout, kv space, version 1. */
    struct table *table;
    bool if_not_exists;
    bool created;   /* out: false when it existed */
    struct str sql; /* for the listener, as in ddl_statement; may be empty */
    int64_t now_us; /* every time that is stored; 0 = the clock's */
};
enum status ddl_create_table(struct store *store, struct ddl_create *create,
                             struct error *err) MUST_CHECK;
/* ALTER TABLE: one change of one table, whole or not at all. */
struct ddl_alter {
    struct table_id table;
    /* Gives a table_copy of the newest state that it has edited (table_finish is called here), with
     * one new schema version at most; NULL = nothing to change. Called more than once. */
    enum status (*build)(void *context, const struct table *table, struct table **next,
                         struct error *err);
    /* Optional, after build: must rows be looked at? check_row then sees every live row as the old
     * schema shows it, the last ones on the commit thread: it must be quick. */
    bool (*needs_check)(void *context);
    enum status (*check_row)(void *context, const struct row *row, struct arena *scratch,
                             struct error *err);
    /* Optional: right before the change is made, under the catalogue lock. */
    enum status (*before_commit)(void *context, const struct table *table, struct error *err);
    void *context;
    const atomic_bool *cancelled; /* may be NULL */
    struct str sql;               /* both as in ddl_create */
    int64_t now_us;
};
/* Alterations of one table run one after the other. TABLE_NOT_FOUND; STALE when rows changed faster
 * than they could be looked at; what the callbacks say. */
enum status ddl_alter_table(struct store *store, const struct ddl_alter *alter,
                            struct error *err) MUST_CHECK;
/* Removes the catalogue row and hides the data at once; rows, counters, segment records go in the
 * same batch. The files are listed as pending deletions and deleted by drop_table_files (a job).
 * `sql` is for the listener. */
enum status ddl_drop_table(struct store *store, struct table_id id, struct str sql,
                           struct error *err) MUST_CHECK;
/* Notes in its row when the table was flushed last. Nothing else of it changes, plans stay good. */
enum status ddl_table_flushed(struct store *store, struct table_id id, int64_t flushed_us,
                              struct error *err) MUST_CHECK;
/* The position of the commit that made the table: no number up to it was ever a row's of this
 * table. 0 for system tables. */
enum status ddl_created_position(struct store *store, const struct view *view,
                                 const struct table *table, int64_t *out,
                                 struct error *err) MUST_CHECK;
struct drop_result {
    uint64_t files, bytes, failed;
};
/* WOULD_BLOCK, with nothing done, while a view that can name the table is held. */
enum status ddl_drop_table_files(struct store *store, struct table_id id,
                                 const atomic_bool *cancelled, struct drop_result *result,
                                 struct error *err) MUST_CHECK;
/* Removes one user's instance of a USER table for good: rows, counters, segments; its files go when
 * their last reader is gone. Subscribers are not told. Nobody else may flush the table meanwhile
 * (the caller's job slot). A missing instance is no error. */
enum status ddl_drop_instance(struct store *store, struct table_id id, struct str user,
                              struct drop_result *result, uint64_t *rows,
                              struct error *err) MUST_CHECK;
/* Inserts or replaces a user; takes the reference. `must_be_new`: ALREADY_EXISTS when the id is
 * taken, a deleted user included. */
enum status ddl_put_user(struct store *store, struct user *user, bool must_be_new,
                         struct error *err) MUST_CHECK;
/* Changes a user under the lock, so that concurrent changes do not undo each other: `edit` gets a
 * copy of the newest version (texts into user->arena) and may refuse. updated_at is set here.
 * USER_NOT_FOUND. */
enum status ddl_change_user(struct store *store, struct str id,
                            enum status (*edit)(void *context, struct user *user,
                                                struct error *err),
                            void *context, struct error *err) MUST_CHECK;
/* ---- changes of several rows as one statement
 * ---------------------------------------------------- */

/* Under the catalogue lock: `build` sees the newest state and adds what changes; all of it becomes
 * durable and visible in one batch, or nothing. A build that adds nothing commits nothing. */
struct ddl;
struct ddl_statement {
    struct str sql; /* for the listener; empty if it may hold a secret */
    int64_t now_us; /* every time that is stored */
    enum status (*build)(void *context, struct ddl *ddl, struct error *err);
    void *context;
};
enum status ddl_run(struct store *store, const struct ddl_statement *statement,
                    struct error *err) MUST_CHECK;
struct view *ddl_view(struct ddl *ddl); /* newest state; borrowed */
/* With the checks and texts of the functions above; a row that the statement has changed already
 * counts as taken. SET replaces the options, or merges into them. */
enum status ddl_add_namespace(struct ddl *ddl, struct str name, struct str options_json,
                              struct error *err) MUST_CHECK;
enum status ddl_set_namespace(struct ddl *ddl, struct str name, struct str options_json, bool merge,
                              struct error *err) MUST_CHECK;
enum status ddl_remove_namespace(struct ddl *ddl, struct str name, struct error *err) MUST_CHECK;
/* Take the reference of `user`. STORAGE_NOT_FOUND. */
enum status ddl_add_user(struct ddl *ddl, struct user *user, struct error *err) MUST_CHECK;
enum status ddl_set_user(struct ddl *ddl, struct user *user, /* of ddl_view's, edited */
                         struct error *err) MUST_CHECK;
/* Take the reference of `storage`. `secrets` is the plain text to seal; NULL leaves what is there,
 * empty = none. ALREADY_EXISTS, STORAGE_NOT_FOUND, CONFLICT with names while it is referenced. */
enum status ddl_add_storage(struct ddl *ddl, struct storage *storage, const struct str *secrets,
                            struct error *err) MUST_CHECK;
enum status ddl_set_storage(struct ddl *ddl, struct storage *storage, const struct str *secrets,
                            struct error *err) MUST_CHECK;
enum status ddl_remove_storage(struct ddl *ddl, struct str id, struct error *err) MUST_CHECK;

/* What store_options.change_event is told after the commit, in commit order, by the thread that
 * made the change. Values are whole rows in column order, credentials included: a listener must not
 * show them. Everything is borrowed during the call. */
enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE };
struct change_event {
    enum change_op op;
    const struct table *table; /* system.users, namespaces, storages, tables, table_schemas */
    struct str key;
    const struct value *old_values, *new_values; /* NULL: none, or not known any more */
    struct str sql;   /* empty: not made by one statement of a client, or it holds a secret */
    int64_t position; /* highest _seq of the commit: applying it twice is told by that */
};

/* Removes a user for good who was deleted before `before_us` (clean-up after the grace period).
 * USER_NOT_FOUND, also when he is not deleted, or later. */
enum status ddl_remove_user(struct store *store, struct str id, int64_t before_us,
                            struct error *err) MUST_CHECK;

#endif
