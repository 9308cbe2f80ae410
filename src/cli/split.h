/* split.h — cuts SQL text into what is sent in one request: a statement, or everything from BEGIN
 * to COMMIT or ROLLBACK, because a transaction lives in one request.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_SPLIT_H
#define CLI_SPLIT_H

#include "base/str.h"

enum split {
    SPLIT_UNIT, /* a whole unit that ends with its `;` */
    SPLIT_REST, /* the text ends without `;` (or before COMMIT): what is left */
    SPLIT_OPEN, /* the text ends inside a quote or comment: what is left */
    SPLIT_END   /* nothing but blanks, comments and lone semicolons was left */
};

/* From *offset on, which moves behind the unit. `unit` is trimmed and has no `;` at its end. */
enum split split_next(struct str text, size_t *offset, struct str *unit);
/* The text's first word in ASCII, comments skipped: "SELECT" of `-- a\n select 1`. */
struct str split_first_word(struct str text);

#endif
