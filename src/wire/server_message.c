/* server_message.c — messages of the server: encoded by it, decoded by libkalam.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "wire/messages.h"
#include "wire/wire_internal.h"

static const struct str server_batch_names[] = {
    [WIRE_BATCH_LOADING] = {"loading", 7},
    [WIRE_BATCH_LOADING_BATCH] = {"loading_batch", 13},
    [WIRE_BATCH_READY] = {"ready", 5},
};

static const struct str server_change_names[] = {
    [WIRE_CHANGE_INSERT] = {"insert", 6},
    [WIRE_CHANGE_UPDATE] = {"update", 6},
    [WIRE_CHANGE_DELETE] = {"delete", 6},
};

static void server_message_write_batch(struct buf *out, const struct wire_batch_control *batch)
{
    CHECK((size_t)batch->status < ARRAY_COUNT(server_batch_names));
    json_key(out, STR_LIT("batch_control"));
    json_object_begin(out);
    json_member_integer(out, STR_LIT("batch_num"), batch->batch_num);
    json_member_boolean(out, STR_LIT("has_more"), batch->has_more);
    json_member_string(out, STR_LIT("status"), server_batch_names[batch->status]);
    json_key(out, STR_LIT("last_seq_id"));
    if (batch->has_last_seq)
        json_write_integer(out, batch->last_seq);
    else
        json_write_null(out);
    json_object_end(out);
}

static void server_message_write_rows(struct buf *out, struct str key, struct str rows)
{
    CHECK(key.size > 0);
    json_key(out, key);
    json_array_begin(out);
    buf_append_str(out, rows);
    json_array_end(out);
}

static void server_message_write_ack(struct buf *out, const struct wire_server_message *message)
{
    CHECK(message->type == WIRE_SUBSCRIPTION_ACK);
    json_key(out, STR_LIT("total_rows"));
    json_write_unsigned(out, message->total_rows);
    server_message_write_batch(out, &message->batch);
    json_key(out, STR_LIT("schema"));
    wire_columns_write(out, message->columns, message->column_count);
}

static void server_message_write_change(struct buf *out, const struct wire_server_message *message)
{
    CHECK((size_t)message->change_type < ARRAY_COUNT(server_change_names));
    json_member_string(out, STR_LIT("change_type"), server_change_names[message->change_type]);
    if (message->rows.size > 0)
        server_message_write_rows(out, STR_LIT("rows"), message->rows);
    if (message->old_values.size > 0)
        server_message_write_rows(out, STR_LIT("old_values"), message->old_values);
}

static void server_message_write_error(struct buf *out, const struct wire_server_message *message)
{
    CHECK(message->code.size > 0);
    json_member_string(out, STR_LIT("code"), message->code);
    json_member_string(out, STR_LIT("message"), message->message);
    if (message->has_last_seq)
        json_member_integer(out, STR_LIT("last_seq_id"), message->last_seq);
}

static void server_message_write_auth_success(struct buf *out,
                                              const struct wire_server_message *message)
{
    CHECK(message->user.size > 0);
    json_member_string(out, STR_LIT("user"), message->user);
    json_member_string(out, STR_LIT("role"), message->role);
    wire_protocol_write(out, message->protocol);
}

static bool server_message_is_of_a_subscription(enum wire_type type)
{
    return type != WIRE_AUTH_SUCCESS && type != WIRE_AUTH_ERROR;
}

void wire_server_message_encode(const struct wire_server_message *message, struct buf *out)
{
    CHECK(message->type >= WIRE_AUTH_SUCCESS && message->type < WIRE_TYPE_COUNT);
    json_object_begin(out);
    wire_write_type(out, message->type);
    if (server_message_is_of_a_subscription(message->type)) {
        json_member_string(out, STR_LIT("subscription_id"), message->subscription_id);
        if (message->with_query_id)
            json_member_string(out, STR_LIT("query_id"), message->subscription_id);
    }
    switch (message->type) {
    case WIRE_AUTH_SUCCESS:
        server_message_write_auth_success(out, message);
        break;
    case WIRE_AUTH_ERROR:
        json_member_string(out, STR_LIT("message"), message->message);
        break;
    case WIRE_SUBSCRIPTION_ACK:
        server_message_write_ack(out, message);
        break;
    case WIRE_INITIAL_DATA_BATCH:
        server_message_write_rows(out, STR_LIT("rows"), message->rows);
        server_message_write_batch(out, &message->batch);
        break;
    case WIRE_CHANGE:
        server_message_write_change(out, message);
        break;
    case WIRE_ERROR:
        server_message_write_error(out, message);
        break;
    default:
        CHECK(message->type == WIRE_UNSUBSCRIBED);
        break;
    }
    json_object_end(out);
}

struct wire_message *wire_server_message_new(const struct wire_server_message *message)
{
    struct buf text;

    buf_init(&text);
    wire_server_message_encode(message, &text);
    CHECK(text.size > 0);
    struct wire_message *framed = wire_message_new_text(buf_str(&text));
    buf_clear(&text);
    return framed;
}

/* Index of a member's text in a list of names. */
static enum status server_message_read_name(const struct json *json, const char *field,
                                            const struct str *names, size_t count, size_t *out,
                                            struct error *err)
{
    struct str text;
    enum status status = wire_need_string(json, field, &text, err);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    for (*out = 0; *out < count; (*out)++) {
        if (str_equal(text, names[*out]))
            return STATUS_OK;
    }
    return error_set(err, STATUS_INVALID_INPUT, "field \"%s\" has an unknown value", field);
}

static enum status server_message_read_batch(const struct json *json,
                                             struct wire_batch_control *out, struct error *err)
{
    const struct json *batch = json_get_present(json, "batch_control");
    int64_t number = 0;
    size_t name = 0;
    bool has_number;
    enum status status;

    CHECK(out != NULL);
    if (batch == NULL)
        return wire_missing_field(err, "batch_control");
    status = wire_may_integer(batch, "batch_num", &has_number, &number, err);
    if (status == STATUS_OK && (number < 0 || number > UINT32_MAX))
        status = wire_wrong_field(err, "batch_num", "a small number");
    if (status == STATUS_OK)
        status = wire_may_integer(batch, "last_seq_id", &out->has_last_seq, &out->last_seq, err);
    if (status == STATUS_OK)
        status = server_message_read_name(batch, "status", server_batch_names,
                                          ARRAY_COUNT(server_batch_names), &name, err);
    if (status != STATUS_OK)
        return status;
    out->batch_num = (uint32_t)number;
    out->status = (enum wire_batch_status)name;
    if (!json_boolean(json_get(batch, "has_more"), &out->has_more))
        return wire_wrong_field(err, "has_more", "true or false");
    return STATUS_OK;
}

static enum status server_message_read_rows(const struct json *json, const char *field,
                                            const struct json **out, struct error *err)
{
    CHECK(out != NULL);
    *out = json_get_present(json, field);
    if (*out == NULL)
        return STATUS_OK;
    if ((*out)->kind != JSON_ARRAY)
        return wire_wrong_field(err, field, "an array");
    for (size_t i = 0; i < (*out)->count; i++) {
        if ((*out)->items[i].kind != JSON_OBJECT)
            return wire_wrong_field(err, field, "an array of objects");
    }
    return STATUS_OK;
}

static enum status server_message_read_ack(const struct json *json, struct arena *arena,
                                           struct wire_server_message *out, struct error *err)
{
    struct wire_column *columns = NULL;
    int64_t total_rows;
    bool has_total;
    enum status status;

    CHECK(out->type == WIRE_SUBSCRIPTION_ACK);
    status = wire_may_integer(json, "total_rows", &has_total, &total_rows, err);
    if (status == STATUS_OK && total_rows < 0)
        status = wire_wrong_field(err, "total_rows", "a number of rows");
    if (status == STATUS_OK)
        status = server_message_read_batch(json, &out->batch, err);
    if (status == STATUS_OK)
        status =
            wire_columns_read(json_get(json, "schema"), arena, &columns, &out->column_count, err);
    if (status != STATUS_OK)
        return status;
    out->total_rows = (uint64_t)total_rows;
    out->columns = columns;
    return STATUS_OK;
}

static enum status server_message_read_change(const struct json *json,
                                              struct wire_server_message *out, struct error *err)
{
    size_t name = 0;
    enum status status;

    CHECK(out->type == WIRE_CHANGE);
    status = server_message_read_name(json, "change_type", server_change_names,
                                      ARRAY_COUNT(server_change_names), &name, err);
    if (status == STATUS_OK)
        status = server_message_read_rows(json, "rows", &out->row_list, err);
    if (status == STATUS_OK)
        status = server_message_read_rows(json, "old_values", &out->old_value_list, err);
    out->change_type = (enum wire_change_type)name;
    return status;
}

static enum status server_message_read_auth_success(const struct json *json,
                                                    struct wire_server_message *out,
                                                    struct error *err)
{
    const struct json *protocol = json_get_present(json, "protocol");
    enum status status;

    CHECK(out->type == WIRE_AUTH_SUCCESS);
    status = wire_need_string(json, "user", &out->user, err);
    if (status == STATUS_OK)
        status = wire_need_string(json, "role", &out->role, err);
    if (status == STATUS_OK && protocol != NULL)
        status = wire_protocol_read(protocol, &out->protocol, err);
    return status;
}

static enum status server_message_read_error(const struct json *json,
                                             struct wire_server_message *out, struct error *err)
{
    enum status status;

    CHECK(out->type == WIRE_ERROR);
    status = wire_need_string(json, "code", &out->code, err);
    if (status == STATUS_OK)
        status = wire_may_string(json, "message", &out->message, err);
    if (status == STATUS_OK)
        status = wire_may_integer(json, "last_seq_id", &out->has_last_seq, &out->last_seq, err);
    return status;
}

static enum status server_message_read_head(const struct json *json,
                                            struct wire_server_message *out, struct error *err)
{
    struct str name;
    enum status status;

    CHECK(out != NULL);
    if (!json_is(json, JSON_OBJECT))
        return error_set(err, STATUS_INVALID_INPUT, "a message must be an object");
    status = wire_need_string(json, "type", &name, err);
    if (status != STATUS_OK)
        return status;
    if (!wire_type_find(name, WIRE_AUTH_SUCCESS, WIRE_TYPE_COUNT - 1, &out->type))
        return error_set(err, STATUS_INVALID_INPUT, "unknown message type");
    if (!server_message_is_of_a_subscription(out->type))
        return STATUS_OK;
    out->with_query_id = json_get_present(json, "query_id") != NULL;
    return wire_need_string(json, "subscription_id", &out->subscription_id, err);
}

enum status wire_server_message_read(const struct json *json, struct arena *arena,
                                     struct wire_server_message *out, struct error *err)
{
    enum status status;

    *out = (struct wire_server_message){0};
    status = server_message_read_head(json, out, err);
    if (status != STATUS_OK)
        return status;
    CHECK(out->type >= WIRE_AUTH_SUCCESS && out->type < WIRE_TYPE_COUNT);
    switch (out->type) {
    case WIRE_AUTH_SUCCESS:
        return server_message_read_auth_success(json, out, err);
    case WIRE_AUTH_ERROR:
        return wire_may_string(json, "message", &out->message, err);
    case WIRE_SUBSCRIPTION_ACK:
        return server_message_read_ack(json, arena, out, err);
    case WIRE_INITIAL_DATA_BATCH:
        status = server_message_read_rows(json, "rows", &out->row_list, err);
        if (status == STATUS_OK && out->row_list == NULL)
            status = wire_missing_field(err, "rows");
        return status == STATUS_OK ? server_message_read_batch(json, &out->batch, err) : status;
    case WIRE_CHANGE:
        return server_message_read_change(json, out, err);
    case WIRE_ERROR:
        return server_message_read_error(json, out, err);
    default:
        return STATUS_OK; /* UNSUBSCRIBED has no further fields */
    }
}

enum status wire_server_message_decode(struct str text, struct arena *arena,
                                       struct wire_server_message *out, struct error *err)
{
    const struct json *json;
    enum status status = json_parse(text, arena, &json, err);

    CHECK(out != NULL);
    return status == STATUS_OK ? wire_server_message_read(json, arena, out, err) : status;
}
