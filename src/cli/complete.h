/* complete.h — what TAB offers: keywords, commands, tables, columns.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "base/str.h"
#include "kalam/kalam.h"

#include <stdbool.h>
#include <stddef.h>

struct names;
extern const char *const complete_functions[]; /* sorted, NULL at the end */

struct names *names_new(void);
void names_free(struct names *names); /* NULL is fine */
/* Tables and columns are asked for anew at the next TAB. */
void names_forget(struct names *names);

struct completion {
    size_t word_size;  /* bytes before the cursor that are being completed */
    char **candidates; /* sorted, owned */
    size_t count;
    size_t common; /* bytes that all candidates share, ≥ word_size */
};

/* Candidates for the word before the end of `line`, which is the statement so far: tables where a
 * table must stand, columns of the named tables elsewhere. May ask the server once. */
void complete_line(struct names *names, kalam_client *client, struct str line,
                   struct completion *out);
void completion_clear(struct completion *completion);

#endif
