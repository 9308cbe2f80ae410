/* support.h — short ways to make values and a repeatable random source for the tests of value/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_VALUE_SUPPORT_H
#define TESTS_UNIT_VALUE_SUPPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "value/cast.h"
#include "value/text.h"
#include "value/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t random_state;

/* Every random test calls this first; KALAM_SEED repeats a run. */
static inline void random_seed(void)
{
    const char *given = getenv("KALAM_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

    printf("seed %llu\n", (unsigned long long)seed);
    random_state = seed * 2654435761u + 88172645463325252u;
}

static inline uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static inline uint64_t random_below(uint64_t limit)
{
    return random_next() % limit;
}

static inline struct data_type type_of(enum value_type kind)
{
    struct data_type type = {.kind = kind};

    if (kind == VALUE_DECIMAL) {
        type.precision = 38;
        type.scale = 10;
    }
    return type;
}

/* `text` as a value of `kind`; the test fails if it cannot be read. */
static inline struct value value_of(enum value_type kind, const char *text, struct arena *arena)
{
    struct data_type type = type_of(kind);
    struct value value;
    struct error err;

    if (value_parse(str_from_c(text), &type, arena, &value, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    return value;
}

static inline void assert_str(struct str actual, const char *expected)
{
    char shown[512];

    snprintf(shown, sizeof(shown), "%.*s", STR_ARG(actual));
    assert_string_equal(shown, expected);
}

static inline void assert_value_text(const struct value *value, const char *expected)
{
    struct buf out = {0};

    value_format(value, &out);
    assert_str(buf_str(&out), expected);
    buf_clear(&out);
}

#endif
