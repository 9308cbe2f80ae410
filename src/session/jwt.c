/* jwt.c — three base64url parts, one HMAC. The algorithm is fixed here; what the token says about
 * it must agree, but decides nothing. The signature is checked before the claims are parsed.
 *
 * The cache is a table of slots by a seeded hash of the token; a slot holds the whole token, so
 * that a hit is an equality of bytes. Times are checked on every use.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session/jwt.h"

#include "base/arena.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/mem.h"
#include "wire/json_parse.h"
#include "wire/json_writer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

enum {
    JWT_LEEWAY_S = 60,
    JWT_MAC_BYTES = 32,
    JWT_MEMBERS_MAX = 64,
    JWT_CACHE_SLOTS = 1024,
    JWT_CACHE_TOKEN_BYTES = 2048, /* longer ones are verified every time */
};

static const char jwt_issuer[] = "kalamdb";

static enum status jwt_invalid(struct error *err, const char *why)
{
    CHECK(why != NULL);
    return error_set(err, STATUS_INVALID_CREDENTIALS, "invalid token: %s", why);
}

static void jwt_mac(struct str secret, struct str text, uint8_t out[EVP_MAX_MD_SIZE])
{
    unsigned size = 0;

    CHECK(secret.size >= JWT_SECRET_BYTES_MIN && secret.size < INT32_MAX);
    CHECK(HMAC(EVP_sha256(), secret.data, (int)secret.size, (const unsigned char *)text.data,
               text.size, out, &size) != NULL);
    CHECK(size == JWT_MAC_BYTES);
}

/* ---- verifying ------------------------------------------------------------------------------- */

static bool jwt_decode_part(struct str text, struct arena *arena, struct str *out)
{
    char *bytes = arena_alloc(arena, BASE64_BYTES_MAX(text.size));
    size_t size = 0;

    CHECK(text.size <= JWT_TOKEN_BYTES);
    if (!base64_decode(BASE64_URL, text, bytes, &size))
        return false;
    *out = str_from(bytes, size);
    return true;
}

struct jwt_parts {
    struct str header, claims, signature; /* decoded */
    struct str signed_text;
};

static bool jwt_split(struct str token, struct arena *arena, struct jwt_parts *parts)
{
    const char *end = token.data + token.size;

    CHECK(token.size > 0);
    const char *first = memchr(token.data, '.', token.size);
    const char *second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return false;
    parts->signed_text = str_from(token.data, (size_t)(second - token.data));
    return jwt_decode_part(str_from(token.data, (size_t)(first - token.data)), arena,
                           &parts->header) &&
           jwt_decode_part(str_from(first + 1, (size_t)(second - first - 1)), arena,
                           &parts->claims) &&
           jwt_decode_part(str_from(second + 1, (size_t)(end - second - 1)), arena,
                           &parts->signature);
}

/* Readers disagree which one counts of a member that is there twice, so a token has none; and few
 * members, since this is asked before the signature. */
static bool jwt_is_object(const struct json *json)
{
    if (!json_is(json, JSON_OBJECT) || json->count > JWT_MEMBERS_MAX)
        return false;
    CHECK(json->count == 0 || json->keys != NULL);
    for (size_t i = 0; i < json->count; i++)
        for (size_t k = 0; k < i; k++)
            if (str_equal(json->keys[i], json->keys[k]))
                return false;
    return true;
}

static enum status jwt_check_header(struct str text, struct arena *arena, struct error *err)
{
    const struct json *header = NULL;
    struct str algorithm = STR_EMPTY;

    CHECK(arena != NULL);
    if (json_parse(text, arena, &header, NULL) != STATUS_OK || !jwt_is_object(header))
        return jwt_invalid(err, "malformed header");
    if (!json_string(json_get(header, "alg"), &algorithm) ||
        !str_equal(algorithm, STR_LIT("HS256")))
        return jwt_invalid(err, "the algorithm must be HS256");
    if (json_get(header, "crit") != NULL)
        return jwt_invalid(err, "critical extensions are not known");
    return STATUS_OK;
}

static bool jwt_copy_text(const struct json *json, char *out, size_t capacity)
{
    struct str text;

    CHECK(capacity > 1);
    if (!json_string(json, &text) || text.size == 0 || text.size >= capacity ||
        memchr(text.data, 0, text.size) != NULL)
        return false;
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
    return true;
}

static bool jwt_read_subject(const struct json *claims, struct jwt_claims *out)
{
    const struct json *subject = json_get_present(claims, "sub");
    const struct json *user = json_get_present(claims, "user_id");
    struct str a, b;

    CHECK(out != NULL);
    if (subject != NULL && user != NULL &&
        (!json_string(subject, &a) || !json_string(user, &b) || !str_equal(a, b)))
        return false;
    return jwt_copy_text(subject != NULL ? subject : user, out->subject, sizeof(out->subject));
}

static bool jwt_read_type(const struct json *claims, struct jwt_claims *out)
{
    struct str type;

    CHECK(out != NULL);
    if (!json_string(json_get(claims, "token_type"), &type))
        return false;
    out->type = str_equal(type, STR_LIT("refresh")) ? JWT_REFRESH : JWT_ACCESS;
    return out->type == JWT_REFRESH || str_equal(type, STR_LIT("access"));
}

static enum status jwt_read_claims(struct str text, int64_t now_s, struct arena *arena,
                                   struct jwt_claims *out, struct error *err)
{
    const struct json *claims = NULL;
    struct str issuer = STR_EMPTY;
    int64_t not_before;

    CHECK(now_s > 0);
    if (json_parse(text, arena, &claims, NULL) != STATUS_OK || !jwt_is_object(claims))
        return jwt_invalid(err, "malformed claims");
    if (!json_string(json_get(claims, "iss"), &issuer) || !str_equal(issuer, STR_LIT(jwt_issuer)))
        return jwt_invalid(err, "foreign issuer");
    if (!jwt_read_subject(claims, out))
        return jwt_invalid(err, "no subject");
    if (!jwt_copy_text(json_get(claims, "role"), out->role, sizeof(out->role)))
        return jwt_invalid(err, "no role");
    if (!jwt_read_type(claims, out))
        return jwt_invalid(err, "no token_type");
    if (!json_integer(json_get(claims, "exp"), &out->expires_at) ||
        !json_integer(json_get(claims, "iat"), &out->issued_at) || out->expires_at <= 0 ||
        out->issued_at <= 0)
        return jwt_invalid(err, "no exp or iat");
    const struct json *nbf = json_get_present(claims, "nbf");
    if (nbf != NULL && (!json_integer(nbf, &not_before) || not_before > now_s + JWT_LEEWAY_S))
        return jwt_invalid(err, "not valid yet");
    const struct json *generation = json_get_present(claims, "generation");
    if (generation != NULL && (!json_integer(generation, &out->generation) || out->generation <= 0))
        return jwt_invalid(err, "malformed generation");
    return STATUS_OK;
}

enum status jwt_check_times(const struct jwt_claims *claims, int64_t now_s, struct error *err)
{
    CHECK(claims->expires_at > 0 && claims->issued_at > 0);
    if (claims->issued_at > now_s + JWT_LEEWAY_S)
        return jwt_invalid(err, "issued in the future");
    if (now_s - JWT_LEEWAY_S > claims->expires_at)
        return error_set(err, STATUS_TOKEN_EXPIRED, "the token has expired");
    return STATUS_OK;
}

enum status jwt_verify(struct str secret, struct str token, int64_t now_s, struct jwt_claims *out,
                       struct error *err)
{
    struct jwt_parts parts = {.header = STR_EMPTY};
    uint8_t mac[EVP_MAX_MD_SIZE];
    struct arena arena;
    enum status status;

    CHECK(secret.size >= JWT_SECRET_BYTES_MIN);
    if (token.size == 0 || token.size > JWT_TOKEN_BYTES)
        return jwt_invalid(err, "empty or too long");
    *out = (struct jwt_claims){.type = JWT_ACCESS};
    arena_init(&arena, 0);
    status = STATUS_INVALID_CREDENTIALS;
    if (!jwt_split(token, &arena, &parts)) {
        status = jwt_invalid(err, "not three base64url parts");
        goto out;
    }
    status = jwt_check_header(parts.header, &arena, err);
    if (status != STATUS_OK)
        goto out;
    jwt_mac(secret, parts.signed_text, mac);
    if (parts.signature.size != JWT_MAC_BYTES ||
        CRYPTO_memcmp(parts.signature.data, mac, JWT_MAC_BYTES) != 0) {
        status = jwt_invalid(err, "wrong signature");
        goto out;
    }
    status = jwt_read_claims(parts.claims, now_s, &arena, out, err);
    if (status == STATUS_OK)
        status = jwt_check_times(out, now_s, err);
out:
    arena_clear(&arena);
    return status;
}

/* ---- signing --------------------------------------------------------------------------------- */

void jwt_sign(struct str secret, const struct jwt_claims *claims, struct str email, struct buf *out)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    struct buf json;
    size_t start = out->size;

    CHECK(claims->subject[0] != 0);
    buf_init(&json);
    json_object_begin(&json);
    json_member_string(&json, STR_LIT("sub"), str_from_c(claims->subject));
    json_member_string(&json, STR_LIT("iss"), STR_LIT(jwt_issuer));
    json_member_integer(&json, STR_LIT("exp"), claims->expires_at);
    json_member_integer(&json, STR_LIT("iat"), claims->issued_at);
    if (claims->generation > 0)
        json_member_integer(&json, STR_LIT("generation"), claims->generation);
    json_member_string(&json, STR_LIT("role"), str_from_c(claims->role));
    if (email.size > 0)
        json_member_string(&json, STR_LIT("email"), email);
    json_member_string(&json, STR_LIT("token_type"),
                       claims->type == JWT_REFRESH ? STR_LIT("refresh") : STR_LIT("access"));
    json_object_end(&json);
    base64_append(BASE64_URL, STR_LIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), out);
    buf_append_byte(out, '.');
    base64_append(BASE64_URL, buf_str(&json), out);
    jwt_mac(secret, str_from(out->data + start, out->size - start), mac);
    buf_append_byte(out, '.');
    base64_append(BASE64_URL, str_from((const char *)mac, JWT_MAC_BYTES), out);
    buf_clear(&json);
}

/* ---- cache ----------------------------------------------------------------------------------- */

struct jwt_slot {
    char *token;
    size_t size;
    struct jwt_claims claims;
};

struct jwt_cache {
    pthread_mutex_t mutex;
    uint64_t seed;
    struct jwt_slot slots[JWT_CACHE_SLOTS];
};

struct jwt_cache *jwt_cache_new(void)
{
    struct jwt_cache *cache = mem_zalloc(sizeof(*cache));

    CHECK(pthread_mutex_init(&cache->mutex, NULL) == 0);
    id_random(&cache->seed, sizeof(cache->seed));
    return cache;
}

void jwt_cache_free(struct jwt_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < JWT_CACHE_SLOTS; i++)
        mem_free(cache->slots[i].token);
    CHECK(pthread_mutex_destroy(&cache->mutex) == 0);
    mem_free(cache);
}

static bool jwt_cache_find(struct jwt_cache *cache, size_t index, struct str token,
                           struct jwt_claims *out)
{
    CHECK(index < JWT_CACHE_SLOTS);
    pthread_mutex_lock(&cache->mutex);
    struct jwt_slot *slot = &cache->slots[index];
    bool found =
        slot->size == token.size && CRYPTO_memcmp(slot->token, token.data, token.size) == 0;
    if (found)
        *out = slot->claims;
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

static void jwt_cache_put(struct jwt_cache *cache, size_t index, struct str token,
                          const struct jwt_claims *claims)
{
    char *copy = mem_strdup(token);

    CHECK(index < JWT_CACHE_SLOTS);
    pthread_mutex_lock(&cache->mutex);
    struct jwt_slot *slot = &cache->slots[index];
    char *old = slot->token;
    *slot = (struct jwt_slot){.token = copy, .size = token.size, .claims = *claims};
    pthread_mutex_unlock(&cache->mutex);
    mem_free(old);
}

enum status jwt_cache_verify(struct jwt_cache *cache, struct str secret, struct str token,
                             int64_t now_s, struct jwt_claims *out, struct error *err)
{
    enum status status;

    CHECK(cache != NULL);
    if (token.size == 0 || token.size > JWT_CACHE_TOKEN_BYTES)
        return jwt_verify(secret, token, now_s, out, err);
    size_t index = hash_bytes_seeded(token, cache->seed) % JWT_CACHE_SLOTS;
    if (jwt_cache_find(cache, index, token, out))
        return jwt_check_times(out, now_s, err);
    status = jwt_verify(secret, token, now_s, out, err);
    if (status == STATUS_OK)
        jwt_cache_put(cache, index, token, out);
    return status;
}
