/* test_messages.c — WebSocket messages of both directions: texts, both spellings, errors, round
 * trips.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

#include "wire/messages.h"

static struct wire_client_message decode(const char *text, struct arena *arena)
{
    struct wire_client_message message;
    struct error err;

    if (wire_client_message_decode(str_from_c(text), arena, &message, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    return message;
}

static void test_messages__subscribe(void **state)
{
    struct arena arena;

    arena_init(&arena, 0);
    struct wire_client_message message =
        decode("{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s1\",\"sql\":\"SELECT * FROM t "
               "WHERE a = $1\",\"params\":[\"x\",7,1.5],\"options\":{\"batch_size\":10,"
               "\"last_rows\":0,\"from_seq_id\":\"9007199254740993\"}}}",
               &arena);
    assert_int_equal(message.type, WIRE_SUBSCRIBE);
    assert_int_equal(message.subscription_count, 1);
    const struct wire_subscription *s = &message.subscriptions[0];
    assert_int_equal(s->problem, STATUS_OK);
    assert_str(s->id, "s1");
    assert_false(s->uses_query_id);
    assert_str(s->sql, "SELECT * FROM t WHERE a = $1");
    assert_int_equal(s->param_count, 3);
    assert_int_equal(s->params[0].type, VALUE_TEXT);
    assert_true(s->has_options && s->has_batch_size && s->batch_size == 10);
    assert_true(s->has_last_rows && s->last_rows == 0);
    assert_true(s->has_from && s->from == INT64_C(9007199254740993));
    arena_clear(&arena);
}

static void test_messages__subscribe_options(void **state)
{
    struct arena arena;

    arena_init(&arena, 0);
    struct wire_client_message message =
        decode("{\"subscriptions\":[{\"query_id\":\"q\",\"sql\":\"S\"},{\"query_id\":\"r\",\"sql\":"
               "\"S\",\"options\":null},{\"query_id\":\"t\",\"sql\":\"S\",\"options\":{}}]}",
               &arena);
    assert_int_equal(message.type, WIRE_SUBSCRIBE);
    assert_int_equal(message.subscription_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(message.subscriptions[i].problem, STATUS_OK);
        assert_true(message.subscriptions[i].uses_query_id);
        assert_int_equal(message.subscriptions[i].has_options, i == 2);
        assert_false(message.subscriptions[i].has_from);
    }
    arena_clear(&arena);
}

static void test_messages__one_bad_entry_leaves_the_others(void **state)
{
    struct arena arena;

    arena_init(&arena, 0);
    struct wire_client_message message = decode(
        "{\"type\":\"subscribe\",\"subscriptions\":[{\"id\":\"a\"},7,{\"id\":\"b\",\"sql\":\"S\"},"
        "{\"id\":\"c\",\"sql\":\"S\",\"params\":[[]]},"
        "{\"id\":\"d\",\"sql\":\"S\",\"options\":{\"batch_size\":0}}]}",
        &arena);
    assert_int_equal(message.subscription_count, 5);
    assert_int_equal(message.subscriptions[0].problem, STATUS_INVALID_INPUT);
    assert_str(message.subscriptions[0].id, "a");
    assert_str(message.subscriptions[0].problem_message, "field \"sql\" is missing");
    assert_int_equal(message.subscriptions[1].problem, STATUS_INVALID_INPUT);
    assert_int_equal(message.subscriptions[2].problem, STATUS_OK);
    assert_int_equal(message.subscriptions[3].problem, STATUS_INVALID_PARAMETER);
    assert_int_equal(message.subscriptions[4].problem, STATUS_INVALID_INPUT);
    assert_str(message.subscriptions[4].problem_message, "field \"batch_size\" must be at least 1");
    arena_clear(&arena);
}

static void test_messages__the_other_client_messages(void **state)
{
    struct arena arena;
    struct wire_client_message message;

    arena_init(&arena, 0);
    message = decode("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"abc\",\"protocol\":"
                     "{\"serialization\":\"msgpack\",\"compression\":\"gzip\"}}",
                     &arena);
    assert_int_equal(message.type, WIRE_AUTHENTICATE);
    assert_str(message.token, "abc");
    assert_true(message.has_protocol && message.protocol.msgpack && message.protocol.gzip);
    message = decode("{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\"}", &arena);
    assert_false(message.has_protocol || message.protocol.msgpack || message.protocol.gzip);
    message =
        decode("{\"type\":\"next_batch\",\"subscription_id\":\"s\",\"last_seq_id\":12}", &arena);
    assert_str(message.ids[0], "s");
    assert_true(message.has_last_seq && message.last_seq == 12);
    message = decode("{\"type\":\"next_batch\",\"query_id\":\"s\"}", &arena);
    assert_true(message.uses_query_id && !message.has_last_seq);
    message = decode("{\"type\":\"unsubscribe\",\"query_ids\":[\"a\",\"b\"]}", &arena);
    assert_int_equal(message.id_count, 2);
    assert_str(message.ids[1], "b");
    message = decode("{\"type\":\"unsubscribe\",\"subscription_id\":\"a\"}", &arena);
    assert_true(message.id_count == 1 && !message.uses_query_id);
    message = decode("{\"type\":\"ping\"}", &arena);
    assert_int_equal(message.type, WIRE_PING);
    arena_clear(&arena);
}

static void test_messages__wrong_client_messages(void **state)
{
    static const struct {
        const char *text;
        enum status status;
        const char *message;
    } cases[] = {
        {"{", STATUS_CORRUPT, "malformed JSON"},
        {"[]", STATUS_INVALID_INPUT, "a message must be an object"},
        {"{}", STATUS_INVALID_INPUT, "field \"type\" is missing"},
        {"{\"type\":7}", STATUS_INVALID_INPUT, "field \"type\" must be a string"},
        {"{\"type\":\"change\"}", STATUS_INVALID_INPUT, "unknown message type \"change\""},
        {"{\"type\":\"subscribe\"}", STATUS_INVALID_INPUT, "field \"subscription\" is missing"},
        {"{\"type\":\"subscribe\",\"subscriptions\":[]}", STATUS_INVALID_INPUT, "at least one"},
        {"{\"type\":\"next_batch\"}", STATUS_INVALID_INPUT, "field \"subscription_id\" is missing"},
        {"{\"type\":\"next_batch\",\"subscription_id\":\"s\",\"last_seq_id\":1.5}",
         STATUS_INVALID_INPUT, "field \"last_seq_id\" must be an integer"},
        {"{\"type\":\"unsubscribe\",\"query_ids\":[7]}", STATUS_INVALID_INPUT, "query_ids"},
        {"{\"type\":\"unsubscribe\",\"query_ids\":[]}", STATUS_INVALID_INPUT, "at least one"},
        {"{\"type\":\"unsubscribe\",\"query_ids\":\"s\"}", STATUS_INVALID_INPUT, "an array"},
        {"{\"type\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
         STATUS_INVALID_INPUT,
         "\"0123456789012345678901234567890123456789012345678901234567890123\""},
        {"{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":7}",
         STATUS_INVALID_INPUT, "field \"protocol\" must be an object"},
        {"{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
         "{\"serialization\":7}}",
         STATUS_INVALID_INPUT, "field \"serialization\" must be a string"},
        {"{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
         "{\"serialization\":\"xml\"}}",
         STATUS_INVALID_INPUT, "\"json\" or \"msgpack\""},
        {"{\"type\":\"authenticate\",\"method\":\"jwt\"}", STATUS_INVALID_INPUT, "token"},
        {"{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
         "{\"compression\":\"zstd\"}}",
         STATUS_INVALID_INPUT, "compression"},
    };
    struct wire_client_message message;
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        enum status status =
            wire_client_message_decode(str_from_c(cases[i].text), &arena, &message, &err);
        if (status != cases[i].status || strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s: %s %s", cases[i].text, status_name(status), err.message);
        assert_int_equal(err.code, cases[i].status);
    }
    arena_clear(&arena);
}

static void test_messages__wrong_subscription_options(void **state)
{
    static const struct {
        const char *options, *message;
    } cases[] = {
        {"7", "field \"options\" must be an object"},
        {"{\"batch_size\":0}", "field \"batch_size\" must be at least 1"},
        {"{\"batch_size\":1.5}", "field \"batch_size\" must be an integer"},
        {"{\"last_rows\":-1}", "field \"last_rows\" must be at least 0"},
        {"{\"last_rows\":\"x\"}", "field \"last_rows\" must be an integer"},
        {"{\"from\":-1}", "field \"from\" must be at least 0"},
        {"{\"from_seq_id\":-1}", "field \"from_seq_id\" must be at least 0"},
        {"{\"from\":92233720368547758080}", "field \"from\" must be an integer"},
    };
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "{\"subscriptions\":[{\"id\":\"a\",\"sql\":\"S\",\"options\":%s},"
                       "{\"id\":\"b\",\"sql\":\"S\"}]}",
                       cases[i].options);
        struct wire_client_message message = decode(text, &arena);
        assert_int_equal(message.subscription_count, 2);
        assert_int_equal(message.subscriptions[0].problem, STATUS_INVALID_INPUT);
        assert_str(message.subscriptions[0].problem_message, cases[i].message);
        assert_int_equal(message.subscriptions[1].problem, STATUS_OK);
    }
    arena_clear(&arena);
}

/* What the client encodes is what the server understands. */
static void test_messages__client_messages_read_back(void **state)
{
    struct value params[] = {value_text(VALUE_TEXT, STR_LIT("x")), value_integer(VALUE_BIGINT, 7),
                             value_real(VALUE_DOUBLE, 2), value_decimal(150, 3, 2),
                             value_null(VALUE_NULL)};
    struct wire_subscription subscriptions[] = {
        {.id = STR_LIT("a"), .sql = STR_LIT("S"), .params = params, .param_count = 5},
        {.id = STR_LIT("b"),
         .sql = STR_LIT("T"),
         .uses_query_id = true,
         .has_options = true,
         .has_from = true,
         .from = 9},
    };
    struct str ids[] = {STR_LIT("a"), STR_LIT("b")};
    struct wire_client_message sent = {
        .type = WIRE_SUBSCRIBE, .subscriptions = subscriptions, .subscription_count = 2};
    struct wire_client_message got;
    struct arena arena;
    struct buf out = {0};
    struct error err;

    arena_init(&arena, 0);
    wire_client_message_encode(&sent, &out);
    assert_int_equal(wire_client_message_decode(buf_str(&out), &arena, &got, &err), STATUS_OK);
    assert_int_equal(got.subscription_count, 2);
    assert_int_equal(got.subscriptions[0].param_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(value_is_same(&got.subscriptions[0].params[i], &params[i]));
    assert_true(got.subscriptions[1].uses_query_id && got.subscriptions[1].from == 9);
    buf_reset(&out);
    sent = (struct wire_client_message){.type = WIRE_UNSUBSCRIBE, .ids = ids, .id_count = 2};
    wire_client_message_encode(&sent, &out);
    assert_buf(&out, "{\"type\":\"unsubscribe\",\"query_ids\":[\"a\",\"b\"]}");
    buf_reset(&out);
    sent = (struct wire_client_message){
        .type = WIRE_NEXT_BATCH, .ids = ids, .id_count = 1, .has_last_seq = true, .last_seq = 3};
    wire_client_message_encode(&sent, &out);
    assert_buf(&out, "{\"type\":\"next_batch\",\"subscription_id\":\"a\",\"last_seq_id\":3}");
    buf_reset(&out);
    sent = (struct wire_client_message){.type = WIRE_PING};
    wire_client_message_encode(&sent, &out);
    assert_buf(&out, "{\"type\":\"ping\"}");
    buf_reset(&out);
    sent = (struct wire_client_message){.type = WIRE_AUTHENTICATE,
                                        .method = STR_LIT("jwt"),
                                        .token = STR_LIT("t"),
                                        .has_protocol = true,
                                        .protocol = {.gzip = true}};
    wire_client_message_encode(&sent, &out);
    assert_buf(&out, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"t\",\"protocol\":"
                     "{\"serialization\":\"json\",\"compression\":\"gzip\"}}");
    buf_clear(&out);
    arena_clear(&arena);
}

static const struct wire_column message_columns[] = {
    {.name = {"id", 2}, .type = {.kind = VALUE_BIGINT}, .primary_key = true, .not_null = true},
    {.name = {"price", 5}, .type = {.kind = VALUE_DECIMAL, .precision = 10, .scale = 2}},
};

static void test_messages__server_texts(void **state)
{
    static const struct {
        struct wire_server_message message;
        const char *expected;
    } cases[] = {
        {{.type = WIRE_AUTH_SUCCESS, .user = {"lena", 4}, .role = {"user", 4}},
         "{\"type\":\"auth_success\",\"user\":\"lena\",\"role\":\"user\",\"protocol\":"
         "{\"serialization\":\"json\",\"compression\":\"none\"}}"},
        {{.type = WIRE_AUTH_ERROR, .message = {"no", 2}},
         "{\"type\":\"auth_error\",\"message\":\"no\"}"},
        {{.type = WIRE_SUBSCRIPTION_ACK,
          .subscription_id = {"s1", 2},
          .total_rows = 2,
          .columns = message_columns,
          .column_count = 2,
          .batch = {.has_more = true, .status = WIRE_BATCH_LOADING}},
         "{\"type\":\"subscription_ack\",\"subscription_id\":\"s1\",\"total_rows\":2,"
         "\"batch_control\":{\"batch_num\":0,\"has_more\":true,\"status\":\"loading\","
         "\"last_seq_id\":null},\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0,"
         "\"flags\":[\"pk\",\"nn\"]},{\"name\":\"price\",\"data_type\":{\"Decimal\":"
         "{\"precision\":10,\"scale\":2}},\"index\":1}]}"},
        {{.type = WIRE_INITIAL_DATA_BATCH,
          .subscription_id = {"s1", 2},
          .with_query_id = true,
          .rows = {"{\"id\":\"7\"},{\"id\":\"8\"}", 21},
          .batch = {.batch_num = 1,
                    .status = WIRE_BATCH_READY,
                    .has_last_seq = true,
                    .last_seq = 9007199254740993}},
         "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s1\",\"query_id\":\"s1\","
         "\"rows\":[{\"id\":\"7\"},{\"id\":\"8\"}],\"batch_control\":{\"batch_num\":1,"
         "\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":9007199254740993}}"},
        {{.type = WIRE_CHANGE,
          .subscription_id = {"s1", 2},
          .change_type = WIRE_CHANGE_UPDATE,
          .rows = {"{\"id\":\"7\"}", 10},
          .old_values = {"{\"id\":\"7\"}", 10}},
         "{\"type\":\"change\",\"subscription_id\":\"s1\",\"change_type\":\"update\","
         "\"rows\":[{\"id\":\"7\"}],\"old_values\":[{\"id\":\"7\"}]}"},
        {{.type = WIRE_CHANGE,
          .subscription_id = {"s1", 2},
          .change_type = WIRE_CHANGE_DELETE,
          .old_values = {"{\"id\":\"7\"}", 10}},
         "{\"type\":\"change\",\"subscription_id\":\"s1\",\"change_type\":\"delete\","
         "\"old_values\":[{\"id\":\"7\"}]}"},
        {{.type = WIRE_UNSUBSCRIBED, .subscription_id = {"s1", 2}},
         "{\"type\":\"unsubscribed\",\"subscription_id\":\"s1\"}"},
        {{.type = WIRE_ERROR,
          .subscription_id = {"s1", 2},
          .code = {"SLOW_CONSUMER", 13},
          .message = {"too slow", 8},
          .has_last_seq = true,
          .last_seq = 5},
         "{\"type\":\"error\",\"subscription_id\":\"s1\",\"code\":\"SLOW_CONSUMER\","
         "\"message\":\"too slow\",\"last_seq_id\":5}"},
    };
    struct buf out = {0};

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        buf_reset(&out);
        wire_server_message_encode(&cases[i].message, &out);
        assert_buf(&out, cases[i].expected);
        assert_true(json_is_valid(buf_str(&out)));
    }
    buf_clear(&out);
}

static void test_messages__server_messages_read_back(void **state)
{
    struct value values[] = {value_integer(VALUE_BIGINT, 7), value_null(VALUE_DECIMAL)};
    struct wire_server_message sent, got;
    struct arena arena;
    struct buf out = {0}, rows = {0};
    struct error err;
    struct str text;

    arena_init(&arena, 0);
    wire_row_object_write(&rows, message_columns, values, 2);
    wire_row_object_write(&rows, message_columns, values, 2); /* the comma comes by itself */
    assert_buf(&rows, "{\"id\":\"7\",\"price\":null},{\"id\":\"7\",\"price\":null}");
    sent = (struct wire_server_message){.type = WIRE_CHANGE,
                                        .subscription_id = STR_LIT("s"),
                                        .change_type = WIRE_CHANGE_INSERT,
                                        .rows = buf_str(&rows)};
    wire_server_message_encode(&sent, &out);
    assert_int_equal(wire_server_message_decode(buf_str(&out), &arena, &got, &err), STATUS_OK);
    assert_int_equal(got.change_type, WIRE_CHANGE_INSERT);
    assert_int_equal(got.row_list->count, 2);
    assert_null(got.old_value_list);
    assert_true(json_string(json_get(&got.row_list->items[1], "id"), &text));
    assert_str(text, "7");
    buf_reset(&out);
    sent =
        (struct wire_server_message){.type = WIRE_SUBSCRIPTION_ACK,
                                     .subscription_id = STR_LIT("s"),
                                     .total_rows = 3,
                                     .columns = message_columns,
                                     .column_count = 2,
                                     .with_query_id = true,
                                     .batch = {.status = WIRE_BATCH_LOADING_BATCH, .batch_num = 4}};
    wire_server_message_encode(&sent, &out);
    assert_int_equal(wire_server_message_decode(buf_str(&out), &arena, &got, &err), STATUS_OK);
    assert_true(got.with_query_id && got.total_rows == 3 && got.column_count == 2);
    assert_true(data_type_is_same(&got.columns[1].type, &message_columns[1].type));
    assert_true(got.columns[0].primary_key && got.columns[0].not_null && !got.columns[0].unique);
    assert_int_equal(got.batch.status, WIRE_BATCH_LOADING_BATCH);
    assert_true(got.batch.batch_num == 4 && !got.batch.has_last_seq);
    assert_int_equal(wire_server_message_decode(STR_LIT("{\"type\":\"ping\"}"), &arena, &got, &err),
                     STATUS_INVALID_INPUT);
    assert_int_equal(wire_server_message_decode(STR_LIT("{\"type\":\"change\",\"subscription_id\":"
                                                        "\"s\",\"change_type\":\"upsert\"}"),
                                                &arena, &got, &err),
                     STATUS_INVALID_INPUT);
    buf_clear(&out);
    buf_clear(&rows);
    arena_clear(&arena);
}

#define BATCH "\"batch_control\":{\"status\":\"ready\",\"has_more\":false}"

static void test_messages__wrong_server_messages(void **state)
{
    static const struct {
        const char *rest, *message;
    } cases[] = {
        {"subscription_ack\",\"total_rows\":0,\"schema\":[]", "\"batch_control\" is missing"},
        {"subscription_ack\",\"total_rows\":-1," BATCH ",\"schema\":[]", "a number of rows"},
        {"subscription_ack\",\"total_rows\":\"x\"," BATCH ",\"schema\":[]", "an integer"},
        {"subscription_ack\",\"total_rows\":0," BATCH, "schema must be an array"},
        {"subscription_ack\",\"total_rows\":0," BATCH ",\"schema\":[7]", "schema[0].name"},
        {"subscription_ack\",\"total_rows\":0," BATCH
         ",\"schema\":[{\"name\":\"a\",\"data_type\":\"Nothing\"}]",
         "schema[0].data_type is unknown"},
        {"subscription_ack\",\"total_rows\":0," BATCH
         ",\"schema\":[{\"name\":\"a\",\"data_type\":{\"Decimal\":{\"precision\":5,\"scale\":6}}}]",
         "schema[0].data_type is unknown"},
        {"subscription_ack\",\"total_rows\":0," BATCH
         ",\"schema\":[{\"name\":\"a\",\"data_type\":7}]",
         "schema[0].data_type is unknown"},
        {"initial_data_batch\"," BATCH, "field \"rows\" is missing"},
        {"initial_data_batch\",\"rows\":7," BATCH, "field \"rows\" must be an array"},
        {"initial_data_batch\",\"rows\":[7]," BATCH, "an array of objects"},
        {"initial_data_batch\",\"rows\":[]", "field \"batch_control\" is missing"},
        {"initial_data_batch\",\"rows\":[],\"batch_control\":7", "\"status\" is missing"},
        {"initial_data_batch\",\"rows\":[],\"batch_control\":{\"status\":\"ready\"}",
         "field \"has_more\" must be true or false"},
        {"initial_data_batch\",\"rows\":[],\"batch_control\":{\"status\":\"x\",\"has_more\":true}",
         "field \"status\" has an unknown value"},
        {"initial_data_batch\",\"rows\":[],\"batch_control\":{\"batch_num\":-1,\"status\":"
         "\"ready\","
         "\"has_more\":true}",
         "field \"batch_num\" must be a small number"},
        {"initial_data_batch\",\"rows\":[],\"batch_control\":{\"batch_num\":4294967296,\"status\":"
         "\"ready\",\"has_more\":true}",
         "field \"batch_num\" must be a small number"},
        {"initial_data_batch\",\"rows\":[],\"batch_control\":{\"last_seq_id\":true,\"status\":"
         "\"ready\",\"has_more\":true}",
         "field \"last_seq_id\" must be an integer"},
        {"change\",\"change_type\":\"insert\",\"rows\":{}", "field \"rows\" must be an array"},
        {"auth_error\",\"message\":7", "field \"message\" must be a string"},
        {"nothing\",\"x\":7", "unknown message type"},
    };
    struct wire_server_message message;
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str text =
            arena_printf(&arena, "{\"subscription_id\":\"s\",\"type\":\"%s}", cases[i].rest);
        error_clear(&err);
        enum status status = wire_server_message_decode(text, &arena, &message, &err);
        if (status != STATUS_INVALID_INPUT || strstr(err.message, cases[i].message) == NULL)
            fail_msg("%.*s: %s %s", STR_ARG(text), status_name(status), err.message);
    }
    assert_int_equal(
        wire_server_message_decode(STR_LIT("{\"type\":\"auth_error\",\"message\":\"no\"}"), &arena,
                                   &message, &err),
        STATUS_OK);
    assert_int_equal(message.type, WIRE_AUTH_ERROR);
    assert_str(message.message, "no");
    arena_clear(&arena);
}

static void test_messages__mutated_text_never_harms(void **state)
{
    static const char seed_text[] =
        "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"S\",\"params\":[1,null],"
        "\"options\":{\"from\":1}},\"subscriptions\":[{}],\"query_ids\":[\"a\"],"
        "\"batch_control\":{\"status\":\"ready\",\"has_more\":true},\"schema\":[]}";
    struct wire_client_message client;
    struct wire_server_message server;
    struct arena arena;

    arena_init(&arena, 0);
    random_seed();
    for (int i = 0; i < 20000; i++) {
        char text[sizeof(seed_text)];
        memcpy(text, seed_text, sizeof(text));
        for (uint64_t k = random_below(6); k > 0; k--)
            text[random_below(sizeof(text) - 1)] = seed_text[random_below(sizeof(seed_text) - 1)];
        struct str copy = exact_copy(&arena, str_from(text, sizeof(text) - 1));
        enum status status = wire_client_message_decode(copy, &arena, &client, NULL);
        assert_true(status == STATUS_OK || status == STATUS_INVALID_INPUT ||
                    status == STATUS_CORRUPT);
        status = wire_server_message_decode(copy, &arena, &server, NULL);
        assert_true(status == STATUS_OK || status == STATUS_INVALID_INPUT);
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages__subscribe),
        cmocka_unit_test(test_messages__subscribe_options),
        cmocka_unit_test(test_messages__one_bad_entry_leaves_the_others),
        cmocka_unit_test(test_messages__the_other_client_messages),
        cmocka_unit_test(test_messages__wrong_client_messages),
        cmocka_unit_test(test_messages__wrong_subscription_options),
        cmocka_unit_test(test_messages__client_messages_read_back),
        cmocka_unit_test(test_messages__server_texts),
        cmocka_unit_test(test_messages__server_messages_read_back),
        cmocka_unit_test(test_messages__wrong_server_messages),
        cmocka_unit_test(test_messages__mutated_text_never_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
