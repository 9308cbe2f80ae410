/* config.c — values by key, with where each came from.
 *
 * Every source hands its values over as text of the form used in the environment, so that there is
 * one parser per type. Only the file has types of its own, which must agree: port = "x" is an
 * error, and so is port = "8080".
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/config.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/schedule.h"
#include "base/utf8.h"
#include "catalog/catalog.h"
#include "net/address.h"
#include "server/toml.h"
#include "storage/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct config_value {
    struct str text; /* NUL-terminated, as it came */
    int64_t integer;
    bool boolean;
    struct str *items;
    size_t item_count;
    enum config_source source;
    bool set;
};

struct config {
    struct arena arena;
    struct buf warnings;
    struct config_value values[CONFIG_KEY_COUNT];
};

/* ---- units ----------------------------------------------------------------------------------- */

/* Number and unit of `64 MiB`; false if there is no number. */
static bool config_split_unit(struct str text, int64_t *number, struct str *unit)
{
    size_t digits = 0;

    text = str_trim(text);
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    *unit = str_trim(str_from(text.data + digits, text.size - digits));
    CHECK(unit->size <= text.size);
    return str_to_int64(str_from(text.data, digits), number);
}

bool config_parse_bytes(struct str text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = {
        {"", 1},
        {"B", 1},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
        {"KiB", INT64_C(1) << 10},
        {"MiB", INT64_C(1) << 20},
        {"GiB", INT64_C(1) << 30},
        {"TiB", INT64_C(1) << 40},
    };
    struct str unit;
    int64_t number;

    CHECK(out != NULL);
    if (!config_split_unit(text, &number, &unit))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        if (str_equal_nocase(unit, str_from_c(units[i].unit)))
            return !__builtin_mul_overflow(number, units[i].bytes, out);
    return false;
}

bool config_parse_seconds(struct str text, int64_t *out)
{
    static const struct {
        const char *units;
        int64_t seconds;
    } table[] = {
        {" s sec second seconds ", 1},
        {" m min minute minutes ", 60},
        {" h hour hours ", 3600},
        {" d day days ", 86400},
    };
    struct str unit;
    char word[16];
    int64_t number;

    CHECK(out != NULL);
    if (!config_split_unit(text, &number, &unit) || unit.size > 10)
        return false;
    if (unit.size == 0) {
        *out = number;
        return true;
    }
    (void)snprintf(word, sizeof(word), " %.*s ", STR_ARG(unit));
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (strstr(table[i].units, word) != NULL)
            return !__builtin_mul_overflow(number, table[i].seconds, out);
    return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

enum { CONFIG_SHOWN_BYTES = 200 }; /* of a value in a message */

/* `key must be …, not "value"`; secrets are not shown. */
static enum status config_bad(const struct config_key_info *info, struct str text,
                              struct error *err, const char *wanted)
{
    CHECK(info->name != NULL);
    if (info->state == CONFIG_STATE_SECRET || memchr(text.data, 0, text.size) != NULL)
        return error_set(err, STATUS_INVALID_INPUT, "%s %s", info->name, wanted);
    struct str shown = utf8_cut(text, CONFIG_SHOWN_BYTES);
    return error_set(err, STATUS_INVALID_INPUT, "%s %s, not \"%.*s%s\"", info->name, wanted,
                     STR_ARG(shown), shown.size < text.size ? "…" : "");
}

static enum status config_range(const struct config_key_info *info, struct str text, int64_t number,
                                struct error *err)
{
    char wanted[96];

    CHECK(info->least <= info->most);
    if (number >= info->least && number <= info->most)
        return STATUS_OK;
    (void)snprintf(wanted, sizeof(wanted), "must lie between %lld and %lld", info->least,
                   info->most);
    return config_bad(info, text, err, wanted);
}

static bool config_is_word(const char *words, struct str text)
{
    struct str rest = str_from(words, (size_t)(strchr(words, ':') - words));

    CHECK(rest.size > 0);
    while (rest.size > 0) {
        const char *blank = memchr(rest.data, ' ', rest.size);
        size_t size = blank != NULL ? (size_t)(blank - rest.data) : rest.size;
        if (str_equal(str_from(rest.data, size), text))
            return true;
        size += blank != NULL ? 1 : 0;
        rest = str_from(rest.data + size, rest.size - size);
    }
    return false;
}

/* Items between commas; blanks around them do not count. */
static void config_split_list(struct config *config, struct config_value *value)
{
    struct str rest = value->text;

    value->items = arena_array(&config->arena, rest.size + 1, sizeof(struct str));
    value->item_count = 0;
    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma != NULL ? (size_t)(comma - rest.data) : rest.size;
        struct str item = str_trim(str_from(rest.data, size));
        if (item.size > 0)
            value->items[value->item_count++] = item;
        size += comma != NULL ? 1 : 0;
        rest = str_from(rest.data + size, rest.size - size);
    }
    CHECK(value->item_count <= value->text.size);
}

static bool config_parse_boolean(struct str text, bool *out)
{
    bool yes = str_equal_nocase(text, STR_LIT("true")) || str_equal(text, STR_LIT("1"));

    CHECK(out != NULL);
    *out = yes;
    return yes || str_equal_nocase(text, STR_LIT("false")) || str_equal(text, STR_LIT("0"));
}

static enum status config_parse(struct config *config, const struct config_key_info *info,
                                struct config_value *value, struct error *err)
{
    struct str text = value->text;
    struct schedule schedule;
    char wanted[96];

    CHECK(text.data != NULL);
    switch (info->type) {
    case CONFIG_TYPE_TEXT:
        if (memchr(text.data, 0, text.size) != NULL)
            return config_bad(info, text, err, "holds a NUL character");
        if ((long long)text.size < info->least || (long long)text.size > info->most)
            return config_bad(info, text, err,
                              text.size == 0 ? "must not be empty" : "is too long");
        return STATUS_OK;
    case CONFIG_TYPE_INTEGER:
        if (!str_to_int64(text, &value->integer))
            return config_bad(info, text, err, "must be an integer");
        return config_range(info, text, value->integer, err);
    case CONFIG_TYPE_BOOLEAN:
        return config_parse_boolean(text, &value->boolean)
                   ? STATUS_OK
                   : config_bad(info, text, err, "must be true or false");
    case CONFIG_TYPE_BYTES:
        if (!config_parse_bytes(text, &value->integer))
            return config_bad(info, text, err, "must be a size such as 64MiB");
        return config_range(info, text, value->integer, err);
    case CONFIG_TYPE_SECONDS:
        if (!config_parse_seconds(text, &value->integer))
            return config_bad(info, text, err, "must be a duration such as 30s");
        return config_range(info, text, value->integer, err);
    case CONFIG_TYPE_LIST:
        config_split_list(config, value);
        return STATUS_OK;
    case CONFIG_TYPE_SCHEDULE:
        return schedule_parse(text, &schedule)
                   ? STATUS_OK
                   : config_bad(info, text, err, "must be a schedule such as \"0 0 * * *\"");
    case CONFIG_TYPE_CHOICE:
        if (config_is_word(info->words, text))
            return STATUS_OK;
        (void)snprintf(wanted, sizeof(wanted), "must be one of: %.*s",
                       (int)(strchr(info->words, ':') - info->words), info->words);
        return config_bad(info, text, err, wanted);
    }
    UNREACHABLE("every type is parsed");
}

enum status config_set(struct config *config, enum config_key key, struct str text,
                       enum config_source source, struct error *err)
{
    struct config_value value = {.source = source, .set = true};
    struct config_key_info info;
    enum status status;

    config_key_info(key, &info);
    CHECK(source <= CONFIG_ARGUMENT);
    value.text = arena_copy(&config->arena, text);
    status = config_parse(config, &info, &value, err);
    if (status != STATUS_OK)
        return status;
    bool differs = !str_equal(text, str_from_c(info.standard));
    if (differs && info.state == CONFIG_STATE_FIXED)
        return error_set(err, STATUS_INVALID_INPUT, "%s is always %s here, not \"%.*s\": %s",
                         info.name, info.standard, STR_ARG(text), info.meaning);
    config->values[key] = value;
    return STATUS_OK;
}

struct config *config_new(void)
{
    struct config *config = mem_zalloc(sizeof(*config));
    struct config_key_info info;
    struct error err;

    arena_init(&config->arena, 0);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        config_key_info((enum config_key)key, &info);
        error_clear(&err);
        CHECK(config_set(config, (enum config_key)key, str_from_c(info.standard), CONFIG_DEFAULT,
                         &err) == STATUS_OK);
    }
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    CHECK(config->values[0].set);
    buf_clear(&config->warnings);
    arena_clear(&config->arena);
    mem_free(config);
}

/* ---- file ------------------------------------------------------------------------------------ */

static int config_find(struct str name)
{
    struct config_key_info info;

    CHECK(name.size > 0);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        config_key_info((enum config_key)key, &info);
        if (str_equal(name, str_from_c(info.name)))
            return key;
    }
    return -1;
}

static bool config_is_section(struct str name)
{
    struct config_key_info info;

    CHECK(name.size > 0);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        config_key_info((enum config_key)key, &info);
        if (str_starts_with(str_from_c(info.name), name) && info.name[name.size] == '.')
            return true;
    }
    return false;
}

/* The file's value as text; false if its type does not fit the key's. */
static bool config_entry_text(struct config *config, const struct toml_entry *entry,
                              enum config_type type, struct str *out)
{
    bool takes_text = type == CONFIG_TYPE_TEXT || type == CONFIG_TYPE_CHOICE ||
                      type == CONFIG_TYPE_SCHEDULE || type == CONFIG_TYPE_BYTES ||
                      type == CONFIG_TYPE_SECONDS;
    bool takes_integer =
        type == CONFIG_TYPE_INTEGER || type == CONFIG_TYPE_BYTES || type == CONFIG_TYPE_SECONDS;
    struct buf list;

    CHECK(entry->key.size > 0);
    switch (entry->kind) {
    case TOML_STRING:
        *out = entry->text;
        return takes_text;
    case TOML_INTEGER:
        *out = arena_printf(&config->arena, "%lld", (long long)entry->integer);
        return takes_integer;
    case TOML_BOOLEAN:
        *out = entry->boolean ? STR_LIT("true") : STR_LIT("false");
        return type == CONFIG_TYPE_BOOLEAN;
    case TOML_STRINGS:
        buf_init(&list);
        for (size_t i = 0; i < entry->item_count; i++) {
            if (i > 0)
                buf_append_byte(&list, ',');
            buf_append_str(&list, entry->items[i]);
        }
        *out = arena_copy(&config->arena, buf_str(&list));
        buf_clear(&list);
        return type == CONFIG_TYPE_LIST;
    }
    UNREACHABLE("every kind has a text");
}

static enum status config_apply(struct config *config, const char *name,
                                const struct toml_entry *entry, struct error *err)
{
    static const char *const wanted[] = {
        [CONFIG_TYPE_TEXT] = "must be a string",
        [CONFIG_TYPE_INTEGER] = "must be an integer",
        [CONFIG_TYPE_BOOLEAN] = "must be true or false",
        [CONFIG_TYPE_BYTES] = "must be a size such as \"64MiB\"",
        [CONFIG_TYPE_SECONDS] = "must be a duration such as \"30s\"",
        [CONFIG_TYPE_LIST] = "must be an array of strings",
        [CONFIG_TYPE_CHOICE] = "must be a string",
        [CONFIG_TYPE_SCHEDULE] = "must be a string",
    };
    struct config_key_info info;
    struct str text = STR_EMPTY;
    enum status status;

    int key = config_find(entry->key);
    if (key < 0) {
        buf_printf(&config->warnings, "%s line %u: unknown key %.*s\n", name, entry->line,
                   STR_ARG(entry->key));
        return STATUS_OK;
    }
    config_key_info((enum config_key)key, &info);
    CHECK(info.type < ARRAY_COUNT(wanted));
    if (config_entry_text(config, entry, info.type, &text))
        status = config_set(config, (enum config_key)key, text, CONFIG_FILE, err);
    else
        status = config_bad(&info, text, err, wanted[info.type]);
    if (status != STATUS_OK)
        error_prefix(err, "%s line %u", name, entry->line);
    return status;
}

enum status config_load_text(struct config *config, const char *name, struct str text,
                             struct error *err)
{
    struct toml toml;
    enum status status = toml_parse(text, &config->arena, &toml, err);

    CHECK(name != NULL);
    if (status != STATUS_OK) {
        error_prefix(err, "%s", name);
        return status;
    }
    for (size_t i = 0; i < toml.table_count; i++)
        if (!config_is_section(toml.tables[i]))
            buf_printf(&config->warnings, "%s line %u: unknown section %.*s\n", name,
                       toml.table_lines[i], STR_ARG(toml.tables[i]));
    for (const struct toml_entry *entry = toml.entries; entry != NULL; entry = entry->next) {
        status = config_apply(config, name, entry, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status config_load_file(struct config *config, const char *path, struct error *err)
{
    struct buf text;
    enum status status;

    CHECK(path != NULL);
    buf_init(&text);
    status = file_read_all(path, TOML_BYTES_MAX, &text, err);
    if (status == STATUS_ABSENT)
        status = error_set(err, STATUS_INVALID_INPUT, "configuration file %s does not exist", path);
    if (status == STATUS_OK)
        status = config_load_text(config, path, buf_str(&text), err);
    buf_clear(&text);
    return status;
}

/* ---- environment ----------------------------------------------------------------------------- */

static struct str config_variable(char *const *environment, const char *name)
{
    size_t size = strlen(name);

    CHECK(size > 0);
    for (size_t i = 0; environment[i] != NULL; i++)
        if (strncmp(environment[i], name, size) == 0 && environment[i][size] == '=')
            return str_from_c(environment[i] + size + 1);
    return str_from(NULL, 0); /* not set, unlike set to nothing */
}

/* KALAMDB_STORAGE_ROCKSDB_PATH of "storage.rocksdb_path". */
static void config_long_name(const char *name, char out[128])
{
    int start = snprintf(out, 128, "KALAMDB_");
    size_t at = (size_t)start;

    for (size_t i = 0; name[i] != 0; i++) {
        CHECK(at + 1 < 128);
        out[at++] = name[i] == '.'
                        ? '_'
                        : (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    }
    out[at] = 0;
}

static enum status config_load_variable(struct config *config, enum config_key key,
                                        char *const *environment, struct error *err)
{
    struct config_key_info info;
    char name[128];

    config_key_info(key, &info);
    config_long_name(info.name, name);
    struct str text = config_variable(environment, name);
    if (text.data == NULL && info.env[0] != 0) {
        int size = snprintf(name, sizeof(name), "KALAMDB_%s", info.env);
        CHECK(size > 0 && (size_t)size < sizeof(name));
        text = config_variable(environment, name);
    }
    if (text.data == NULL)
        return STATUS_OK;
    enum status status = config_set(config, key, text, CONFIG_ENVIRONMENT, err);
    if (status != STATUS_OK)
        error_prefix(err, "%s", name);
    return status;
}

enum status config_load_environment(struct config *config, char *const *environment,
                                    struct error *err)
{
    struct str logs = config_variable(environment, "KALAMDB_LOGS_DIR");
    enum status status = STATUS_OK;

    CHECK(environment != NULL);
    if (logs.size > 0)
        status = config_set(config, CONFIG_LOGGING_FILE_PATH,
                            arena_printf(&config->arena, "%.*s/app.log", STR_ARG(logs)),
                            CONFIG_ENVIRONMENT, err);
    for (int key = 0; key < CONFIG_KEY_COUNT && status == STATUS_OK; key++)
        status = config_load_variable(config, (enum config_key)key, environment, err);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void config_default_path(struct config *config, enum config_key key, const char *folder)
{
    struct config_value *value = &config->values[key];

    CHECK(value->set);
    if (value->text.size == 0)
        value->text = arena_printf(&config->arena, "%s/%s",
                                   config_text(config, CONFIG_SERVER_DATA_DIR), folder);
}

static void config_default_node(struct config *config)
{
    struct config_value *value = &config->values[CONFIG_SERVER_NODE];
    char name[256] = "node";

    CHECK(value->set);
    if (value->text.size > 0)
        return;
    (void)gethostname(name, sizeof(name) - 1);
    value->text = arena_copy(&config->arena, str_from_c(name));
}

/* `http(s)://host[:port]`, as browsers write it. */
static bool config_is_origin(struct str text)
{
    struct str scheme =
        str_starts_with(text, STR_LIT("https://")) ? STR_LIT("https://") : STR_LIT("http://");

    CHECK(text.data != NULL || text.size == 0);
    if (!str_starts_with(text, scheme) || text.size == scheme.size)
        return false;
    for (size_t i = scheme.size; i < text.size; i++)
        if (text.data[i] <= ' ' || strchr("/?#@\\\"<>", text.data[i]) != NULL)
            return false;
    return true;
}

static bool config_is_path_part(struct str text)
{
    CHECK(text.data != NULL);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' &&
            c != '_')
            return false;
    }
    return text.size > 0;
}

static enum status config_check_origins(const struct config *config, struct error *err)
{
    struct str origin = str_from_c(config_text(config, CONFIG_SERVER_PUBLIC_ORIGIN));
    size_t count = 0;
    const struct str *allowed = config_list(config, CONFIG_SERVER_CORS_ORIGINS, &count);

    CHECK(allowed != NULL);
    if (origin.size > 0 && !config_is_origin(origin))
        return error_set(err, STATUS_INVALID_INPUT,
                         "server.public_origin must be an origin such as https://db.example.org, "
                         "not \"%.*s\"",
                         STR_ARG(origin));
    for (size_t i = 0; i < count; i++)
        if (!str_equal(allowed[i], STR_LIT("*")) && !config_is_origin(allowed[i]))
            return error_set(err, STATUS_INVALID_INPUT,
                             "server.cors_origins must hold origins such as "
                             "https://app.example.org, or *, not \"%.*s\"",
                             STR_ARG(allowed[i]));
    return STATUS_OK;
}

static enum status config_check_names(const struct config *config, struct error *err)
{
    struct str version = str_from_c(config_text(config, CONFIG_SERVER_API_VERSION));
    struct str user = str_from_c(config_text(config, CONFIG_AUTH_LOCALHOST_DEFAULT_USER));

    CHECK(version.size > 0 && user.size > 0);
    if (!config_is_path_part(version))
        return error_set(err, STATUS_INVALID_INPUT,
                         "server.api_version must be of letters, digits, - and _, not \"%.*s\"",
                         STR_ARG(version));
    if (!user_id_is_valid(user))
        return error_set(err, STATUS_INVALID_INPUT,
                         "auth.localhost_default_user must be a user id, not \"%.*s\"",
                         STR_ARG(user));
    return STATUS_OK;
}

static enum status config_check_network(const struct config *config, struct error *err)
{
    bool has_cert = config_text(config, CONFIG_SERVER_TLS_CERT)[0] != 0;
    bool has_key = config_text(config, CONFIG_SERVER_TLS_KEY)[0] != 0;
    struct address_range range;
    size_t count = 0;
    const struct str *proxies = config_list(config, CONFIG_SERVER_TRUSTED_PROXY_RANGES, &count);

    CHECK(proxies != NULL);
    if (has_cert != has_key)
        return error_set(err, STATUS_INVALID_INPUT, "%s is missing: TLS needs both %s and %s",
                         has_cert ? "server.tls_key" : "server.tls_cert", "server.tls_cert",
                         "server.tls_key");
    for (size_t i = 0; i < count; i++)
        if (!address_range_parse(proxies[i], &range))
            return error_set(err, STATUS_INVALID_INPUT,
                             "server.trusted_proxy_ranges must hold addresses or ranges such as "
                             "10.0.0.0/8, not \"%.*s\"",
                             STR_ARG(proxies[i]));
    return STATUS_OK;
}

enum status config_finish(struct config *config, struct error *err)
{
    size_t secret = strlen(config_text(config, CONFIG_AUTH_JWT_SECRET));

    CHECK(config->values[0].set);
    if (config_integer(config, CONFIG_PARQUET_ROW_GROUP_ROWS) % 2048 != 0)
        return error_set(err, STATUS_INVALID_INPUT,
                         "storage.parquet.row_group_rows must be a multiple of 2048");
    if (config_integer(config, CONFIG_LIVE_CLIENT_TIMEOUT_SECONDS) <=
        config_integer(config, CONFIG_LIVE_PING_INTERVAL_SECONDS))
        return error_set(err, STATUS_INVALID_INPUT,
                         "live.client_timeout_seconds must be above live.ping_interval_seconds");
    if (secret > 0 && secret < 32)
        return error_set(err, STATUS_INVALID_INPUT, "auth.jwt_secret must have at least 32 bytes");
    enum status status = config_check_network(config, err);
    if (status == STATUS_OK)
        status = config_check_origins(config, err);
    if (status == STATUS_OK)
        status = config_check_names(config, err);
    if (status != STATUS_OK)
        return status;
    config_default_path(config, CONFIG_STORAGE_ROCKSDB_PATH, "rocksdb");
    config_default_path(config, CONFIG_STORAGE_DEFAULT_STORAGE_PATH, "storage");
    config_default_node(config);
    return STATUS_OK;
}

bool config_is_same(const struct config *a, const struct config *b, enum config_key key)
{
    CHECK(key < CONFIG_KEY_COUNT && a->values[key].set && b->values[key].set);
    return str_equal(a->values[key].text, b->values[key].text);
}

struct str config_warnings(const struct config *config)
{
    CHECK(config != NULL);
    return buf_str(&config->warnings);
}

static const struct config_value *config_value(const struct config *config, enum config_key key)
{
    CHECK(key < CONFIG_KEY_COUNT && config->values[key].set);
    return &config->values[key];
}

const char *config_text(const struct config *config, enum config_key key)
{
    const struct config_value *value = config_value(config, key);

    CHECK(value->text.data != NULL && value->text.data[value->text.size] == 0);
    return value->text.data;
}

int64_t config_integer(const struct config *config, enum config_key key)
{
    CHECK(config_value(config, key)->items == NULL);
    return config_value(config, key)->integer;
}

bool config_boolean(const struct config *config, enum config_key key)
{
    CHECK(config_value(config, key)->items == NULL);
    return config_value(config, key)->boolean;
}

const struct str *config_list(const struct config *config, enum config_key key, size_t *count)
{
    const struct config_value *value = config_value(config, key);

    CHECK(value->items != NULL);
    *count = value->item_count;
    return value->items;
}

enum config_source config_source_of(const struct config *config, enum config_key key)
{
    CHECK(key < CONFIG_KEY_COUNT);
    return config_value(config, key)->source;
}

bool config_setting_at(const struct config *config, size_t index, struct str out[5])
{
    static const char *const sources[] = {"default", "file", "environment", "argument"};
    struct config_key_info info;

    CHECK(config != NULL);
    if (index >= CONFIG_KEY_COUNT)
        return false;
    const struct config_value *value = config_value(config, (enum config_key)index);
    config_key_info((enum config_key)index, &info);
    bool secret = info.state == CONFIG_STATE_SECRET;
    out[0] = str_from_c(info.name);
    out[1] = secret && value->text.size > 0 ? STR_LIT("***") : value->text;
    out[2] = str_from_c(info.standard);
    out[3] = str_from_c(sources[value->source]);
    out[4] = str_from_c(info.meaning);
    return true;
}
