/* ws_frame.c — frames of the server and messages shared between sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/ws_frame.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdatomic.h>
#include <string.h>

enum {
    WS_FINAL = 0x80,
    WS_SIZE_16 = 126,
    WS_SIZE_64 = 127,
    WS_CONTROL_MAX = 125,
    WS_CLOSE_REASON_MAX = WS_CONTROL_MAX - 2,
};

size_t ws_frame_header(enum ws_opcode opcode, size_t payload_size, uint8_t out[WS_FRAME_HEADER_MAX])
{
    bool is_control = opcode >= WS_CLOSE;

    CHECK(!is_control || payload_size <= WS_CONTROL_MAX);
    out[0] = (uint8_t)(WS_FINAL | (unsigned)opcode);
    if (payload_size < WS_SIZE_16) {
        out[1] = (uint8_t)payload_size;
        return 2;
    }
    size_t bytes = payload_size <= UINT16_MAX ? 2 : 8;
    out[1] = bytes == 2 ? WS_SIZE_16 : WS_SIZE_64;
    for (size_t i = 0; i < bytes; i++)
        out[2 + i] = (uint8_t)((uint64_t)payload_size >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

void ws_frame_append(struct buf *out, enum ws_opcode opcode, struct str payload)
{
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t size = ws_frame_header(opcode, payload.size, header);

    CHECK(size <= sizeof(header));
    buf_append(out, header, size);
    buf_append_str(out, payload);
}

void ws_frame_append_close(struct buf *out, uint16_t code, struct str reason)
{
    char payload[WS_CONTROL_MAX];
    struct str cut = utf8_cut(reason, WS_CLOSE_REASON_MAX);

    CHECK(code >= 1000 && code < 5000);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xff);
    if (cut.size > 0)
        memcpy(payload + 2, cut.data, cut.size);
    ws_frame_append(out, WS_CLOSE, str_from(payload, 2 + cut.size));
}

struct wire_message {
    _Atomic uint32_t references;
    uint32_t header_size;
    size_t frame_size;
    char frame[];
};

struct wire_message *wire_message_new(enum ws_opcode opcode, struct str payload)
{
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t header_size = ws_frame_header(opcode, payload.size, header);
    struct wire_message *message = mem_alloc(sizeof(*message) + header_size + payload.size);

    CHECK(payload.data != NULL || payload.size == 0);
    atomic_init(&message->references, 1);
    message->header_size = (uint32_t)header_size;
    message->frame_size = header_size + payload.size;
    memcpy(message->frame, header, header_size);
    if (payload.size > 0)
        memcpy(message->frame + header_size, payload.data, payload.size);
    return message;
}

struct wire_message *wire_message_new_text(struct str payload)
{
    return wire_message_new(WS_TEXT, payload);
}

struct wire_message *wire_message_ref(struct wire_message *message)
{
    uint32_t before = atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);

    CHECK(before > 0 && before < UINT32_MAX);
    return message;
}

void wire_message_unref(struct wire_message *message)
{
    if (message == NULL)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1)
        mem_free(message);
}

struct str wire_message_frame(const struct wire_message *message)
{
    CHECK(message->frame_size >= message->header_size);
    return str_from(message->frame, message->frame_size);
}

struct str wire_message_payload(const struct wire_message *message)
{
    CHECK(message->frame_size >= message->header_size);
    return str_from(message->frame + message->header_size,
                    message->frame_size - message->header_size);
}

size_t wire_message_bytes(const struct wire_message *message)
{
    CHECK(message != NULL);
    return sizeof(*message) + message->frame_size;
}
