/* users.c — the rules of users, shared by CREATE, ALTER, DROP USER and by INSERT, UPDATE, DELETE of
 * system.users (docs/sql.md).
 *
 * A password is set by ALTER USER only. DELETE hides a user; within the grace period
 * `SET deleted_at = NULL` brings him back, and with him everything he owns.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/change.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "sql/binder.h"
#include "value/text.h"

enum { USERS_NAME_CHARACTERS = 128, USERS_EMAIL_CHARACTERS = 256 };

/* ---- properties ------------------------------------------------------------------------------ */

void system_user_changed(const struct sql_run *run, struct user *user)
{
    CHECK(user->arena != NULL);
    user->credentials_changed =
        run->now_us > user->credentials_changed ? run->now_us : user->credentials_changed + 1;
}

enum status system_user_check_rights(const struct sql_run *run, const struct user *user,
                                     int64_t position, struct error *err)
{
    CHECK(user != NULL);
    if (user->role == ROLE_SYSTEM && !binder_has_role(run->engine, &run->caller, ROLE_SYSTEM))
        return error_set_at(err, STATUS_PERMISSION_DENIED, position,
                            "permission denied: system users are changed by system users only");
    return STATUS_OK;
}

static enum status users_set_role(struct sql_run *run, struct user *user, struct str text,
                                  int64_t position, struct error *err)
{
    enum role role;

    CHECK(user != NULL);
    if (!role_parse(text, &role))
        return error_set_at(err, STATUS_INVALID_SQL, position,
                            "unknown role \"%.*s\": user, service, dba or system", STR_ARG(text));
    if (role == ROLE_SYSTEM && !binder_has_role(run->engine, &run->caller, ROLE_SYSTEM))
        return error_set_at(err, STATUS_PERMISSION_DENIED, position,
                            "permission denied: only a system user grants the role system");
    if (role != ROLE_SYSTEM && str_equal(user->id, STR_LIT("root")))
        return error_set_at(err, STATUS_INVALID_OPERATION, position,
                            "the role of user 'root' cannot be changed");
    if (role != user->role)
        system_user_changed(run, user);
    user->role = role;
    return STATUS_OK;
}

static enum status users_set_storage(struct user *user, struct str key, struct str text,
                                     int64_t position, struct error *err)
{
    CHECK(user->arena != NULL);
    if (str_equal(key, STR_LIT("storage_mode"))) {
        bool table = str_equal_nocase(text, STR_LIT("table"));
        if (!table && !str_equal_nocase(text, STR_LIT("region")))
            return error_set_at(err, STATUS_INVALID_SQL, position,
                                "STORAGE_MODE is table or region");
        user->storage_mode = table ? STR_LIT("table") : STR_LIT("region");
        return STATUS_OK;
    }
    user->storage_id = arena_copy(user->arena, text);
    return STATUS_OK;
}

enum status system_user_set(struct sql_run *run, struct user *user, struct str key, struct str text,
                            int64_t position, struct error *err)
{
    CHECK(user->arena != NULL);
    if (str_equal(key, STR_LIT("role")))
        return users_set_role(run, user, text, position, err);
    if (str_equal(key, STR_LIT("storage_mode")) || str_equal(key, STR_LIT("storage")))
        return users_set_storage(user, key, text, position, err);
    if (str_equal(key, STR_LIT("username"))) {
        if (text.size == 0 || utf8_length(text) > USERS_NAME_CHARACTERS)
            return error_set_at(err, STATUS_CONSTRAINT_VIOLATION, position,
                                "column \"username\": 1 to %d characters are allowed",
                                USERS_NAME_CHARACTERS);
        user->username = arena_copy(user->arena, text);
    } else if (str_equal(key, STR_LIT("email"))) {
        if (utf8_length(text) > USERS_EMAIL_CHARACTERS)
            return error_set_at(err, STATUS_CONSTRAINT_VIOLATION, position,
                                "column \"email\": at most %d characters are allowed",
                                USERS_EMAIL_CHARACTERS);
        user->email = arena_copy(user->arena, text);
    } else if (str_equal(key, STR_LIT("metadata"))) {
        if (text.size > 0 && !json_is_valid(text))
            return error_set_at(err, STATUS_CONSTRAINT_VIOLATION, position,
                                "column \"metadata\": invalid JSON");
        user->metadata = arena_copy(user->arena, text);
    } else {
        UNREACHABLE("an option that the parser does not know");
    }
    return STATUS_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Everything that the statement names. */
static enum status users_apply(struct system_row *row, struct user *user, struct error *err)
{
    static const char *const columns[][2] = {
        {"username", "username"}, {"role", "role"},          {"email", "email"},
        {"metadata", "metadata"}, {"storage_id", "storage"}, {"storage_mode", "storage_mode"},
    };
    enum status status = STATUS_OK;

    CHECK(row->values != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(columns) && status == STATUS_OK; i++) {
        uint32_t index = system_row_column(row, columns[i][0]);
        const struct table_column *column = &row->table->schema->columns[index];
        if (!row->given[index])
            continue;
        status = dml_check_value(column, &row->values[index], err);
        if (status == STATUS_OK)
            status = system_user_set(
                row->run, user, str_from_c(columns[i][1]),
                row->values[index].is_null ? STR_EMPTY : row->values[index].text, -1, err);
    }
    return status;
}

/* The finished row without secrets, for RETURNING. */
static void users_show(struct system_row *row, const struct user *user)
{
    static const char *const secrets[] = {"password_hash", "api_key"};

    system_row_user(user, &row->run->arena, row->values);
    CHECK(!row->values[0].is_null);
    for (uint32_t i = 0; i < row->table->schema->column_count; i++)
        if (!row->values[i].is_null && value_type_is_text(row->values[i].type))
            row->values[i].text = arena_copy(&row->run->arena, row->values[i].text);
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++) {
        struct value *secret = &row->values[system_row_column(row, secrets[i])];
        if (!secret->is_null)
            secret->text = STR_LIT("***");
    }
}

static enum status users_check_new(const struct system_row *row, struct error *err)
{
    static const char *const required[] = {"user_id", "username"};

    CHECK(row->given != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(required); i++) {
        const struct value *value = system_row_given(row, required[i]);
        if (value == NULL)
            return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                             "null value in column \"%s\" violates not-null constraint",
                             required[i]);
        if (value->text.size == 0)
            return error_set(err, STATUS_CONSTRAINT_VIOLATION, "column \"%s\" must not be empty",
                             required[i]);
    }
    const struct value *id = system_row_given(row, "user_id");
    if (!user_id_is_valid(id->text))
        return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                         "column \"user_id\": 1 to %d letters, digits and _ . @ + - are allowed",
                         LIMIT_USER_ID_BYTES);
    if (row->given[system_row_column(row, "deleted_at")] &&
        system_row_given(row, "deleted_at") != NULL)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "column \"deleted_at\" is set by DELETE, and by UPDATE to NULL only");
    return STATUS_OK;
}

static enum status users_insert(struct system_row *row, struct error *err)
{
    enum status status = users_check_new(row, err);

    if (status != STATUS_OK)
        return status;
    struct user *user = user_new();
    user->id = arena_copy(user->arena, system_row_given(row, "user_id")->text);
    user->created_at = user->updated_at = user->credentials_changed = row->run->now_us;
    status = users_apply(row, user, err);
    if (status == STATUS_OK) {
        CHECK(user->username.size > 0);
        users_show(row, user);
        return ddl_add_user(row->ddl, user, err);
    }
    user_unref(user);
    return status;
}

static enum status users_missing(struct str key, struct error *err)
{
    CHECK(key.data != NULL || key.size == 0);
    return error_set(err, STATUS_USER_NOT_FOUND, "User with user_id '%.*s' not found",
                     STR_ARG(key));
}

/* The user of the old row, as the newest catalogue has him. */
static const struct user *users_of(const struct system_row *row)
{
    const struct user *user = catalog_find_user(view_catalog(ddl_view(row->ddl)), row->old[0].text);

    CHECK(user != NULL);
    return user;
}

static enum status users_restore(struct system_row *row, struct user *user, struct error *err)
{
    const int64_t day_us = INT64_C(86400) * 1000000;
    uint32_t days = row->run->engine->options.user_grace_days;

    CHECK(row->given != NULL);
    if (system_row_given(row, "deleted_at") != NULL)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "column \"deleted_at\" is set by DELETE, and by UPDATE to NULL only");
    if (user->deleted_at != 0 && row->run->now_us - user->deleted_at > days * day_us)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "user '%.*s' was deleted more than %u days ago and is being removed",
                         STR_ARG(user->id), days);
    user->deleted_at = 0;
    return STATUS_OK;
}

static enum status users_update(struct system_row *row, struct error *err)
{
    const struct user *there = users_of(row);
    enum status status = system_user_check_rights(row->run, there, -1, err);
    bool restores = row->given[system_row_column(row, "deleted_at")];

    if (status != STATUS_OK)
        return status;
    CHECK(there->id.size > 0);
    if (there->deleted_at != 0 && !restores)
        return users_missing(there->id, err);
    struct user *user = user_copy(there);
    user->updated_at = row->run->now_us;
    if (restores)
        status = users_restore(row, user, err);
    if (status == STATUS_OK)
        status = users_apply(row, user, err);
    if (status == STATUS_OK) {
        users_show(row, user);
        return ddl_set_user(row->ddl, user, err);
    }
    user_unref(user);
    return status;
}

static enum status users_remove(struct system_row *row, struct error *err)
{
    const struct user *there = users_of(row);
    enum status status = system_user_check_rights(row->run, there, -1, err);

    if (status != STATUS_OK)
        return status;
    CHECK(there->id.size > 0);
    if (str_equal(there->id, STR_LIT("root")))
        return error_set(err, STATUS_INVALID_OPERATION, "user 'root' cannot be dropped");
    if (there->deleted_at != 0)
        return users_missing(there->id, err);
    struct user *user = user_copy(there);
    user->updated_at = user->deleted_at = row->run->now_us;
    system_user_changed(row->run, user);
    return ddl_set_user(row->ddl, user, err);
}

const struct system_writer system_users_writer = {
    .insert = users_insert,
    .update = users_update,
    .remove = users_remove,
    .missing = users_missing,
};
