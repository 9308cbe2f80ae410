/* request.c — the body of an SQL request, both ways (docs/protocol.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "wire/response.h"
#include "wire/wire_internal.h"

enum status wire_request_decode(struct str body, struct arena *arena, struct wire_request *out,
                                struct error *err)
{
    const struct json *json;
    enum status status = json_parse(body, arena, &json, err);

    CHECK(out != NULL);
    *out = (struct wire_request){0};
    if (status != STATUS_OK)
        return status;
    if (json->kind != JSON_OBJECT)
        return error_set(err, STATUS_INVALID_INPUT, "the request must be a JSON object");
    status = wire_need_string(json, "sql", &out->sql, err);
    if (status == STATUS_OK)
        status = wire_may_string(json, "namespace_id", &out->namespace_id, err);
    if (status == STATUS_OK)
        status =
            wire_params_read(json_get(json, "params"), arena, &out->params, &out->param_count, err);
    return status;
}

void wire_request_encode(const struct wire_request *request, struct buf *out)
{
    CHECK(request->param_count == 0 || request->params != NULL);
    json_object_begin(out);
    json_member_string(out, STR_LIT("sql"), request->sql);
    if (request->param_count > 0) {
        json_key(out, STR_LIT("params"));
        wire_params_write(out, request->params, request->param_count);
    }
    if (request->namespace_id.size > 0)
        json_member_string(out, STR_LIT("namespace_id"), request->namespace_id);
    json_object_end(out);
}
