/* width.h — how many terminal cells text takes, and cutting it to fit.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include "base/buf.h"
#include "base/str.h"

/* Cells of valid UTF-8: wide characters take two, combining ones none. */
size_t width_of(struct str text);
/* Appends `text`, cut with … to at most `cells`, padded with blanks to exactly that many. */
void width_append(struct buf *out, struct str text, size_t cells, bool right);
/* Appends `text` so that it cannot steer the terminal: \n, \t, \r and other control characters are
 * shown as escapes, bytes that are no UTF-8 as �. */
void width_append_clean(struct buf *out, struct str text);
/* The same for text of several lines: \n and \r\n stay, and with `json` the escapes are those of
 * JSON. */
void width_append_lines(struct buf *out, struct str text, bool json);

#endif
