/* kv_directory.c — where a space of the RocksDB store lies: its record, prefix and family name.
 *
 * Records stand in the default family behind the byte 0xff; prefixes count up from 0 and never
 * reach it. Record: format, flags, is pooled, prefix (8 bytes).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_directory.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { DIRECTORY_FORMAT = 1 };

struct str directory_next_key(void)
{
    return STR_LIT("\xffn");
}

struct str directory_first_key(void)
{
    return STR_LIT("\xffs");
}

struct str directory_last_key(void)
{
    return STR_LIT("\xfft");
}

struct str directory_key(char out[DIRECTORY_KEY_MAX], struct str space_name)
{
    CHECK(space_name.size <= KV_NAME_MAX);
    memcpy(out, "\xffs", 2);
    memcpy(out + 2, space_name.data, space_name.size);
    return str_from(out, 2 + space_name.size);
}

struct str directory_key_name(struct str key)
{
    CHECK(str_starts_with(key, directory_first_key()));
    return str_from(key.data + 2, key.size - 2);
}

void directory_record_write(char out[DIRECTORY_RECORD_BYTES], const struct directory_record *record)
{
    CHECK(record->flags < DIRECTORY_POOLS);
    out[0] = DIRECTORY_FORMAT;
    out[1] = (char)record->flags;
    out[2] = (char)record->is_pooled;
    directory_prefix_write(out + 3, record->prefix);
}

bool directory_record_read(struct str bytes, struct directory_record *out)
{
    CHECK(out != NULL);
    if (bytes.size != DIRECTORY_RECORD_BYTES || bytes.data[0] != DIRECTORY_FORMAT ||
        (uint8_t)bytes.data[1] >= DIRECTORY_POOLS || (uint8_t)bytes.data[2] > 1)
        return false;
    out->flags = (uint8_t)bytes.data[1];
    out->is_pooled = bytes.data[2] != 0;
    out->prefix = directory_prefix_read(bytes.data + 3);
    return true;
}

void directory_prefix_write(char out[DIRECTORY_PREFIX_BYTES], uint64_t number)
{
    CHECK(number >> 56 == 0); /* never 0xff, where the directory lies */
    for (int i = 0; i < DIRECTORY_PREFIX_BYTES; i++)
        out[i] = (char)(uint8_t)(number >> (56 - 8 * i));
}

uint64_t directory_prefix_read(const char *bytes)
{
    uint64_t number = 0;

    CHECK(bytes != NULL);
    for (int i = 0; i < DIRECTORY_PREFIX_BYTES; i++)
        number = number << 8 | (uint8_t)bytes[i];
    return number;
}

void directory_family_name(char out[DIRECTORY_FAMILY_MAX], struct str space_name, unsigned flags)
{
    int size = snprintf(out, DIRECTORY_FAMILY_MAX, "%.*s|%u", STR_ARG(space_name), flags);

    CHECK(size > 0 && size < DIRECTORY_FAMILY_MAX && flags < DIRECTORY_POOLS);
}

void directory_pool_name(char out[DIRECTORY_FAMILY_MAX], unsigned flags)
{
    CHECK(flags < DIRECTORY_POOLS);
    CHECK(snprintf(out, DIRECTORY_FAMILY_MAX, " pool|%u", flags) > 0);
}

bool directory_family_is_pool(const char *name)
{
    CHECK(name != NULL && *name != '\0');
    return name[0] == ' ';
}

unsigned directory_family_flags(const char *name)
{
    CHECK(name != NULL);

    const char *bar = strrchr(name, '|');

    if (bar == NULL || bar[1] < '0' || bar[1] >= '0' + DIRECTORY_POOLS)
        return KV_SPACE_SMALL; /* the default family */
    return (unsigned)(bar[1] - '0');
}

void directory_full_key_init(struct directory_full_key *out, const char *prefix, struct str key)
{
    CHECK(out != NULL);
    CHECK(key.size == 0 || key.data != NULL);

    char *to = out->buffer;

    out->heap = NULL;
    out->bytes = key;
    if (prefix == NULL)
        return;
    if (DIRECTORY_PREFIX_BYTES + key.size > DIRECTORY_KEY_INLINE)
        to = out->heap = mem_alloc(DIRECTORY_PREFIX_BYTES + key.size);
    memcpy(to, prefix, DIRECTORY_PREFIX_BYTES);
    if (key.size > 0)
        memcpy(to + DIRECTORY_PREFIX_BYTES, key.data, key.size);
    out->bytes = str_from(to, DIRECTORY_PREFIX_BYTES + key.size);
}

void directory_full_key_clear(struct directory_full_key *key)
{
    CHECK(key != NULL);
    mem_free(key->heap);
}

size_t directory_user_size(struct str key, size_t skip)
{
    const char *colon = key.size > skip ? memchr(key.data + skip, ':', key.size - skip) : NULL;

    CHECK(skip <= DIRECTORY_PREFIX_BYTES);
    return colon == NULL ? 0 : (size_t)(colon - key.data) + 1;
}
