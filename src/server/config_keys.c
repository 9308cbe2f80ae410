/* config_keys.c — the table of config_keys.h as data.
 * SPDX-License-Identifier: Apache-2.0 */
#include "server/config_keys.h"

#include "base/check.h"

#include <string.h>

static const struct {
    const char *name;
    enum config_type type;
    const char *standard;
    long long least, most;
    const char *env;
    enum config_state state;
    const char *meaning;
} config_rows[CONFIG_KEY_COUNT] = {
#define CONFIG_KEY_ROW(id, key, kind, value, low, high, short_name, condition, text) \
    [CONFIG_##id] = {.name = (key), \
                     .type = CONFIG_TYPE_##kind, \
                     .standard = (value), \
                     .least = (low), \
                     .most = (high), \
                     .env = (short_name), \
                     .state = CONFIG_STATE_##condition, \
                     .meaning = (text)},
    CONFIG_KEY_LIST(CONFIG_KEY_ROW)
#undef CONFIG_KEY_ROW
};

void config_key_info(enum config_key key, struct config_key_info *out)
{
    CHECK(key < CONFIG_KEY_COUNT);
    *out = (struct config_key_info){
        .name = config_rows[key].name,
        .type = config_rows[key].type,
        .standard = config_rows[key].standard,
        .least = config_rows[key].least,
        .most = config_rows[key].most,
        .env = config_rows[key].env,
        .state = config_rows[key].state,
        .meaning = config_rows[key].meaning,
        .words = "",
    };
    if (out->type != CONFIG_TYPE_CHOICE)
        return;
    const char *colon = strchr(out->meaning, ':');
    CHECK(colon != NULL && colon[1] == ' ');
    out->words = out->meaning; /* up to the colon */
    out->meaning = colon + 2;
}
