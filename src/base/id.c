/* id.c — identifiers that sort by time of creation.
 *
 * Snowflakes and UUIDv7 keep the last (millisecond, counter) pair in one atomic number: the next
 * one is the larger of "now" and "last + 1", so that numbers rise strictly however fast they are
 * asked for and whatever the clock does; a burst of more than 4096 in a millisecond borrows from
 * the next one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/id.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

enum { ID_COUNTER_BITS = 12, ID_NODE_MAX = 1023, ID_POOL_BYTES = 512 };

static _Atomic uint32_t id_node;
static _Atomic int64_t id_snowflake_last; /* ms since the epoch << 12 | counter */
static _Atomic int64_t id_uuid_last;      /* ms since 1970 << 12 | part of the millisecond */

void id_init(uint32_t node_id)
{
    CHECK(node_id <= ID_NODE_MAX);
    atomic_store(&id_node, node_id);
}

/* Moves `last` to max(now, last + 1) and returns that. */
static int64_t id_advance(_Atomic int64_t *last, int64_t now)
{
    int64_t seen = atomic_load_explicit(last, memory_order_relaxed);
    int64_t next;

    do {
        next = now > seen ? now : seen + 1;
    } while (!atomic_compare_exchange_weak(last, &seen, next));
    return next;
}

void id_floor(int64_t unix_ms)
{
    int64_t ms = unix_ms > ID_SNOWFLAKE_EPOCH_MS ? unix_ms - ID_SNOWFLAKE_EPOCH_MS : 0;
    int64_t floor = (ms << ID_COUNTER_BITS) | ((1 << ID_COUNTER_BITS) - 1);
    int64_t seen = atomic_load(&id_snowflake_last);

    CHECK(ms < INT64_C(1) << 41);
    while (seen < floor && !atomic_compare_exchange_weak(&id_snowflake_last, &seen, floor))
        ;
}

int64_t id_snowflake(void)
{
    int64_t ms = clock_now_us() / 1000 - ID_SNOWFLAKE_EPOCH_MS;
    int64_t next = id_advance(&id_snowflake_last, (ms > 0 ? ms : 0) << ID_COUNTER_BITS);
    int64_t counter = next & ((1 << ID_COUNTER_BITS) - 1);
    int64_t node = atomic_load_explicit(&id_node, memory_order_relaxed);

    CHECK(next >> ID_COUNTER_BITS < INT64_C(1) << 41);
    return (next >> ID_COUNTER_BITS) << 22 | node << ID_COUNTER_BITS | counter;
}

int64_t id_snowflake_ms(int64_t snowflake)
{
    return (snowflake >> 22) + ID_SNOWFLAKE_EPOCH_MS;
}

void id_random(void *out, size_t size)
{
    char *place = out;

    CHECK(out != NULL || size == 0);
    while (size > 0) {
        ssize_t got = getrandom(place, size, 0);
        if (got < 0) {
            CHECK(errno == EINTR); /* nothing safe can be done without randomness */
            continue;
        }
        place += got;
        size -= (size_t)got;
    }
}

/* Random bytes for identifiers from a small pool per thread: one system call for many of them. Not
 * for secrets, which id_random fetches directly. */
static void id_random_pooled(uint8_t *out, size_t size)
{
    static _Thread_local uint8_t pool[ID_POOL_BYTES];
    static _Thread_local size_t left;

    CHECK(size <= sizeof(pool));
    if (left < size) {
        id_random(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= size;
    memcpy(out, pool + left, size);
}

static void id_put_ms(uint8_t *out, uint64_t ms)
{
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(ms >> (40 - 8 * i));
}

void id_uuid_v7(uint8_t out[ID_UUID_SIZE])
{
    int64_t us = clock_now_us();
    int64_t fraction = (us % 1000) * (1 << ID_COUNTER_BITS) / 1000;
    int64_t next = id_advance(&id_uuid_last, (us / 1000) << ID_COUNTER_BITS | fraction);
    uint64_t low = (uint64_t)next & ((1 << ID_COUNTER_BITS) - 1);

    CHECK(next >= 0);
    id_put_ms(out, (uint64_t)next >> ID_COUNTER_BITS);
    id_random_pooled(out + 8, 8);
    out[6] = (uint8_t)(0x70 | low >> 8);
    out[7] = (uint8_t)low;
    out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}

void id_ulid(char out[ID_ULID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t bytes[ID_UUID_SIZE];
    unsigned __int128 number = 0;

    CHECK(sizeof(digits) == 33);
    id_put_ms(bytes, (uint64_t)(clock_now_us() / 1000));
    id_random_pooled(bytes + 6, 10);
    for (size_t i = 0; i < sizeof(bytes); i++)
        number = number << 8 | bytes[i];
    for (int i = ID_ULID_SIZE - 1; i >= 0; i--) {
        out[i] = digits[(unsigned)number & 31];
        number >>= 5;
    }
}
