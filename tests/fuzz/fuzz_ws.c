/* fuzz_ws.c — frames of a WebSocket client: whatever the pieces they come in, the same messages and
 * the same end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "base/hash.h"
#include "net/ws_codec.h"

struct fuzz_seen {
    uint64_t messages, replies;
    bool over;
};

static void fuzz_message(void *context, bool binary, struct str payload)
{
    struct fuzz_seen *seen = context;

    CHECK(payload.size <= 4096);
    seen->messages = hash_mix(hash_mix(seen->messages, hash_bytes(payload)), binary);
}

static void fuzz_reply(void *context, struct str frame)
{
    struct fuzz_seen *seen = context;

    /* In pieces as they come: head and payload may be two. */
    for (size_t i = 0; i < frame.size; i++)
        seen->replies = hash_mix(seen->replies, (uint8_t)frame.data[i]);
}

static void fuzz_feed(struct str text, size_t step, struct fuzz_seen *seen)
{
    static const struct ws_codec_events events = {.message = fuzz_message, .reply = fuzz_reply};
    struct ws_codec codec;

    *seen = (struct fuzz_seen){.messages = 1};
    ws_codec_init(&codec, 4096, &events, seen);
    for (size_t at = 0; at < text.size && !seen->over; at += step) {
        size_t size = step < text.size - at ? step : text.size - at;
        seen->over = !ws_codec_feed(&codec, str_from(text.data + at, size));
    }
    ws_codec_clear(&codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = 1 + fuzz_choice(&data, &size) % 64;
    struct fuzz_seen whole, pieces;
    char accept[32];

    (void)ws_accept_key(fuzz_text(data, size < 24 ? size : 24), accept);
    fuzz_feed(fuzz_text(data, size), size + 1, &whole);
    fuzz_feed(fuzz_text(data, size), step, &pieces);
    /* When a connection is broken off, how much was answered before depends on the pieces. */
    CHECK(whole.over || pieces.over ||
          (whole.messages == pieces.messages && whole.replies == pieces.replies));
    return 0;
}
