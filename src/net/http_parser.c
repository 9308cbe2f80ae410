/* http_parser.c — llhttp between a scan of the head and checks of what it found.
 *
 * The head is copied into one buffer as it comes (target and the values of headers we know), spans
 * are kept as offsets and become strings when the request is complete. Both buffers are kept for
 * the next request unless they grew large.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/http_parser.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

#include <llhttp.h>

enum { HTTP_NAME_BYTES = 32, HTTP_KEEP_BYTES = 64 * 1024 };

struct http_span {
    size_t start, size;
    bool seen;
};

struct http_parser {
    llhttp_t llhttp;
    struct http_limits limits;
    struct http_request request;
    struct http_refusal refusal;
    struct buf head, body;
    struct http_span target, spans[HTTP_HEADER_COUNT];
    size_t head_bytes, header_count;
    size_t line_bytes; /* of the head's current line, before this piece */
    char line_last;    /* its last byte */
    char name[HTTP_NAME_BYTES];
    size_t name_size; /* may exceed the array: the name is none of ours */
    int header;       /* of the value that comes, -1 = not kept */
    bool in_head, started, complete, first_line, paused;
};

static const struct {
    struct str name;
    bool repeats;
} http_header_table[HTTP_HEADER_COUNT] = {
#define HTTP_HEADER_ROW(id, text, again) \
    [HTTP_HEADER_##id] = {.name = {(text), sizeof(text) - 1}, .repeats = (again)},
    HTTP_HEADER_LIST(HTTP_HEADER_ROW)
#undef HTTP_HEADER_ROW
};

static int http_refuse(struct http_parser *parser, int http_status, const char *code,
                       const char *message)
{
    CHECK(http_status >= 400);
    parser->refusal = (struct http_refusal){http_status, code, message};
    return HPE_USER;
}

/* ---- callbacks of llhttp --------------------------------------------------------------------- */

static int http_on_url(llhttp_t *llhttp, const char *data, size_t size)
{
    struct http_parser *parser = llhttp->data;

    CHECK(!parser->complete);
    if (parser->target.size + size > parser->limits.target_bytes)
        return http_refuse(parser, 414, "INVALID_INPUT", "the request target is too long");
    buf_append(&parser->head, data, size);
    parser->target.size += size;
    return 0;
}

static int http_on_field(llhttp_t *llhttp, const char *data, size_t size)
{
    struct http_parser *parser = llhttp->data;

    CHECK(!parser->complete);
    if (!parser->in_head)
        return http_refuse(parser, 400, "INVALID_INPUT", "trailers are not accepted");
    for (size_t i = 0; i < size; i++, parser->name_size++)
        if (parser->name_size < HTTP_NAME_BYTES)
            parser->name[parser->name_size] = data[i];
    return 0;
}

static int http_find_header(struct str name)
{
    CHECK(name.data != NULL);
    for (int i = 0; i < HTTP_HEADER_COUNT; i++)
        if (http_header_table[i].name.size == name.size &&
            str_equal_nocase(http_header_table[i].name, name))
            return i;
    return -1;
}

static int http_on_field_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;
    size_t size = parser->name_size < HTTP_NAME_BYTES ? parser->name_size : HTTP_NAME_BYTES;
    struct str name = str_from(parser->name, size);
    struct str prefix = STR_LIT("x-forwarded-");

    CHECK(parser->in_head);
    if (size == 0)
        return http_refuse(parser, 400, "INVALID_INPUT", "a header without a name");
    if (++parser->header_count > parser->limits.header_count)
        return http_refuse(parser, 431, "INVALID_INPUT", "too many headers");
    if (str_equal_nocase(name, STR_LIT("forwarded")) ||
        (size >= prefix.size && str_equal_nocase(str_from(name.data, prefix.size), prefix)))
        parser->request.forwarded = true;
    parser->header = parser->name_size <= HTTP_NAME_BYTES ? http_find_header(name) : -1;
    parser->name_size = 0;
    if (parser->header < 0)
        return 0;
    struct http_span *span = &parser->spans[parser->header];
    if (span->seen && !http_header_table[parser->header].repeats)
        return http_refuse(parser, 400, "INVALID_INPUT", "a header is repeated");
    if (span->seen) { /* joined behind the first one, which need not be the last in the buffer */
        size_t start = parser->head.size;
        (void)buf_reserve(&parser->head, span->size + 1);
        buf_append(&parser->head, parser->head.data + span->start, span->size);
        buf_append_byte(&parser->head, ',');
        *span = (struct http_span){.start = start, .size = span->size + 1, .seen = true};
    } else {
        *span = (struct http_span){.start = parser->head.size, .seen = true};
    }
    return 0;
}

static int http_on_value(llhttp_t *llhttp, const char *data, size_t size)
{
    struct http_parser *parser = llhttp->data;

    CHECK(!parser->complete);
    if (parser->header < 0)
        return 0;
    buf_append(&parser->head, data, size);
    parser->spans[parser->header].size += size;
    return 0;
}

static struct str http_span_str(const struct http_parser *parser, const struct http_span *span)
{
    CHECK(span->start + span->size <= parser->head.size);
    if (!span->seen)
        return str_from(NULL, 0); /* absent, unlike empty */
    if (span->size == 0)
        return STR_LIT("");
    return str_trim(str_from(parser->head.data + span->start, span->size));
}

static void http_fill_request(struct http_parser *parser)
{
    struct http_request *request = &parser->request;

    parser->target.seen = true;
    struct str target = http_span_str(parser, &parser->target);
    const char *mark = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    request->path = target;
    request->query = STR_EMPTY;
    if (mark != NULL) {
        request->path.size = (size_t)(mark - target.data);
        request->query = str_from(mark + 1, target.size - request->path.size - 1);
    }
    for (int i = 0; i < HTTP_HEADER_COUNT; i++)
        request->headers[i] = http_span_str(parser, &parser->spans[i]);
    CHECK(request->path.size <= target.size);
}

static int http_check_head(struct http_parser *parser)
{
    const struct http_request *request = &parser->request;
    const struct str *headers = request->headers;

    CHECK(parser->in_head);
    if (llhttp_get_http_major(&parser->llhttp) != 1)
        return http_refuse(parser, 505, "INVALID_INPUT", "only HTTP/1.1 and HTTP/1.0 are spoken");
    if (headers[HTTP_HEADER_HOST].data == NULL && !request->old_version)
        return http_refuse(parser, 400, "INVALID_INPUT", "the Host header is missing");
    if (request->path.size == 0 ||
        (request->path.data[0] != '/' && request->method != HTTP_OPTIONS_METHOD))
        return http_refuse(parser, 400, "INVALID_INPUT", "the request target is not a path");
    if (headers[HTTP_HEADER_TRANSFER_ENCODING].data != NULL &&
        !str_equal_nocase(headers[HTTP_HEADER_TRANSFER_ENCODING], STR_LIT("chunked")))
        return http_refuse(parser, 501, "NOT_SUPPORTED",
                           "only the transfer coding chunked is known");
    if (headers[HTTP_HEADER_TRANSFER_ENCODING].data != NULL && request->old_version)
        return http_refuse(parser, 400, "INVALID_INPUT", "HTTP/1.0 has no transfer codings");
    if (headers[HTTP_HEADER_CONTENT_ENCODING].size > 0 &&
        !str_equal_nocase(headers[HTTP_HEADER_CONTENT_ENCODING], STR_LIT("identity")))
        return http_refuse(parser, 415, "UNSUPPORTED_MEDIA_TYPE",
                           "request bodies are not compressed");
    if (headers[HTTP_HEADER_EXPECT].size > 0 &&
        !str_equal_nocase(headers[HTTP_HEADER_EXPECT], STR_LIT("100-continue")))
        return http_refuse(parser, 417, "INVALID_INPUT", "this expectation cannot be met");
    if (parser->llhttp.content_length > parser->limits.body_bytes)
        return http_refuse(parser, 413, "PAYLOAD_TOO_LARGE", "the request body is too large");
    return 0;
}

static int http_on_headers_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;
    struct http_request *request = &parser->request;

    CHECK(parser->in_head);
    switch (llhttp->method) {
    case HTTP_GET:
        request->method = HTTP_GET_METHOD;
        break;
    case HTTP_POST:
        request->method = HTTP_POST_METHOD;
        break;
    case HTTP_OPTIONS:
        request->method = HTTP_OPTIONS_METHOD;
        break;
    default:
        request->method = HTTP_OTHER_METHOD;
    }
    if (llhttp->method == HTTP_CONNECT || llhttp->method == HTTP_PRI)
        return http_refuse(parser, 405, "METHOD_NOT_ALLOWED", "this method is not known");
    request->old_version = llhttp->http_minor == 0;
    request->without_answer_body = llhttp->method == HTTP_HEAD;
    http_fill_request(parser);
    int refused = http_check_head(parser);
    if (refused != 0)
        return refused;
    parser->in_head = false;
    bool has_body = llhttp->content_length > 0 || (llhttp->flags & F_CHUNKED) != 0;
    request->upgrades_to_websocket =
        llhttp->upgrade && request->method == HTTP_GET_METHOD && !has_body &&
        str_equal_nocase(request->headers[HTTP_HEADER_UPGRADE], STR_LIT("websocket"));
    llhttp->upgrade =
        0; /* other protocols are not offered; WebSocket is switched to by the caller */
    if (request->headers[HTTP_HEADER_EXPECT].size > 0 && has_body && !request->old_version) {
        parser->paused = true;
        return HPE_PAUSED;
    }
    return 0;
}

static int http_on_body(llhttp_t *llhttp, const char *data, size_t size)
{
    struct http_parser *parser = llhttp->data;

    CHECK(!parser->in_head);
    if (parser->body.size + size > parser->limits.body_bytes)
        return http_refuse(parser, 413, "PAYLOAD_TOO_LARGE", "the request body is too large");
    buf_append(&parser->body, data, size);
    return 0;
}

static int http_on_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = llhttp->data;

    CHECK(!parser->in_head && !parser->complete);
    parser->complete = true;
    parser->request.keep_alive = llhttp_should_keep_alive(llhttp) != 0;
    parser->request.body = buf_str(&parser->body);
    return HPE_PAUSED;
}

static const llhttp_settings_t http_settings = {
    .on_url = http_on_url,
    .on_header_field = http_on_field,
    .on_header_field_complete = http_on_field_complete,
    .on_header_value = http_on_value,
    .on_headers_complete = http_on_headers_complete,
    .on_body = http_on_body,
    .on_message_complete = http_on_complete,
};

/* ---- life ------------------------------------------------------------------------------------ */

static void http_parser_reset(struct http_parser *parser)
{
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &http_settings);
    parser->llhttp.data = parser;
    memset(&parser->request, 0, sizeof(parser->request));
    memset(&parser->target, 0, sizeof(parser->target));
    memset(parser->spans, 0, sizeof(parser->spans));
    if (parser->head.capacity > HTTP_KEEP_BYTES)
        buf_clear(&parser->head);
    if (parser->body.capacity > HTTP_KEEP_BYTES)
        buf_clear(&parser->body);
    buf_reset(&parser->head);
    buf_reset(&parser->body);
    parser->head_bytes = parser->header_count = parser->line_bytes = parser->name_size = 0;
    parser->in_head = parser->first_line = true;
    parser->started = parser->complete = parser->paused = false;
    CHECK(parser->llhttp.data == parser);
}

struct http_parser *http_parser_new(const struct http_limits *limits)
{
    struct http_parser *parser = mem_zalloc(sizeof(*parser));

    CHECK(limits->head_bytes > 0 && limits->header_count > 0);
    parser->limits = *limits;
    http_parser_reset(parser);
    return parser;
}

void http_parser_free(struct http_parser *parser)
{
    if (parser == NULL)
        return;
    CHECK(parser->llhttp.data == parser);
    buf_clear(&parser->head);
    buf_clear(&parser->body);
    mem_free(parser);
}

const struct http_request *http_parser_request(const struct http_parser *parser)
{
    CHECK(parser->complete);
    return &parser->request;
}

void http_parser_next(struct http_parser *parser)
{
    CHECK(parser->complete);
    http_parser_reset(parser);
}

bool http_parser_is_idle(const struct http_parser *parser)
{
    CHECK(parser != NULL);
    return !parser->started;
}

/* ---- feeding --------------------------------------------------------------------------------- */

/* Checks one piece of a line, LF excluded; `ends` = its LF follows. */
static bool http_line_is_sound(const struct http_parser *parser, struct str piece, bool ends)
{
    struct str inner = piece; /* without the CR that may stand at its end */

    if (piece.size > 0 && parser->line_bytes > 0 && parser->line_last == '\r')
        return false;
    if (piece.size > 0 && parser->line_bytes == 0 && !parser->first_line &&
        (piece.data[0] == ' ' || piece.data[0] == '\t'))
        return false;
    char last = piece.size > 0 ? piece.data[piece.size - 1] : parser->line_last;
    if (ends && (last != '\r' || parser->line_bytes + piece.size == 0))
        return false;
    if (inner.size > 0 && last == '\r')
        inner.size--;
    CHECK(inner.size <= piece.size);
    return inner.size == 0 || memchr(inner.data, '\r', inner.size) == NULL;
}

/* Size of the head's part of `bytes`; *sound false if it must be refused. The head ends with an
 * empty line. */
static size_t http_scan_head(struct http_parser *parser, struct str bytes, bool *sound)
{
    size_t position = 0;

    CHECK(parser->in_head);
    *sound = true;
    while (position < bytes.size) {
        const char *start = bytes.data + position;
        const char *feed = memchr(start, '\n', bytes.size - position);
        struct str piece =
            str_from(start, feed != NULL ? (size_t)(feed - start) : bytes.size - position);
        *sound = http_line_is_sound(parser, piece, feed != NULL);
        if (!*sound)
            return position;
        if (feed == NULL) {
            parser->line_bytes += piece.size;
            parser->line_last = piece.data[piece.size - 1];
            return bytes.size;
        }
        position += piece.size + 1;
        bool is_empty = parser->line_bytes + piece.size == 1; /* CR only */
        parser->line_bytes = 0;
        if (is_empty)
            return position;
        parser->first_line = false;
    }
    return position;
}

/* Runs llhttp over the front of `bytes`, takes what it used. */
static enum http_event http_execute(struct http_parser *parser, struct str *bytes, size_t size,
                                    struct http_refusal *refusal)
{
    llhttp_errno_t result = llhttp_execute(&parser->llhttp, bytes->data, size);
    size_t used = size;

    CHECK(size <= bytes->size);
    if (result == HPE_PAUSED)
        used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - bytes->data);
    CHECK(used <= size);
    bytes->data += used;
    bytes->size -= used;
    if (result == HPE_OK)
        return HTTP_EVENT_MORE;
    if (result == HPE_PAUSED && parser->complete)
        return HTTP_EVENT_REQUEST;
    if (result == HPE_PAUSED) {
        CHECK(parser->paused);
        parser->paused = false;
        llhttp_resume(&parser->llhttp);
        return HTTP_EVENT_CONTINUE;
    }
    *refusal = parser->refusal;
    if (refusal->http_status == 0)
        *refusal = (struct http_refusal){400, "INVALID_INPUT", "malformed HTTP request"};
    return HTTP_EVENT_REFUSED;
}

/* Empty lines before a request are allowed and skipped. */
static void http_skip_empty_lines(struct http_parser *parser, struct str *bytes)
{
    CHECK(!parser->complete);
    while (!parser->started && bytes->size > 0 &&
           (bytes->data[0] == '\r' || bytes->data[0] == '\n')) {
        bytes->data++;
        bytes->size--;
    }
}

enum http_event http_parser_feed(struct http_parser *parser, struct str *bytes,
                                 struct http_refusal *refusal)
{
    bool sound = true;
    size_t size = bytes->size;

    CHECK(!parser->complete);
    http_skip_empty_lines(parser, bytes);
    if (bytes->size == 0)
        return HTTP_EVENT_MORE;
    parser->started = true;
    if (parser->in_head) {
        size = http_scan_head(parser, *bytes, &sound);
        parser->head_bytes += size;
    } else {
        size = bytes->size;
    }
    if (!sound) {
        *refusal =
            (struct http_refusal){400, "INVALID_INPUT", "malformed line in the request head"};
        return HTTP_EVENT_REFUSED;
    }
    if (parser->head_bytes > parser->limits.head_bytes) {
        *refusal = (struct http_refusal){431, "INVALID_INPUT", "the request head is too large"};
        return HTTP_EVENT_REFUSED;
    }
    bool was_head = parser->in_head;
    enum http_event event = http_execute(parser, bytes, size, refusal);
    if (event != HTTP_EVENT_MORE || !was_head || bytes->size == 0)
        return event;
    if (!parser->in_head)
        return http_execute(parser, bytes, bytes->size, refusal);
    /* The head is over, but not for llhttp: it is the preface of HTTP/2. */
    *refusal = (struct http_refusal){400, "INVALID_INPUT", "HTTP/2 is not spoken here"};
    return HTTP_EVENT_REFUSED;
}
