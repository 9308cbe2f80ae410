/* check.c — the end of a process that found a bug in itself. Acknowledged rows are durable, so that
 * stopping is the safe answer. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *text)
{
    char message[512];

    (void)snprintf(message, sizeof(message), "check failed: %s", text);
    log_last_words(file, line, message);
    abort();
}
