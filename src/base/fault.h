/* fault.h — named fault points. Compiled out of release builds, except when KALAM_FAULTS is
 * defined.
 *
 * KALAM_FAULT="flush_after_rename:kill:3" kills the process (SIGKILL) the third time that the point
 * is passed; actions: kill, error (FAULT is true once), error+ (from then on), delay=ms. Points are
 * listed in FAULT_LIST, sorted; an unknown name in the environment stops the start.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#define FAULT_LIST(X) \
    X(backup_after_copies) \
    X(backup_before_manifest) \
    X(commit_after_write) \
    X(commit_before_write) \
    X(compact_after_commit) \
    X(compact_after_write) \
    X(compact_before_commit) \
    X(ddl_after_commit) \
    X(ddl_before_commit) \
    X(drop_after_commit) \
    X(files_between_renames) \
    X(flush_after_commit) \
    X(flush_after_pending) \
    X(flush_after_rename) \
    X(flush_after_write) \
    X(flush_before_commit) \
    X(flush_before_delete_replaced) \
    X(job_after_row) \
    X(live_before_match) \
    X(live_before_register) \
    X(live_before_slow_end) \
    X(live_while_matching) \
    X(restore_after_commit) \
    X(restore_after_copies) \
    X(restore_after_rows) \
    X(restore_before_commit) \
    X(storages_ask) \
    X(storages_open) \
    X(storages_writable) \
    X(user_drop_after_commit) \
    X(user_drop_before_commit)

enum fault_point {
#define FAULT_ENUM(name) FAULT_##name,
    FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

#ifdef KALAM_FAULTS
/* True when the named point shall fail now; may not return at all (kill). Any thread. */
bool fault_hit(enum fault_point point);
#define FAULT(name) fault_hit(FAULT_##name)
#else
#define FAULT(name) false
#endif

#endif
