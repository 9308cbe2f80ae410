/* multipart.h — the multipart/form-data form of an SQL request (docs/protocol.md), turned into the
 * JSON one. No I/O. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_MULTIPART_H
#define WIRE_MULTIPART_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

/* Is this Content-Type multipart/form-data? */
bool multipart_is(struct str content_type);
/* Text parts `sql`, `params` (JSON text) and `namespace_id` become the JSON body, appended to
 * `out`. INVALID_INPUT: malformed, a field twice or unknown, `sql` missing, text that is not UTF-8,
 * params that are not JSON. NOT_SUPPORTED: a file. */
enum status multipart_to_json(struct str content_type, struct str body, struct buf *out,
                              struct error *err) MUST_CHECK;

#endif
