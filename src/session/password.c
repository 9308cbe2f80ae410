/* password.c — libargon2 behind three calls.
 * SPDX-License-Identifier: Apache-2.0 */
#include "session/password.h"

#include "base/check.h"
#include "base/id.h"
#include "base/utf8.h"

#include <argon2.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PASSWORD_SALT_BYTES = 16, PASSWORD_KEY_BYTES = 32 };

static atomic_uint password_running_count;

unsigned password_running(void)
{
    return atomic_load(&password_running_count);
}

/* ---- cost ------------------------------------------------------------------------------------ */

/* Salt and key of the sizes below, all zero. */
#define PASSWORD_NOBODYS "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

struct str password_cost_of(struct str encoded)
{
    size_t dollars = 0;

    CHECK(encoded.size == 0 || encoded.data != NULL);
    for (size_t i = 0; i < encoded.size; i++)
        if (encoded.data[i] == '$' && ++dollars == 4) /* $argon2id$v=…$m=…,t=…,p=…$ */
            return str_from(encoded.data, i + 1);
    return STR_EMPTY;
}

void password_dummy(const struct password_cost *cost, char out[PASSWORD_HASH_BYTES])
{
    int size = snprintf(out, PASSWORD_HASH_BYTES, "$argon2id$v=%d$m=%u,t=%u,p=%u$%s",
                        ARGON2_VERSION_NUMBER, cost->memory_kib, cost->iterations,
                        cost->parallelism, PASSWORD_NOBODYS);

    CHECK(size > 0 && size < PASSWORD_HASH_BYTES);
}

void password_dummy_like(struct str encoded, char out[PASSWORD_HASH_BYTES])
{
    struct str cost = password_cost_of(encoded);

    CHECK(cost.size > 0 && cost.size + sizeof(PASSWORD_NOBODYS) <= PASSWORD_HASH_BYTES);
    memcpy(out, cost.data, cost.size);
    memcpy(out + cost.size, PASSWORD_NOBODYS, sizeof(PASSWORD_NOBODYS));
}

/* ---- rules, hashes --------------------------------------------------------------------------- */

/* What attackers try first, of at least eight characters. Compared without case. */
static const char *const password_common[] = {
    "password",   "password1",  "password12",  "password123",   "passw0rd",    "p@ssw0rd",
    "p@ssword",   "12345678",   "123456789",   "1234567890",    "12345678910", "0123456789",
    "0987654321", "987654321",  "87654321",    "11111111",      "111111111",   "1111111111",
    "00000000",   "000000000",  "0000000000",  "22222222",      "88888888",    "99999999",
    "12341234",   "11223344",   "1q2w3e4r",    "1q2w3e4r5t",    "1qaz2wsx",    "1qazxsw2",
    "q1w2e3r4",   "q1w2e3r4t5", "qwertyui",    "qwertyuiop",    "qwerty123",   "qwerty12",
    "qwerty1234", "qwer1234",   "asdfghjk",    "asdfghjkl",     "asdf1234",    "zxcvbnm1",
    "zxcvbnm123", "abcd1234",   "abcdefgh",    "abc12345",      "abc123456",   "a1b2c3d4",
    "a1234567",   "a12345678",  "aa123456",    "aa12345678",    "iloveyou",    "iloveyou1",
    "sunshine",   "princess",   "football",    "football1",     "baseball",    "baseball1",
    "superman",   "trustno1",   "letmein1",    "letmein123",    "welcome1",    "welcome123",
    "changeme",   "changeme1",  "changeme123", "administrator", "admin123",    "admin1234",
    "admin12345", "adminadmin", "rootroot",    "root1234",      "toor1234",    "test1234",
    "testtest",   "testing123", "guest123",    "user1234",      "master123",   "secret123",
    "dragon123",  "monkey123",  "michelle",    "jennifer",      "computer",    "internet",
    "whatever",   "starwars",   "corvette",    "mercedes",      "samsung1",    "google123",
    "database",   "kalamdb1",   "kalamdb123",  "postgres",      "liverpool",   "chocolate",
};

enum status password_check(struct str password, struct error *err)
{
    CHECK(password.size == 0 || password.data != NULL);
    if (!utf8_is_valid(password) ||
        (password.size > 0 && memchr(password.data, 0, password.size) != NULL))
        return error_set(err, STATUS_CONSTRAINT_VIOLATION, "the password is not valid text");
    size_t length = utf8_length(password);
    if (length < PASSWORD_CHARACTERS_MIN || length > PASSWORD_CHARACTERS_MAX)
        return error_set(err, STATUS_CONSTRAINT_VIOLATION, "a password has %d to %d characters",
                         PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX);
    for (size_t i = 0; i < ARRAY_COUNT(password_common); i++)
        if (str_equal_nocase(password, str_from_c(password_common[i])))
            return error_set(err, STATUS_CONSTRAINT_VIOLATION, "this password is too common");
    return STATUS_OK;
}

enum status password_hash(const struct password_cost *cost, struct str password,
                          char out[PASSWORD_HASH_BYTES], struct error *err)
{
    uint8_t salt[PASSWORD_SALT_BYTES];

    CHECK(cost->iterations > 0 && cost->parallelism > 0);
    id_random(salt, sizeof(salt));
    atomic_fetch_add(&password_running_count, 1);
    int failed = argon2id_hash_encoded(cost->iterations, cost->memory_kib, cost->parallelism,
                                       password.data, password.size, salt, sizeof(salt),
                                       PASSWORD_KEY_BYTES, out, PASSWORD_HASH_BYTES);
    atomic_fetch_sub(&password_running_count, 1);
    if (failed != ARGON2_OK)
        return error_set(err, STATUS_INTERNAL_ERROR, "the password cannot be hashed: %s",
                         argon2_error_message(failed));
    return STATUS_OK;
}

enum status password_verify(struct str encoded, struct str password, struct error *err)
{
    char text[PASSWORD_HASH_BYTES];

    CHECK(encoded.size < sizeof(text));
    memcpy(text, encoded.data, encoded.size);
    text[encoded.size] = 0;
    atomic_fetch_add(&password_running_count, 1);
    int failed = argon2id_verify(text, password.data, password.size);
    atomic_fetch_sub(&password_running_count, 1);
    if (failed == ARGON2_OK)
        return STATUS_OK;
    if (failed == ARGON2_MEMORY_ALLOCATION_ERROR || failed == ARGON2_THREAD_FAIL)
        return error_set(err, STATUS_INTERNAL_ERROR, "the password cannot be checked: %s",
                         argon2_error_message(failed));
    return error_set(err, STATUS_INVALID_CREDENTIALS, "invalid user name or password");
}
