/* hash.h — fast non-cryptographic hashing (XXH3) and CRC for checksums. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

uint64_t hash_bytes(struct str bytes); /* stable across runs and machines */
uint64_t hash_bytes_seeded(struct str bytes, uint64_t seed);
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    return (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
}

#endif
