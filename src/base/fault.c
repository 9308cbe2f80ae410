/* fault.c — named fault points, armed by KALAM_FAULT in the environment (see fault.h). Several may
 * be armed at once, separated by commas; each counts its own passes.
 *
 * A specification that cannot be understood stops the process: a crash test that silently tests
 * nothing is worse than none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/fault.h"

#ifdef KALAM_FAULTS

#include "base/check.h"
#include "base/str.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum fault_action { FAULT_OFF, FAULT_KILL, FAULT_ERROR, FAULT_ERROR_FOREVER, FAULT_DELAY };

struct fault_state {
    enum fault_action action;
    uint64_t pass; /* 1 = the first time */
    uint64_t delay_ms;
    _Atomic uint64_t passed;
};

static struct fault_state fault_states[FAULT_COUNT];
static pthread_once_t fault_once = PTHREAD_ONCE_INIT;

static _Noreturn void fault_refuse(struct str entry)
{
    (void)fprintf(stderr, "KALAM_FAULT: cannot understand \"%.*s\"\n", STR_ARG(entry));
    abort();
}

/* Cuts off and returns what stands before `separator`. */
static struct str fault_token(struct str *rest, char separator)
{
    size_t end = str_find(*rest, str_from(&separator, 1));
    size_t size = end == SIZE_MAX ? rest->size : end;
    struct str token = str_from(rest->data, size);

    CHECK(size <= rest->size);
    rest->data += end == SIZE_MAX ? size : size + 1;
    rest->size -= end == SIZE_MAX ? size : size + 1;
    return token;
}

static struct fault_state *fault_by_name(struct str name)
{
    static const char *const names[] = {
#define FAULT_NAME(name) #name,
        FAULT_LIST(FAULT_NAME)
#undef FAULT_NAME
    };
    for (int i = 0; i < FAULT_COUNT; i++) {
        CHECK(names[i] != NULL);
        if (str_equal(name, str_from_c(names[i])))
            return &fault_states[i];
    }
    return NULL;
}

static void fault_arm(struct str entry)
{
    struct str rest = entry;
    struct fault_state *state = fault_by_name(fault_token(&rest, ':'));
    struct str action = fault_token(&rest, ':');
    struct str delay = STR_LIT("delay=");

    if (state == NULL)
        fault_refuse(entry);
    CHECK(state >= fault_states);
    state->pass = 1;
    if (rest.size > 0 && (!str_to_uint64(rest, &state->pass) || state->pass == 0))
        fault_refuse(entry);
    if (str_equal(action, STR_LIT("kill")))
        state->action = FAULT_KILL;
    else if (str_equal(action, STR_LIT("error")))
        state->action = FAULT_ERROR;
    else if (str_equal(action, STR_LIT("error+")))
        state->action = FAULT_ERROR_FOREVER;
    else if (str_starts_with(action, delay) &&
             str_to_uint64(str_from(action.data + delay.size, action.size - delay.size),
                           &state->delay_ms))
        state->action = FAULT_DELAY;
    else
        fault_refuse(entry);
}

static void fault_read_environment(void)
{
    struct str rest = str_from_c(getenv("KALAM_FAULT"));

    CHECK(fault_states[0].action == FAULT_OFF);
    while (rest.size > 0) {
        struct str entry = fault_token(&rest, ',');
        if (entry.size > 0)
            fault_arm(entry);
    }
}

static void fault_sleep(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    CHECK(left.tv_nsec < 1000000000);
    while (nanosleep(&left, &left) != 0)
        ;
}

bool fault_hit(enum fault_point point)
{
    CHECK((unsigned)point < FAULT_COUNT);
    (void)pthread_once(&fault_once, fault_read_environment);
    struct fault_state *state = &fault_states[point];
    if (state->action == FAULT_OFF)
        return false;
    uint64_t pass = atomic_fetch_add(&state->passed, 1) + 1;
    if (pass < state->pass)
        return false;
    if (state->action == FAULT_ERROR_FOREVER)
        return true;
    if (pass != state->pass)
        return false;
    if (state->action == FAULT_KILL)
        (void)kill(getpid(), SIGKILL);
    if (state->action == FAULT_DELAY)
        fault_sleep(state->delay_ms);
    return state->action == FAULT_ERROR;
}

#else
typedef int fault_nothing; /* a translation unit is never empty */
#endif
