/* ws_codec.h — bytes of a client to WebSocket messages, and the control frames to answer with. No
 * I/O.
 *
 * wslay's context (9 KB) exists only while a message is under way; between messages an idle
 * connection costs the few fields of this struct. One thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_WS_CODEC_H
#define NET_WS_CODEC_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_codec_events {
    void (*message)(void *context, bool binary, struct str payload); /* whole; borrowed */
    void (*reply)(void *context, struct str frame); /* pong or close, ready to send */
};

struct ws_codec { /* zeroed by ws_codec_init */
    void *wslay;  /* NULL at a message boundary */
    const struct ws_codec_events *events;
    void *context;
    size_t message_max;
    struct str input; /* during ws_codec_feed */
    /* Where in the stream of frames the next byte stands. */
    uint64_t payload_left;
    uint8_t header[14];
    uint8_t header_size;
    uint32_t fragments; /* of the open message */
    bool in_message;    /* a fragmented message is open */
    bool stopped;       /* by the events' receiver: nothing more is delivered */
};

void ws_codec_init(struct ws_codec *codec, size_t message_max, const struct ws_codec_events *events,
                   void *context);
void ws_codec_clear(struct ws_codec *codec);
/* False when the connection is over: the peer said close, or broke the protocol, or sent too much;
 * the close frame was given to `reply`. */
bool ws_codec_feed(struct ws_codec *codec, struct str bytes);
/* Sec-WebSocket-Accept of a key, NUL-terminated. False if the key is not 16 bytes of base64. */
bool ws_accept_key(struct str key, char out[32]);

#endif
