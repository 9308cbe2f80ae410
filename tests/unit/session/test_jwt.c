/* test_jwt.c — tokens that must pass and tokens that must not; the cache does not outlive times.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "session/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define SECRET STR_LIT("0123456789abcdef0123456789abcdef-secret")
#define NOW 1700000000
#define CLAIMS "\"iss\":\"kalamdb\",\"exp\":1700000600,\"iat\":1700000000,\"role\":\"dba\""

static void encode(struct str bytes, struct buf *out)
{
    unsigned char text[20000];
    int size = EVP_EncodeBlock(text, (const unsigned char *)bytes.data, (int)bytes.size);

    while (size > 0 && text[size - 1] == '=')
        size--;
    for (int i = 0; i < size; i++)
        buf_append_byte(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
}

/* An independent signer. */
static void sign(const char *header, const char *claims, struct str secret, struct buf *out)
{
    unsigned char mac[64];
    unsigned size = 0;

    buf_reset(out);
    encode(str_from_c(header), out);
    buf_append_byte(out, '.');
    encode(str_from_c(claims), out);
    HMAC(EVP_sha256(), secret.data, (int)secret.size, (unsigned char *)out->data, out->size, mac,
         &size);
    buf_append_byte(out, '.');
    encode(str_from((char *)mac, size), out);
}

static enum status verify(struct str token, struct jwt_claims *claims)
{
    struct error err;

    error_clear(&err);
    return jwt_verify(SECRET, token, NOW, claims, &err);
}

static enum status verify_claims(const char *header, const char *text)
{
    struct buf token = {0};
    struct jwt_claims claims;

    sign(header, text, SECRET, &token);
    enum status status = verify(buf_str(&token), &claims);
    buf_clear(&token);
    return status;
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static void test_jwt__round_trip(void **state)
{
    struct jwt_claims made = {.subject = "lena", .role = "dba", .type = JWT_REFRESH};
    struct jwt_claims read;
    struct buf token = {0};

    made.issued_at = NOW - 5;
    made.expires_at = NOW + 5;
    jwt_sign(SECRET, &made, STR_LIT("l@x.y"), &token);
    assert_int_equal(verify(buf_str(&token), &read), STATUS_OK);
    assert_string_equal(read.subject, "lena");
    assert_string_equal(read.role, "dba");
    assert_int_equal(read.type, JWT_REFRESH);
    assert_int_equal(read.expires_at, NOW + 5);
    assert_int_equal(read.issued_at, NOW - 5);
    buf_clear(&token);
}

static void test_jwt__foreign_signer_agrees(void **state)
{
    static const char access[] = "\"token_type\":\"access\"";
    char text[512];

    snprintf(text, sizeof(text), "{\"sub\":\"root\"," CLAIMS ",%s}", access);
    assert_int_equal(verify_claims(HS256, text), STATUS_OK);
    snprintf(text, sizeof(text), "{\"user_id\":\"root\"," CLAIMS ",%s}", access);
    assert_int_equal(verify_claims(HS256, text), STATUS_OK);
    snprintf(text, sizeof(text), "{\"sub\":\"root\",\"user_id\":\"root\"," CLAIMS ",%s}", access);
    assert_int_equal(verify_claims(HS256, text), STATUS_OK);
}

static void test_jwt__headers_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":null}",
        "{\"alg\":[\"HS256\"]}",
        "{}",
        "[]",
        "",
        "x",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"alg\":\"none\"}",
    };

    for (size_t i = 0; i < ARRAY_COUNT(headers); i++)
        assert_int_equal(
            verify_claims(headers[i], "{\"sub\":\"root\"," CLAIMS ",\"token_type\":\"access\"}"),
            STATUS_INVALID_CREDENTIALS);
}

static void test_jwt__claims_refused(void **state)
{
#define REST "\"role\":\"dba\",\"token_type\":\"access\"}"
    static const char *const claims[] = {
        "{" CLAIMS ",\"token_type\":\"access\"}",
        "{\"sub\":\"\"," CLAIMS ",\"token_type\":\"access\"}",
        "{\"sub\":7," CLAIMS ",\"token_type\":\"access\"}",
        "{\"sub\":\"a\\u0000b\"," CLAIMS ",\"token_type\":\"access\"}",
        "{\"sub\":\"a\",\"user_id\":\"b\"," CLAIMS ",\"token_type\":\"access\"}",
        "{\"sub\":\"a\"," CLAIMS "}",
        "{\"sub\":\"a\"," CLAIMS ",\"token_type\":\"other\"}",
        "{\"sub\":\"a\",\"iss\":\"other\",\"exp\":1700000600,\"iat\":1700000000," REST,
        "{\"sub\":\"a\",\"exp\":1700000600,\"iat\":1700000000," REST,
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"iat\":1700000000," REST,
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"exp\":1700000600," REST,
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"exp\":\"1700000600\",\"iat\":1700000000," REST,
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"exp\":-1,\"iat\":1700000000," REST,
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"exp\":1e400,\"iat\":1700000000," REST,
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"exp\":1700009600,\"iat\":1700000061," REST,
        "{\"sub\":\"a\"," CLAIMS ",\"nbf\":1700000061,\"token_type\":\"access\"}",
        "{\"sub\":\"a\",\"iss\":\"kalamdb\",\"exp\":1700000600,\"iat\":1700000000,"
        "\"token_type\":\"access\"}",
        "[1]",
        "",
    };

    for (size_t i = 0; i < ARRAY_COUNT(claims); i++)
        if (verify_claims(HS256, claims[i]) != STATUS_INVALID_CREDENTIALS)
            fail_msg("case %zu passed: %s", i, claims[i]);
}

static void test_jwt__times(void **state)
{
    struct jwt_claims claims = {.issued_at = NOW, .expires_at = NOW + 100};
    struct error err;

    error_clear(&err);
    assert_int_equal(jwt_check_times(&claims, NOW - 60, &err), STATUS_OK);
    assert_int_equal(jwt_check_times(&claims, NOW - 61, &err), STATUS_INVALID_CREDENTIALS);
    assert_int_equal(jwt_check_times(&claims, NOW + 160, &err), STATUS_OK);
    assert_int_equal(jwt_check_times(&claims, NOW + 161, &err), STATUS_TOKEN_EXPIRED);
}

static void test_jwt__damaged(void **state)
{
    struct jwt_claims made = {
        .subject = "a", .role = "user", .issued_at = NOW, .expires_at = NOW + 9};
    struct jwt_claims read;
    struct buf token = {0}, bad = {0};

    jwt_sign(SECRET, &made, STR_EMPTY, &token);
    for (size_t size = 0; size < token.size; size++)
        assert_int_equal(verify(str_from(token.data, size), &read), STATUS_INVALID_CREDENTIALS);
    for (size_t i = 0; i < token.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            buf_reset(&bad);
            buf_append_str(&bad, buf_str(&token));
            bad.data[i] = (char)(bad.data[i] ^ (1 << bit));
            assert_int_equal(verify(buf_str(&bad), &read), STATUS_INVALID_CREDENTIALS);
        }
    }
    static const char *const tails[] = {"x", "=", ".", ".x", " ", "\n", "AA"};
    for (size_t i = 0; i < ARRAY_COUNT(tails); i++) {
        buf_reset(&bad);
        buf_append_str(&bad, buf_str(&token));
        buf_append_str(&bad, str_from_c(tails[i]));
        assert_int_equal(verify(buf_str(&bad), &read), STATUS_INVALID_CREDENTIALS);
    }
    buf_reset(&bad);
    for (int i = 0; i < 9000; i++)
        buf_append_byte(&bad, 'x');
    assert_int_equal(verify(buf_str(&bad), &read), STATUS_INVALID_CREDENTIALS);
    buf_clear(&token);
    buf_clear(&bad);
}

static void test_jwt__wrong_secret(void **state)
{
    struct buf token = {0};
    struct jwt_claims claims;

    sign(HS256, "{\"sub\":\"root\"," CLAIMS ",\"token_type\":\"access\"}",
         STR_LIT("another secret of enough bytes!!"), &token);
    assert_int_equal(verify(buf_str(&token), &claims), STATUS_INVALID_CREDENTIALS);
    buf_clear(&token);
}

static void test_jwt__cache(void **state)
{
    struct jwt_claims made = {
        .subject = "a", .role = "user", .issued_at = NOW, .expires_at = NOW + 9};
    struct jwt_claims read;
    struct jwt_cache *cache = jwt_cache_new();
    struct buf token = {0};
    struct error err;

    error_clear(&err);
    jwt_sign(SECRET, &made, STR_EMPTY, &token);
    for (int i = 0; i < 3; i++) {
        memset(&read, 0, sizeof(read));
        assert_int_equal(jwt_cache_verify(cache, SECRET, buf_str(&token), NOW, &read, &err),
                         STATUS_OK);
        assert_string_equal(read.subject, "a");
    }
    assert_int_equal(jwt_cache_verify(cache, SECRET, buf_str(&token), NOW + 100, &read, &err),
                     STATUS_TOKEN_EXPIRED);
    token.data[token.size - 3] ^= 1;
    assert_int_equal(jwt_cache_verify(cache, SECRET, buf_str(&token), NOW, &read, &err),
                     STATUS_INVALID_CREDENTIALS);
    jwt_cache_free(cache);
    buf_clear(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt__round_trip),
        cmocka_unit_test(test_jwt__foreign_signer_agrees),
        cmocka_unit_test(test_jwt__headers_refused),
        cmocka_unit_test(test_jwt__claims_refused),
        cmocka_unit_test(test_jwt__times),
        cmocka_unit_test(test_jwt__damaged),
        cmocka_unit_test(test_jwt__wrong_secret),
        cmocka_unit_test(test_jwt__cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
