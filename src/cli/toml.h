/* toml.h — the little of TOML that kalam's files use: [section], ["section"], key = "text", whole
 * numbers, true and false, comments.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_TOML_H
#define CLI_TOML_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

enum toml_kind { TOML_TEXT, TOML_INTEGER, TOML_BOOLEAN };

struct toml_entry {
    const char *section, *key; /* live during the call */
    enum toml_kind kind;
    const char *text;
    int64_t integer;
    bool boolean;
};

struct toml_problem {
    int line;
    char key[64]; /* empty if the line has none */
    char message[160];
};

/* Calls `take` per entry; it returns NULL or what is wrong with the value. False with `problem` at
 * the first mistake. */
bool toml_read(struct str text, const char *(*take)(void *context, const struct toml_entry *entry),
               void *context, struct toml_problem *problem);
/* `"text"` with escapes. */
void toml_write_text(struct buf *out, const char *text);

#endif
