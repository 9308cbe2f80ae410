/* change.h — the writing half of the system-table engine: INSERT, UPDATE and DELETE of rows of
 * system.users, namespaces, storages and storage_locations.
 *
 * change.c is the engine: it evaluates the statement over column descriptors, under the catalogue
 * lock, against the newest state, and hands each row to the rules of its table (users.c,
 * namespaces.c, storages.c), which are those of CREATE, ALTER and DROP. One statement is one batch.
 * Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SYSTEM_CHANGE_H
#define SQL_SYSTEM_CHANGE_H

#include "catalog/system_tables.h"
#include "sql/exec/run.h"
#include "store/ddl.h"

struct system_row {
    struct sql_run *run;
    const struct table *table;
    struct ddl *ddl;
    const struct value *old; /* UPDATE, DELETE: the row as it is, secrets masked */
    struct value *values;    /* INSERT, UPDATE: given values in, the finished row out */
    const bool *given;       /* per column: named by the statement */
};

/* The rules of one writable table. Each adds to row->ddl or refuses. */
struct system_writer {
    enum status (*insert)(struct system_row *row, struct error *err);
    enum status (*update)(struct system_row *row, struct error *err);
    enum status (*remove)(struct system_row *row, struct error *err);
    /* The error for a key of WHERE that has no row. */
    enum status (*missing)(struct str key, struct error *err);
};
extern const struct system_writer system_users_writer, system_namespaces_writer,
    system_storages_writer, system_locations_writer;

/* Column of a system table by name; it must exist. */
uint32_t system_row_column(const struct system_row *row, const char *name);
/* Its given value, or NULL when it was left out or is NULL. */
const struct value *system_row_given(const struct system_row *row, const char *name);

/* ---- rules shared with the statements of their own ------------------------------------------ */

/* One property of a user by the name of its option: role, email, username, metadata, storage_mode,
 * storage. Empty text = NULL. */
enum status system_user_set(struct sql_run *run, struct user *user, struct str key, struct str text,
                            int64_t position, struct error *err) MUST_CHECK;
/* His credentials have changed now: what was issued before ends. */
void system_user_changed(const struct sql_run *run, struct user *user);
/* system users are changed by their like only. */
enum status system_user_check_rights(const struct sql_run *run, const struct user *user,
                                     int64_t position, struct error *err) MUST_CHECK;

/* A storage in the making: begin, set what is given, finish (hands it to `ddl`), end. */
struct storage_input {
    struct storage *storage; /* a copy of the old one, or new */
    struct arena *arena;     /* for secrets and settings while the statement runs */
    bool is_new;
    bool has_uri, has_bucket, has_credentials, has_config;
    struct str uri;
    struct storage_settings settings;
    struct str secrets; /* plain; filled by finish */
};
enum status system_storage_begin(struct storage_input *input, const struct storage *old,
                                 struct str id, struct arena *arena,
                                 struct error *err) MUST_CHECK; /* end it in any case */
/* A property by its column of system.storages, or `bucket`. Empty text = NULL. */
enum status system_storage_set(struct storage_input *input, struct str key, struct str text,
                               struct error *err) MUST_CHECK;
enum status system_storage_set_region(struct storage_input *input, struct str text,
                                      struct error *err) MUST_CHECK;
enum status system_storage_finish(struct storage_input *input, struct ddl *ddl,
                                  struct error *err) MUST_CHECK;
void system_storage_end(struct storage_input *input);

/* ---- entry ---------------------------------------------------------------------------------- */

/* Runs run->plan, an INSERT, UPDATE or DELETE of a system table. */
enum status system_change_run(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;

#endif
