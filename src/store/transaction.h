/* transaction.h — BEGIN … COMMIT: a view with changes of one's own on top.
 *
 * transaction_view is an ordinary view for every reader: merged scan, look-up by key, estimates. It
 * shows the moment of BEGIN and what the transaction has written since. Nothing of it reaches the
 * commit thread before COMMIT; then all versions go there as one request. The first to commit
 * wins: a key whose version is no longer the one of BEGIN is a TRANSACTION_CONFLICT.
 *
 * A version that is not committed has no number and no time yet: `_seq` and `_updated` read NULL.
 *
 * One thread at a time; the view may be read by several.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_TRANSACTION_H
#define STORE_TRANSACTION_H

#include "store/commit.h"

struct transaction;

/* At the newest view. */
struct transaction *transaction_begin(struct store *store);
/* Forgets what was not committed; who still holds the view may read on. NULL is fine. */
void transaction_end(struct transaction *transaction);
struct view *transaction_view(const struct transaction *transaction); /* borrowed */
int64_t transaction_begun_us(const struct transaction *transaction);
size_t transaction_row_count(const struct transaction *transaction); /* keys written so far */

/* Runs the operations of one statement, prepared at the transaction's view, against it: whole or
 * not at all. Fills what the commit thread would fill, with versions that have no number yet.
 * `cached_only`: WOULD_BLOCK instead of reading from the disk; then nothing was done. */
enum status transaction_apply(struct transaction *transaction, struct commit_request *request,
                              bool cached_only, struct error *err) MUST_CHECK;
/* Fills in the operations of COMMIT at `request->view`, which is a newer one, in the order in which
 * the keys were first written. None: nothing was written. After STALE the request is prepared anew
 * at a newer view. */
enum status transaction_prepare(const struct transaction *transaction,
                                struct commit_request *request, bool cached_only,
                                struct error *err) MUST_CHECK;

#endif
