/* fuzz_manifest.c — the manifest of a backup, with the checksum put right so that what it guards is
 * reached: what is read can be written and read again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "base/hash.h"
#include "catalog/manifest.h"

#define FUZZ_CHECKSUM ",\"checksum\":\""

/* The last checksum member, if any, becomes that of the text before it. */
static void fuzz_seal(struct str text, struct buf *out)
{
    struct str mark = STR_LIT(FUZZ_CHECKSUM);
    size_t end = text.size;

    for (size_t at = text.size; at-- > 0;) {
        if (text.size - at < mark.size || memcmp(text.data + at, mark.data, mark.size) != 0)
            continue;
        end = at;
        break;
    }
    buf_append_str(out, str_from(text.data, end));
    uint64_t checksum = hash_bytes(buf_str(out));
    buf_printf(out, FUZZ_CHECKSUM "%016llx\"}\n", (unsigned long long)checksum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest manifest, again;
    struct buf text, copy;
    struct error err;

    error_clear(&err);
    buf_init(&text);
    buf_init(&copy);
    fuzz_seal(fuzz_text(data, size), &text);
    if (manifest_read(buf_str(&text), &manifest, &err) == STATUS_OK) {
        manifest_write(&manifest, &copy);
        CHECK(manifest_read(buf_str(&copy), &again, &err) == STATUS_OK);
        CHECK(again.files == manifest.files && again.rows == manifest.rows &&
              str_equal(again.space, manifest.space));
        manifest_clear(&again);
    } else {
        CHECK(err.message[0] != 0);
    }
    manifest_clear(&manifest);
    buf_clear(&text);
    buf_clear(&copy);
    return 0;
}
