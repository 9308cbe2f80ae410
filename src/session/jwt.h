/* jwt.h — JSON Web Tokens of docs/protocol.md: HS256 and nothing else. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SESSION_JWT_H
#define SESSION_JWT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { JWT_TOKEN_BYTES = 8192, JWT_SUBJECT_BYTES = 80, JWT_SECRET_BYTES_MIN = 32 };
enum jwt_type { JWT_ACCESS, JWT_REFRESH };

struct jwt_claims {
    char subject[JWT_SUBJECT_BYTES];
    char role[16];
    enum jwt_type type;
    int64_t expires_at, issued_at; /* s since 1970 */
    /* Which credentials of the user it was issued for (their time of change, µs); 0 = it does not
     * say. Seconds cannot tell a token from a change of the same second. */
    int64_t generation;
};

/* Signature, header and claims; then the times. INVALID_CREDENTIALS, TOKEN_EXPIRED (only if all
 * else is right). */
enum status jwt_verify(struct str secret, struct str token, int64_t now_s, struct jwt_claims *out,
                       struct error *err) MUST_CHECK;
/* The times alone, with 60 s of leeway. */
enum status jwt_check_times(const struct jwt_claims *claims, int64_t now_s,
                            struct error *err) MUST_CHECK;
/* Appends a signed token; `email` may be empty. */
void jwt_sign(struct str secret, const struct jwt_claims *claims, struct str email,
              struct buf *out);

/* Verified tokens by their bytes, so that a token costs one HMAC and not one per request. */
struct jwt_cache;
struct jwt_cache *jwt_cache_new(void);
void jwt_cache_free(struct jwt_cache *cache);
/* As jwt_verify. */
enum status jwt_cache_verify(struct jwt_cache *cache, struct str secret, struct str token,
                             int64_t now_s, struct jwt_claims *out, struct error *err) MUST_CHECK;

#endif
