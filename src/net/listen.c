/* listen.c — SO_REUSEPORT gives each loop its own queue of clients, and would give a second kalamd
 * half of them too. So the port is first bound once without it, which fails if anybody listens
 * there, and then locked by an abstract unix socket with the port in its name, which goes away with
 * the process however it ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/listen.h"

#include "base/check.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096 };

struct listen_address {
    struct sockaddr_storage storage;
    socklen_t size;
    int family;
};

static enum status listen_resolve(struct str host, uint16_t port, struct listen_address *out,
                                  struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char name[256], service[8];

    CHECK(out != NULL);
    if (host.size == 0 || host.size >= sizeof(name))
        return error_set(err, STATUS_INVALID_INPUT, "server.host is empty or too long");
    memcpy(name, host.data, host.size);
    name[host.size] = 0;
    (void)snprintf(service, sizeof(service), "%u", port);
    int failed = getaddrinfo(name, service, &hints, &found);
    if (failed != 0)
        return error_set(err, STATUS_INVALID_INPUT, "server.host \"%s\": %s", name,
                         gai_strerror(failed));
    memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
    out->size = found->ai_addrlen;
    out->family = found->ai_family;
    freeaddrinfo(found);
    return STATUS_OK;
}

static void listen_set_port(struct listen_address *address, uint16_t port)
{
    CHECK(address->family == AF_INET || address->family == AF_INET6);
    if (address->family == AF_INET6)
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
}

static uint16_t listen_port_of(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof(bound);

    CHECK(getsockname(fd, (struct sockaddr *)&bound, &size) == 0);
    if (bound.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&bound)->sin6_port);
    return ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

/* A bound socket or -1 with errno. */
static int listen_bind(const struct listen_address *address, bool reuse_port)
{
    int one = 1;
    int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(address->size > 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (reuse_port)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&address->storage, address->size) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static enum status listen_refused(struct str host, uint16_t port, struct error *err)
{
    CHECK(errno != 0);
    if (errno == EADDRINUSE)
        return error_set(err, STATUS_CONFLICT, "port %u on %.*s is already in use", port,
                         STR_ARG(host));
    return error_set(err, STATUS_IO_FAILED, "cannot listen on port %u of %.*s: %s", port,
                     STR_ARG(host), strerror(errno));
}

static enum status listen_lock_port(uint16_t port, int *lock, struct error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "kalamdb-port-%u", port);
    CHECK(length > 0 && (size_t)length < sizeof(name.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, STATUS_IO_FAILED, "cannot lock port %u: %s", port, strerror(errno));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (bind(fd, (struct sockaddr *)&name, size) != 0) {
        close(fd);
        return error_set(err, STATUS_CONFLICT, "port %u is already in use by another kalamd", port);
    }
    *lock = fd;
    return STATUS_OK;
}

static enum status listen_open_one(const struct listen_address *address, struct str host,
                                   uint16_t port, int *out, struct error *err)
{
    int fd = listen_bind(address, true);

    CHECK(port > 0);
    if (fd < 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        enum status status = listen_refused(host, port, err);
        if (fd >= 0)
            close(fd);
        return status;
    }
    *out = fd;
    return STATUS_OK;
}

enum status listen_open(struct str host, uint16_t port, unsigned count,
                        struct listen_result *result, struct error *err)
{
    struct listen_address address = {.size = 0};
    unsigned opened = 0;
    enum status status;

    CHECK(count > 0 && result->sockets != NULL);
    result->lock = -1;
    status = listen_resolve(host, port, &address, err);
    if (status != STATUS_OK)
        return status;
    int probe = listen_bind(&address, false);
    if (probe < 0)
        return listen_refused(host, port, err);
    result->port = listen_port_of(probe);
    close(probe);
    listen_set_port(&address, result->port);
    status = listen_lock_port(result->port, &result->lock, err);
    if (status != STATUS_OK)
        return status;
    while (opened < count && status == STATUS_OK) {
        status = listen_open_one(&address, host, result->port, &result->sockets[opened], err);
        if (status == STATUS_OK)
            opened++;
    }
    if (status != STATUS_OK) {
        while (opened > 0)
            close(result->sockets[--opened]);
        close(result->lock);
        result->lock = -1;
    }
    return status;
}
