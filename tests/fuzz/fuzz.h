/* fuzz.h — what every fuzz target and the replay of its corpus share. A target is one function that
 * takes any bytes; libFuzzer drives it in the preset `fuzz`, replay.c runs the kept inputs through
 * it in the other builds.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the first byte, 0 if there is none. */
static inline unsigned fuzz_choice(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    (*size)--;
    return *(*data)++;
}

static inline struct str fuzz_text(const uint8_t *data, size_t size)
{
    return str_from((const char *)data, size);
}

#endif
