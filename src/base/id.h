/* id.h — identifiers: snowflake (docs/sql.md), UUIDv7 (RFC 9562), ULID. Any thread.
 *
 * Snowflakes are strictly increasing per process even when the clock goes back: the generator keeps
 * the highest millisecond it has used. id_floor raises it at start, so that a restart never
 * repeats.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stddef.h>
#include <stdint.h>

enum { ID_UUID_SIZE = 16, ID_ULID_SIZE = 26 };
#define ID_SNOWFLAKE_EPOCH_MS INT64_C(1704067200000)

void id_init(uint32_t node_id); /* 0–1023 */
/* No later snowflake carries a millisecond at or below this one (ms since 1970). */
void id_floor(int64_t unix_ms);
int64_t id_snowflake(void);
int64_t id_snowflake_ms(int64_t snowflake); /* ms since 1970 */
void id_uuid_v7(uint8_t out[ID_UUID_SIZE]);
void id_ulid(char out[ID_ULID_SIZE]); /* no NUL */
/* Fills with random bytes of the operating system; stops the process if it has none. */
void id_random(void *out, size_t size);

#endif
