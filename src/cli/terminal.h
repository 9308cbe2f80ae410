/* terminal.h — the terminal kalam talks to: its size, secrets typed without echo, Ctrl+C, and a
 * spinner for what takes long.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "kalam/kalam.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

size_t terminal_height(void); /* lines; 24 if unknown */
size_t terminal_width(void);  /* columns of standard output; 80 if unknown */
/* Waits until the terminal `fd` has something to read; false after Ctrl+C, even if that came before
 * the call, and at an error. */
bool terminal_wait(int fd);
/* Reads standard input, which is a terminal, without waiting; 0 at its end or an error, -1 if it
 * holds nothing: Ctrl+C empties it between a poll and the read behind it. */
ssize_t terminal_read(void *data, size_t size);
/* Standard input as a stream of its own, to be closed. Ctrl+C ends it with EINTR, even if that came
 * before or between two reads. */
FILE *terminal_open_input(void);
/* Asks on the controlling terminal without echo; NULL without one or at its end. mem_free. */
char *terminal_ask_secret(const char *prompt);
/* Asks with echo. */
char *terminal_ask(const char *prompt);

/* From now on Ctrl+C and SIGTERM set a mark, and cancel what `client` waits for. */
void interrupt_install(void);
void interrupt_watch(kalam_client *client); /* NULL = nobody */
bool interrupt_take(void);                  /* true once per Ctrl+C */
bool interrupt_is_set(void);
bool interrupt_is_final(void); /* SIGTERM or SIGHUP: leave */

/* Shows ⠋ 0.3 s on standard error after 200 ms, until stopped. */
struct spinner;
struct spinner *spinner_start(void);
void spinner_stop(struct spinner *spinner); /* wipes it; NULL is fine */

#endif
