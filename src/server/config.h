/* config.h — the server's configuration: arguments > environment > file > defaults
 * (docs/operations.md). Read once at start, constant afterwards: any thread may then read it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "base/buf.h"
#include "base/error.h"
#include "server/config_keys.h"

#include <stdbool.h>

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_ARGUMENT };

struct config;
struct config *config_new(void); /* defaults */
void config_free(struct config *config);
/* INVALID_INPUT naming file, line and key. Unknown keys become warnings. */
enum status config_load_file(struct config *config, const char *path, struct error *err) MUST_CHECK;
/* The same from text; `name` stands in messages. */
enum status config_load_text(struct config *config, const char *name, struct str text,
                             struct error *err) MUST_CHECK;
/* `environment` like environ. */
enum status config_load_environment(struct config *config, char *const *environment,
                                    struct error *err) MUST_CHECK;
/* `text` as it would stand in the environment. */
enum status config_set(struct config *config, enum config_key key, struct str text,
                       enum config_source source, struct error *err) MUST_CHECK;
/* After all sources: what only keys together can violate; fills paths that depend on data_dir. */
enum status config_finish(struct config *config, struct error *err) MUST_CHECK;
/* Do both say the same about this key, wherever it comes from? */
bool config_is_same(const struct config *a, const struct config *b, enum config_key key);
/* One line each, for the log. */
struct str config_warnings(const struct config *config);

const char *config_text(const struct config *config, enum config_key key); /* TEXT, CHOICE */
int64_t config_integer(const struct config *config,
                       enum config_key key); /* INTEGER, BYTES, SECONDS */
bool config_boolean(const struct config *config, enum config_key key);
const struct str *config_list(const struct config *config, enum config_key key, size_t *count);
enum config_source config_source_of(const struct config *config, enum config_key key);

/* For system.settings: name, value (secrets ***), default, source, meaning; false at the end. */
bool config_setting_at(const struct config *config, size_t index, struct str out[5]);

/* `64MiB`, `10 KB`, `1048576`: binary units with i, decimal ones without. */
bool config_parse_bytes(struct str text, int64_t *out);
/* `30`, `30s`, `5 minutes`, `7d`. */
bool config_parse_seconds(struct str text, int64_t *out);

#endif
