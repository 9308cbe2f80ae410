/* test_response.c — SQL requests and their streamed answers, from both sides.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

#include "wire/response.h"

static const struct wire_column columns[] = {
    {.name = {"id", 2},
     .type = {.kind = VALUE_BIGINT},
     .primary_key = true,
     .not_null = true,
     .unique = true},
    {.name = {"title", 5}, .type = {.kind = VALUE_TEXT}},
};

static const struct wire_response_error failure = {.code = {"TABLE_NOT_FOUND", 15},
                                                   .message = {"Statement 2 failed: x", 21},
                                                   .details = {"SELECT 1", 8},
                                                   .statement_index = 2};

static void write_rows(struct wire_response *response)
{
    struct value first[] = {value_integer(VALUE_BIGINT, 8123),
                            value_text(VALUE_TEXT, STR_LIT("Tea"))};
    struct value second[] = {value_integer(VALUE_BIGINT, 8124), value_null(VALUE_TEXT)};

    wire_response_row(response, first, 2);
    wire_response_row(response, second, 2);
}

static void test_response__example_of_the_specification(void **state)
{
    struct wire_result_end select = {.row_count = 2, .as_user = STR_LIT("lena")};
    struct wire_result_end insert = {
        .row_count = 1, .message = STR_LIT("Inserted 1 row(s)"), .as_user = STR_LIT("lena")};
    struct wire_response response;
    struct buf out = {0};

    wire_response_begin(&response, &out);
    wire_response_result_begin(&response, columns, 2);
    write_rows(&response);
    wire_response_result_end(&response, &select);
    wire_response_result_begin(&response, NULL, 0);
    wire_response_result_end(&response, &insert);
    wire_response_end(&response, 1.2744);
    assert_buf(&out,
               "{\"results\":[{\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0,"
               "\"flags\":[\"pk\",\"nn\",\"uq\"]},{\"name\":\"title\",\"data_type\":\"Text\","
               "\"index\":1}],\"rows\":[[\"8123\",\"Tea\"],[\"8124\",null]],\"row_count\":2,"
               "\"as_user\":\"lena\"},{\"row_count\":1,\"message\":\"Inserted 1 row(s)\","
               "\"as_user\":\"lena\"}],\"took\":1.274,\"status\":\"success\"}");
    buf_clear(&out);
}

/* Sending after every call must not change a byte of the whole. */
static void test_response__may_be_sent_at_any_moment(void **state)
{
    struct wire_result_end end = {.row_count = 4,
                                  .as_user = STR_LIT("lena"),
                                  .message = STR_LIT("m"),
                                  .table = STR_LIT("{\"table_type\":\"USER\"}"),
                                  .report_cache = true,
                                  .cache_hit = true};
    struct buf whole = {0}, out = {0}, sent = {0};

    for (int pieces = 0; pieces < 2; pieces++) {
        struct wire_response response;
        struct buf *target = pieces ? &sent : &whole;
        buf_reset(&out);
        wire_response_begin(&response, &out);
        for (int step = 0; step < 6; step++) {
            if (step == 0 || step == 3)
                wire_response_result_begin(&response, columns, 2);
            else if (step == 2 || step == 5)
                wire_response_result_end(&response, &end);
            else
                write_rows(&response);
            if (pieces) {
                wire_response_sent(&response);
                buf_append_str(target, buf_str(&out));
                buf_reset(&out);
            }
        }
        wire_response_end(&response, 0);
        buf_append_str(target, buf_str(&out));
    }
    assert_true(str_equal(buf_str(&whole), buf_str(&sent)));
    assert_true(json_is_valid(buf_str(&whole)));
    buf_clear(&whole);
    buf_clear(&out);
    buf_clear(&sent);
}

static void test_response__failure_takes_back_what_was_not_sent(void **state)
{
    struct wire_result_end end = {.row_count = 1, .as_user = STR_LIT("lena")};
    struct wire_response response;
    struct buf out = {0};

    wire_response_begin(&response, &out);
    wire_response_result_begin(&response, NULL, 0);
    wire_response_result_end(&response, &end);
    wire_response_result_begin(&response, columns, 2);
    write_rows(&response);
    wire_response_fail(&response, &failure, 0.41);
    assert_buf(&out, "{\"results\":[{\"row_count\":1,\"as_user\":\"lena\"}],\"took\":0.410,"
                     "\"status\":\"error\",\"error\":{\"code\":\"TABLE_NOT_FOUND\",\"message\":"
                     "\"Statement 2 failed: x\",\"details\":\"SELECT 1\",\"statement_index\":2}}");
    buf_clear(&out);
}

static void test_response__failure_closes_what_was_sent(void **state)
{
    struct wire_response response;
    struct wire_reply reply;
    struct arena arena;
    struct buf out = {0};
    struct error err;

    arena_init(&arena, 0);
    wire_response_begin(&response, &out);
    wire_response_result_begin(&response, columns, 2);
    write_rows(&response);
    wire_response_sent(&response); /* the test keeps the bytes, as the peer does */
    wire_response_fail(&response, &failure, 2);
    assert_int_equal(wire_reply_decode(buf_str(&out), &arena, &reply, &err), STATUS_OK);
    assert_false(reply.success);
    assert_str(reply.error.code, "TABLE_NOT_FOUND");
    assert_str(reply.error.details, "SELECT 1");
    assert_int_equal(reply.error.statement_index, 2);
    assert_int_equal(reply.result_count, 1);
    assert_int_equal(reply.results[0].rows->count, 2);
    assert_true(reply.results[0].row_count == 2);
    buf_clear(&out);
    arena_clear(&arena);
}

static void test_response__only_error(void **state)
{
    struct wire_response_error error = {.code = STR_LIT("TOKEN_EXPIRED"), .message = STR_LIT("m")};
    struct buf out = {0};

    wire_response_only_error(&out, &error, 0);
    assert_buf(&out, "{\"status\":\"error\",\"results\":[],\"took\":0.000,\"error\":{\"code\":"
                     "\"TOKEN_EXPIRED\",\"message\":\"m\"}}");
    buf_clear(&out);
}

static void test_response__reply(void **state)
{
    struct wire_reply reply;
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(
        wire_reply_decode(STR_LIT("{\"status\":\"success\",\"results\":[{\"schema\":[{\"name\":"
                                  "\"n\",\"data_type\":\"Int\",\"index\":0}],\"rows\":[[1],[2]],"
                                  "\"row_count\":2,\"as_user\":\"lena\",\"cache_hit\":false},"
                                  "{\"row_count\":3,\"message\":\"Deleted 3 row(s)\"}],"
                                  "\"took\":1.5}"),
                          &arena, &reply, &err),
        STATUS_OK);
    assert_true(reply.success && reply.took_ms == 1.5 && reply.result_count == 2);
    assert_int_equal(reply.results[0].columns[0].type.kind, VALUE_INT);
    assert_true(reply.results[0].report_cache && !reply.results[0].cache_hit);
    assert_str(reply.results[1].message, "Deleted 3 row(s)");
    assert_null(reply.results[1].rows);
    static const char *const wrong[] = {
        "[]",
        "{}",
        "{\"status\":\"error\"}",
        "{\"status\":\"success\",\"results\":7}",
        "{\"status\":\"success\",\"results\":[{\"schema\":[{}]}]}",
        "{\"status\":\"success\",\"results\":[{\"schema\":[],\"rows\":[[1]]}]}",
        "{\"status\":\"success\",\"results\":[{\"row_count\":-1}]}",
        "{\"status\":\"success\",\"results\":[{\"schema\":7}]}",
        "{\"status\":\"success\",\"results\":[{\"schema\":[],\"rows\":7}]}",
        "{\"status\":\"success\",\"results\":[{\"table\":7}]}",
        "{\"status\":\"error\",\"error\":{\"code\":7}}",
        "{\"status\":\"error\",\"error\":{\"code\":\"X\",\"statement_index\":-1}}",
        "{\"status\":\"error\",\"error\":{\"code\":\"X\",\"statement_index\":4294967296}}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_int_equal(wire_reply_decode(str_from_c(wrong[i]), &arena, &reply, &err),
                         STATUS_INVALID_INPUT);
    arena_clear(&arena);
}

static void test_response__request(void **state)
{
    struct wire_request request;
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(
        wire_request_decode(STR_LIT("{\"sql\":\"S\",\"params\":[25,true,null,\"x\",1.50,1e2,"
                                    "92233720368547758070,1.5e400000000000000000000]}"),
                            &arena, &request, &err),
        STATUS_INVALID_INPUT); /* the last number is no double */
    assert_int_equal(
        wire_request_decode(STR_LIT("{\"sql\":\"S\",\"params\":[25,true,null,\"x\",1.50,1e2,"
                                    "92233720368547758070],\"namespace_id\":\"shop\",\"more\":{}}"),
                            &arena, &request, &err),
        STATUS_OK);
    static const enum value_type kinds[] = {VALUE_BIGINT,  VALUE_BOOLEAN, VALUE_NULL,   VALUE_TEXT,
                                            VALUE_DECIMAL, VALUE_DOUBLE,  VALUE_DECIMAL};
    assert_str(request.namespace_id, "shop");
    assert_int_equal(request.param_count, ARRAY_COUNT(kinds));
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        assert_int_equal(request.params[i].type, kinds[i]);
    assert_value_text(&request.params[4], "1.50");
    assert_int_equal(request.params[4].precision, 3);
    assert_value_text(&request.params[6], "92233720368547758070");
    arena_clear(&arena);
}

static void test_response__wrong_requests(void **state)
{
    static const struct {
        const char *text;
        enum status status;
        const char *message;
    } cases[] = {
        {"x", STATUS_INVALID_INPUT, "malformed JSON"},
        {"[]", STATUS_INVALID_INPUT, "must be a JSON object"},
        {"{}", STATUS_INVALID_INPUT, "field \"sql\" is missing"},
        {"{\"sql\":7}", STATUS_INVALID_INPUT, "field \"sql\" must be a string"},
        {"{\"sql\":\"S\",\"params\":{}}", STATUS_INVALID_INPUT, "\"params\" must be an array"},
        {"{\"sql\":\"S\",\"params\":[1,[2]]}", STATUS_INVALID_PARAMETER, "parameter $2"},
        {"{\"sql\":\"S\",\"params\":[{}]}", STATUS_INVALID_PARAMETER, "parameter $1"},
        {"{\"sql\":\"S\",\"namespace_id\":[]}", STATUS_INVALID_INPUT, "namespace_id"},
    };
    struct wire_request request;
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(wire_request_decode(str_from_c(cases[i].text), &arena, &request, &err),
                         cases[i].status);
        assert_non_null(strstr(err.message, cases[i].message));
    }
    assert_int_equal(
        wire_request_decode(STR_LIT("{\"sql\":\"S\",\"params\":null}"), &arena, &request, &err),
        STATUS_OK);
    assert_int_equal(request.param_count, 0);
    arena_clear(&arena);
}

static void test_response__parameters_read_back(void **state)
{
    struct value params[] = {
        value_integer(VALUE_BIGINT, INT64_MIN),
        value_real(VALUE_DOUBLE, 0.1),
        value_real(VALUE_DOUBLE, 1e300),
        value_real(VALUE_DOUBLE, -3),
        value_decimal(-1250, 4, 2),
        value_boolean(false),
        value_null(VALUE_NULL),
        value_text(VALUE_TEXT, STR_LIT("\"")),
    };
    struct wire_request sent = {.sql = STR_LIT("SELECT $1"),
                                .namespace_id = STR_LIT("n"),
                                .params = params,
                                .param_count = ARRAY_COUNT(params)};
    struct value date = value_integer(VALUE_DATE, 0);
    struct wire_request got;
    struct arena arena;
    struct buf out = {0};
    struct error err;

    arena_init(&arena, 0);
    wire_request_encode(&sent, &out);
    assert_int_equal(wire_request_decode(buf_str(&out), &arena, &got, &err), STATUS_OK);
    assert_int_equal(got.param_count, sent.param_count);
    for (size_t i = 0; i < sent.param_count; i++)
        assert_true(value_is_same(&got.params[i], &params[i]));
    buf_reset(&out);
    wire_params_write(&out, &date, 1);
    assert_buf(&out, "[\"1970-01-01\"]");
    const struct value *values;
    size_t count;
    assert_int_equal(wire_params_parse(STR_LIT("[1,2]"), &arena, &values, &count, &err), STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(wire_params_parse(STR_LIT("[1,"), &arena, &values, &count, &err),
                     STATUS_INVALID_INPUT);
    buf_clear(&out);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_response__example_of_the_specification),
        cmocka_unit_test(test_response__may_be_sent_at_any_moment),
        cmocka_unit_test(test_response__failure_takes_back_what_was_not_sent),
        cmocka_unit_test(test_response__failure_closes_what_was_sent),
        cmocka_unit_test(test_response__only_error),
        cmocka_unit_test(test_response__reply),
        cmocka_unit_test(test_response__request),
        cmocka_unit_test(test_response__wrong_requests),
        cmocka_unit_test(test_response__parameters_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
