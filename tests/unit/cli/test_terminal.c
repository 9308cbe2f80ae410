/* test_terminal.c — reading a pseudo terminal that Ctrl+C empties.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

/* Standard input becomes a terminal; returns its other side. */
static int terminal_open(void)
{
    int master, slave;

    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(dup2(slave, STDIN_FILENO), STDIN_FILENO);
    close(slave);
    return master;
}

static void type(int master, const char *text)
{
    assert_int_equal(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_a_terminal_emptied_behind_the_poll(void **state)
{
    int master = terminal_open();
    char line[16];

    (void)state;
    type(master, "one\n");
    assert_true(terminal_wait(STDIN_FILENO));
    assert_int_equal(terminal_read(line, sizeof line), 4);
    assert_memory_equal(line, "one\n", 4);

    type(master, "two\n");
    assert_true(terminal_wait(STDIN_FILENO));
    assert_int_equal(tcflush(STDIN_FILENO, TCIFLUSH), 0);
    assert_int_equal(terminal_read(line, sizeof line), -1); /* waits for nobody */
    assert_int_equal(errno, EAGAIN);
    assert_false(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK); /* the shell's flags are as before */

    type(master, "\004"); /* Ctrl+D */
    assert_true(terminal_wait(STDIN_FILENO));
    assert_int_equal(terminal_read(line, sizeof line), 0);
    close(master);
}

static void test_ctrl_c_ends_the_wait(void **state)
{
    int master = terminal_open();

    (void)state;
    interrupt_install();
    type(master, "typed before\n");
    assert_int_equal(raise(SIGINT), 0);
    assert_false(terminal_wait(STDIN_FILENO)); /* a mark set before the call counts */
    assert_true(interrupt_take());
    assert_true(terminal_wait(STDIN_FILENO));
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_terminal_emptied_behind_the_poll),
        cmocka_unit_test(test_ctrl_c_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
