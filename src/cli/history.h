/* history.h — statements typed before: ~/.kalam/history, one per line with \n and \\ escaped, the
 * newest 1000 kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include <stddef.h>

struct history;

struct history *history_open(const char *path); /* NULL path: in memory only; never NULL */
void history_close(struct history *history);    /* NULL is fine */
/* Appends under a lock. Empty ones, repeats and what names a password are not kept. */
void history_add(struct history *history, const char *statement);
void history_wipe(struct history *history);
size_t history_count(const struct history *history);
const char *history_at(const struct history *history, size_t i); /* oldest first */

#endif
