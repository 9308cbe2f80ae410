/* client_message.c — messages of the client: decoded by the server, encoded by libkalam.
 *
 * Two spellings are understood (docs/protocol.md): `subscription:{id,…}` and
 * `subscriptions:[{query_id,…}]`; which one was used is remembered, because answers repeat the
 * name. One wrong entry of a list must not keep the others from registering, so it is reported
 * inside the entry.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "wire/messages.h"
#include "wire/wire_internal.h"

/* `own` or, in the other spelling, query_id. */
static enum status client_message_id(const struct json *json, const char *own, struct str *id,
                                     bool *uses_query_id, struct error *err)
{
    CHECK(id != NULL && uses_query_id != NULL);
    *uses_query_id = json_get_present(json, own) == NULL && json_get_present(json, "query_id");
    return wire_need_string(json, *uses_query_id ? "query_id" : own, id, err);
}

static enum status client_message_options(const struct json *json, struct wire_subscription *out,
                                          struct error *err)
{
    const char *from = json_get_present(json, "from") != NULL ? "from" : "from_seq_id";
    enum status status;

    CHECK(out != NULL);
    if (!json_is(json, JSON_OBJECT))
        return wire_wrong_field(err, "options", "an object");
    out->has_options = true;
    status = wire_may_integer(json, "batch_size", &out->has_batch_size, &out->batch_size, err);
    if (status == STATUS_OK)
        status = wire_may_integer(json, "last_rows", &out->has_last_rows, &out->last_rows, err);
    if (status == STATUS_OK)
        status = wire_may_integer(json, from, &out->has_from, &out->from, err);
    if (status != STATUS_OK)
        return status;
    if (out->has_batch_size && out->batch_size < 1)
        return wire_wrong_field(err, "batch_size", "at least 1");
    if (out->has_last_rows && out->last_rows < 0)
        return wire_wrong_field(err, "last_rows", "at least 0");
    if (out->has_from && out->from < 0)
        return wire_wrong_field(err, from, "at least 0");
    return STATUS_OK;
}

static enum status client_message_subscription(const struct json *json, struct arena *arena,
                                               struct wire_subscription *out, struct error *err)
{
    const struct json *options = json_get_present(json, "options");
    enum status status;

    CHECK(out != NULL);
    if (!json_is(json, JSON_OBJECT))
        return wire_wrong_field(err, "subscription", "an object");
    status = client_message_id(json, "id", &out->id, &out->uses_query_id, err);
    if (status == STATUS_OK)
        status = wire_need_string(json, "sql", &out->sql, err);
    if (status == STATUS_OK)
        status =
            wire_params_read(json_get(json, "params"), arena, &out->params, &out->param_count, err);
    if (status == STATUS_OK && options != NULL)
        status = client_message_options(options, out, err);
    return status;
}

static enum status client_message_read_subscribe(const struct json *json, struct arena *arena,
                                                 struct wire_client_message *out, struct error *err)
{
    const struct json *one = json_get_present(json, "subscription");
    const struct json *many = json_get_present(json, "subscriptions");
    struct error entry_err;

    CHECK(out->type == WIRE_SUBSCRIBE);
    if (one == NULL && many == NULL)
        return wire_missing_field(err, "subscription");
    if (one == NULL && (many->kind != JSON_ARRAY || many->count == 0))
        return wire_wrong_field(err, "subscriptions", "an array with at least one entry");
    out->subscription_count = one != NULL ? 1 : many->count;
    struct wire_subscription *entries =
        arena_array(arena, out->subscription_count, sizeof(*entries));
    for (size_t i = 0; i < out->subscription_count; i++) {
        const struct json *entry = one != NULL ? one : &many->items[i];
        entries[i].problem = client_message_subscription(entry, arena, &entries[i], &entry_err);
        if (entries[i].problem != STATUS_OK)
            entries[i].problem_message = arena_copy(arena, str_from_c(entry_err.message));
    }
    out->subscriptions = entries;
    return arena_check(arena, err);
}

static enum status client_message_read_authenticate(const struct json *json,
                                                    struct wire_client_message *out,
                                                    struct error *err)
{
    const struct json *protocol = json_get_present(json, "protocol");
    enum status status;

    CHECK(out->type == WIRE_AUTHENTICATE);
    status = wire_need_string(json, "method", &out->method, err);
    if (status == STATUS_OK)
        status = wire_need_string(json, "token", &out->token, err);
    if (status != STATUS_OK || protocol == NULL)
        return status;
    out->has_protocol = true;
    return wire_protocol_read(protocol, &out->protocol, err);
}

static enum status client_message_read_next_batch(const struct json *json, struct arena *arena,
                                                  struct wire_client_message *out,
                                                  struct error *err)
{
    struct str *id = arena_zalloc(arena, sizeof(*id));
    enum status status;

    CHECK(out->type == WIRE_NEXT_BATCH);
    status = client_message_id(json, "subscription_id", id, &out->uses_query_id, err);
    if (status != STATUS_OK)
        return status;
    out->ids = id;
    out->id_count = 1;
    return wire_may_integer(json, "last_seq_id", &out->has_last_seq, &out->last_seq, err);
}

static enum status client_message_read_unsubscribe(const struct json *json, struct arena *arena,
                                                   struct wire_client_message *out,
                                                   struct error *err)
{
    const struct json *many = json_get_present(json, "query_ids");

    CHECK(out->type == WIRE_UNSUBSCRIBE);
    if (many != NULL && (many->kind != JSON_ARRAY || many->count == 0))
        return wire_wrong_field(err, "query_ids", "an array with at least one entry");
    size_t count = many != NULL ? many->count : 1;
    struct str *ids = arena_array(arena, count, sizeof(*ids));
    out->ids = ids;
    out->id_count = count;
    if (many == NULL)
        return client_message_id(json, "subscription_id", ids, &out->uses_query_id, err);
    out->uses_query_id = true;
    for (size_t i = 0; i < count; i++) {
        if (!json_string(&many->items[i], &ids[i]))
            return wire_wrong_field(err, "query_ids", "an array of strings");
    }
    return STATUS_OK;
}

static enum status client_message_type(const struct json *json, enum wire_type *type,
                                       struct error *err)
{
    struct str name;
    enum status status;

    CHECK(type != NULL);
    *type = WIRE_PING; /* a failure is not one of subscribing */
    if (json_get_present(json, "type") == NULL && json_get_present(json, "subscriptions") != NULL) {
        *type = WIRE_SUBSCRIBE;
        return STATUS_OK;
    }
    status = wire_need_string(json, "type", &name, err);
    if (status != STATUS_OK)
        return status;
    if (wire_type_find(name, WIRE_AUTHENTICATE, WIRE_PING, type))
        return STATUS_OK;
    if (name.size > 64)
        name.size = 64;
    return error_set(err, STATUS_INVALID_INPUT, "unknown message type \"%.*s\"", STR_ARG(name));
}

enum status wire_client_message_read(const struct json *json, struct arena *arena,
                                     struct wire_client_message *out, struct error *err)
{
    enum status status;

    CHECK(out != NULL);
    *out = (struct wire_client_message){0};
    if (!json_is(json, JSON_OBJECT))
        return error_set(err, STATUS_INVALID_INPUT, "a message must be an object");
    status = client_message_type(json, &out->type, err);
    if (status != STATUS_OK)
        return status;
    switch (out->type) {
    case WIRE_AUTHENTICATE:
        return client_message_read_authenticate(json, out, err);
    case WIRE_SUBSCRIBE:
        return client_message_read_subscribe(json, arena, out, err);
    case WIRE_NEXT_BATCH:
        return client_message_read_next_batch(json, arena, out, err);
    case WIRE_UNSUBSCRIBE:
        return client_message_read_unsubscribe(json, arena, out, err);
    default:
        CHECK(out->type == WIRE_PING);
        return STATUS_OK;
    }
}

enum status wire_client_message_decode(struct str text, struct arena *arena,
                                       struct wire_client_message *out, struct error *err)
{
    const struct json *json;
    enum status status = json_parse(text, arena, &json, err);

    CHECK(out != NULL);
    if (status == STATUS_INVALID_INPUT) {
        if (err != NULL)
            err->code = STATUS_CORRUPT;
        return STATUS_CORRUPT;
    }
    if (status != STATUS_OK)
        return status;
    return wire_client_message_read(json, arena, out, err);
}

static void client_message_write_subscription(struct buf *out, const struct wire_subscription *s)
{
    CHECK(s->problem == STATUS_OK);
    json_object_begin(out);
    json_member_string(out, s->uses_query_id ? STR_LIT("query_id") : STR_LIT("id"), s->id);
    json_member_string(out, STR_LIT("sql"), s->sql);
    if (s->param_count > 0) {
        json_key(out, STR_LIT("params"));
        wire_params_write(out, s->params, s->param_count);
    }
    if (s->has_options) {
        json_key(out, STR_LIT("options"));
        json_object_begin(out);
        if (s->has_batch_size)
            json_member_integer(out, STR_LIT("batch_size"), s->batch_size);
        if (s->has_last_rows)
            json_member_integer(out, STR_LIT("last_rows"), s->last_rows);
        if (s->has_from)
            json_member_integer(out, STR_LIT("from"), s->from);
        json_object_end(out);
    }
    json_object_end(out);
}

static void client_message_write_subscribe(struct buf *out,
                                           const struct wire_client_message *message)
{
    CHECK(message->subscription_count > 0);
    if (message->subscription_count == 1) {
        json_key(out, STR_LIT("subscription"));
        client_message_write_subscription(out, &message->subscriptions[0]);
        return;
    }
    json_key(out, STR_LIT("subscriptions"));
    json_array_begin(out);
    for (size_t i = 0; i < message->subscription_count; i++)
        client_message_write_subscription(out, &message->subscriptions[i]);
    json_array_end(out);
}

static void client_message_write_ids(struct buf *out, const struct wire_client_message *message)
{
    CHECK(message->id_count > 0);
    if (message->id_count == 1) {
        json_member_string(
            out, message->uses_query_id ? STR_LIT("query_id") : STR_LIT("subscription_id"),
            message->ids[0]);
        return;
    }
    json_key(out, STR_LIT("query_ids"));
    json_array_begin(out);
    for (size_t i = 0; i < message->id_count; i++)
        json_write_string(out, message->ids[i]);
    json_array_end(out);
}

void wire_client_message_encode(const struct wire_client_message *message, struct buf *out)
{
    CHECK(message->type <= WIRE_PING);
    json_object_begin(out);
    wire_write_type(out, message->type);
    switch (message->type) {
    case WIRE_AUTHENTICATE:
        json_member_string(out, STR_LIT("method"), message->method);
        json_member_string(out, STR_LIT("token"), message->token);
        if (message->has_protocol)
            wire_protocol_write(out, message->protocol);
        break;
    case WIRE_SUBSCRIBE:
        client_message_write_subscribe(out, message);
        break;
    case WIRE_NEXT_BATCH:
    case WIRE_UNSUBSCRIBE:
        client_message_write_ids(out, message);
        if (message->has_last_seq)
            json_member_integer(out, STR_LIT("last_seq_id"), message->last_seq);
        break;
    default:
        break;
    }
    json_object_end(out);
}
