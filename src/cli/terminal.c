/* terminal.c — see terminal.h. Signals arrive in the main thread only: every other thread has them
 * blocked, so that a waiting read or poll of the main thread ends at once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/terminal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { SPINNER_DELAY_MS = 200, SPINNER_STEP_MS = 100, SPINNER_STACK = 256 << 10 };

size_t terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 10)
        return size.ws_col;
    return 80;
}

size_t terminal_height(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row >= 2)
        return size.ws_row;
    return 24;
}

bool terminal_wait(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    sigset_t ends, before;
    int ready = -1;

    CHECK(sigemptyset(&ends) == 0 && sigaddset(&ends, SIGINT) == 0);
    CHECK(sigaddset(&ends, SIGTERM) == 0 && sigaddset(&ends, SIGHUP) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, &ends, &before) == 0);
    while (ready < 0 && !interrupt_is_set()) {
        ready = ppoll(&wait, 1, NULL, &before);
        if (ready < 0 && errno != EINTR)
            break;
    }
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return ready > 0 && !interrupt_is_set();
}

static ssize_t terminal_input_read(void *cookie, char *data, size_t size)
{
    CHECK(cookie == NULL);
    if (terminal_wait(STDIN_FILENO))
        return read(STDIN_FILENO, data, size);
    errno = EINTR;
    return -1;
}

FILE *terminal_open_input(void)
{
    return fopencookie(NULL, "r", (cookie_io_functions_t){.read = terminal_input_read});
}

/* From a terminal that does not block, as terminal_read. */
static ssize_t terminal_read_from(int fd, void *data, size_t size)
{
    ssize_t got = read(fd, data, size);

    CHECK(fd >= 0);
    return got >= 0 || errno == EAGAIN || errno == EINTR ? got : 0;
}

ssize_t terminal_read(void *data, size_t size)
{
    static int fd = -1;

    CHECK(data && size > 0);
    if (fd < 0) /* an open file of our own: the flag is not the shell's to find afterwards */
        fd = open("/dev/stdin", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        fd = STDIN_FILENO; /* another user's terminal */
    return terminal_read_from(fd, data, size);
}

/* One line from `fd`, which is a terminal and does not block. */
static char *terminal_read_line(int fd)
{
    struct buf line;
    size_t size;
    char c = 0;

    CHECK(fd >= 0);
    buf_init(&line);
    while (c != '\n' && terminal_wait(fd)) {
        ssize_t got = terminal_read_from(fd, &c, 1);
        if (got == 0)
            break;
        if (got > 0 && c != '\n')
            buf_append_byte(&line, (uint8_t)c);
    }
    if (c != '\n') {
        buf_clear(&line);
        return NULL;
    }
    buf_append_byte(&line, 0);
    return buf_take(&line, &size);
}

static char *terminal_ask_on(const char *prompt, bool echo)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before, quiet;
    bool changed = false;
    char *line = NULL;

    CHECK(prompt);
    if (fd < 0)
        return NULL;
    if (!echo && tcgetattr(fd, &before) == 0) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        changed = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
    }
    if (echo || changed) { /* never a secret in the open */
        dprintf(fd, "%s", prompt);
        (void)fcntl(fd, F_SETFL, O_NONBLOCK); /* see terminal_read */
        line = terminal_read_line(fd);
    }
    if (changed) {
        dprintf(fd, "\n");
        (void)tcsetattr(fd, TCSAFLUSH, &before);
    }
    close(fd);
    return line;
}

char *terminal_ask_secret(const char *prompt)
{
    CHECK(prompt && *prompt);
    return terminal_ask_on(prompt, false);
}

char *terminal_ask(const char *prompt)
{
    CHECK(prompt && *prompt);
    return terminal_ask_on(prompt, true);
}

/* ---- Ctrl+C ---- */

static atomic_bool interrupt_mark, interrupt_final;
static _Atomic(kalam_client *) interrupt_client;

static void interrupt_handle(int signal_number)
{
    if (signal_number != SIGINT)
        atomic_store(&interrupt_final, true);
    atomic_store(&interrupt_mark, true);
    kalam_cancel(atomic_load(&interrupt_client));
}

void interrupt_install(void)
{
    struct sigaction action = {.sa_handler = interrupt_handle}; /* without SA_RESTART */

    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGINT, &action, NULL) == 0);
    CHECK(sigaction(SIGTERM, &action, NULL) == 0);
    CHECK(sigaction(SIGHUP, &action, NULL) == 0);
}

void interrupt_watch(kalam_client *client)
{
    atomic_store(&interrupt_client, client);
}

bool interrupt_take(void)
{
    return atomic_exchange(&interrupt_mark, false);
}

bool interrupt_is_set(void)
{
    return atomic_load(&interrupt_mark);
}

bool interrupt_is_final(void)
{
    return atomic_load(&interrupt_final);
}

/* ---- spinner ---- */

struct spinner {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool stop;
};

/* Waits `ms`; true when it is over. mutex held. */
static bool spinner_wait(struct spinner *spinner, long ms)
{
    struct timespec until;
    int outcome = 0;

    CHECK(spinner);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!spinner->stop && outcome == 0)
        outcome = pthread_cond_timedwait(&spinner->stopped, &spinner->mutex, &until);
    return spinner->stop;
}

static void *spinner_main(void *argument)
{
    static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    struct spinner *spinner = argument;
    int64_t start = clock_monotonic_ms();
    bool drawn = false;

    CHECK(argument);
    pthread_mutex_lock(&spinner->mutex);
    for (size_t i = 0; !spinner_wait(spinner, drawn ? SPINNER_STEP_MS : SPINNER_DELAY_MS); i++) {
        double seconds = (double)(clock_monotonic_ms() - start) / 1000;
        fprintf(stderr, "\r%s %.1f s", frames[i % ARRAY_COUNT(frames)], seconds);
        fflush(stderr);
        drawn = true;
    }
    if (drawn)
        fprintf(stderr, "\r\033[K");
    pthread_mutex_unlock(&spinner->mutex);
    return NULL;
}

struct spinner *spinner_start(void)
{
    struct spinner *spinner = mem_zalloc(sizeof *spinner);

    pthread_mutex_init(&spinner->mutex, NULL);
    pthread_cond_init(&spinner->stopped, NULL);
    thread_start(&spinner->thread, "spinner", SPINNER_STACK, spinner_main, spinner);
    return spinner;
}

void spinner_stop(struct spinner *spinner)
{
    if (!spinner)
        return;
    CHECK(!spinner->stop);
    pthread_mutex_lock(&spinner->mutex);
    spinner->stop = true;
    pthread_cond_broadcast(&spinner->stopped);
    pthread_mutex_unlock(&spinner->mutex);
    pthread_join(spinner->thread, NULL);
    pthread_mutex_destroy(&spinner->mutex);
    pthread_cond_destroy(&spinner->stopped);
    mem_free(spinner);
}
