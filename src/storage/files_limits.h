/* files_limits.h — how long the paths of files.h may be.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_FILES_LIMITS_H
#define STORAGE_FILES_LIMITS_H

enum {
    FILES_PATH_MAX = 2048,
    FILES_NAME_MAX = 240, /* of one part: room for `.` and `.tmp` within a file name */
};

#endif
