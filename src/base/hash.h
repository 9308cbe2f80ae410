/* hash.h — fast non-cryptographic hashing (XXH3) and CRC for checksums. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#include <stdalign.h>
#include <stdint.h>

uint64_t hash_bytes(struct str bytes); /* stable across runs and machines */
uint64_t hash_bytes_seeded(struct str bytes, uint64_t seed);
/* The same number as hash_bytes of all pieces together. The caller's own, nothing is allocated. */
struct hash_stream {
    alignas(64) unsigned char state[576];
};
void hash_stream_begin(struct hash_stream *stream);
void hash_stream_add(struct hash_stream *stream, struct str bytes);
uint64_t hash_stream_end(struct hash_stream *stream);

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    return (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
}

#endif
