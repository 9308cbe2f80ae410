/* http_console.c — everything below /ui: the web console's files, and its page under every other
 * name, so that a link into the console works.
 *
 * The files hold no data and need no log-in; what the page then asks for does. The policy lets the
 * page load from this server only and run no script that is not one of its files.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "net/net_internal.h"
#include "net/static_files.h"

#include <stdio.h>

#define CONSOLE_POLICY \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; " \
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; " \
    "form-action 'none'; frame-ancestors 'none'\r\n" \
    "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n" \
    "Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n" \
    "Cross-Origin-Resource-Policy: same-origin\r\n"

static void console_missing(struct http_conn *conn, struct str text)
{
    CHECK(conn->busy);
    http_answer(conn,
                &(struct http_reply){.status = 404,
                                     .content_type = "text/plain; charset=utf-8",
                                     .headers = STR_LIT("Cache-Control: no-store\r\n"
                                                        "X-Content-Type-Options: nosniff\r\n")},
                text);
}

/* Weights other than "no" are not compared: gzip is the only coding there is. */
bool http_accepts_gzip(struct str accepted)
{
    while (accepted.size > 0) {
        size_t comma = str_find(accepted, STR_LIT(","));
        struct str part =
            str_trim(str_from(accepted.data, comma < accepted.size ? comma : accepted.size));
        size_t used = comma < accepted.size ? comma + 1 : accepted.size;
        accepted = str_from(accepted.data + used, accepted.size - used);
        size_t weight = str_find(part, STR_LIT(";"));
        struct str coding = str_trim(str_from(part.data, weight < part.size ? weight : part.size));
        if (!str_equal_nocase(coding, STR_LIT("gzip")))
            continue;
        if (weight == SIZE_MAX)
            return true;
        struct str q = str_trim(str_from(part.data + weight + 1, part.size - weight - 1));
        return !str_equal_nocase(q, STR_LIT("q=0")) && !str_starts_with(q, STR_LIT("q=0.0"));
    }
    return false;
}

static void console_send(struct http_conn *conn, const struct http_request *request,
                         const struct static_file *file)
{
    bool zipped =
        file->gzip.size > 0 && http_accepts_gzip(request->headers[HTTP_HEADER_ACCEPT_ENCODING]);
    char etag[STATIC_ETAG_BYTES + 8];
    struct buf headers;
    struct http_reply reply = {.status = 200, .content_type = file->content_type};

    CHECK(file->etag[0] != 0);
    /* Two forms of one file are two entities. */
    (void)snprintf(etag, sizeof(etag), "\"%s%s\"", file->etag, zipped ? "-gz" : "");
    buf_init(&headers);
    buf_append_str(&headers, STR_LIT(CONSOLE_POLICY "Vary: Accept-Encoding\r\n"));
    buf_printf(&headers, "ETag: %s\r\nCache-Control: %s\r\n", etag,
               file->is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (str_find(request->headers[HTTP_HEADER_IF_NONE_MATCH], str_from_c(etag)) != SIZE_MAX) {
        reply = (struct http_reply){.status = 304, .headers = buf_str(&headers)};
        http_answer(conn, &reply, STR_EMPTY);
    } else {
        if (zipped)
            buf_append_str(&headers, STR_LIT("Content-Encoding: gzip\r\n"));
        reply.headers = buf_str(&headers);
        http_answer(conn, &reply, zipped ? file->gzip : file->body);
    }
    buf_clear(&headers);
}

void http_console(struct http_conn *conn, const struct http_request *request)
{
    const struct net *net = conn->shard->net;
    struct str path = request->path, prefix = STR_LIT("/ui");

    CHECK(str_starts_with(path, prefix));
    if (net->console == NULL) {
        console_missing(conn, str_from_c(net->options.console_missing));
        return;
    }
    if (path.size == prefix.size) { /* relative names in the page need the slash */
        http_answer(conn,
                    &(struct http_reply){.status = 308, .headers = STR_LIT("Location: /ui/\r\n")},
                    STR_EMPTY);
        return;
    }
    path = str_from(path.data + prefix.size + 1, path.size - prefix.size - 1);
    const struct static_file *file = static_files_find(net->console, path);
    /* Names with a dot are files; any other is a view of the page. */
    if (file == NULL && (path.size == 0 || memchr(path.data, '.', path.size) == NULL))
        file = static_files_find(net->console, STR_LIT("index.html"));
    if (file == NULL)
        console_missing(conn, STR_LIT("the web console has no such file\n"));
    else
        console_send(conn, request, file);
}
