/* server.h — the parts of one running kalamd, put together. Main thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/config.h"

#include <stdint.h>

struct server;

/* Binds the port first; nothing on the disk is touched if that fails. `config` outlives the server.
 */
enum status server_start(const struct config *config, struct server **out,
                         struct error *err) MUST_CHECK;
uint16_t server_port(const struct server *server);
/* Can a server be started with it, as far as that shows without starting one: certificate and key.
 */
enum status server_check(const struct config *config, struct error *err) MUST_CHECK;
/* What the log shall show now and then: sizes. May wait for the disk. */
void server_log_figures(struct server *server);
/* Certificate and key are read again. On failure the old ones stay. */
enum status server_reload(struct server *server, struct error *err) MUST_CHECK;
/* Stop accepting, finish statements, close WebSockets, flush, close. NULL is fine. False
 * if something had to be left behind. */
bool server_stop(struct server *server);

#endif
