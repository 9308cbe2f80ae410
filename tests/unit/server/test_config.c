/* test_config.c — precedence, types, ranges, units, warnings; the shipped file and the handbook
 * name every key.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "server/config.h"
#include "storage/files.h"

#include <stdio.h>

static enum status load(struct config *config, const char *text, struct error *err)
{
    error_clear(err);
    return config_load_text(config, "test.toml", str_from_c(text), err);
}

static void test_config__precedence(void **state)
{
    struct config *config = config_new();
    struct error err;
    char variable[] = "KALAMDB_SERVER_PORT=2", shorter[] = "KALAMDB_PORT=3";
    char *both[] = {shorter, variable, NULL}, *one[] = {shorter, NULL};

    error_clear(&err);
    assert_int_equal(config_integer(config, CONFIG_SERVER_PORT), 8080);
    assert_int_equal(load(config, "[server]\nport = 1\n", &err), STATUS_OK);
    assert_int_equal(config_integer(config, CONFIG_SERVER_PORT), 1);
    assert_int_equal(config_load_environment(config, one, &err), STATUS_OK);
    assert_int_equal(config_integer(config, CONFIG_SERVER_PORT), 3);
    assert_int_equal(config_load_environment(config, both, &err), STATUS_OK);
    assert_int_equal(config_integer(config, CONFIG_SERVER_PORT), 2);
    assert_int_equal(config_source_of(config, CONFIG_SERVER_PORT), CONFIG_ENVIRONMENT);
    assert_int_equal(config_set(config, CONFIG_SERVER_PORT, STR_LIT("4"), CONFIG_ARGUMENT, &err),
                     STATUS_OK);
    assert_int_equal(config_integer(config, CONFIG_SERVER_PORT), 4);
    config_free(config);
}

static void test_config__empty_variable_is_a_value(void **state)
{
    struct config *config = config_new();
    struct error err;
    char variable[] = "KALAMDB_LOG_FILE=", logs[] = "KALAMDB_LOGS_DIR=/var/log/k";
    char *empty[] = {variable, NULL}, *folder[] = {logs, NULL};

    error_clear(&err);
    assert_int_equal(config_load_environment(config, folder, &err), STATUS_OK);
    assert_string_equal(config_text(config, CONFIG_LOGGING_FILE_PATH), "/var/log/k/app.log");
    assert_int_equal(config_load_environment(config, empty, &err), STATUS_OK);
    assert_string_equal(config_text(config, CONFIG_LOGGING_FILE_PATH), "");
    config_free(config);
}

static void test_config__bad_values_name_the_key(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[server]\nport = \"x\"", "test.toml line 2: server.port must be an integer, not \"x\""},
        {"[server]\nport = \"8080\"", "test.toml line 2: server.port must be an integer"},
        {"[server]\nport = 700000",
         "test.toml line 2: server.port must lie between 0 and 65535, not \"700000\""},
        {"[server]\nport = true", "test.toml line 2: server.port must be an integer"},
        {"[server]\nhost = \"\"", "test.toml line 2: server.host must not be empty"},
        {"[server]\nhost = \"a\\u0000b\"", "test.toml line 2: server.host holds a NUL character"},
        {"[server]\npublic_health = 1",
         "test.toml line 2: server.public_health must be true or false"},
        {"[storage]\ndurability = \"sometimes\"",
         "test.toml line 2: storage.durability must be one of: sync async memory"},
        {"[storage]\ndurability = \"sync async\"",
         "test.toml line 2: storage.durability must be one of: sync async memory"},
        {"[http]\nbuffer_bytes = \"1 parsec\"",
         "test.toml line 2: http.buffer_bytes must be a size such as 64MiB"},
        {"[http]\nbuffer_bytes = 1", "test.toml line 2: http.buffer_bytes must lie between"},
        {"[query]\ntimeout_seconds = \"soon\"",
         "test.toml line 2: query.timeout_seconds must be a duration such as 30s"},
        {"[server]\ncors_origins = \"*\"",
         "test.toml line 2: server.cors_origins must be an array of strings"},
        {"[session_cache]\nttl_seconds = 60",
         "test.toml line 2: session_cache.ttl_seconds is always 1800 here, not \"60\""},
        {"[server", "test.toml: line 1: a section without its closing bracket"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct config *config = config_new();
        struct error err;
        assert_int_equal(load(config, cases[i].text, &err), STATUS_INVALID_INPUT);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("case %zu gave: %s", i, err.message);
        config_free(config);
    }
}

static void test_config__keys_together(void **state)
{
    static const char *const bad[] = {
        "[storage.parquet]\nrow_group_rows = 5000",
        "[live]\nping_interval_seconds = 10",
        "[auth]\njwt_secret = \"short\"",
        "[server]\ntls_cert = \"cert.pem\"",
        "[server]\ntls_key = \"key.pem\"",
        "[server]\ntrusted_proxy_ranges = [\"10.0.0.0/8\", \"10.0.0.1/8\"]",
        "[server]\ntrusted_proxy_ranges = [\"proxy.example\"]",
    };

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct config *config = config_new();
        struct error err;
        assert_int_equal(load(config, bad[i], &err), STATUS_OK);
        assert_int_equal(config_finish(config, &err), STATUS_INVALID_INPUT);
        config_free(config);
    }
    struct config *config = config_new();
    struct error err;
    assert_int_equal(load(config, "[server]\ndata_dir = \"/d\"", &err), STATUS_OK);
    assert_int_equal(config_finish(config, &err), STATUS_OK);
    assert_string_equal(config_text(config, CONFIG_STORAGE_ROCKSDB_PATH), "/d/rocksdb");
    assert_string_equal(config_text(config, CONFIG_STORAGE_DEFAULT_STORAGE_PATH), "/d/storage");
    assert_true(config_text(config, CONFIG_SERVER_NODE)[0] != 0);
    config_free(config);
}

static void test_config__unknown_keys_warn(void **state)
{
    struct config *config = config_new();
    struct error err;

    assert_int_equal(load(config, "[server]\nprot = 1\n[tables]\n", &err), STATUS_OK);
    struct str warnings = config_warnings(config);
    assert_int_equal(str_find(warnings, STR_LIT("test.toml line 3: unknown section tables")), 0);
    assert_true(str_find(warnings, STR_LIT("line 2: unknown key server.prot")) != SIZE_MAX);
    config_free(config);
}

static void test_config__units(void **state)
{
    int64_t out;

    assert_true(config_parse_bytes(STR_LIT("64MiB"), &out) && out == 64 << 20);
    assert_true(config_parse_bytes(STR_LIT(" 10 kb "), &out) && out == 10000);
    assert_true(config_parse_bytes(STR_LIT("7"), &out) && out == 7);
    assert_false(config_parse_bytes(STR_LIT("9223372036854775807KiB"), &out));
    assert_false(config_parse_bytes(STR_LIT("MiB"), &out));
    assert_false(config_parse_bytes(STR_LIT("-1"), &out));
    assert_true(config_parse_seconds(STR_LIT("90"), &out) && out == 90);
    assert_true(config_parse_seconds(STR_LIT("5 minutes"), &out) && out == 300);
    assert_true(config_parse_seconds(STR_LIT("7d"), &out) && out == 604800);
    assert_false(config_parse_seconds(STR_LIT("7x"), &out));
    assert_false(config_parse_seconds(STR_LIT("1 s m"), &out));
}

static void test_config__lists_and_settings(void **state)
{
    struct config *config = config_new();
    struct error err;
    struct str out[5];
    size_t count = 0, settings = 0;
    bool masked = false;

    assert_int_equal(load(config,
                          "[server]\ncors_origins = [\"http://a\", 'http://b']\n[auth]\n"
                          "jwt_secret = \"0123456789abcdef0123456789abcdef\"",
                          &err),
                     STATUS_OK);
    const struct str *items = config_list(config, CONFIG_SERVER_CORS_ORIGINS, &count);
    assert_int_equal(count, 2);
    assert_true(str_equal(items[1], STR_LIT("http://b")));
    for (; config_setting_at(config, settings, out); settings++) {
        assert_true(str_find(out[1], STR_LIT("0123456789abcdef")) == SIZE_MAX);
        masked =
            masked || (str_equal(out[0], STR_LIT("auth.jwt_secret")) &&
                       str_equal(out[1], STR_LIT("***")) && str_equal(out[3], STR_LIT("file")));
    }
    assert_int_equal(settings, CONFIG_KEY_COUNT);
    assert_true(masked);
    config_free(config);
}

/* Path of a file of the repository, from where this test's source lies. */
static void read_repository_file(const char *name, struct buf *out)
{
    char path[4096];
    struct error err;
    const char *tests = strstr(__FILE__, "/tests/unit/");

    assert_non_null(tests);
    snprintf(path, sizeof(path), "%.*s/%s", (int)(tests - __FILE__), __FILE__, name);
    assert_int_equal(file_read_all(path, 1 << 20, out, &err), STATUS_OK);
}

static void test_config__documents_name_every_key(void **state)
{
    struct buf handbook = {0}, shipped = {0};
    struct config_key_info info;
    char text[256];

    read_repository_file("docs/operations.md", &handbook);
    read_repository_file("packaging/kalamd.toml", &shipped);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        config_key_info((enum config_key)key, &info);
        if (info.standard[0] != 0)
            snprintf(text, sizeof(text), "| `%s` | `%s` |", info.name, info.standard);
        else
            snprintf(text, sizeof(text), "| `%s` | (empty) |", info.name);
        if (str_find(buf_str(&handbook), str_from_c(text)) == SIZE_MAX)
            fail_msg("docs/operations.md lacks %s", text);
        snprintf(text, sizeof(text), "\n#%s = ", strrchr(info.name, '.') + 1);
        if (str_find(buf_str(&shipped), str_from_c(text)) == SIZE_MAX)
            fail_msg("packaging/kalamd.toml lacks %s", info.name);
    }
    buf_clear(&handbook);
    buf_clear(&shipped);
}

static void test_config__shipped_file_holds_the_defaults(void **state)
{
    struct config *config = config_new(), *fresh = config_new();
    struct buf shipped = {0}, active = {0};
    struct error err;
    struct str a[5], b[5];

    read_repository_file("packaging/kalamd.toml", &shipped);
    for (size_t i = 0; i < shipped.size; i++) { /* takes `#` away in front of keys */
        bool commented =
            shipped.data[i] == '#' && i + 1 < shipped.size && shipped.data[i + 1] != ' ';
        if (!commented)
            buf_append_byte(&active, (uint8_t)shipped.data[i]);
    }
    buf_append_byte(&active, 0);
    assert_int_equal(load(config, active.data, &err), STATUS_OK);
    assert_int_equal(config_warnings(config).size, 0);
    for (size_t i = 0; config_setting_at(config, i, a); i++) {
        assert_true(config_setting_at(fresh, i, b));
        assert_true(str_equal(a[1], b[1]));
        assert_true(str_equal(a[3], STR_LIT("file")));
    }
    config_free(config);
    config_free(fresh);
    buf_clear(&shipped);
    buf_clear(&active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__precedence),
        cmocka_unit_test(test_config__empty_variable_is_a_value),
        cmocka_unit_test(test_config__bad_values_name_the_key),
        cmocka_unit_test(test_config__keys_together),
        cmocka_unit_test(test_config__unknown_keys_warn),
        cmocka_unit_test(test_config__units),
        cmocka_unit_test(test_config__lists_and_settings),
        cmocka_unit_test(test_config__documents_name_every_key),
        cmocka_unit_test(test_config__shipped_file_holds_the_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
