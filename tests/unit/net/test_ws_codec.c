/* test_ws_codec.c — messages in every cut, fragments, control frames between them, what is refused;
 * nothing is kept between messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/ws_codec.h"

struct seen {
    struct buf messages, replies;
};

static void on_message(void *context, bool binary, struct str payload)
{
    struct seen *seen = context;

    buf_append_byte(&seen->messages, binary ? 'B' : 'T');
    buf_append_str(&seen->messages, payload);
    buf_append_byte(&seen->messages, '|');
}

static void on_reply(void *context, struct str frame)
{
    struct seen *seen = context;

    buf_append_str(&seen->replies, frame);
}

static const struct ws_codec_events events = {.message = on_message, .reply = on_reply};

/* A client's frame with a mask. */
static void frame(struct buf *out, uint8_t first, struct str payload)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};

    buf_append_byte(out, first);
    if (payload.size < 126) {
        buf_append_byte(out, (uint8_t)(0x80 | payload.size));
    } else {
        buf_append_byte(out, 0x80 | 126);
        buf_append_byte(out, (uint8_t)(payload.size >> 8));
        buf_append_byte(out, (uint8_t)payload.size);
    }
    buf_append(out, mask, 4);
    for (size_t i = 0; i < payload.size; i++)
        buf_append_byte(out, (uint8_t)payload.data[i] ^ mask[i % 4]);
}

static bool feed(struct ws_codec *codec, const struct buf *bytes, size_t step)
{
    for (size_t at = 0; at < bytes->size; at += step) {
        size_t size = bytes->size - at < step ? bytes->size - at : step;
        if (!ws_codec_feed(codec, str_from(bytes->data + at, size)))
            return false;
    }
    return true;
}

static void test_ws_codec__every_cut(void **state)
{
    struct buf bytes = {0};
    char long_text[300];

    memset(long_text, 'x', sizeof(long_text));
    frame(&bytes, 0x81, STR_LIT("one"));
    frame(&bytes, 0x01, STR_LIT("fra"));
    frame(&bytes, 0x89, STR_LIT("ping"));
    frame(&bytes, 0x00, STR_LIT("gm"));
    frame(&bytes, 0x80, STR_LIT("ent"));
    frame(&bytes, 0x82, STR_LIT("bin"));
    frame(&bytes, 0x81, STR_EMPTY);
    frame(&bytes, 0x81, str_from(long_text, sizeof(long_text)));
    for (size_t step = 1; step <= bytes.size; step++) {
        struct seen seen = {0};
        struct ws_codec codec;
        ws_codec_init(&codec, 1000, &events, &seen);
        assert_true(feed(&codec, &bytes, step));
        assert_null(codec.wslay); /* at a boundary */
        struct str start = STR_LIT("Tone|Tfragment|Bbin|T|Txxx");
        assert_true(str_starts_with(buf_str(&seen.messages), start));
        assert_int_equal(seen.messages.size, start.size - 3 + sizeof(long_text) + 1);
        assert_true(str_equal(buf_str(&seen.replies), STR_LIT("\x8a\x04ping")));
        ws_codec_clear(&codec);
        buf_clear(&seen.messages);
        buf_clear(&seen.replies);
    }
    buf_clear(&bytes);
}

static void expect_close(const struct buf *bytes, unsigned code)
{
    size_t steps[] = {1, 3, 4096};

    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        struct seen seen = {0};
        struct ws_codec codec;
        ws_codec_init(&codec, 1000, &events, &seen);
        assert_false(feed(&codec, bytes, steps[i]));
        const uint8_t *reply = (const uint8_t *)seen.replies.data;
        assert_true(seen.replies.size >= 4);
        assert_int_equal(reply[0], 0x88);
        assert_int_equal(reply[2] << 8 | reply[3], code);
        ws_codec_clear(&codec);
        buf_clear(&seen.messages);
        buf_clear(&seen.replies);
    }
}

static void test_ws_codec__closes(void **state)
{
    struct buf bytes = {0};
    char large[1001];

    memset(large, 'x', sizeof(large));
    frame(&bytes, 0x88, STR_LIT("\x03\xe8"));
    expect_close(&bytes, 1000);
    buf_reset(&bytes);
    buf_append_str(&bytes, STR_LIT("\x81\x03one")); /* no mask */
    expect_close(&bytes, 1002);
    buf_reset(&bytes);
    frame(&bytes, 0x83, STR_LIT("x")); /* unknown opcode */
    expect_close(&bytes, 1002);
    buf_reset(&bytes);
    frame(&bytes, 0xc1, STR_LIT("x")); /* reserved bit */
    expect_close(&bytes, 1002);
    buf_reset(&bytes);
    frame(&bytes, 0x80, STR_LIT("x")); /* continues nothing */
    expect_close(&bytes, 1002);
    buf_reset(&bytes);
    frame(&bytes, 0x81, STR_LIT("\xff\xfe"));
    expect_close(&bytes, 1007);
    buf_reset(&bytes);
    frame(&bytes, 0x81, str_from(large, sizeof(large)));
    expect_close(&bytes, 1009);
    buf_reset(&bytes);
    frame(&bytes, 0x01, str_from(large, 600));
    frame(&bytes, 0x80, str_from(large, 600));
    expect_close(&bytes, 1009);
    buf_clear(&bytes);
}

/* However it is cut, what came whole before is delivered once. */
static void test_ws_codec__messages_before_a_broken_frame(void **state)
{
    struct buf bytes = {0};

    frame(&bytes, 0x81, STR_LIT("one"));
    frame(&bytes, 0x01, STR_LIT("t"));
    frame(&bytes, 0x80, STR_LIT("wo"));
    buf_append_str(&bytes, STR_LIT("\x81\x03six"));
    for (size_t step = 1; step <= bytes.size; step++) {
        struct seen seen = {0};
        struct ws_codec codec;
        ws_codec_init(&codec, 1000, &events, &seen);
        assert_false(feed(&codec, &bytes, step));
        assert_true(str_equal(buf_str(&seen.messages), STR_LIT("Tone|Ttwo|")));
        assert_int_equal((uint8_t)seen.replies.data[0], 0x88);
        ws_codec_clear(&codec);
        buf_clear(&seen.messages);
        buf_clear(&seen.replies);
    }
    buf_clear(&bytes);
}

static void test_ws_codec__fragments(void **state)
{
    struct seen seen = {0};
    struct ws_codec codec;
    struct buf bytes = {0};

    ws_codec_init(&codec, 1 << 20, &events, &seen);
    for (int message = 0; message < 3; message++) { /* each may have that many */
        for (int i = 0; i < 16000; i++)
            frame(&bytes, i == 0 ? 0x01 : 0x00, STR_LIT("x"));
        frame(&bytes, 0x80, STR_EMPTY);
    }
    assert_true(feed(&codec, &bytes, 4096));
    assert_int_equal(seen.messages.size, 3 * 16002);
    buf_reset(&bytes);
    for (int i = 0; i < 20000; i++)
        frame(&bytes, i == 0 ? 0x01 : 0x00, STR_EMPTY);
    assert_false(feed(&codec, &bytes, 4096));
    ws_codec_clear(&codec);
    buf_clear(&seen.messages);
    buf_clear(&seen.replies);
    buf_clear(&bytes);
}

static void test_ws_codec__accept_key(void **state)
{
    char out[32];

    assert_true(ws_accept_key(STR_LIT("dGhlIHNhbXBsZSBub25jZQ=="), out));
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_false(ws_accept_key(STR_EMPTY, out));
    assert_false(ws_accept_key(STR_LIT("dGhlIHNhbXBsZSBub25jZQ="), out));
    assert_false(ws_accept_key(STR_LIT("dGhlIHNhbXBs!SBub25jZQ=="), out));
    assert_false(ws_accept_key(STR_LIT("dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="), out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_codec__every_cut),
        cmocka_unit_test(test_ws_codec__closes),
        cmocka_unit_test(test_ws_codec__messages_before_a_broken_frame),
        cmocka_unit_test(test_ws_codec__fragments),
        cmocka_unit_test(test_ws_codec__accept_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
