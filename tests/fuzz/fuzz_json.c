/* fuzz_json.c — bodies and messages: JSON, MessagePack and gzip, through the decoders of both
 * sides. A message that was read can be written, and reads the same again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "wire/gzip.h"
#include "wire/messages.h"
#include "wire/msgpack.h"
#include "wire/response.h"

static void fuzz_client_message(struct str text, struct arena *arena, struct error *err)
{
    struct wire_client_message message, again;
    struct buf out;

    if (wire_client_message_decode(text, arena, &message, err) != STATUS_OK)
        return;
    for (size_t i = 0; i < message.subscription_count; i++)
        if (message.subscriptions[i].problem != STATUS_OK)
            return; /* cannot be written as it was sent */
    buf_init(&out);
    wire_client_message_encode(&message, &out);
    CHECK(wire_client_message_decode(buf_str(&out), arena, &again, err) == STATUS_OK);
    CHECK(again.type == message.type && again.subscription_count == message.subscription_count &&
          again.id_count == message.id_count);
    buf_clear(&out);
}

static void fuzz_msgpack(struct str bytes, struct arena *arena, struct error *err)
{
    const struct json *json = NULL, *again = NULL;
    struct wire_client_message message;
    struct buf out;

    if (msgpack_parse(bytes, arena, &json, err) != STATUS_OK)
        return;
    (void)!wire_client_message_read(json, arena, &message, err);
    buf_init(&out);
    msgpack_write(json, &out);
    CHECK(msgpack_parse(buf_str(&out), arena, &again, err) == STATUS_OK);
    CHECK(again->kind == json->kind && again->count == json->count);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned choice = fuzz_choice(&data, &size) % 5;
    struct str text = fuzz_text(data, size);
    const struct json *json = NULL;
    struct wire_server_message server;
    struct wire_request request;
    struct arena arena;
    struct buf out;
    struct error err;

    error_clear(&err);
    arena_init(&arena, 0);
    buf_init(&out);
    switch (choice) {
    case 0:
        (void)!json_parse(text, &arena, &json, &err);
        break;
    case 1:
        (void)!wire_request_decode(text, &arena, &request, &err);
        break;
    case 2:
        fuzz_client_message(text, &arena, &err);
        (void)!wire_server_message_decode(text, &arena, &server, &err);
        break;
    case 3:
        fuzz_msgpack(text, &arena, &err);
        break;
    default:
        if (gzip_is(text) && gzip_decompress(text, 1 << 16, &out, &err) == STATUS_OK)
            CHECK(out.size <= 1 << 16);
        break;
    }
    buf_clear(&out);
    arena_clear(&arena);
    return 0;
}
