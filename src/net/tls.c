/* tls.c — see tls.h.
 *
 * Certificate and key live in an SSL_CTX behind a mutex that is held only to make a session or to
 * swap the context: a session refers to the context it was made from. Sessions are not cached;
 * tickets are sealed with keys of the context, so a reload ends them.
 *
 * OpenSSL keeps errors per thread: the queue is emptied before each call, and what a call left in
 * it belongs to that call.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/tls.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

/* TLS 1.2: ephemeral key exchange and authenticated encryption only. TLS 1.3 has nothing else. */
static const char tls_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct tls {
    pthread_mutex_t mutex; /* guards `context` */
    SSL_CTX *context;
    char *cert_path, *key_path;
};

struct tls_session {
    SSL *ssl;
    char problem[160];
};

/* ---- the context ----------------------------------------------------------------------------- */

/* OpenSSL would ask on the terminal. */
static int tls_no_passphrase(char *out, int size, int writing, void *context)
{
    CHECK(out != NULL && size >= 0 && context == NULL);
    (void)writing;
    return -1;
}

/* Only HTTP/1.1 is spoken here; a client that insists on something else is told. */
static int tls_select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                               const unsigned char *offered, unsigned int offered_size,
                               void *context)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    unsigned char *selected = NULL;

    CHECK(ssl != NULL && context == NULL);
    if (SSL_select_next_proto(&selected, out_size, spoken, sizeof(spoken) - 1, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

static enum status tls_bad_file(struct error *err, const char *what, const char *path)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    CHECK(path != NULL);
    enum status status = error_set(err, STATUS_INVALID_INPUT, "%s \"%s\" cannot be used: %s", what,
                                   path, reason != NULL ? reason : "unknown reason");
    ERR_clear_error();
    return status;
}

static enum status tls_need_file(const char *what, const char *path, struct error *err)
{
    FILE *file = fopen(path, "re");

    CHECK(what != NULL);
    if (file == NULL)
        return error_set(err, STATUS_INVALID_INPUT, "%s \"%s\" cannot be read: %s", what, path,
                         strerror(errno));
    (void)fclose(file);
    return STATUS_OK;
}

static void tls_warn_of_readers(const char *key_path)
{
    struct stat info;

    CHECK(key_path != NULL);
    if (stat(key_path, &info) == 0 && (info.st_mode & S_IROTH) != 0)
        log_warn("server.tls_key \"%s\" can be read by everybody on this machine", key_path);
}

static enum status tls_load_files(SSL_CTX *context, const struct tls *tls, struct error *err)
{
    enum status status = tls_need_file("server.tls_cert", tls->cert_path, err);

    if (status == STATUS_OK)
        status = tls_need_file("server.tls_key", tls->key_path, err);
    if (status != STATUS_OK)
        return status;
    CHECK(context != NULL);
    if (SSL_CTX_use_certificate_chain_file(context, tls->cert_path) != 1)
        return tls_bad_file(err, "server.tls_cert", tls->cert_path);
    if (SSL_CTX_use_PrivateKey_file(context, tls->key_path, SSL_FILETYPE_PEM) != 1)
        return tls_bad_file(err, "server.tls_key", tls->key_path);
    if (SSL_CTX_check_private_key(context) != 1)
        return tls_bad_file(err, "server.tls_key", tls->key_path);
    tls_warn_of_readers(tls->key_path);
    return STATUS_OK;
}

static enum status tls_new_context(const struct tls *tls, SSL_CTX **out, struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    ERR_clear_error();
    if (context == NULL)
        return error_set(err, STATUS_IO_FAILED, "TLS cannot be set up");
    SSL_CTX_set_default_passwd_cb(context, tls_no_passphrase);
    SSL_CTX_set_alpn_select_cb(context, tls_select_protocol, NULL);
    (void)SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                     SSL_OP_PRIORITIZE_CHACHA |
                     SSL_OP_IGNORE_UNEXPECTED_EOF); /* HTTP and WebSocket know their ends */
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
    CHECK(SSL_CTX_set_cipher_list(context, tls_ciphers) == 1);
    enum status status = tls_load_files(context, tls, err);
    if (status == STATUS_OK)
        *out = context;
    else
        SSL_CTX_free(context);
    return status;
}

static char *tls_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);

    CHECK(size > 0);
    memcpy(copy, text, size);
    return copy;
}

enum status tls_open(const char *cert_path, const char *key_path, struct tls **out,
                     struct error *err)
{
    struct tls *tls = mem_zalloc(sizeof(*tls));

    CHECK(cert_path != NULL && key_path != NULL);
    CHECK(pthread_mutex_init(&tls->mutex, NULL) == 0);
    tls->cert_path = tls_copy(cert_path);
    tls->key_path = tls_copy(key_path);
    enum status status = tls_new_context(tls, &tls->context, err);
    if (status == STATUS_OK)
        *out = tls;
    else
        tls_close(tls);
    return status;
}

void tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    CHECK(tls->cert_path != NULL);
    SSL_CTX_free(tls->context);
    (void)pthread_mutex_destroy(&tls->mutex);
    mem_free(tls->cert_path);
    mem_free(tls->key_path);
    mem_free(tls);
}

enum status tls_reload(struct tls *tls, struct error *err)
{
    SSL_CTX *fresh = NULL;
    enum status status = tls_new_context(tls, &fresh, err);

    if (status != STATUS_OK)
        return status;
    CHECK(fresh != NULL);
    pthread_mutex_lock(&tls->mutex);
    SSL_CTX *old = tls->context;
    tls->context = fresh;
    pthread_mutex_unlock(&tls->mutex);
    SSL_CTX_free(old);
    return STATUS_OK;
}

/* ---- sessions -------------------------------------------------------------------------------- */

struct tls_session *tls_session_new(struct tls *tls, int fd)
{
    struct tls_session *session;

    CHECK(fd >= 0);
    ERR_clear_error();
    pthread_mutex_lock(&tls->mutex);
    SSL *ssl = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->mutex);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    session = mem_zalloc(sizeof(*session));
    session->ssl = ssl;
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    CHECK(session->ssl != NULL);
    SSL_free(session->ssl);
    mem_free(session);
}

static void tls_note_problem(struct tls_session *session, int error)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    if (reason == NULL)
        reason = error == SSL_ERROR_SYSCALL && errno != 0 ? strerror(errno) : "connection closed";
    CHECK(reason != NULL);
    (void)snprintf(session->problem, sizeof(session->problem), "%s", reason);
    ERR_clear_error();
}

/* What `result` of an SSL_… call means. */
static enum tls_result tls_result_of(struct tls_session *session, int result)
{
    int error = SSL_get_error(session->ssl, result);

    CHECK(session->ssl != NULL);
    switch (error) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    default:
        tls_note_problem(session, error);
        return TLS_FAILED;
    }
}

enum tls_result tls_handshake(struct tls_session *session)
{
    CHECK(session->ssl != NULL);
    ERR_clear_error();
    errno = 0;
    return tls_result_of(session, SSL_do_handshake(session->ssl));
}

enum tls_result tls_read(struct tls_session *session, char *out, size_t size, size_t *got)
{
    CHECK(size > 0);
    ERR_clear_error();
    errno = 0;
    *got = 0;
    return tls_result_of(session, SSL_read_ex(session->ssl, out, size, got));
}

enum tls_result tls_write(struct tls_session *session, const char *bytes, size_t size, size_t *put)
{
    CHECK(size > 0);
    ERR_clear_error();
    errno = 0;
    *put = 0;
    return tls_result_of(session, SSL_write_ex(session->ssl, bytes, size, put));
}

void tls_finish(struct tls_session *session)
{
    CHECK(session->ssl != NULL);
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

const char *tls_problem(const struct tls_session *session)
{
    CHECK(session != NULL);
    return session->problem[0] != 0 ? session->problem : "connection closed";
}
