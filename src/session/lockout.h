/* lockout.h — names that failed too often, callers that ask too often. Any thread.
 *
 * Both remember by name whether it exists or not, so that nothing can be learnt from them, and both
 * are bounded: the least interesting entries are forgotten first.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SESSION_LOCKOUT_H
#define SESSION_LOCKOUT_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct lockout;
struct lockout *lockout_new(uint32_t failures_max, uint32_t minutes);
void lockout_free(struct lockout *lockout);
/* Failures before `forgiven_us` do not count: a new password ends a lock-out. */
bool lockout_is_locked(struct lockout *lockout, struct str name, int64_t now_us,
                       int64_t forgiven_us);
/* How many failures count now, and until when the name is locked (0 = not). */
void lockout_look(struct lockout *lockout, struct str name, int64_t now_us, int64_t forgiven_us,
                  uint32_t *failures, int64_t *locked_until);
/* Counts a failure; true if the name is locked now. */
bool lockout_failed(struct lockout *lockout, struct str name, int64_t now_us, int64_t forgiven_us);
void lockout_succeeded(struct lockout *lockout, struct str name);
/* What is locked, to be kept over a restart. Restoring passes over what has run out; false if the
 * rest makes no sense. */
void lockout_save(struct lockout *lockout, int64_t now_us, struct buf *out);
bool lockout_restore(struct lockout *lockout, int64_t now_us, struct str saved);

struct rate_limit;
struct rate_limit *rate_limit_new(uint32_t per_second); /* 0 = everything passes */
void rate_limit_free(struct rate_limit *limit);
bool rate_limit_passes(struct rate_limit *limit, struct str key, int64_t now_us);

#endif
