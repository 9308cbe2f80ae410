/* test_client.c — addresses, credentials, log-in, renewal, health, set-up.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kalam/kalam.h"

#include "fake_server.h"

static kalam_status open_with(struct kalam_options options)
{
    kalam_client *client = NULL;
    kalam_error error;
    kalam_status status = kalam_client_new(&options, &client, &error);

    assert_int_equal(status, error.status);
    assert_int_equal(status == KALAM_OK, client != NULL);
    kalam_client_free(client);
    return status;
}

static void test_urls(void **state)
{
    static const char *const good[] = {"http://localhost:8080", "https://db.example.org",
                                       "http://[::1]:80/", "http://10.0.0.1"};
    static const char *const bad[] = {"",           "localhost:8080", "ftp://x",
                                      "http://",    "http://:80",     "http://x/path",
                                      "http://u@x", "http://x?y",     "http://x#y",
                                      "http://a b", "http://x:0",     "http://x:65536",
                                      "http://x:",  "http://x:http",  "http://x\r\nHost: y"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(open_with((struct kalam_options){.url = good[i]}), KALAM_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(open_with((struct kalam_options){.url = bad[i]}), KALAM_INVALID_URL);
}

static void test_tokens_and_header_lines(void **state)
{
    assert_int_equal(open_with((struct kalam_options){.token = "a.b.c"}), KALAM_OK);
    assert_int_equal(open_with((struct kalam_options){.token = ""}), KALAM_INVALID_TOKEN);
    assert_int_equal(open_with((struct kalam_options){.token = "a.b"}), KALAM_INVALID_TOKEN);
    assert_int_equal(open_with((struct kalam_options){.token = "a.b.c\nX: y"}),
                     KALAM_INVALID_TOKEN);
    assert_int_equal(open_with((struct kalam_options){.user = "a\r\nX: y"}),
                     KALAM_INVALID_ARGUMENT);
    assert_int_equal(open_with((struct kalam_options){.api_key = "k\n"}), KALAM_INVALID_ARGUMENT);
    assert_int_equal(open_with((struct kalam_options){.refresh_token = "r\nX: y"}),
                     KALAM_INVALID_TOKEN);
    assert_int_equal(kalam_client_new(NULL, NULL, NULL), KALAM_INVALID_ARGUMENT);
    kalam_client_free(NULL);
    kalam_cancel(NULL);
    kalam_session_clear(NULL);
}

#define SESSION(access) \
    "{\"user\":{\"id\":\"lena\",\"role\":\"dba\",\"email\":null},\"access_token\":\"" access "\"," \
    "\"refresh_token\":\"r.r.r\"}"

static void handle_account(struct fake_request *request)
{
    if (strstr(request->head, "POST /v1/api/auth/login "))
        fake_answer(request, strstr(request->body, "\"password\":\"right\"") ? 200 : 401,
                    strstr(request->body, "\"password\":\"right\"")
                        ? SESSION("a.a.a")
                        : "{\"error\":\"unauthorized\",\"message\":\"Invalid credentials\"}");
    else if (strstr(request->head, "POST /v1/api/auth/refresh "))
        fake_answer(request, 200,
                    strstr(request->head, "Bearer r.r.r") ? SESSION("b.b.b") : "{\"no\":1}");
    else if (strstr(request->head, "POST /v1/api/auth/setup "))
        fake_answer(
            request, strstr(request->body, "\"root_password\":\"long enough\"") ? 200 : 400,
            "{\"user\":{\"id\":\"x\"},\"error\":\"weak_password\",\"message\":\"too weak\"}");
    else if (strstr(request->head, "GET /v1/health "))
        fake_answer(request, request->fake->flag ? 503 : 200,
                    request->fake->flag ? "{\"status\":\"shutting_down\",\"message\":\"stopping\"}"
                                        : "{\"status\":\"healthy\",\"version\":\"1.2.3\"}");
    else
        fake_answer(request, strstr(request->head, "Authorization: Bearer a.a.a") ? 200 : 401,
                    strstr(request->head, "Authorization: Bearer a.a.a")
                        ? FAKE_OK
                        : "{\"status\":\"error\",\"results\":[],\"took\":0,\"error\":{\"code\":"
                          "\"INVALID_CREDENTIALS\",\"message\":\"no\"}}");
}

static void test_login_refresh_setup_health(void **state)
{
    struct fake *fake = fake_start(handle_account);
    struct kalam_options options = {.url = fake->url};
    kalam_client *client;
    kalam_session session = {0};
    kalam_error error;
    char version[16];

    assert_int_equal(kalam_client_new(&options, &client, &error), KALAM_OK);
    assert_int_equal(kalam_login(client, "lena", "wrong", &session, &error), KALAM_AUTHENTICATION);
    assert_string_equal(error.code, "unauthorized");
    assert_string_equal(error.message, "Invalid credentials");
    assert_int_equal(error.http_status, 401);
    assert_int_equal(kalam_login(client, "lena", "right", &session, &error), KALAM_OK);
    assert_string_equal(session.access_token, "a.a.a");
    assert_string_equal(session.user, "lena");
    assert_string_equal(session.role, "dba");
    kalam_session_clear(&session);
    assert_int_equal(kalam_refresh(client, "r.r.r", &session, &error), KALAM_OK);
    assert_string_equal(session.access_token, "b.b.b");
    kalam_session_clear(&session);
    assert_int_equal(kalam_refresh(client, "r.r.r\r\nX: y", &session, &error), KALAM_INVALID_TOKEN);
    assert_int_equal(kalam_refresh(client, "x.x.x", &session, &error), KALAM_SERIALIZATION);
    assert_int_equal(kalam_setup(client, "long enough", "adm", "long too", NULL, &error), KALAM_OK);
    assert_int_equal(kalam_setup(client, "x", "adm", "y", "a@b", &error), KALAM_HTTP);
    assert_string_equal(error.code, "weak_password");
    assert_int_equal(kalam_health(client, version, sizeof version, &error), KALAM_OK);
    assert_string_equal(version, "1.2.3");
    fake->flag = 1;
    assert_int_equal(kalam_health(client, NULL, 0, &error), KALAM_HTTP);
    assert_int_equal(error.http_status, 503);
    kalam_client_free(client);
    fake_stop(fake);
}

static void test_password_logs_in_on_first_use(void **state)
{
    struct fake *fake = fake_start(handle_account);
    struct kalam_options options = {.url = fake->url, .user = "lena", .password = "right"};
    kalam_client *client;
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_client_new(&options, &client, &error), KALAM_OK);
    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error), KALAM_OK);
    assert_int_equal(fake->requests, 2);
    kalam_results_free(results);
    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error), KALAM_OK);
    assert_int_equal(fake->requests, 3); /* the token is kept */
    kalam_results_free(results);
    kalam_client_free(client);
    options.password = "wrong";
    assert_int_equal(kalam_client_new(&options, &client, &error), KALAM_OK);
    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_AUTHENTICATION);
    assert_null(results);
    kalam_client_free(client);
    fake_stop(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_tokens_and_header_lines),
        cmocka_unit_test(test_login_refresh_setup_health),
        cmocka_unit_test(test_password_logs_in_on_first_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
