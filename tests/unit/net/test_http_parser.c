/* test_http_parser.c — requests whole, in every cut and byte by byte give the same; what llhttp
 * lets through and we do not; limits.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/http_parser.h"

static const struct http_limits limits = {
    .head_bytes = 2000, .target_bytes = 200, .header_count = 20, .body_bytes = 100};

/* Feeds `text` in pieces of `step` bytes until a request is complete or refused; what is left of
 * the last piece and all behind it goes to `rest`. */
static enum http_event feed(struct http_parser *parser, struct str text, size_t step,
                            struct http_refusal *refusal, struct str *rest)
{
    enum http_event event = HTTP_EVENT_MORE;

    while (text.size > 0 && event == HTTP_EVENT_MORE) {
        struct str piece = str_from(text.data, step < text.size ? step : text.size);
        size_t before = piece.size;
        do {
            event = http_parser_feed(parser, &piece, refusal);
        } while (event == HTTP_EVENT_CONTINUE);
        if (event == HTTP_EVENT_MORE)
            assert_int_equal(piece.size, 0);
        text.data += before - piece.size;
        text.size -= before - piece.size;
    }
    if (rest != NULL)
        *rest = text;
    return event;
}

#define POST_TEXT \
    "POST /v1/api/sql?a=b HTTP/1.1\r\nHost: localhost:80\r\nauthorization:  Bearer x.y.z \r\n" \
    "X-User-Id: lena\r\nContent-Type: application/json\r\nX-Other: z\r\nContent-Length: " \
    "11\r\n\r\n" \
    "{\"sql\":\"1\"}"

static void check_post(const struct http_request *request)
{
    assert_int_equal(request->method, HTTP_POST_METHOD);
    assert_true(str_equal(request->path, STR_LIT("/v1/api/sql")));
    assert_true(str_equal(request->query, STR_LIT("a=b")));
    assert_true(str_equal(request->headers[HTTP_HEADER_AUTHORIZATION], STR_LIT("Bearer x.y.z")));
    assert_true(str_equal(request->headers[HTTP_HEADER_USER_ID], STR_LIT("lena")));
    assert_true(str_equal(request->headers[HTTP_HEADER_HOST], STR_LIT("localhost:80")));
    assert_null(request->headers[HTTP_HEADER_ORIGIN].data);
    assert_true(str_equal(request->body, STR_LIT("{\"sql\":\"1\"}")));
    assert_true(request->keep_alive);
    assert_false(request->forwarded);
}

static void test_http_parser__every_cut(void **state)
{
    for (size_t step = 1; step < sizeof(POST_TEXT); step++) {
        struct http_parser *parser = http_parser_new(&limits);
        struct http_refusal refusal = {0};
        struct str rest;
        assert_true(http_parser_is_idle(parser));
        assert_int_equal(feed(parser, STR_LIT(POST_TEXT), step, &refusal, &rest),
                         HTTP_EVENT_REQUEST);
        assert_int_equal(rest.size, 0);
        check_post(http_parser_request(parser));
        http_parser_free(parser);
    }
}

static void test_http_parser__pipelined(void **state)
{
    static const char text[] =
        POST_TEXT "\r\n" POST_TEXT "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" POST_TEXT;
    size_t steps[] = {1, 7, sizeof(text)};

    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        struct http_parser *parser = http_parser_new(&limits);
        struct http_refusal refusal = {0};
        struct str rest = STR_LIT(text);
        for (int request = 0; request < 4; request++) {
            assert_int_equal(feed(parser, rest, steps[i], &refusal, &rest), HTTP_EVENT_REQUEST);
            if (request == 2)
                assert_true(str_equal(http_parser_request(parser)->path, STR_LIT("/x")));
            else
                check_post(http_parser_request(parser));
            http_parser_next(parser);
        }
        assert_int_equal(rest.size, 0);
        http_parser_free(parser);
    }
}

static void test_http_parser__chunked(void **state)
{
    static const char text[] =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t steps[] = {1, 2, 3, 5, sizeof(text)};

    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        struct http_parser *parser = http_parser_new(&limits);
        struct http_refusal refusal = {0};
        struct str rest;
        assert_int_equal(feed(parser, STR_LIT(text), steps[i], &refusal, &rest),
                         HTTP_EVENT_REQUEST);
        assert_true(str_equal(http_parser_request(parser)->body, STR_LIT("abcdefg")));
        http_parser_next(parser);
        assert_int_equal(feed(parser, rest, steps[i], &refusal, &rest), HTTP_EVENT_REQUEST);
        assert_true(str_equal(http_parser_request(parser)->path, STR_LIT("/y")));
        http_parser_free(parser);
    }
}

static void test_http_parser__refused(void **state)
{
    static const struct {
        const char *text;
        int http_status;
    } cases[] = {
        {"GET / HTTP/1.1\rHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: x\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n\tfolded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nauthorization: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX-User-Id: a\r\nX-User-Id: b\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"\x01\x02\r\n\r\n", 400},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", 415},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n", 417},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaa"
         "aaaaaaaaaaaaa\r\n",
         413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length\xc0: 4\r\n\r\n", 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nHost: "
         "b\r\n\r\n",
         400},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t step = 1; step < 2000; step += 666) {
            struct http_parser *parser = http_parser_new(&limits);
            struct http_refusal refusal = {0};
            enum http_event event = feed(parser, str_from_c(cases[i].text), step, &refusal, NULL);
            if (event != HTTP_EVENT_REFUSED || refusal.http_status != cases[i].http_status)
                fail_msg("case %zu, step %zu: event %d, status %d: %s", i, step, event,
                         refusal.http_status, cases[i].text);
            assert_non_null(refusal.code);
            http_parser_free(parser);
        }
    }
}

static void expect_status(const struct buf *text, int http_status)
{
    struct http_parser *parser = http_parser_new(&limits);
    struct http_refusal refusal = {0};

    assert_int_equal(feed(parser, buf_str(text), 100, &refusal, NULL), HTTP_EVENT_REFUSED);
    assert_int_equal(refusal.http_status, http_status);
    http_parser_free(parser);
}

static void test_http_parser__limits(void **state)
{
    struct buf text = {0};

    buf_append_str(&text, STR_LIT("GET /"));
    for (int i = 0; i < 300; i++)
        buf_append_byte(&text, 'a');
    expect_status(&text, 414);
    buf_reset(&text);
    buf_append_str(&text, STR_LIT("GET / HTTP/1.1\r\nHost: a\r\nX: "));
    for (int i = 0; i < 3000; i++)
        buf_append_byte(&text, 'a');
    expect_status(&text, 431);
    buf_reset(&text);
    buf_append_str(&text, STR_LIT("GET / HTTP/1.1\r\nHost: a\r\n"));
    for (int i = 0; i < 30; i++)
        buf_append_str(&text, STR_LIT("X: y\r\n"));
    buf_append_str(&text, STR_LIT("\r\n"));
    expect_status(&text, 431);
    buf_clear(&text);
}

static void test_http_parser__what_a_request_says(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive, forwarded, websocket, old_version;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false, false, false, false},
        {"GET / HTTP/1.0\r\n\r\n", false, false, false, true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false, false, true},
        {"GET / HTTP/1.1\r\nHost: a\r\nforwarded: for=b\r\n\r\n", true, true, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nX-FORWARDED-proto: b\r\n\r\n", true, true, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nX-Forward: b\r\n\r\n", true, false, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, "
         "Upgrade\r\n\r\n",
         true, false, true, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", true, false, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", true, false,
         false, false},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http_parser *parser = http_parser_new(&limits);
        struct http_refusal refusal = {0};
        if (feed(parser, str_from_c(cases[i].text), 9999, &refusal, NULL) != HTTP_EVENT_REQUEST)
            fail_msg("case %zu: %s", i, refusal.message);
        const struct http_request *request = http_parser_request(parser);
        bool same = request->keep_alive == cases[i].keep_alive &&
                    request->forwarded == cases[i].forwarded &&
                    request->upgrades_to_websocket == cases[i].websocket &&
                    request->old_version == cases[i].old_version;
        if (!same)
            fail_msg("case %zu: %s", i, cases[i].text);
        http_parser_free(parser);
    }
}

static void test_http_parser__expect_and_upgrade_rest(void **state)
{
    struct http_parser *parser = http_parser_new(&limits);
    struct http_refusal refusal = {0};
    struct str text = STR_LIT("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                              "Content-Length: 2\r\n\r\nok");

    assert_int_equal(http_parser_feed(parser, &text, &refusal), HTTP_EVENT_CONTINUE);
    assert_int_equal(http_parser_feed(parser, &text, &refusal), HTTP_EVENT_REQUEST);
    assert_true(str_equal(http_parser_request(parser)->body, STR_LIT("ok")));
    http_parser_next(parser);
    text = STR_LIT("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\nFRAMES");
    assert_int_equal(http_parser_feed(parser, &text, &refusal), HTTP_EVENT_REQUEST);
    assert_true(str_equal(text, STR_LIT("FRAMES")));
    assert_true(
        str_equal(http_parser_request(parser)->headers[HTTP_HEADER_WS_PROTOCOL], STR_LIT("a,b")));
    http_parser_free(parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_parser__every_cut),
        cmocka_unit_test(test_http_parser__pipelined),
        cmocka_unit_test(test_http_parser__chunked),
        cmocka_unit_test(test_http_parser__refused),
        cmocka_unit_test(test_http_parser__limits),
        cmocka_unit_test(test_http_parser__what_a_request_says),
        cmocka_unit_test(test_http_parser__expect_and_upgrade_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
