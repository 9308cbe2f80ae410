/* place_s3.c — opens a place in a bucket: credentials are revealed here and nowhere else.
 *
 * Keys come from the storage; without any, from the environment (AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN); region and endpoint likewise (AWS_REGION,
 * AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL). Path style is the default where an
 * endpoint is given: other servers than Amazon's rarely have host names for buckets.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_s3.h"

#include "base/check.h"
#include "base/mem.h"
#include "storage/seal.h"
#include "store/storages/storages_internal.h"

#include <stdlib.h>
#include <string.h>

static struct str place_environment(const char *name, struct str given)
{
    const char *value = given.size == 0 ? getenv(name) : NULL;

    CHECK(name != NULL);
    return value != NULL ? str_from_c(value) : given;
}

static enum status place_s3_settings(const struct store *store, const struct storage *storage,
                                     struct arena *arena, struct storage_settings *settings,
                                     struct error *err)
{
    enum status status = STATUS_OK;
    struct buf plain;

    CHECK(storage->type == STORAGE_S3);
    if (storage->config.size > 0)
        status = storage_json_read(storage->config, false, arena, settings, err);
    if (status != STATUS_OK || storage->credentials.size == 0)
        return status;
    if (store->options.seal == NULL)
        return error_set(err, STATUS_IO_FAILED, "credentials cannot be opened here");
    buf_init(&plain);
    status = seal_reveal(store->options.seal, storage->id, storage->credentials, &plain, err);
    if (status == STATUS_OK)
        status = storage_json_read(buf_str(&plain), true, arena, settings, err);
    if (plain.size > 0)
        explicit_bzero(plain.data, plain.size);
    buf_clear(&plain);
    return status;
}

static void place_s3_environment(struct storage_settings *settings)
{
    CHECK(settings != NULL);
    if (settings->access_key.size == 0) { /* all of one source: keys and token belong together */
        settings->access_key = place_environment("AWS_ACCESS_KEY_ID", STR_EMPTY);
        settings->secret_key = place_environment("AWS_SECRET_ACCESS_KEY", STR_EMPTY);
        settings->session_token = place_environment("AWS_SESSION_TOKEN", STR_EMPTY);
    }
    settings->region = place_environment("AWS_REGION", settings->region);
    settings->region = place_environment("AWS_DEFAULT_REGION", settings->region);
    settings->endpoint = place_environment("AWS_ENDPOINT_URL_S3", settings->endpoint);
    settings->endpoint = place_environment("AWS_ENDPOINT_URL", settings->endpoint);
}

enum status place_open_s3(struct store *store, const struct storage *storage, struct str name,
                          struct str root, struct files **out, struct error *err)
{
    struct storage_settings settings = {.has_path_style = false};
    struct arena arena;

    CHECK(out != NULL);
    if (store->options.s3_cache == NULL)
        return error_set(err, STATUS_IO_FAILED, "there is no folder for copies of s3 files");
    arena_init(&arena, 0);
    enum status status = place_s3_settings(store, storage, &arena, &settings, err);
    if (status == STATUS_OK) {
        place_s3_environment(&settings);
        struct files_s3_options options = {
            .name = arena_copy(&arena, name).data,
            .root = arena_copy(&arena, root).data,
            .access_key = arena_copy(&arena, settings.access_key).data,
            .secret_key = arena_copy(&arena, settings.secret_key).data,
            .session_token = arena_copy(&arena, settings.session_token).data,
            .region = arena_copy(&arena, settings.region).data,
            .endpoint = arena_copy(&arena, settings.endpoint).data,
            .path_style =
                settings.has_path_style ? settings.path_style : settings.endpoint.size > 0,
            .cache = store->options.s3_cache,
        };
        status = files_open_s3(&options, out, err);
    }
    arena_clear(&arena);
    return status;
}

void place_resolve_s3(const struct storage *storage, struct str root, struct buf *out)
{
    struct storage_settings settings = {.has_path_style = false};
    struct arena arena;
    struct error err;

    CHECK(storage->type == STORAGE_S3);
    arena_init(&arena, 0);
    /* Settings that cannot be read open nothing; bucket and prefix say enough of them. */
    if (storage->config.size > 0 &&
        storage_json_read(storage->config, false, &arena, &settings, &err) != STATUS_OK)
        settings.endpoint = STR_EMPTY;
    place_s3_environment(&settings);
    struct str endpoint = storage_root(settings.endpoint);
    for (size_t i = 0; i < endpoint.size; i++) {
        char c = endpoint.data[i];
        buf_append_byte(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    buf_append_byte(out, ' ');
    buf_append_str(out, root);
    arena_clear(&arena);
}
