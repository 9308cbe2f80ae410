/* shortage.h — what happens when memory runs short inside libraries.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_SHORTAGE_H
#define SERVER_SHORTAGE_H

/* Once, before any other call: from then on the process ends with a log line where a library would
 * go on without memory it needs or throws an exception that nobody catches. */
void shortage_prepare(void);

#endif
