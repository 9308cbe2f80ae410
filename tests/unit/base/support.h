/* support.h — what every test of base/ includes.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_BASE_SUPPORT_H
#define TESTS_UNIT_BASE_SUPPORT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs `body` in a child whose stderr is thrown away and returns its wait status. */
static inline int run_in_child(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static inline void assert_aborts(void (*body)(void))
{
    int status = run_in_child(body);

    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#endif
