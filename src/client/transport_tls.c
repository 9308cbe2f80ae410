/* transport_tls.c — TLS over the WebSocket's socket, by OpenSSL: TLS 1.2 or newer, the certificate
 * is checked against the system's authorities (or a file of the caller) and the host's name.
 *
 * The socket is read and written through a BIO of our own: OpenSSL's writes without MSG_NOSIGNAL,
 * and a library must not bring SIGPIPE upon its process. Not thread-safe: the poller owns it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "client/client_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

struct tls {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

/* ---- the socket as a BIO ---- */

static int tls_bio_write(BIO *bio, const char *data, int size)
{
    const struct tls *tls = BIO_get_data(bio);
    ssize_t wrote;

    CHECK(tls && size >= 0);
    BIO_clear_retry_flags(bio);
    wrote = send(tls->fd, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)wrote;
}

static int tls_bio_read(BIO *bio, char *data, int size)
{
    const struct tls *tls = BIO_get_data(bio);
    ssize_t got;

    CHECK(tls && size >= 0);
    BIO_clear_retry_flags(bio);
    got = recv(tls->fd, data, (size_t)size, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)got;
}

static long tls_bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *tls_method; /* for the process's life */

static void tls_make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kalam socket");

    if (!method)
        return;
    CHECK(BIO_meth_set_write(method, tls_bio_write) == 1);
    CHECK(BIO_meth_set_read(method, tls_bio_read) == 1);
    CHECK(BIO_meth_set_ctrl(method, tls_bio_control) == 1);
    tls_method = method;
}

/* ---- connecting ---- */

static bool tls_is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    CHECK(host && *host);
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Whose certificate it must be; names are told to the server (SNI), addresses cannot. */
static bool tls_set_host(SSL *ssl, const char *host)
{
    CHECK(ssl && host);
    if (tls_is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)host) == 1;
}

static bool tls_set_up(struct tls *tls, const char *host, const char *ca_file)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    CHECK(tls && host);
    pthread_once(&once, tls_make_method);
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context || !tls_method ||
        SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1 ||
        (ca_file ? SSL_CTX_load_verify_file(tls->context, ca_file)
                 : SSL_CTX_set_default_verify_paths(tls->context)) != 1)
        return false;
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    tls->ssl = SSL_new(tls->context);
    bio = tls->ssl ? BIO_new(tls_method) : NULL;
    if (!bio)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_connect_state(tls->ssl);
    return tls_set_host(tls->ssl, host);
}

static kalam_status tls_fail(const struct tls *tls, kalam_error *error)
{
    long verified = tls->ssl ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
    unsigned long code = ERR_peek_last_error();
    char text[256] = "the connection ended";

    CHECK(tls);
    if (verified != X509_V_OK)
        snprintf(text, sizeof text, "%s", X509_verify_cert_error_string(verified));
    else if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return client_fail(error, KALAM_CONNECTION, "TLS: %s", text);
}

kalam_status tls_open(int fd, const char *host, const struct websocket_options *options,
                      struct tls **out, kalam_error *error)
{
    struct tls *tls = mem_try_zalloc(sizeof *tls);
    int waited = 0, done = 0;

    CHECK(fd >= 0 && out);
    if (!tls)
        return client_no_memory(error);
    tls->fd = fd;
    ERR_clear_error();
    if (!tls_set_up(tls, host, options->ca_file)) {
        kalam_status status = tls_fail(tls, error);
        tls_close(tls);
        return status;
    }
    while (waited == 0 && (done = SSL_do_handshake(tls->ssl)) != 1) {
        int wants = SSL_get_error(tls->ssl, done);
        if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE)
            break;
        waited = websocket_await(fd, wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
                                 options->end_ms, options->cancelled);
    }
    if (done == 1) {
        *out = tls;
        return KALAM_OK;
    }
    kalam_status status = waited ? client_fail(error, KALAM_CONNECTION, "TLS: %s", strerror(waited))
                                 : tls_fail(tls, error);
    tls_close(tls);
    return status;
}

void tls_close(struct tls *tls)
{
    if (!tls)
        return;
    CHECK(tls->fd >= 0);
    if (tls->ssl && SSL_is_init_finished(tls->ssl))
        (void)SSL_shutdown(tls->ssl); /* says good-bye; nobody waits for the answer */
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    ERR_clear_error();
    mem_free(tls);
}

/* ---- bytes ---- */

/* As recv and send say it: EAGAIN when the socket must be waited for. */
static ssize_t tls_outcome(struct tls *tls, int done)
{
    int wants = SSL_get_error(tls->ssl, done);

    CHECK(done <= 0);
    ERR_clear_error();
    if (wants == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

ssize_t tls_read(struct tls *tls, void *out, size_t size)
{
    int got;

    CHECK(tls && out);
    ERR_clear_error();
    got = SSL_read(tls->ssl, out, size > INT32_MAX ? INT32_MAX : (int)size);
    return got > 0 ? got : tls_outcome(tls, got);
}

ssize_t tls_write(struct tls *tls, const void *data, size_t size)
{
    int wrote;

    CHECK(tls && data);
    if (size == 0)
        return 0;
    ERR_clear_error();
    wrote = SSL_write(tls->ssl, data, size > INT32_MAX ? INT32_MAX : (int)size);
    return wrote > 0 ? wrote : tls_outcome(tls, wrote);
}

bool tls_has_bytes(const struct tls *tls)
{
    return tls && SSL_pending(tls->ssl) > 0;
}
