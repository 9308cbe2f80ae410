/* fuzz_config.c — configuration text: read or refused with a message, never anything else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "server/config.h"
#include "server/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = config_new();
    struct arena arena;
    struct toml toml;
    struct error err;

    error_clear(&err);
    arena_init(&arena, 0);
    enum status parsed = toml_parse(fuzz_text(data, size), &arena, &toml, &err);
    CHECK(parsed == STATUS_OK || err.message[0] != 0);
    enum status status = config_load_text(config, "fuzz.toml", fuzz_text(data, size), &err);
    CHECK(parsed == STATUS_OK || status != STATUS_OK);
    if (status == STATUS_OK)
        status = config_finish(config, &err);
    CHECK(status == STATUS_OK || err.message[0] != 0);
    config_free(config);
    arena_clear(&arena);
    return 0;
}
