/* ws_frame.c — frames of the server and messages shared between sockets.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/ws_frame.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/gzip.h"
#include "wire/msgpack.h"

#include <stdatomic.h>
#include <string.h>

enum {
    WS_FINAL = 0x80,
    WS_SIZE_16 = 126,
    WS_SIZE_64 = 127,
    WS_CONTROL_MAX = 125,
    WS_CLOSE_REASON_MAX = WS_CONTROL_MAX - 2,
    WS_GZIP_MIN = 512,
    WS_FORMS = 3, /* gzip, msgpack, both */
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
    /* Referenced, but for the message itself: then that is the form. */
    struct wire_message *_Atomic forms[WS_FORMS];
    char frame[];
};

struct wire_message *wire_message_new(enum ws_opcode opcode, struct str payload)
{
    uint8_t header[WS_FRAME_HEADER_MAX];
    size_t header_size = ws_frame_header(opcode, payload.size, header);
    struct wire_message *message = mem_alloc(sizeof(*message) + header_size + payload.size);

    CHECK(payload.data != NULL || payload.size == 0);
    atomic_init(&message->references, 1);
    for (size_t i = 0; i < WS_FORMS; i++)
        atomic_init(&message->forms[i], NULL);
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
    if (before > 1)
        return;
    for (size_t i = 0; i < WS_FORMS; i++) {
        struct wire_message *form = atomic_load_explicit(&message->forms[i], memory_order_relaxed);
        if (form != message)
            wire_message_unref(form); /* which has no forms of its own */
    }
    mem_free(message);
}

bool ws_is_worth_gzip(size_t payload_size)
{
    return payload_size >= WS_GZIP_MIN;
}

/* The message itself where no other form is worth while. */
static struct wire_message *wire_message_make_form(struct wire_message *message,
                                                   struct wire_protocol protocol)
{
    struct wire_message *form = message;
    struct str payload = wire_message_payload(message);
    struct buf packed, zipped;

    buf_init(&packed);
    buf_init(&zipped);
    if (protocol.msgpack) {
        CHECK(msgpack_from_json(payload, &packed, NULL) == STATUS_OK); /* our own text */
        payload = buf_str(&packed);
    }
    if (protocol.gzip && ws_is_worth_gzip(payload.size) && gzip_compress(payload, &zipped))
        form = wire_message_new(WS_BINARY, buf_str(&zipped));
    else if (protocol.msgpack)
        form = wire_message_new(WS_BINARY, payload);
    buf_clear(&packed);
    buf_clear(&zipped);
    return form;
}

/* Place in `forms`, counted from one; 0 = as it is. */
static size_t wire_message_which_form(struct wire_protocol protocol)
{
    return (size_t)protocol.msgpack * 2 + (size_t)protocol.gzip;
}

bool wire_message_has_form(const struct wire_message *message, struct wire_protocol protocol)
{
    size_t which = wire_message_which_form(protocol);

    CHECK(which <= WS_FORMS);
    return which == 0 ||
           atomic_load_explicit(&message->forms[which - 1], memory_order_relaxed) != NULL;
}

struct wire_message *wire_message_form(struct wire_message *message, struct wire_protocol protocol)
{
    size_t which = wire_message_which_form(protocol);
    struct wire_message *form, *none = NULL;

    CHECK((message->frame[0] & 0x0f) == WS_TEXT);
    if (which == 0)
        return wire_message_ref(message);
    form = atomic_load_explicit(&message->forms[which - 1], memory_order_acquire);
    if (form == NULL) {
        form = wire_message_make_form(message, protocol);
        if (!atomic_compare_exchange_strong_explicit(&message->forms[which - 1], &none, form,
                                                     memory_order_acq_rel, memory_order_acquire)) {
            if (form != message)
                wire_message_unref(form); /* another thread was quicker */
            form = none;
        }
    }
    return wire_message_ref(form);
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
