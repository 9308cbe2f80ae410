/* messages.c — names of the WebSocket messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/messages.h"

#include "base/check.h"
#include "wire/wire_internal.h"

static const struct str wire_type_names[WIRE_TYPE_COUNT] = {
#define WIRE_TYPE_NAME(name, text) [WIRE_##name] = {#text, sizeof(#text) - 1},
    WIRE_MESSAGE_LIST(WIRE_TYPE_NAME)
#undef WIRE_TYPE_NAME
};

bool wire_type_find(struct str name, enum wire_type first, enum wire_type last, enum wire_type *out)
{
    CHECK(first <= last && (unsigned)last < WIRE_TYPE_COUNT);
    for (enum wire_type type = first; type <= last; type++) {
        if (str_equal(name, wire_type_names[type])) {
            *out = type;
            return true;
        }
    }
    return false;
}

void wire_write_type(struct buf *out, enum wire_type type)
{
    CHECK((unsigned)type < WIRE_TYPE_COUNT);
    json_member_string(out, STR_LIT("type"), wire_type_names[type]);
}

enum status wire_wrong_field(struct error *err, const char *field, const char *expected)
{
    CHECK(field != NULL && expected != NULL);
    return error_set(err, STATUS_INVALID_INPUT, "field \"%s\" must be %s", field, expected);
}

enum status wire_missing_field(struct error *err, const char *field)
{
    CHECK(field != NULL);
    return error_set(err, STATUS_INVALID_INPUT, "field \"%s\" is missing", field);
}

enum status wire_need_string(const struct json *json, const char *field, struct str *out,
                             struct error *err)
{
    const struct json *member = json_get_present(json, field);

    CHECK(out != NULL);
    if (member == NULL)
        return wire_missing_field(err, field);
    return json_string(member, out) ? STATUS_OK : wire_wrong_field(err, field, "a string");
}

enum status wire_may_string(const struct json *json, const char *field, struct str *out,
                            struct error *err)
{
    CHECK(out != NULL);
    *out = STR_EMPTY;
    if (json_get_present(json, field) == NULL)
        return STATUS_OK;
    return wire_need_string(json, field, out, err);
}

enum status wire_may_integer(const struct json *json, const char *field, bool *has, int64_t *out,
                             struct error *err)
{
    const struct json *member = json_get_present(json, field);

    CHECK(has != NULL && out != NULL);
    *has = member != NULL;
    *out = 0;
    if (member == NULL || json_integer_any(member, out))
        return STATUS_OK;
    return wire_wrong_field(err, field, "an integer");
}

enum status wire_protocol_read(const struct json *json, struct wire_protocol *out,
                               struct error *err)
{
    struct str serialization, compression;
    enum status status;

    *out = (struct wire_protocol){0};
    CHECK(json != NULL);
    if (json->kind != JSON_OBJECT)
        return wire_wrong_field(err, "protocol", "an object");
    status = wire_may_string(json, "serialization", &serialization, err);
    if (status == STATUS_OK)
        status = wire_may_string(json, "compression", &compression, err);
    if (status != STATUS_OK)
        return status;
    out->msgpack = str_equal(serialization, STR_LIT("msgpack"));
    out->gzip = str_equal(compression, STR_LIT("gzip"));
    if (!out->msgpack && serialization.size > 0 && !str_equal(serialization, STR_LIT("json")))
        return wire_wrong_field(err, "serialization", "\"json\" or \"msgpack\"");
    if (!out->gzip && compression.size > 0 && !str_equal(compression, STR_LIT("none")))
        return wire_wrong_field(err, "compression", "\"gzip\" or \"none\"");
    return STATUS_OK;
}

void wire_protocol_write(struct buf *out, struct wire_protocol protocol)
{
    CHECK(out != NULL);
    json_key(out, STR_LIT("protocol"));
    json_object_begin(out);
    json_member_string(out, STR_LIT("serialization"),
                       protocol.msgpack ? STR_LIT("msgpack") : STR_LIT("json"));
    json_member_string(out, STR_LIT("compression"),
                       protocol.gzip ? STR_LIT("gzip") : STR_LIT("none"));
    json_object_end(out);
}
