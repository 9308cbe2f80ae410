/* hash.c — the only place that knows xxhash. XXH3 gives the same number on every machine, so that
 * hashes may be stored.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/hash.h"

#include "base/check.h"

#include <xxhash.h>

uint64_t hash_bytes(struct str bytes)
{
    CHECK(bytes.data != NULL || bytes.size == 0);
    return XXH3_64bits(bytes.data, bytes.size);
}

uint64_t hash_bytes_seeded(struct str bytes, uint64_t seed)
{
    CHECK(bytes.data != NULL || bytes.size == 0);
    return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}
