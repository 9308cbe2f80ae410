/* storages.c — the rules of storages, shared by CREATE, ALTER, DROP STORAGE and by INSERT, UPDATE,
 * DELETE of system.storages and of its second face system.storage_locations (docs/sql.md).
 *
 * What is given is collected first and checked together: credentials may carry settings (region,
 * endpoint) that belong into config_json, and a path of storage_locations may carry a template.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/change.h"

#include "base/check.h"

enum { STORAGES_TEXT_MAX = 256 };

/* ---- properties ------------------------------------------------------------------------------ */

static enum status storages_set_text(struct storage *storage, const char *key, struct str text,
                                     struct str *target, struct error *err)
{
    CHECK(target != NULL);
    if (text.size > STORAGES_TEXT_MAX)
        return error_set(err, STATUS_CONSTRAINT_VIOLATION, "column \"%s\": at most %d bytes", key,
                         STORAGES_TEXT_MAX);
    *target = arena_copy(storage->arena, text);
    return STATUS_OK;
}

static enum status storages_set_type(struct storage_input *input, struct str text,
                                     struct error *err)
{
    enum storage_type type;
    enum status status = storage_type_parse(text, &type, err);

    CHECK(input->storage != NULL);
    if (status != STATUS_OK)
        return status;
    if (!input->is_new && type != input->storage->type)
        return error_set(err, STATUS_INVALID_OPERATION, "the type of a storage is fixed");
    input->storage->type = type;
    return STATUS_OK;
}

/* Settings are read now, over what config_json holds. */
static enum status storages_set_json(struct storage_input *input, struct str text, bool secrets,
                                     struct error *err)
{
    CHECK(input->arena != NULL);
    if (!secrets) /* config_json is replaced as a whole */
        input->settings.region = input->settings.endpoint = STR_EMPTY;
    if (!secrets)
        input->settings.has_path_style = false;
    input->has_config = true;
    if (secrets && storage_json_is_empty(text))
        input->has_credentials = true; /* none any more */
    if (text.size == 0)
        return STATUS_OK;
    enum status status = storage_json_read(text, secrets, input->arena, &input->settings, err);
    if (status == STATUS_OK && storage_json_secrets(&input->settings, input->arena).size > 0)
        input->has_credentials = true; /* settings alone leave the secret half as it is */
    return status;
}

static enum status storages_set_bucket(struct storage_input *input, struct str text)
{
    CHECK(input->arena != NULL);
    input->has_bucket = true;
    input->uri = str_starts_with(text, STR_LIT("s3://"))
                     ? text
                     : arena_printf(input->arena, "s3://%.*s/", STR_ARG(text));
    return STATUS_OK;
}

enum status system_storage_set(struct storage_input *input, struct str key, struct str text,
                               struct error *err)
{
    struct storage *storage = input->storage;

    CHECK(storage != NULL && storage->arena != NULL);
    if (str_equal(key, STR_LIT("storage_type")))
        return storages_set_type(input, text, err);
    if (str_equal(key, STR_LIT("storage_name")))
        return storages_set_text(storage, "storage_name", text, &storage->name, err);
    if (str_equal(key, STR_LIT("description")))
        return storages_set_text(storage, "description", text, &storage->description, err);
    if (str_equal(key, STR_LIT("credentials")))
        return storages_set_json(input, text, true, err);
    if (str_equal(key, STR_LIT("config_json")))
        return storages_set_json(input, text, false, err);
    if (str_equal(key, STR_LIT("shared_tables_template"))) {
        storage->shared_template = arena_copy(storage->arena, text);
        return storage_template_check(text, false, err);
    }
    if (str_equal(key, STR_LIT("user_tables_template"))) {
        storage->user_template = arena_copy(storage->arena, text);
        return storage_template_check(text, true, err);
    }
    if (input->has_uri)
        return error_set(err, STATUS_INVALID_SQL, "the place of the storage is given twice");
    input->has_uri = true;
    if (str_equal(key, STR_LIT("bucket")))
        return storages_set_bucket(input, text);
    CHECK(str_equal(key, STR_LIT("uri")));
    input->uri = text;
    return STATUS_OK;
}

/* REGION is a setting like those in CREDENTIALS. */
enum status system_storage_set_region(struct storage_input *input, struct str text,
                                      struct error *err)
{
    struct storage_settings settings = {.has_path_style = false};
    struct buf json;

    CHECK(input->arena != NULL);
    buf_init(&json);
    buf_append_str(&json, STR_LIT("{\"region\":"));
    run_append_json_text(&json, text);
    buf_append_byte(&json, '}');
    enum status status = storage_json_read(buf_str(&json), false, input->arena, &settings, err);
    buf_clear(&json);
    input->settings.region = settings.region;
    input->has_config = true;
    return status;
}

/* ---- together -------------------------------------------------------------------------------- */

static enum status storages_finish_uri(struct storage_input *input, struct error *err)
{
    struct storage *storage = input->storage;
    bool is_local = str_equal(storage->id, STR_LIT(STORAGE_LOCAL));

    CHECK(storage->arena != NULL);
    if (input->has_bucket && storage->type != STORAGE_S3)
        return error_set(err, STATUS_INVALID_OPERATION, "BUCKET is for storages of type s3");
    if (input->has_uri && input->uri.size == 0 && is_local) {
        storage->uri = STR_EMPTY;
        return STATUS_OK;
    }
    if (!input->has_uri && !input->is_new)
        return STATUS_OK;
    if (input->uri.size == 0)
        return error_set(err, STATUS_INVALID_OPERATION,
                         storage->type == STORAGE_S3
                             ? "an s3 storage needs URI 's3://bucket/prefix/' or BUCKET"
                             : "a filesystem storage needs URI, PATH or BASE_DIRECTORY");
    return storage_uri_check(storage->type, input->uri, storage->arena, &storage->uri, err);
}

static enum status storages_finish_settings(struct storage_input *input, struct error *err)
{
    const struct storage_settings *settings = &input->settings;
    struct storage *storage = input->storage;

    CHECK(storage->arena != NULL);
    input->secrets = storage_json_secrets(settings, input->arena);
    if ((settings->access_key.size > 0) != (settings->secret_key.size > 0) ||
        (settings->session_token.size > 0 && settings->access_key.size == 0))
        return error_set(err, STATUS_INVALID_OPERATION,
                         "credentials: access_key_id and secret_access_key come together");
    if (input->has_config)
        storage->config = storage_json_config(settings, storage->arena);
    if (storage->type == STORAGE_FILESYSTEM &&
        (input->secrets.size > 0 || storage->config.size > 0))
        return error_set(err, STATUS_INVALID_OPERATION,
                         "a filesystem storage takes no credentials, region or settings");
    return STATUS_OK;
}

enum status system_storage_begin(struct storage_input *input, const struct storage *old,
                                 struct str id, struct arena *arena, struct error *err)
{
    *input = (struct storage_input){.arena = arena, .is_new = old == NULL};
    CHECK(arena != NULL);
    if (old != NULL) {
        input->storage = storage_copy(old);
        if (old->config.size > 0)
            return storage_json_read(old->config, false, arena, &input->settings, err);
        return STATUS_OK;
    }
    input->storage = storage_new();
    input->storage->id = arena_copy(input->storage->arena, id);
    input->storage->name = input->storage->id;
    return STATUS_OK;
}

enum status system_storage_finish(struct storage_input *input, struct ddl *ddl, struct error *err)
{
    struct storage *storage = input->storage;
    enum status status = storage_id_check(storage->id, err);

    if (status == STATUS_OK)
        status = storages_finish_uri(input, err);
    if (status == STATUS_OK)
        status = storages_finish_settings(input, err);
    if (status == STATUS_OK && storage->name.size == 0)
        status = error_set(err, STATUS_CONSTRAINT_VIOLATION,
                           "column \"storage_name\" must not be empty");
    if (status != STATUS_OK)
        return status;
    CHECK(ddl != NULL);
    const struct str *secrets = input->has_credentials ? &input->secrets : NULL;
    return input->is_new ? ddl_add_storage(ddl, storage_ref(storage), secrets, err)
                         : ddl_set_storage(ddl, storage_ref(storage), secrets, err);
}

void system_storage_end(struct storage_input *input)
{
    CHECK(input->storage != NULL);
    storage_unref(input->storage);
    input->storage = NULL;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The columns of one face, by the names of the properties. */
struct storages_face {
    const char *id;
    const char *columns[9][2]; /* column, property */
};

static const struct storages_face storages_face = {
    .id = "storage_id",
    .columns = {{"storage_type", "storage_type"},
                {"storage_name", "storage_name"},
                {"description", "description"},
                {"uri", "uri"},
                {"config_json", "config_json"},
                {"credentials", "credentials"},
                {"shared_tables_template", "shared_tables_template"},
                {"user_tables_template", "user_tables_template"}},
};

static const struct storages_face locations_face = {
    .id = "location_name",
    .columns = {{"location_type", "storage_type"},
                {"path", "location"},
                {"credentials_ref", "credentials"}},
};

/* `/data/${user_id}/x` → uri /data, user template {userId}/x */
static enum status storages_set_location(struct storage_input *input, struct str text,
                                         struct error *err)
{
    static const struct str marks[] = {{"${user_id}", 10}, {"{user_id}", 9}, {"{userId}", 8}};
    size_t at = SIZE_MAX, mark = 0;
    struct buf template;

    CHECK(input->arena != NULL);
    for (; mark < ARRAY_COUNT(marks); mark++) {
        at = str_find(text, marks[mark]);
        if (at != SIZE_MAX)
            break;
    }
    if (at == SIZE_MAX)
        return system_storage_set(input, STR_LIT("uri"), text, err);
    size_t start = at;
    while (start > 0 && text.data[start - 1] != '/')
        start--;
    size_t end = at + marks[mark].size, stop = text.size;
    while (stop > end && text.data[stop - 1] == '/')
        stop--;
    buf_init(&template);
    buf_append_str(&template, str_from(text.data + start, at - start));
    buf_append_str(&template, STR_LIT("{userId}"));
    buf_append_str(&template, str_from(text.data + end, stop - end));
    enum status status =
        system_storage_set(input, STR_LIT("user_tables_template"), buf_str(&template), err);
    buf_clear(&template);
    return status == STATUS_OK
               ? system_storage_set(input, STR_LIT("uri"), str_from(text.data, start), err)
               : status;
}

static enum status storages_apply(struct system_row *row, const struct storages_face *face,
                                  struct storage_input *input, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(row->values != NULL);
    for (size_t i = 0; face->columns[i][0] != NULL && status == STATUS_OK; i++) {
        uint32_t index = system_row_column(row, face->columns[i][0]);
        if (!row->given[index])
            continue;
        status = dml_check_value(&row->table->schema->columns[index], &row->values[index], err);
        if (status != STATUS_OK)
            break;
        struct str text = row->values[index].is_null ? STR_EMPTY : row->values[index].text;
        struct str key = str_from_c(face->columns[i][1]);
        status = str_equal(key, STR_LIT("location")) ? storages_set_location(input, text, err)
                                                     : system_storage_set(input, key, text, err);
    }
    return status;
}

/* The finished row for RETURNING, as the scan would show it. */
static void storages_show(struct system_row *row, const struct storages_face *face,
                          const struct storage *storage, const struct value *usage)
{
    struct value all[SYSTEM_TABLE_COLUMNS_MAX];
    struct arena *arena = &row->run->arena;
    const struct table *storages =
        system_table(view_catalog(ddl_view(row->ddl)), SYSTEM_TABLE_STORAGES);

    system_row_storage(storage, all);
    CHECK(storages->schema->column_count <= SYSTEM_TABLE_COLUMNS_MAX);
    for (uint32_t i = 0; i < row->table->schema->column_count; i++) {
        struct str name = row->table->schema->columns[i].name;
        for (size_t k = 0; face == &locations_face && face->columns[k][0] != NULL; k++)
            if (str_equal(name, str_from_c(face->columns[k][0])))
                name = k == 1 ? STR_LIT("uri") : str_from_c(face->columns[k][1]);
        if (str_equal(name, STR_LIT("location_name")))
            name = STR_LIT("storage_id");
        int from = table_find_column(storages, name);
        CHECK(from >= 0);
        row->values[i] = all[from];
        if (str_equal(name, STR_LIT("credentials")) && !all[from].is_null)
            row->values[i].text = STR_LIT("***");
        else if (!all[from].is_null && value_type_is_text(all[from].type))
            row->values[i].text = arena_copy(arena, all[from].text);
        if (str_equal(name, STR_LIT("usage_count")) && usage != NULL)
            row->values[i] = *usage;
    }
}

static enum status storages_insert_face(struct system_row *row, const struct storages_face *face,
                                        struct error *err)
{
    const struct value *id = system_row_given(row, face->id);
    struct storage_input input;

    if (id == NULL || system_row_given(row, face->columns[0][0]) == NULL)
        return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                         "null value in column \"%s\" violates not-null constraint",
                         id == NULL ? face->id : face->columns[0][0]);
    CHECK(row->ddl != NULL);
    enum status status = system_storage_begin(&input, NULL, id->text, &row->run->arena, err);
    if (status == STATUS_OK)
        status = storages_apply(row, face, &input, err);
    if (status == STATUS_OK)
        status = system_storage_finish(&input, row->ddl, err);
    if (status == STATUS_OK)
        storages_show(row, face, input.storage, NULL);
    system_storage_end(&input);
    return status;
}

static enum status storages_missing(struct str key, struct error *err)
{
    CHECK(key.data != NULL || key.size == 0);
    return error_set(err, STATUS_STORAGE_NOT_FOUND,
                     "storage not found: Storage '%.*s' does not exist",
                     (int)(key.size > STORAGE_ID_MAX ? STORAGE_ID_MAX : key.size), key.data);
}

static enum status storages_update_face(struct system_row *row, const struct storages_face *face,
                                        struct error *err)
{
    uint32_t key = system_row_column(row, face->id);
    uint32_t usage = system_row_column(row, "usage_count");
    struct str id = row->old[key].text;
    const struct storage *old = catalog_find_storage(view_catalog(ddl_view(row->ddl)), id);
    struct storage_input input;

    if (old == NULL)
        return storages_missing(id, err);
    if (row->given[key] && (row->values[key].is_null || !str_equal(row->values[key].text, id)))
        return error_set(err, STATUS_INVALID_OPERATION, "the id of a storage is fixed");
    CHECK(row->values != NULL);
    enum status status = system_storage_begin(&input, old, id, &row->run->arena, err);
    if (status == STATUS_OK)
        status = storages_apply(row, face, &input, err);
    if (status == STATUS_OK)
        status = system_storage_finish(&input, row->ddl, err);
    if (status == STATUS_OK)
        storages_show(row, face, input.storage, &row->old[usage]);
    system_storage_end(&input);
    return status;
}

static enum status storages_insert(struct system_row *row, struct error *err)
{
    CHECK(row->old == NULL);
    return storages_insert_face(row, &storages_face, err);
}

static enum status storages_update(struct system_row *row, struct error *err)
{
    CHECK(row->old != NULL);
    return storages_update_face(row, &storages_face, err);
}

static enum status locations_insert(struct system_row *row, struct error *err)
{
    CHECK(row->old == NULL);
    return storages_insert_face(row, &locations_face, err);
}

static enum status locations_update(struct system_row *row, struct error *err)
{
    CHECK(row->old != NULL);
    return storages_update_face(row, &locations_face, err);
}

/* The key is the first column of both. */
static enum status storages_remove(struct system_row *row, struct error *err)
{
    CHECK(row->old != NULL && !row->old[0].is_null);
    return ddl_remove_storage(row->ddl, row->old[0].text, err);
}

const struct system_writer system_storages_writer = {
    .insert = storages_insert,
    .update = storages_update,
    .remove = storages_remove,
    .missing = storages_missing,
};

const struct system_writer system_locations_writer = {
    .insert = locations_insert,
    .update = locations_update,
    .remove = storages_remove,
    .missing = storages_missing,
};
