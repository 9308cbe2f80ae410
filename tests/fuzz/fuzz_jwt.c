/* fuzz_jwt.c — tokens as they come, and tokens with a good signature around any header and claims:
 * what passes is whole.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "base/base64.h"
#include "session/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { FUZZ_NOW = 1700000000 };

/* header NUL claims → a signed token */
static void fuzz_sign(struct str secret, struct str text, struct buf *out)
{
    const char *end = text.size > 0 ? memchr(text.data, 0, text.size) : NULL;
    size_t head = end != NULL ? (size_t)(end - text.data) : 0;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (end != NULL)
        base64_append(BASE64_URL, str_from(text.data, head), out);
    else
        base64_append(BASE64_URL, STR_LIT("{\"alg\":\"HS256\"}"), out);
    buf_append_byte(out, '.');
    size_t skip = end != NULL ? head + 1 : 0;
    base64_append(BASE64_URL, str_from(text.data + skip, text.size - skip), out);
    CHECK(HMAC(EVP_sha256(), secret.data, (int)secret.size, (unsigned char *)out->data, out->size,
               mac, &size) != NULL);
    buf_append_byte(out, '.');
    base64_append(BASE64_URL, str_from((char *)mac, size), out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str secret = STR_LIT("0123456789abcdef0123456789abcdef");
    bool raw = fuzz_choice(&data, &size) % 4 == 0;
    struct jwt_claims claims;
    struct buf token;
    struct error err;

    error_clear(&err);
    buf_init(&token);
    if (raw)
        buf_append_str(&token, fuzz_text(data, size));
    else
        fuzz_sign(secret, fuzz_text(data, size), &token);
    enum status status = jwt_verify(secret, buf_str(&token), FUZZ_NOW, &claims, &err);
    if (status == STATUS_OK) {
        CHECK(claims.subject[0] != 0 && claims.role[0] != 0 &&
              memchr(claims.subject, 0, sizeof(claims.subject)) != NULL);
        CHECK(claims.issued_at > 0 && claims.issued_at <= FUZZ_NOW + 60 &&
              claims.expires_at >= FUZZ_NOW - 60);
        CHECK(claims.generation >= 0);
    } else {
        CHECK(status == STATUS_INVALID_CREDENTIALS || status == STATUS_TOKEN_EXPIRED);
        CHECK(err.message[0] != 0);
    }
    buf_clear(&token);
    return 0;
}
