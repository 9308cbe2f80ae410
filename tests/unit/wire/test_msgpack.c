/* test_msgpack.c — MessagePack to and from the JSON tree.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

#include "wire/messages.h"
#include "wire/msgpack.h"

#include <sys/resource.h>

static void test_msgpack__bytes(void **state)
{
    static const struct {
        const char *json;
        const char *bytes;
        size_t size;
    } cases[] = {
        {"null", "\xc0", 1},
        {"[true,false]", "\x92\xc3\xc2", 3},
        {"{\"a\":1}", "\x81\xa1\x61\x01", 4},
        {"-32", "\xe0", 1},
        {"127", "\x7f", 1},
        {"128", "\xcc\x80", 2},
        {"-33", "\xd3\xff\xff\xff\xff\xff\xff\xff\xdf", 9},
        {"65536", "\xce\0\x01\0\0", 5},
        {"18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {"1.5", "\xcb\x3f\xf8\0\0\0\0\0\0", 9},
    };
    struct buf out = {0};
    struct error err;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        buf_reset(&out);
        assert_int_equal(msgpack_from_json(str_from_c(cases[i].json), &out, &err), STATUS_OK);
        assert_int_equal(out.size, cases[i].size);
        assert_memory_equal(out.data, cases[i].bytes, cases[i].size);
    }
    buf_clear(&out);
}

static void append_values(struct buf *text, size_t count, bool is_object)
{
    buf_append_byte(text, is_object ? '{' : '[');
    for (size_t i = 0; i < count; i++)
        buf_printf(text, is_object ? "%s\"k%zu\": -%zu" : "%s%zu", i > 0 ? ", " : "", i, i);
    buf_append_byte(text, is_object ? '}' : ']');
}

/* Text and tree of it give the same bytes, whatever the width of the heads. */
static void test_msgpack__from_text_as_from_a_tree(void **state)
{
    static const size_t counts[] = {0, 1, 15, 16, 65535, 65536};
    struct buf text = {0}, tree = {0}, walked = {0};
    const struct json *json;
    struct arena arena;
    struct error err;

    buf_append_byte(&text, '[');
    for (size_t i = 0; i < 2 * ARRAY_COUNT(counts); i++) {
        append_values(&text, counts[i / 2], i % 2 == 1);
        buf_append_str(&text,
                       STR_LIT(", [[[\"\\u0041\\n\", null]], {\"a\": {\"b\": [true]}}], 1e3, "));
    }
    buf_append_str(&text, STR_LIT("\"end\"]"));
    arena_init(&arena, 0);
    assert_int_equal(json_parse(buf_str(&text), &arena, &json, &err), STATUS_OK);
    msgpack_write(json, &tree);
    assert_int_equal(msgpack_from_json(buf_str(&text), &walked, &err), STATUS_OK);
    assert_int_equal(walked.size, tree.size);
    assert_memory_equal(walked.data, tree.data, tree.size);
    for (size_t cut = 1; cut < 20; cut++)
        assert_int_equal(msgpack_from_json(str_from(text.data, text.size - cut), &walked, &err),
                         STATUS_INVALID_INPUT);
    arena_clear(&arena);
    buf_clear(&text);
    buf_clear(&tree);
    buf_clear(&walked);
}

/* A value of BYTES is a number for each byte. The first test: the peak is that of the process. */
static void test_msgpack__text_takes_no_tree(void **state)
{
    enum { BYTES = 1 << 20 };
    struct buf text = {0}, out = {0};
    struct rusage before, after;
    struct error err;

    buf_append_byte(&text, '[');
    for (size_t i = 0; i < BYTES; i++)
        buf_append_str(&text, STR_LIT("200,"));
    text.data[text.size - 1] = ']';
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(msgpack_from_json(buf_str(&text), &out, &err), STATUS_OK);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_int_equal(out.size, 2 * BYTES + 5);
    assert_true(after.ru_maxrss - before.ru_maxrss < 32 * 1024); /* KiB; the tree took 200 MiB */
    buf_clear(&text);
    buf_clear(&out);
}

/* Each array announces as many elements as bytes follow it: only the first can keep its word. */
static void test_msgpack__announced_elements_cost_no_memory(void **state)
{
    enum { BYTES = 1 << 16, NESTED = 24 };
    char bytes[BYTES] = {0};
    struct arena arena;
    const struct json *json;
    struct error err;

    for (size_t tag = 0; tag < 2; tag++) {
        for (size_t i = 0, at = 0; i < NESTED; i++) {
            size_t left = BYTES - at - 5, count = tag == 0 ? left : left / 2;
            char head[] = {tag == 0 ? '\xdd' : '\xdf', 0, 0, (char)(count >> 8), (char)count};
            memcpy(bytes + at, head, sizeof(head));
            at += sizeof(head);
            if (tag == 1)
                bytes[at++] = '\xa0'; /* the key */
        }
        arena_init(&arena, 0);
        assert_int_equal(msgpack_parse(str_from(bytes, BYTES), &arena, &json, &err),
                         STATUS_CORRUPT);
        assert_true(arena.used_bytes < 2 * BYTES * sizeof(struct json));
        arena_clear(&arena);
    }
}

static void assert_same_tree(const struct json *a, const struct json *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(a->boolean == b->boolean && a->integer == b->integer && a->real == b->real);
    assert_int_equal(a->count, b->count);
    if (a->kind == JSON_STRING)
        assert_true(str_equal(a->text, b->text));
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == JSON_OBJECT)
            assert_true(str_equal(a->keys[i], b->keys[i]));
        assert_same_tree(&a->items[i], &b->items[i]);
    }
}

static void test_msgpack__round_trip(void **state)
{
    struct arena arena;
    struct buf text = {0}, bytes = {0};
    const struct json *back;
    struct error err;

    arena_init(&arena, 0);
    json_array_begin(&text);
    for (size_t size = 1; size < 70000; size *= 3) {
        struct str letters = str_from(memset(arena_alloc(&arena, size), 'x', size), size);
        json_write_string(&text, letters);
        json_array_begin(&text);
        for (size_t i = 0; i < size / 3; i++)
            json_write_integer(&text, (int64_t)(i * i) - 200);
        json_array_end(&text);
        json_object_begin(&text);
        for (size_t i = 0; i < size / 100; i++) {
            char key[16];
            json_key(&text, str_from(key, (size_t)snprintf(key, sizeof(key), "k%zu", i)));
            json_write_real(&text, (double)i / 3, false);
        }
        json_object_end(&text);
    }
    json_array_end(&text);
    const struct json *json;
    assert_int_equal(json_parse(buf_str(&text), &arena, &json, &err), STATUS_OK);
    msgpack_write(json, &bytes);
    assert_int_equal(msgpack_parse(buf_str(&bytes), &arena, &back, &err), STATUS_OK);
    assert_int_equal(back->count, json->count);
    assert_same_tree(&json->items[0], &back->items[0]);
    for (size_t i = 0; i < json->count; i += 3)
        assert_same_tree(&json->items[i], &back->items[i]);
    buf_clear(&text);
    buf_clear(&bytes);
    arena_clear(&arena);
}

/* Lengths of four bytes: a text, an array and a map of 70,000. */
static void test_msgpack__large_round_trip(void **state)
{
    enum { LARGE = 70000 };
    struct arena arena;
    struct buf text = {0}, bytes = {0};
    const struct json *json, *back;
    struct error err;

    arena_init(&arena, 0);
    json_array_begin(&text);
    json_write_string(&text, str_from(memset(arena_alloc(&arena, LARGE), 'x', LARGE), LARGE));
    json_array_begin(&text);
    for (int i = 0; i < LARGE; i++)
        json_write_integer(&text, i);
    json_array_end(&text);
    json_object_begin(&text);
    for (int i = 0; i < LARGE; i++) {
        char key[16];
        json_key(&text, str_from(key, (size_t)snprintf(key, sizeof(key), "k%d", i)));
        json_write_null(&text);
    }
    json_object_end(&text);
    json_array_end(&text);
    assert_int_equal(json_parse(buf_str(&text), &arena, &json, &err), STATUS_OK);
    msgpack_write(json, &bytes);
    assert_int_equal(msgpack_parse(buf_str(&bytes), &arena, &back, &err), STATUS_OK);
    assert_int_equal(back->count, 3);
    assert_int_equal(back->items[1].count, LARGE);
    assert_int_equal(back->items[2].count, LARGE);
    assert_same_tree(json, back);
    buf_clear(&text);
    buf_clear(&bytes);
    arena_clear(&arena);
}

static void test_msgpack__all_widths_are_read(void **state)
{
    static const char bytes[] =
        "\x99\xd0\x80\xd1\x80\x00\xd2\x80\x00\x00\x00\xcd\x01\x00\xca\x3f\xc0"
        "\x00\x00\xd9\x01x\xda\x00\x01y\xc4\x02\x01\xff\xdc\x00\x01\xc0";
    struct arena arena;
    const struct json *json;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(msgpack_parse(str_from(bytes, sizeof(bytes) - 1), &arena, &json, &err),
                     STATUS_OK);
    assert_true(json->items[0].integer == -128 && json->items[1].integer == -32768);
    assert_true(json->items[2].integer == INT32_MIN && json->items[3].integer == 256);
    assert_true(json->items[4].real == 1.5);
    assert_str(json->items[6].text, "y");
    assert_true(json->items[7].count == 2 && json->items[7].items[1].integer == 255);
    assert_int_equal(json->items[8].count, 1);
    arena_clear(&arena);
}

static void test_msgpack__refuses(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", 0},
        {"\xc1", 1},
        {"\x91", 1},
        {"\xdd\xff\xff\xff\xff", 5}, /* a count beyond what is left */
        {"\xc6\xff\xff\xff\xff", 5},
        {"\xdb\xff\xff\xff\xff", 5},
        {"\x81\x01\x01", 3},             /* key is no string */
        {"\xa1\xff", 2},                 /* no UTF-8 */
        {"\xd4\x01\x01", 3},             /* extension */
        {"\xc0\xc0", 2},                 /* trailing bytes */
        {"\xcb\x7f\xf8\0\0\0\0\0\0", 9}, /* NaN */
    };
    char deep[JSON_DEPTH_MAX + 2];
    struct arena arena;
    const struct json *json;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str bytes = exact_copy(&arena, str_from(cases[i].bytes, cases[i].size));
        assert_int_equal(msgpack_parse(bytes, &arena, &json, &err), STATUS_CORRUPT);
    }
    memset(deep, '\x91', sizeof(deep));
    assert_int_equal(msgpack_parse(str_from(deep, sizeof(deep)), &arena, &json, &err),
                     STATUS_CORRUPT);
    arena_clear(&arena);
}

static void test_msgpack__random_bytes_never_harm(void **state)
{
    struct arena arena;
    const struct json *json;

    arena_init(&arena, 1 << 20);
    random_seed();
    for (int i = 0; i < 30000; i++) {
        char bytes[40];
        size_t size = random_below(sizeof(bytes));
        for (size_t k = 0; k < size; k++)
            bytes[k] = (char)(random_below(2) ? 0x80 + random_below(0x60) : random_next());
        struct buf out = {0};
        if (msgpack_parse(exact_copy(&arena, str_from(bytes, size)), &arena, &json, NULL) ==
            STATUS_OK)
            msgpack_write(json, &out);
        buf_clear(&out);
        arena_clear(&arena);
    }
}

static void test_msgpack__client_message(void **state)
{
    struct wire_client_message message;
    struct arena arena;
    struct buf bytes = {0};
    const struct json *json;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(msgpack_from_json(STR_LIT("{\"type\":\"subscribe\",\"subscription\":{\"id\":"
                                               "\"s\",\"sql\":\"S\",\"params\":[1.5]}}"),
                                       &bytes, &err),
                     STATUS_OK);
    assert_int_equal(msgpack_parse(buf_str(&bytes), &arena, &json, &err), STATUS_OK);
    assert_int_equal(wire_client_message_read(json, &arena, &message, &err), STATUS_OK);
    assert_int_equal(message.subscriptions[0].problem, STATUS_OK);
    assert_int_equal(message.subscriptions[0].params[0].type, VALUE_DOUBLE);
    buf_clear(&bytes);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msgpack__text_takes_no_tree),
        cmocka_unit_test(test_msgpack__from_text_as_from_a_tree),
        cmocka_unit_test(test_msgpack__bytes),
        cmocka_unit_test(test_msgpack__announced_elements_cost_no_memory),
        cmocka_unit_test(test_msgpack__round_trip),
        cmocka_unit_test(test_msgpack__large_round_trip),
        cmocka_unit_test(test_msgpack__all_widths_are_read),
        cmocka_unit_test(test_msgpack__refuses),
        cmocka_unit_test(test_msgpack__random_bytes_never_harm),
        cmocka_unit_test(test_msgpack__client_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
