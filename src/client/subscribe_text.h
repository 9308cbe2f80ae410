/* subscribe_text.h — SUBSCRIBE … as the protocol wants it: a SELECT with its options beside it, and
 * the table's name with its namespace, which WebSocket messages do not carry. Private to client/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_SUBSCRIBE_TEXT_H
#define CLIENT_SUBSCRIBE_TEXT_H

#include "base/arena.h"
#include "wire/messages.h"

/* Fills request->sql from `sql`, in the arena. `LAST n` and `OPTIONS (…)` at the end move into the
 * request's options; what is not understood stays for the server to refuse. `space` may be NULL. */
/* False when memory is short. */
bool subscribe_text_take(const char *sql, const char *space, struct arena *arena,
                         struct wire_subscription *request);

#endif
