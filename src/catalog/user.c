/* user.c — a user object and the words for roles, see catalog.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "catalog/catalog.h"

static const struct {
    const char *word;
    enum role role;
} role_words[] = {
    /* The first word of each role is the one shown. */
    {"user", ROLE_USER},       {"viewer", ROLE_USER},       {"readonly", ROLE_USER},
    {"service", ROLE_SERVICE}, {"developer", ROLE_SERVICE}, {"analyst", ROLE_SERVICE},
    {"dba", ROLE_DBA},         {"admin", ROLE_DBA},         {"system", ROLE_SYSTEM},
};

const char *role_name(enum role role)
{
    for (size_t i = 0; i < ARRAY_COUNT(role_words); i++)
        if (role_words[i].role == role)
            return role_words[i].word;
    UNREACHABLE("role");
}

bool role_parse(struct str text, enum role *role)
{
    CHECK(role != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(role_words); i++) {
        if (str_equal_nocase(text, str_from_c(role_words[i].word))) {
            *role = role_words[i].role;
            return true;
        }
    }
    return false;
}

bool user_id_is_valid(struct str id)
{
    bool good = id.size > 0 && id.size <= LIMIT_USER_ID_BYTES && !str_equal(id, STR_LIT(".")) &&
                str_find(id, STR_LIT("..")) == SIZE_MAX;

    CHECK(id.size == 0 || id.data != NULL);
    for (size_t i = 0; i < id.size && good; i++) {
        char c = id.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               memchr("_.@+-", c, 5) != NULL;
    }
    return good;
}

struct user *user_new(void)
{
    struct user *user = mem_zalloc(sizeof(*user));

    atomic_init(&user->refs, 1);
    user->arena = mem_zalloc(sizeof(*user->arena));
    arena_init(user->arena, 0);
    user->storage_mode = STR_LIT("table");
    CHECK(user->role == ROLE_USER);
    return user;
}

struct user *user_copy(const struct user *user)
{
    struct user *copy = user_new();
    struct arena *arena = copy->arena;

    CHECK(user->id.size > 0);
    memcpy((char *)copy + offsetof(struct user, id), (const char *)user + offsetof(struct user, id),
           sizeof(*copy) - offsetof(struct user, id));
    copy->arena = arena;
    copy->id = arena_copy(arena, user->id);
    copy->username = arena_copy(arena, user->username);
    copy->email = arena_copy(arena, user->email);
    copy->metadata = arena_copy(arena, user->metadata);
    copy->password_hash = arena_copy(arena, user->password_hash);
    copy->api_key_hash = arena_copy(arena, user->api_key_hash);
    copy->storage_mode = arena_copy(arena, user->storage_mode);
    copy->storage_id = arena_copy(arena, user->storage_id);
    return copy;
}

struct user *user_ref(const struct user *user)
{
    /* The count is the only member that changes after publication. */
    struct user *shared = (struct user *)(uintptr_t)user;
    unsigned before = atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return shared;
}

void user_unref(struct user *user)
{
    if (user == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&user->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    arena_clear(user->arena);
    mem_free(user->arena);
    mem_free(user);
}
