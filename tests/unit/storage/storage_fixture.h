/* storage_fixture.h — a temporary folder per test and small helpers of the storage tests.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_STORAGE_FIXTURE_H
#define TESTS_STORAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char fixture_folder[64];

static inline int fixture_remove_entry(const char *path, const struct stat *info, int kind,
                                       struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int fixture_setup(void **state)
{
    (void)state;
    strcpy(fixture_folder, "/tmp/kalam_storage_XXXXXX");
    return mkdtemp(fixture_folder) == NULL;
}

static inline int fixture_teardown(void **state)
{
    (void)state;
    return nftw(fixture_folder, fixture_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path below the folder of the test; eight may be in use at once. */
static inline const char *fixture_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", fixture_folder, name);
    return path;
}

static inline void fixture_check(enum status status, const struct error *err, const char *file,
                                 int line)
{
    if (status == STATUS_OK)
        return;
    print_error("%s:%d: %s: %s\n", file, line, status_name(status), err->message);
    fail();
}
/* `call` gets `&err` of the surrounding test. */
#define assert_ok(call) fixture_check((call), &err, __FILE__, __LINE__)
#define assert_status(call, expected) assert_string_equal(status_name(call), status_name(expected))

#endif
