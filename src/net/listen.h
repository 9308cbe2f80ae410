/* listen.h — listening sockets, one per loop, of one process only. Main thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "base/error.h"

#include <stdint.h>

struct listen_result {
    int *sockets;  /* `count`, the caller closes them */
    int lock;      /* holds the port's lock while open */
    uint16_t port; /* chosen by the system if 0 was asked for */
};

/* `host` is a numeric address or a name. CONFLICT if somebody else has the port, INVALID_INPUT for
 * a host that does not exist here; nothing is left open then. `sockets` has room for `count`. */
enum status listen_open(struct str host, uint16_t port, unsigned count,
                        struct listen_result *result, struct error *err) MUST_CHECK;

#endif
