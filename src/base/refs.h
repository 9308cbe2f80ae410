/* refs.h — the counter of a shared object: starts at one, the last to leave frees the object.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_REFS_H
#define BASE_REFS_H

#include "base/check.h"
#include "base/macros.h"

#include <stdatomic.h>
#include <stdbool.h>

static inline void refs_init(atomic_uint *refs)
{
    atomic_init(refs, 1);
}

static inline void refs_add(atomic_uint *refs)
{
    unsigned before = atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
    CHECK(before > 0);
}

/* True for the last one; what others wrote into the object is visible to it. */
static inline MUST_CHECK bool refs_drop(atomic_uint *refs)
{
    unsigned before = atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    return before == 1;
}

#endif
