/* macros.h — compiler attributes and tiny helpers that hide no control flow.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>

/* The result carries a failure and must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* The struct of `type` whose `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
