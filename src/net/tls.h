/* tls.h — the server's side of TLS on sockets that do not block (OpenSSL).
 *
 * A session reads and writes its descriptor itself; whoever polls the descriptor calls again when
 * it is ready as the result says. TLS 1.2 and 1.3, forward secrecy only, no renegotiation, no
 * compression, ALPN `http/1.1`.
 *
 * Thread: `struct tls` any; a session belongs to the loop of its socket.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/error.h"

#include <stddef.h>

struct tls;         /* certificate and key, replaceable while sessions run */
struct tls_session; /* one connection */

/* INVALID_INPUT naming the file: missing, unreadable, malformed, encrypted key, or key and
 * certificate that do not belong together. Both files are PEM; the first holds the whole chain. */
enum status tls_open(const char *cert_path, const char *key_path, struct tls **out,
                     struct error *err) MUST_CHECK;
void tls_close(struct tls *tls); /* NULL is fine; sessions may outlive it */
/* Reads the files again; sessions made from now on use them. On failure everything stays. */
enum status tls_reload(struct tls *tls, struct error *err) MUST_CHECK;

enum tls_result {
    TLS_DONE,
    TLS_WANTS_READ,  /* call again when the descriptor can be read */
    TLS_WANTS_WRITE, /* call again when it can be written */
    TLS_ENDED,       /* the peer said that nothing more comes */
    TLS_FAILED,      /* the connection is of no use any more */
};

/* NULL if there is no memory for it. `fd` stays the caller's. */
struct tls_session *tls_session_new(struct tls *tls, int fd);
void tls_session_free(struct tls_session *session); /* NULL is fine */
enum tls_result tls_handshake(struct tls_session *session);
/* After the handshake. At most one record: with room for 16 KiB nothing decrypted stays behind. */
enum tls_result tls_read(struct tls_session *session, char *out, size_t size, size_t *got);
/* After WANTS_* the same bytes, possibly followed by more, must come again. */
enum tls_result tls_write(struct tls_session *session, const char *bytes, size_t size, size_t *put);
/* Tells the peer that nothing more comes; best effort. */
void tls_finish(struct tls_session *session);
/* Why the last call failed, for the log; static or the session's. */
const char *tls_problem(const struct tls_session *session);

#endif
