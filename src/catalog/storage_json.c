/* storage_json.c — credentials and settings of a storage as JSON, in and out.
 *
 * A client gives one object with both; the secret half is sealed and never shown, the other half is
 * config_json. No message repeats a value, nor an unknown name: a secret may stand in either.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/storage.h"

#include "base/check.h"
#include "catalog/catalog_internal.h"

#include <json-c/json.h>

enum { STORAGE_JSON_BYTES_MAX = 16384, STORAGE_VALUE_BYTES_MAX = 4096 };

static enum status storage_json_refuse(bool with_secrets, const char *why, struct error *err)
{
    CHECK(why != NULL);
    return error_set(err, STATUS_INVALID_OPERATION, "%s: %s",
                     with_secrets ? "credentials" : "config_json", why);
}

/* Printable ASCII: these become header and URL bytes. */
static bool storage_json_is_plain(struct str text)
{
    bool good = text.size > 0 && text.size <= STORAGE_VALUE_BYTES_MAX;

    CHECK(text.data != NULL);
    for (size_t i = 0; i < text.size && good; i++)
        good = text.data[i] > ' ' && text.data[i] < 0x7f;
    return good;
}

/* Nothing, or a colon and 1 to 65535. */
static bool storage_port_is_valid(struct str text)
{
    uint64_t port;

    CHECK(text.data != NULL);
    return text.size == 0 || (text.data[0] == ':' && text.size > 1 && text.size <= 6 &&
                              str_to_uint64(str_from(text.data + 1, text.size - 1), &port) &&
                              port > 0 && port <= UINT16_MAX);
}

/* http(s)://host[:port][/], nothing behind it and no user in it; an address of IPv6 in brackets */
static bool storage_endpoint_is_valid(struct str text)
{
    size_t start = str_starts_with(text, STR_LIT("https://"))  ? 8
                   : str_starts_with(text, STR_LIT("http://")) ? 7
                                                               : 0;

    CHECK(start < text.size || start == 0 || text.size == start);
    if (start == 0)
        return false;
    struct str host = storage_root(str_from(text.data + start, text.size - start));
    bool bracket = host.size > 0 && host.data[0] == '[';
    size_t end = str_find(host, bracket ? STR_LIT("]") : STR_LIT(":"));
    if (end == SIZE_MAX && bracket)
        return false;
    end = end == SIZE_MAX ? host.size : end + bracket;
    bool good = end > (bracket ? 2 : 0) &&
                storage_port_is_valid(str_from(host.data + end, host.size - end));
    for (size_t i = bracket; i + bracket < end && good; i++) {
        char c = host.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || (bracket ? c == ':' : c == '-' || c == '_');
    }
    return good;
}

static bool storage_region_is_valid(struct str text)
{
    bool good = text.size <= 64;

    CHECK(text.size > 0);
    for (size_t i = 0; i < text.size && good; i++) {
        char c = text.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    }
    return good;
}

static enum status storage_json_path_style(struct json_object *member, bool with_secrets,
                                           struct storage_settings *settings, struct error *err)
{
    struct str text = STR_EMPTY;
    bool is_true = false, is_false = false;

    if (json_object_is_type(member, json_type_boolean)) {
        is_true = json_object_get_boolean(member);
        is_false = !is_true;
    } else if (json_object_is_type(member, json_type_string)) {
        text = str_from_c(json_object_get_string(member));
        is_true = str_equal_nocase(text, STR_LIT("true"));
        is_false = str_equal_nocase(text, STR_LIT("false"));
    }
    CHECK(!is_true || !is_false);
    if (!is_true && !is_false)
        return storage_json_refuse(with_secrets, "path_style is true or false", err);
    settings->has_path_style = true;
    settings->path_style = is_true;
    return STATUS_OK;
}

static struct str *storage_json_target(const char *key, bool with_secrets,
                                       struct storage_settings *settings)
{
    CHECK(key != NULL);
    if (strcmp(key, "region") == 0)
        return &settings->region;
    if (strcmp(key, "endpoint") == 0)
        return &settings->endpoint;
    if (!with_secrets)
        return NULL;
    if (strcmp(key, "access_key") == 0 || strcmp(key, "access_key_id") == 0)
        return &settings->access_key;
    if (strcmp(key, "secret_key") == 0 || strcmp(key, "secret_access_key") == 0)
        return &settings->secret_key;
    return strcmp(key, "session_token") == 0 ? &settings->session_token : NULL;
}

/* Some members have two names. */
static const char *storage_json_other_name(const char *key)
{
    static const char *const pairs[][2] = {{"access_key", "access_key_id"},
                                           {"secret_key", "secret_access_key"}};

    CHECK(key != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
        if (strcmp(key, pairs[i][0]) == 0)
            return pairs[i][1];
    return NULL;
}

static enum status storage_json_member(const char *key, struct json_object *member,
                                       bool with_secrets, struct arena *arena,
                                       struct storage_settings *settings, struct error *err)
{
    if (strcmp(key, "path_style") == 0)
        return storage_json_path_style(member, with_secrets, settings, err);
    struct str *target = storage_json_target(key, with_secrets, settings);
    if (target == NULL)
        return storage_json_refuse(
            with_secrets,
            with_secrets ? "known members are access_key_id, secret_access_key, session_token, "
                           "region, endpoint, path_style"
                         : "known members are region, endpoint, path_style",
            err);
    struct str text =
        json_object_is_type(member, json_type_string)
            ? str_from(json_object_get_string(member), (size_t)json_object_get_string_len(member))
            : STR_EMPTY;
    CHECK(text.data != NULL);
    if (!storage_json_is_plain(text))
        return storage_json_refuse(with_secrets, "members are non-empty texts without blanks", err);
    if (target == &settings->endpoint && !storage_endpoint_is_valid(text))
        return storage_json_refuse(with_secrets, "endpoint is http(s)://host[:port]", err);
    if (target == &settings->region && !storage_region_is_valid(text))
        return storage_json_refuse(with_secrets, "region is a word like us-east-1", err);
    *target = arena_copy(arena, target == &settings->endpoint ? storage_root(text) : text);
    return STATUS_OK;
}

enum status storage_json_read(struct str json, bool with_secrets, struct arena *arena,
                              struct storage_settings *settings, struct error *err)
{
    struct json_object *root =
        json.size <= STORAGE_JSON_BYTES_MAX ? options_json_parse(json) : NULL;
    enum status status = STATUS_OK;

    CHECK(settings != NULL);
    if (root == NULL)
        return storage_json_refuse(with_secrets, "a JSON object is expected", err);
    json_object_object_foreach(root, key, member)
    {
        const char *other = storage_json_other_name(key);
        if (other != NULL && json_object_object_get_ex(root, other, NULL)) {
            status = storage_json_refuse(with_secrets, "a member is given by both its names", err);
            break;
        }
        status = storage_json_member(key, member, with_secrets, arena, settings, err);
        if (status != STATUS_OK)
            break;
    }
    json_object_put(root);
    return status;
}

bool storage_json_is_empty(struct str json)
{
    struct json_object *root = options_json_parse(json);
    bool empty = json.size == 0 || (root != NULL && json_object_object_length(root) == 0);

    CHECK(json.data != NULL || json.size == 0);
    json_object_put(root);
    return empty;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void storage_json_add(struct buf *out, const char *key, struct str text)
{
    if (text.size == 0)
        return;
    CHECK(key != NULL);
    buf_append_byte(out, out->size == 0 ? '{' : ',');
    buf_printf(out, "\"%s\":", key);
    json_write_text(text, out);
}

static struct str storage_json_end(struct buf *out, struct arena *arena)
{
    struct str copy = STR_EMPTY;

    CHECK(arena != NULL);
    if (out->size > 0) {
        buf_append_byte(out, '}');
        copy = arena_copy(arena, buf_str(out));
    }
    buf_clear(out);
    return copy;
}

struct str storage_json_secrets(const struct storage_settings *settings, struct arena *arena)
{
    struct buf out;

    CHECK(settings != NULL);
    buf_init_secret(&out);
    storage_json_add(&out, "access_key_id", settings->access_key);
    storage_json_add(&out, "secret_access_key", settings->secret_key);
    storage_json_add(&out, "session_token", settings->session_token);
    return storage_json_end(&out, arena);
}

struct str storage_json_config(const struct storage_settings *settings, struct arena *arena)
{
    struct buf out;

    CHECK(settings != NULL);
    buf_init(&out);
    storage_json_add(&out, "region", settings->region);
    storage_json_add(&out, "endpoint", settings->endpoint);
    if (settings->has_path_style) {
        buf_append_byte(&out, out.size == 0 ? '{' : ',');
        buf_printf(&out, "\"path_style\":%s", settings->path_style ? "true" : "false");
    }
    return storage_json_end(&out, arena);
}
