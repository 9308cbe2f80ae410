/* ws_frame.h — WebSocket frames of the server (RFC 6455, unmasked) and shared, already framed
 * messages.
 *
 * A wire_message is encoded once and sits in the queues of many connections, possibly on several
 * threads: immutable after it was made, counted atomically. Connections that negotiated gzip or
 * MessagePack get other forms of it, each made once when it is first asked for.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_WS_FRAME_H
#define WIRE_WS_FRAME_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What applies to all frames after authentication. All false = JSON, not compressed. */
struct wire_protocol {
    bool msgpack, gzip;
};

enum { WS_FRAME_HEADER_MAX = 10 };

enum ws_opcode {
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Header of one unfragmented frame; returns its bytes. Control frames carry ≤ 125 bytes. */
size_t ws_frame_header(enum ws_opcode opcode, size_t payload_size,
                       uint8_t out[WS_FRAME_HEADER_MAX]);
/* Appends a whole frame. */
void ws_frame_append(struct buf *out, enum ws_opcode opcode, struct str payload);
/* Appends a close frame; the reason is cut to 123 bytes. */
void ws_frame_append_close(struct buf *out, uint16_t code, struct str reason);

struct wire_message;

/* Frame around a copy of the payload; the caller holds the one reference. */
struct wire_message *wire_message_new(enum ws_opcode opcode, struct str payload);
struct wire_message *wire_message_new_text(struct str payload);
/* The form of a JSON text message for a protocol, with a reference: binary MessagePack, or gzip of
 * either from 512 bytes on where that is smaller. Any thread. */
struct wire_message *wire_message_form(struct wire_message *message, struct wire_protocol protocol);
/* Is a payload of this size compressed, where gzip is asked for? */
bool ws_is_worth_gzip(size_t payload_size);
/* Is that form there already? */
bool wire_message_has_form(const struct wire_message *message, struct wire_protocol protocol);
struct wire_message *wire_message_ref(struct wire_message *message);
void wire_message_unref(struct wire_message *message);               /* NULL is fine */
struct str wire_message_frame(const struct wire_message *message);   /* header and payload */
struct str wire_message_payload(const struct wire_message *message); /* without the header */
/* Memory one message takes, for queue limits. */
size_t wire_message_bytes(const struct wire_message *message);

#endif
