/* storage.h — storages: where cold files lie (docs/sql.md). A catalogue object like a table or
 * user: immutable once published, counted, found by id.
 *
 * Credentials are kept as they lie in the row: sealed (storage/seal.h). Only whoever talks to the
 * storage opens them. What is not secret (region, endpoint, path style) is in `config`.
 * Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_STORAGE_H
#define CATALOG_STORAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "catalog/catalog.h"

enum storage_type { STORAGE_FILESYSTEM, STORAGE_S3 };

#define STORAGE_LOCAL "local" /* made at first start, never dropped */
#define STORAGE_USER_TEMPLATE "{namespace}/users/{tableName}/{shard}/{userId}"
#define STORAGE_SHARED_TEMPLATE "{namespace}/shared/{tableName}"
enum { STORAGE_ID_MAX = 64, STORAGE_URI_MAX = 1024 };

struct storage {
    atomic_uint refs;
    struct str id, name, description; /* empty description = NULL */
    enum storage_type type;
    struct str uri;         /* as storage_uri_check left it; empty = storage.default_storage_path */
    struct str credentials; /* sealed; empty = none */
    struct str config;      /* JSON object; empty = NULL */
    struct str shared_template, user_template;
    int64_t created_at, updated_at; /* µs */
    struct arena *arena;
};

const struct storage *catalog_find_storage(const struct catalog *catalog, struct str id);
const struct storage *catalog_storage_at(const struct catalog *catalog, size_t index); /* by id */
void catalog_builder_put_storage(struct catalog_builder *builder,
                                 struct storage *storage); /* takes the reference */
const struct storage *catalog_builder_storage_at(const struct catalog_builder *builder,
                                                 size_t index); /* in no order */
void catalog_builder_remove_storage(struct catalog_builder *builder, struct str id);

struct storage *storage_new(void); /* with the default templates */
struct storage *storage_copy(const struct storage *storage);
struct storage *storage_ref(const struct storage *storage);
void storage_unref(struct storage *storage);
const char *storage_type_name(enum storage_type type); /* "filesystem" */

/* ---- checks of what a client gives ------------------------------------------------------------
 */

enum status storage_id_check(struct str id, struct error *err) MUST_CHECK;
/* `filesystem` or `s3`; azure and gcs are NOT_SUPPORTED. */
enum status storage_type_parse(struct str text, enum storage_type *type,
                               struct error *err) MUST_CHECK;
/* filesystem: an absolute path, `file://` in front is taken off, a relative one is completed with
 * the working folder. s3: `s3://bucket[/prefix]/`. INVALID_OPERATION. */
enum status storage_uri_check(enum storage_type type, struct str text, struct arena *arena,
                              struct str *out, struct error *err) MUST_CHECK;
/* Why this is no path below a storage, variables and all; NULL if it is one. */
const char *storage_path_problem(struct str text);
/* Known variables in the order namespace, tableName, shard, userId; relative; no ".."; with userId
 * for user tables, without userId and shard for shared ones. INVALID_OPERATION with an example. */
enum status storage_template_check(struct str text, bool is_user, struct error *err) MUST_CHECK;
/* The uri without slashes at its end: what stands before a relative path. */
struct str storage_root(struct str uri);

/* ---- credentials and settings (storage_json.c) ------------------------------------------------
 */

struct storage_settings {
    struct str access_key, secret_key, session_token; /* secret; empty = not given */
    struct str region, endpoint;
    bool has_path_style, path_style;
};
/* Adds the members of a JSON object to `settings`; `with_secrets` false refuses secret ones.
 * Messages never show a value. INVALID_OPERATION. */
enum status storage_json_read(struct str json, bool with_secrets, struct arena *arena,
                              struct storage_settings *settings, struct error *err) MUST_CHECK;
/* Nothing, or an object without members. */
bool storage_json_is_empty(struct str json);
/* The secret half and the other half as JSON objects; empty when nothing of it is set. */
struct str storage_json_secrets(const struct storage_settings *settings, struct arena *arena);
struct str storage_json_config(const struct storage_settings *settings, struct arena *arena);

#endif
