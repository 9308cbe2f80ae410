/* bloom.c — bloom filter over key hashes: 10 bits per key and 7 probes give about 1 % false
 * positives.
 *
 * The probes are h1 + i × h2 with the two halves of one 64-bit hash (Kirsch and Mitzenmacher),
 * reduced to the number of bits by a multiplication instead of a division. The filter is the bare
 * bits, a multiple of 8 bytes; an empty one means "ask the file".
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/segment.h"

enum { BLOOM_BITS_PER_KEY = 10, BLOOM_PROBES = 7, BLOOM_WORD_BITS = 64 };

static uint64_t bloom_bit(uint64_t hash, unsigned probe, uint64_t bits)
{
    uint64_t mixed = (hash & UINT32_MAX) + probe * ((hash >> 32) | 1);

    CHECK(bits > 0 && bits <= (UINT64_C(1) << 32));
    return ((mixed & UINT32_MAX) * bits) >> 32;
}

void bloom_build(const uint64_t *hashes, size_t count, struct buf *out)
{
    uint64_t words = (count * BLOOM_BITS_PER_KEY + BLOOM_WORD_BITS - 1) / BLOOM_WORD_BITS;
    uint64_t bits = words * BLOOM_WORD_BITS;

    CHECK(count > 0 && bits <= UINT32_MAX);
    char *filter = buf_reserve(out, words * 8);
    memset(filter, 0, words * 8);
    for (size_t i = 0; i < count; i++) {
        for (unsigned probe = 0; probe < BLOOM_PROBES; probe++) {
            uint64_t bit = bloom_bit(hashes[i], probe, bits);
            filter[bit / 8] |= (char)(1 << bit % 8);
        }
    }
    out->size += words * 8;
}

bool bloom_may_contain(struct str bloom, uint64_t hash)
{
    if (bloom.size == 0)
        return true;
    CHECK(bloom.size % 8 == 0);
    for (unsigned probe = 0; probe < BLOOM_PROBES; probe++) {
        uint64_t bit = bloom_bit(hash, probe, bloom.size * 8);
        if ((bloom.data[bit / 8] >> bit % 8 & 1) == 0)
            return false;
    }
    return true;
}
