/* http_parser.h — bytes to HTTP/1.1 requests, one at a time, with limits. No I/O. One thread.
 *
 * llhttp does the grammar. In front of it stands a scan of the head that refuses what llhttp 8.1
 * lets through: CR or LF alone, folded header lines; and behind it what it does not look at:
 * repeated headers that must be single, trailers, transfer codings other than chunked.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_HTTP_PARSER_H
#define NET_HTTP_PARSER_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum http_method { HTTP_GET_METHOD, HTTP_POST_METHOD, HTTP_OPTIONS_METHOD, HTTP_OTHER_METHOD };

/* X(NAME, "name", may repeat: values are joined by a comma) */
#define HTTP_HEADER_LIST(X) \
    X(AUTHORIZATION, "authorization", false) \
    X(API_KEY, "x-api-key", false) \
    X(USER_ID, "x-user-id", false) \
    X(HOST, "host", false) \
    X(ORIGIN, "origin", false) \
    X(CONTENT_TYPE, "content-type", false) \
    X(CONTENT_ENCODING, "content-encoding", false) \
    X(TRANSFER_ENCODING, "transfer-encoding", false) \
    X(COOKIE, "cookie", false) \
    X(FORWARDED_FOR, "x-forwarded-for", true) \
    X(EXPECT, "expect", false) \
    X(UPGRADE, "upgrade", false) \
    X(ACCEPT_ENCODING, "accept-encoding", true) \
    X(IF_NONE_MATCH, "if-none-match", true) \
    X(WS_KEY, "sec-websocket-key", false) \
    X(WS_VERSION, "sec-websocket-version", false) \
    X(WS_PROTOCOL, "sec-websocket-protocol", true)

enum http_header {
#define HTTP_HEADER_ENUM(name, text, repeats) HTTP_HEADER_##name,
    HTTP_HEADER_LIST(HTTP_HEADER_ENUM)
#undef HTTP_HEADER_ENUM
        HTTP_HEADER_COUNT
};

struct http_request { /* borrowed until http_parser_next */
    enum http_method method;
    struct str path, query;                /* of the target, as sent; query without `?` */
    struct str headers[HTTP_HEADER_COUNT]; /* data NULL = absent */
    bool forwarded;                        /* Forwarded or X-Forwarded-* */
    bool keep_alive;                       /* as version and Connection say */
    bool old_version;                      /* HTTP/1.0: no chunks */
    bool upgrades_to_websocket;
    bool without_answer_body; /* HEAD: its answer ends with the head */
    struct str body;
};

struct http_limits {
    size_t head_bytes, target_bytes, header_count, body_bytes;
};

enum http_event {
    HTTP_EVENT_MORE,     /* all bytes are used, the request is not complete */
    HTTP_EVENT_CONTINUE, /* `Expect: 100-continue`: say so, then feed on */
    HTTP_EVENT_REQUEST,  /* complete; call http_parser_next before the next feed */
    HTTP_EVENT_REFUSED,  /* answer with `refusal` and close */
};

struct http_refusal {
    int http_status;
    const char *code, *message;
};

struct http_parser;
struct http_parser *http_parser_new(const struct http_limits *limits);
void http_parser_free(struct http_parser *parser);
/* Uses up the front of `bytes`. */
enum http_event http_parser_feed(struct http_parser *parser, struct str *bytes,
                                 struct http_refusal *refusal);
const struct http_request *http_parser_request(const struct http_parser *parser);
void http_parser_next(struct http_parser *parser);
/* No byte of a request has come yet. */
bool http_parser_is_idle(const struct http_parser *parser);

#endif
