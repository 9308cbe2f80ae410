/* hash.c — the only place that knows xxhash. XXH3 gives the same number on every machine, so that
 * hashes may be stored.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/hash.h"

#include "base/check.h"

#define XXH_STATIC_LINKING_ONLY /* the size of its state */
#include <assert.h>
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

static_assert(sizeof(struct hash_stream) >= sizeof(XXH3_state_t), "xxhash's state has grown");

void hash_stream_begin(struct hash_stream *stream)
{
    CHECK(XXH3_64bits_reset((XXH3_state_t *)stream) == XXH_OK);
}

void hash_stream_add(struct hash_stream *stream, struct str bytes)
{
    CHECK(XXH3_64bits_update((XXH3_state_t *)stream, bytes.data, bytes.size) == XXH_OK);
}

uint64_t hash_stream_end(struct hash_stream *stream)
{
    CHECK(stream != NULL);
    return XXH3_64bits_digest((XXH3_state_t *)stream);
}
