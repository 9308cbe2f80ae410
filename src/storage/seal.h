/* seal.h — secrets at rest: a text sealed with a key that lies in the data folder.
 *
 * AES-256-GCM with a fresh nonce per text. `context` (the id of the storage) is authenticated with
 * it, so that a sealed text copied into another row does not open. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_SEAL_H
#define STORAGE_SEAL_H

#include "base/buf.h"
#include "base/error.h"

struct seal;

/* Reads the key from a file of mode 0600; a missing one is made. CORRUPT when it is no key. */
enum status seal_open(const char *path, struct seal **out, struct error *err) MUST_CHECK;
void seal_close(struct seal *seal); /* NULL is fine */
/* Appends the sealed form, printable ASCII. */
void seal_text(const struct seal *seal, struct str context, struct str plain, struct buf *out);
/* Appends the text. CORRUPT: not sealed with this key and context. */
enum status seal_reveal(const struct seal *seal, struct str context, struct str sealed,
                        struct buf *out, struct error *err) MUST_CHECK;

#endif
