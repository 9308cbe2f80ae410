/* test_overlay.c — the group's changes: newest wins, undo goes back exactly, growth keeps all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/commit/overlay.h"

/* Only their addresses matter. */
static struct kv_space *space_one = (struct kv_space *)(void *)&space_one;
static struct kv_space *space_two = (struct kv_space *)(void *)&space_two;

static void overlay__newest_wins_and_undo_returns(void **state)
{
    struct overlay overlay;
    struct arena arena;

    overlay_init(&overlay);
    arena_init(&arena, 0);
    overlay_set(&overlay, &arena, space_one, STR_LIT("a"), OVERLAY_PUT, STR_LIT("1"));
    assert_null(overlay_find(&overlay, space_two, STR_LIT("a")));
    overlay_forget(&overlay);
    size_t mark = overlay_mark(&overlay);
    overlay_set(&overlay, &arena, space_one, STR_LIT("a"), OVERLAY_PUT, STR_LIT("2"));
    overlay_set(&overlay, &arena, space_one, STR_LIT("a"), OVERLAY_DELETED, STR_EMPTY);
    overlay_set(&overlay, &arena, space_two, STR_LIT("b"), OVERLAY_PUT, STR_LIT("3"));
    assert_int_equal(overlay_find(&overlay, space_one, STR_LIT("a"))->state, OVERLAY_DELETED);
    overlay_rollback(&overlay, mark);
    assert_true(str_equal(overlay_find(&overlay, space_one, STR_LIT("a"))->bytes, STR_LIT("1")));
    assert_null(overlay_find(&overlay, space_two, STR_LIT("b")));
    overlay_set(&overlay, &arena, space_two, STR_LIT("b"), OVERLAY_PUT, STR_LIT("4"));
    assert_true(str_equal(overlay_find(&overlay, space_two, STR_LIT("b"))->bytes, STR_LIT("4")));
    overlay_clear(&overlay);
    arena_clear(&arena);
}

static void overlay__grows_and_resets(void **state)
{
    struct overlay overlay;
    struct arena arena;
    char key[16];

    overlay_init(&overlay);
    arena_init(&arena, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50000; i++) {
            int size = snprintf(key, sizeof(key), "%d", i);
            overlay_set(&overlay, &arena, space_one, str_from(key, (size_t)size), OVERLAY_PUT,
                        STR_LIT("x"));
        }
        assert_int_equal(overlay.count, 50000);
        for (int i = 0; i < 50000; i++) {
            int size = snprintf(key, sizeof(key), "%d", i);
            assert_non_null(overlay_find(&overlay, space_one, str_from(key, (size_t)size)));
        }
        overlay_reset(&overlay);
        assert_null(overlay_find(&overlay, space_one, STR_LIT("1")));
    }
    overlay_clear(&overlay);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlay__newest_wins_and_undo_returns),
        cmocka_unit_test(overlay__grows_and_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
