/* password.h — argon2id hashes and the rules for new passwords (docs/protocol.md). Slow: never on a
 * loop.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SESSION_PASSWORD_H
#define SESSION_PASSWORD_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { PASSWORD_HASH_BYTES = 256, PASSWORD_CHARACTERS_MIN = 8, PASSWORD_CHARACTERS_MAX = 256 };

struct password_cost {
    uint32_t memory_kib, iterations, parallelism;
};

/* CONSTRAINT_VIOLATION: too short, too long, too common. */
enum status password_check(struct str password, struct error *err) MUST_CHECK;
/* Encoded form with salt and cost. */
enum status password_hash(const struct password_cost *cost, struct str password,
                          char out[PASSWORD_HASH_BYTES], struct error *err) MUST_CHECK;
/* INVALID_CREDENTIALS: another password. INTERNAL_ERROR: it could not be found out. */
enum status password_verify(struct str encoded, struct str password, struct error *err) MUST_CHECK;

/* The part of an encoded form that holds its cost: what two of the same cost begin with. Empty if
 * there is none. */
struct str password_cost_of(struct str encoded);
/* An encoded form of no password. */
void password_dummy(const struct password_cost *cost, char out[PASSWORD_HASH_BYTES]);
void password_dummy_like(struct str encoded, char out[PASSWORD_HASH_BYTES]);

/* How many of these calls compute at this moment; each holds the memory of its cost. Any thread. */
unsigned password_running(void);

#endif
