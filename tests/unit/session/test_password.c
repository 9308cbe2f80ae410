/* test_password.c — rules for new passwords; hashes verify, differ by salt, carry their cost.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "session/password.h"

static enum status check(struct str password)
{
    struct error err;

    error_clear(&err);
    return password_check(password, &err);
}

static void test_password__rules(void **state)
{
    char long_one[257];

    memset(long_one, 'x', sizeof(long_one));
    assert_int_equal(check(STR_LIT("sehr geheim 7")), STATUS_OK);
    assert_int_equal(
        check(STR_LIT("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9")),
        STATUS_OK);
    assert_int_equal(check(str_from(long_one, 256)), STATUS_OK);
    assert_int_equal(check(str_from(long_one, 257)), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(check(STR_LIT("1234567")), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(check(STR_EMPTY), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(check(STR_LIT("PassWord123")), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(check(STR_LIT("12345678")), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(check(STR_LIT("abcdefg\0h")), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(check(STR_LIT("abcdefg\xff\xff")), STATUS_CONSTRAINT_VIOLATION);
}

static void test_password__hash_and_verify(void **state)
{
    struct password_cost cost = {.memory_kib = 1024, .iterations = 1, .parallelism = 1};
    char one[PASSWORD_HASH_BYTES], two[PASSWORD_HASH_BYTES];
    struct error err;

    assert_int_equal(password_hash(&cost, STR_LIT("correct horse"), one, &err), STATUS_OK);
    assert_int_equal(password_hash(&cost, STR_LIT("correct horse"), two, &err), STATUS_OK);
    assert_string_not_equal(one, two);
    assert_true(str_starts_with(str_from_c(one), STR_LIT("$argon2id$v=19$m=1024,t=1,p=1$")));
    assert_int_equal(password_verify(str_from_c(one), STR_LIT("correct horse"), &err), STATUS_OK);
    assert_int_equal(password_verify(str_from_c(one), STR_LIT("correct horsf"), &err),
                     STATUS_INVALID_CREDENTIALS);
    assert_int_equal(password_verify(STR_LIT("no hash at all"), STR_LIT("correct horse"), &err),
                     STATUS_INVALID_CREDENTIALS);
}

static void test_password__dummies_cost_what_others_do(void **state)
{
    const struct password_cost cost = {.memory_kib = 64, .iterations = 3, .parallelism = 2};
    char hash[PASSWORD_HASH_BYTES], dummy[PASSWORD_HASH_BYTES], like[PASSWORD_HASH_BYTES];
    struct error err;

    error_clear(&err);
    assert_int_equal(password_hash(&cost, STR_LIT("sehr geheim 7"), hash, &err), STATUS_OK);
    password_dummy(&cost, dummy);
    password_dummy_like(str_from_c(hash), like);
    assert_string_equal(dummy, like);
    assert_int_equal(strlen(dummy), strlen(hash));
    assert_true(str_equal(password_cost_of(str_from_c(hash)), password_cost_of(str_from_c(dummy))));
    assert_int_equal(password_verify(str_from_c(dummy), STR_LIT("sehr geheim 7"), &err),
                     STATUS_INVALID_CREDENTIALS); /* INTERNAL_ERROR if it made no sense */
    assert_int_equal(password_cost_of(STR_LIT("$argon2id$v=19$m=64")).size, 0);
    assert_int_equal(password_cost_of(STR_EMPTY).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password__rules),
        cmocka_unit_test(test_password__hash_and_verify),
        cmocka_unit_test(test_password__dummies_cost_what_others_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
