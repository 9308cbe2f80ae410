/* reply.c — the answer to an SQL request as clients read it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "wire/response.h"
#include "wire/wire_internal.h"

static enum status reply_read_rows(const struct json *json, struct wire_result *out,
                                   struct error *err)
{
    CHECK(out != NULL);
    out->rows = json_get_present(json, "rows");
    if (out->rows == NULL)
        return STATUS_OK;
    if (out->rows->kind != JSON_ARRAY)
        return wire_wrong_field(err, "rows", "an array");
    for (size_t i = 0; i < out->rows->count; i++) {
        const struct json *row = &out->rows->items[i];
        if (row->kind != JSON_ARRAY || row->count != out->column_count)
            return wire_wrong_field(err, "rows", "an array of rows as wide as the schema");
    }
    return STATUS_OK;
}

static enum status reply_read_result(const struct json *json, struct arena *arena,
                                     struct wire_result *out, struct error *err)
{
    const struct json *schema = json_get_present(json, "schema");
    int64_t row_count = 0;
    bool has_count;
    enum status status = STATUS_OK;

    CHECK(out != NULL);
    if (schema != NULL)
        status = wire_columns_read(schema, arena, &out->columns, &out->column_count, err);
    if (status == STATUS_OK)
        status = reply_read_rows(json, out, err);
    if (status == STATUS_OK)
        status = wire_may_integer(json, "row_count", &has_count, &row_count, err);
    if (status == STATUS_OK && row_count < 0)
        status = wire_wrong_field(err, "row_count", "a number of rows");
    if (status == STATUS_OK)
        status = wire_may_string(json, "message", &out->message, err);
    if (status == STATUS_OK)
        status = wire_may_string(json, "as_user", &out->as_user, err);
    out->table = json_get_present(json, "table");
    if (status == STATUS_OK && out->table != NULL && out->table->kind != JSON_OBJECT)
        status = wire_wrong_field(err, "table", "an object");
    out->row_count = (uint64_t)row_count;
    out->report_cache = json_boolean(json_get(json, "cache_hit"), &out->cache_hit);
    return status;
}

static enum status reply_read_error(const struct json *json, struct wire_response_error *out,
                                    struct error *err)
{
    const struct json *error = json_get_present(json, "error");
    int64_t index = 0;
    bool has_index;
    enum status status;

    CHECK(out != NULL);
    if (error == NULL)
        return wire_missing_field(err, "error");
    status = wire_need_string(error, "code", &out->code, err);
    if (status == STATUS_OK)
        status = wire_may_string(error, "message", &out->message, err);
    if (status == STATUS_OK)
        status = wire_may_string(error, "details", &out->details, err);
    if (status == STATUS_OK)
        status = wire_may_integer(error, "statement_index", &has_index, &index, err);
    if (status == STATUS_OK && (index < 0 || index > UINT32_MAX))
        status = wire_wrong_field(err, "statement_index", "a small number");
    out->statement_index = (uint32_t)index;
    return status;
}

enum status wire_reply_decode(struct str body, struct arena *arena, struct wire_reply *out,
                              struct error *err)
{
    const struct json *json;
    struct str word;
    enum status status = json_parse(body, arena, &json, err);

    *out = (struct wire_reply){0};
    if (status != STATUS_OK)
        return status;
    status = wire_need_string(json, "status", &word, err);
    if (status != STATUS_OK)
        return status;
    out->success = str_equal(word, STR_LIT("success"));
    (void)json_real(json_get(json, "took"), &out->took_ms);
    const struct json *results = json_get_present(json, "results");
    if (results != NULL && results->kind != JSON_ARRAY)
        return wire_wrong_field(err, "results", "an array");
    out->result_count = results != NULL ? results->count : 0;
    out->results = arena_array(arena, out->result_count, sizeof(*out->results));
    if (out->results == NULL)
        return arena_check(arena, err);
    for (size_t i = 0; i < out->result_count && status == STATUS_OK; i++)
        status = reply_read_result(&results->items[i], arena, &out->results[i], err);
    if (status == STATUS_OK && !out->success)
        status = reply_read_error(json, &out->error, err);
    CHECK(out->result_count == 0 || out->results != NULL);
    return status;
}
