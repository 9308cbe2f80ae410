/* ws_codec.c — wslay unmasks, joins fragments and checks UTF-8; a small tracker beside it walks
 * over frame headers, because wslay neither says when it stands between two messages nor refuses
 * frames without a mask. A message in very many fragments is refused as well: wslay keeps each of
 * them apart until the last one has come. Whole messages in front of a broken frame still count.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/ws_codec.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/ws_frame.h"

#include <openssl/evp.h>
#include <wslay/wslay.h>

enum { WS_FRAGMENTS_MAX = 16 * 1024 };

/* ---- tracker --------------------------------------------------------------------------------- */

static size_t ws_header_size(const struct ws_codec *codec)
{
    CHECK(codec->header_size <= sizeof(codec->header));
    if (codec->header_size < 2)
        return 2;
    size_t length = codec->header[1] & 0x7f;
    return 2 + 4 + (length == 126 ? 2U : length == 127 ? 8U : 0U);
}

/* The header is complete: how much payload follows; is the message over with this frame? */
static void ws_track_frame(struct ws_codec *codec)
{
    uint64_t length = codec->header[1] & 0x7f;
    size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;

    CHECK(codec->header_size == 6 + extra);
    if (extra > 0)
        length = 0;
    for (size_t i = 0; i < extra; i++)
        length = length << 8 | codec->header[2 + i];
    codec->payload_left = length;
    codec->header_size = 0;
    bool is_control = (codec->header[0] & 0x08) != 0;
    if (is_control)
        return;
    codec->in_message = (codec->header[0] & 0x80) == 0;
    codec->fragments = codec->in_message ? codec->fragments + 1 : 0;
}

/* Why the frame that begins must be refused, or NULL. */
static const char *ws_track_problem(const struct ws_codec *codec)
{
    CHECK(codec->header_size == 2);
    if ((codec->header[1] & 0x80) == 0)
        return "frames of a client are masked";
    return codec->fragments > WS_FRAGMENTS_MAX ? "too many fragments" : NULL;
}

/* How much of `bytes` is in front of a frame that must be refused because of *problem; all of it if
 * there is none. */
static size_t ws_track(struct ws_codec *codec, struct str bytes, const char **problem)
{
    size_t position = 0;

    CHECK(codec->header_size < sizeof(codec->header));
    while (position < bytes.size) {
        if (codec->payload_left > 0) {
            size_t left = bytes.size - position;
            size_t step = codec->payload_left < left ? (size_t)codec->payload_left : left;
            codec->payload_left -= step;
            position += step;
            continue;
        }
        codec->header[codec->header_size++] = (uint8_t)bytes.data[position++];
        if (codec->header_size == 2 && (*problem = ws_track_problem(codec)) != NULL)
            return position >= 2 ? position - 2 : 0;
        if (codec->header_size >= 2 && codec->header_size == ws_header_size(codec))
            ws_track_frame(codec);
    }
    return position;
}

static bool ws_at_boundary(const struct ws_codec *codec)
{
    CHECK(codec->input.size == 0 || codec->input.data != NULL);
    return codec->payload_left == 0 && codec->header_size == 0 && !codec->in_message;
}

/* ---- wslay ----------------------------------------------------------------------------------- */

static ssize_t ws_wslay_receive(wslay_event_context_ptr wslay, uint8_t *out, size_t size, int flags,
                                void *user)
{
    struct ws_codec *codec = user;

    (void)flags;
    CHECK(out != NULL);
    if (codec->input.size == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (size > codec->input.size)
        size = codec->input.size;
    memcpy(out, codec->input.data, size);
    codec->input.data += size;
    codec->input.size -= size;
    return (ssize_t)size;
}

static ssize_t ws_wslay_send(wslay_event_context_ptr wslay, const uint8_t *data, size_t size,
                             int flags, void *user)
{
    struct ws_codec *codec = user;

    (void)wslay;
    (void)flags;
    CHECK(data != NULL);
    codec->events->reply(codec->context, str_from((const char *)data, size));
    return (ssize_t)size;
}

static void ws_wslay_message(wslay_event_context_ptr wslay,
                             const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct ws_codec *codec = user;

    (void)wslay;
    CHECK(message != NULL);
    if (wslay_is_ctrl_frame(message->opcode) || codec->stopped)
        return;
    codec->events->message(codec->context, message->opcode == WSLAY_BINARY_FRAME,
                           str_from((const char *)message->msg, message->msg_length));
}

static wslay_event_context_ptr ws_wslay_new(struct ws_codec *codec)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = ws_wslay_receive,
        .send_callback = ws_wslay_send,
        .on_msg_recv_callback = ws_wslay_message,
    };
    wslay_event_context_ptr wslay = NULL;

    if (wslay_event_context_server_init(&wslay, &callbacks, codec) != 0)
        mem_exhausted(); /* its only failure */
    wslay_event_config_set_max_recv_msg_length(wslay, codec->message_max);
    return wslay;
}

/* ---- public ---------------------------------------------------------------------------------- */

void ws_codec_init(struct ws_codec *codec, size_t message_max, const struct ws_codec_events *events,
                   void *context)
{
    CHECK(events->message != NULL && events->reply != NULL && message_max > 0);
    *codec = (struct ws_codec){.message_max = message_max, .events = events, .context = context};
}

void ws_codec_clear(struct ws_codec *codec)
{
    CHECK(codec->events != NULL);
    if (codec->wslay != NULL)
        wslay_event_context_free(codec->wslay);
    codec->wslay = NULL;
}

static bool ws_codec_refuse(struct ws_codec *codec, uint16_t code, const char *reason)
{
    struct buf frame;

    CHECK(code >= 1000);
    buf_init(&frame);
    ws_frame_append_close(&frame, code, str_from_c(reason));
    codec->events->reply(codec->context, buf_str(&frame));
    buf_clear(&frame);
    return false;
}

/* Bytes that the tracker has seen. */
static bool ws_codec_receive(struct ws_codec *codec, struct str bytes)
{
    CHECK(bytes.size > 0);
    if (codec->wslay == NULL)
        codec->wslay = ws_wslay_new(codec);
    codec->input = bytes;
    bool sound = wslay_event_recv(codec->wslay) == 0;
    codec->input = STR_EMPTY;
    if (codec->stopped)
        return false;
    while (sound && wslay_event_want_write(codec->wslay))
        sound = wslay_event_send(codec->wslay) == 0;
    if (!sound)
        return ws_codec_refuse(codec, 1002, "protocol error");
    if (!wslay_event_want_read(codec->wslay))
        return false;
    if (ws_at_boundary(codec))
        ws_codec_clear(codec);
    return true;
}

bool ws_codec_feed(struct ws_codec *codec, struct str bytes)
{
    const char *problem = NULL;
    size_t size = ws_track(codec, bytes, &problem);

    CHECK(codec->input.size == 0 && size <= bytes.size);
    if (size > 0 && !ws_codec_receive(codec, str_from(bytes.data, size)))
        return false;
    return problem == NULL || ws_codec_refuse(codec, 1002, problem);
}

bool ws_accept_key(struct str key, char out[32])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char text[64], digest[EVP_MAX_MD_SIZE], decoded[24];
    unsigned size = 0;

    CHECK(out != NULL);
    if (key.size != 24 || key.data[23] != '=' || key.data[22] != '=')
        return false;
    if (EVP_DecodeBlock(decoded, (const unsigned char *)key.data, 24) < 0)
        return false;
    memcpy(text, key.data, 24);
    memcpy(text + 24, guid, sizeof(guid) - 1);
    CHECK(EVP_Digest(text, 24 + sizeof(guid) - 1, digest, &size, EVP_sha1(), NULL) == 1);
    CHECK(size == 20 && EVP_EncodeBlock((unsigned char *)out, digest, 20) == 28);
    return true;
}
