/* keywords.c — a table of open addressing, built once per process from the lists of keywords.h.
 *
 * Folding by `| 0x20` maps `_` to DEL and letters to lower case; the compare decides in the end, so
 * a collision costs time only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/keywords.h"

#include "base/check.h"

#include <pthread.h>

enum { KEYWORD_SLOTS = 1024, KEYWORD_SIZE_MAX = 24 };

static const struct str keyword_texts[KEYWORD_COUNT] = {
#define KEYWORD_TEXT(name) [KEYWORD_##name] = {#name, sizeof(#name) - 1},
    KEYWORD_RESERVED_LIST(KEYWORD_TEXT) KEYWORD_OPEN_LIST(KEYWORD_TEXT)
#undef KEYWORD_TEXT
};

static uint16_t keyword_slots[KEYWORD_SLOTS]; /* written once, under the pthread_once below */
static pthread_once_t keyword_once = PTHREAD_ONCE_INIT;

_Static_assert(KEYWORD_COUNT * 3 < KEYWORD_SLOTS, "the table stays sparse");

static uint32_t keyword_slot(uint32_t hash)
{
    return (hash ^ hash >> 15) & (KEYWORD_SLOTS - 1);
}

static void keywords_build(void)
{
    for (unsigned keyword = KEYWORD_NONE + 1; keyword < KEYWORD_COUNT; keyword++) {
        struct str text = keyword_texts[keyword];
        uint32_t hash = KEYWORD_HASH_START;

        if (keyword == KEYWORD_LAST_RESERVED)
            continue;
        CHECK(text.size > 0 && text.size <= KEYWORD_SIZE_MAX);
        for (size_t i = 0; i < text.size; i++)
            hash = keyword_hash_step(hash, (unsigned char)text.data[i]);
        uint32_t slot = keyword_slot(hash);
        while (keyword_slots[slot] != KEYWORD_NONE)
            slot = (slot + 1) & (KEYWORD_SLOTS - 1);
        keyword_slots[slot] = (uint16_t)keyword;
    }
}

void keywords_init(void)
{
    int result = pthread_once(&keyword_once, keywords_build);

    CHECK(result == 0);
}

enum keyword keyword_find(struct str word, uint32_t hash)
{
    CHECK_SLOW(word.size > 0);
    if (word.size > KEYWORD_SIZE_MAX)
        return KEYWORD_NONE;
    for (uint32_t slot = keyword_slot(hash); keyword_slots[slot] != KEYWORD_NONE;
         slot = (slot + 1) & (KEYWORD_SLOTS - 1)) {
        enum keyword keyword = keyword_slots[slot];

        if (keyword_texts[keyword].size == word.size &&
            str_equal_nocase(keyword_texts[keyword], word))
            return keyword;
    }
    return KEYWORD_NONE;
}

const char *keyword_name(enum keyword keyword)
{
    CHECK(keyword > KEYWORD_NONE && keyword < KEYWORD_COUNT && keyword != KEYWORD_LAST_RESERVED);
    return keyword_texts[keyword].data;
}
