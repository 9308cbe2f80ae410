/* test_ws_frame.c — frame headers, close frames and shared messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

#include "wire/ws_frame.h"

static void test_ws_frame__headers(void **state)
{
    static const struct {
        size_t payload;
        size_t header;
        uint8_t bytes[10];
    } cases[] = {
        {0, 2, {0x81, 0}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0, 126}},
        {65535, 4, {0x81, 126, 0xff, 0xff}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
    };
    uint8_t header[WS_FRAME_HEADER_MAX];

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(ws_frame_header(WS_TEXT, cases[i].payload, header), cases[i].header);
        assert_memory_equal(header, cases[i].bytes, cases[i].header);
    }
    assert_int_equal(ws_frame_header(WS_PONG, 3, header), 2);
    assert_int_equal(header[0], 0x8a);
}

static void test_ws_frame__close(void **state)
{
    char reason[200];
    struct buf out = {0};

    ws_frame_append_close(&out, 1008, STR_LIT("no"));
    assert_int_equal(out.size, 6);
    assert_memory_equal(out.data, "\x88\x04\x03\xf0no", 6);
    buf_reset(&out);
    for (size_t i = 0; i < sizeof(reason); i += 2)
        memcpy(reason + i, "ä", 2);
    ws_frame_append_close(&out, 1001, str_from(reason, sizeof(reason)));
    assert_int_equal(out.size, 2 + 2 + 122); /* 123 would split a character */
    buf_reset(&out);
    ws_frame_append(&out, WS_BINARY, STR_LIT("xyz"));
    assert_memory_equal(out.data, "\x82\x03xyz", 5);
    buf_clear(&out);
}

static void test_ws_frame__messages_are_shared(void **state)
{
    struct wire_message *message = wire_message_new_text(STR_LIT("{}"));
    struct wire_message *second = wire_message_ref(message);

    assert_ptr_equal(message, second);
    wire_message_unref(message);
    assert_str(wire_message_payload(second), "{}");
    assert_int_equal(wire_message_frame(second).size, 4);
    assert_memory_equal(wire_message_frame(second).data, "\x81\x02{}", 4);
    assert_true(wire_message_bytes(second) > 4);
    wire_message_unref(second);
    wire_message_unref(NULL);
    message = wire_message_new(WS_PING, STR_EMPTY);
    assert_memory_equal(wire_message_frame(message).data, "\x89\x00", 2);
    wire_message_unref(message);
}

static void test_ws_frame__forms_are_made_once(void **state)
{
    struct wire_protocol json = {.gzip = false}, gzip = {.gzip = true}, packed = {.msgpack = true},
                         both = {.msgpack = true, .gzip = true};
    char text[2000];
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + sizeof text - 2, "\"}", 2);
    struct wire_message *message = wire_message_new_text(str_from(text, sizeof text));
    struct wire_message *same = wire_message_form(message, json);
    assert_ptr_equal(same, message);
    struct wire_message *zip = wire_message_form(message, gzip);
    struct wire_message *again = wire_message_form(message, gzip);
    assert_ptr_equal(zip, again);
    assert_memory_equal(wire_message_payload(zip).data, "\x1f\x8b", 2);
    assert_memory_equal(wire_message_frame(zip).data, "\x82", 1);
    struct wire_message *pack = wire_message_form(message, packed);
    assert_memory_equal(wire_message_payload(pack).data, "\x81\xa1\x61\xda", 4);
    struct wire_message *packed_zip = wire_message_form(message, both);
    assert_memory_equal(wire_message_payload(packed_zip).data, "\x1f\x8b", 2);
    /* A form lives on when the message is gone. */
    wire_message_unref(same);
    wire_message_unref(message);
    wire_message_unref(again);
    wire_message_unref(zip);
    wire_message_unref(pack);
    wire_message_unref(packed_zip);
    message = wire_message_new_text(STR_LIT("{\"a\":1}"));
    zip = wire_message_form(message, gzip); /* too small */
    assert_ptr_equal(zip, message);
    pack = wire_message_form(message, both);
    assert_str(wire_message_payload(pack), "\x81\xa1\x61\x01");
    wire_message_unref(zip);
    wire_message_unref(pack);
    wire_message_unref(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_frame__headers),
        cmocka_unit_test(test_ws_frame__close),
        cmocka_unit_test(test_ws_frame__messages_are_shared),
        cmocka_unit_test(test_ws_frame__forms_are_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
