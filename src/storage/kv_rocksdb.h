/* kv_rocksdb.h — what is asked of a store on the disk before it is opened (kv.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_KV_ROCKSDB_H
#define STORAGE_KV_ROCKSDB_H

#include "base/error.h"

#include <stdbool.h>

/* Whether the folder holds a store. CORRUPT: it holds files of one but not the file `CURRENT`, so
 * that opening would begin with nothing and delete them. */
enum status kv_rocksdb_exists(const char *folder, bool *exists, struct error *err) MUST_CHECK;

#endif
