/* ws_upgrade.c — GET /ws: may this client switch, and who is it already (docs/protocol.md)?
 *
 * Credentials come in the Authorization or X-API-Key header, in a subprotocol
 * `kalamdb.jwt.<token>`, or by loopback mode. With wrong ones the switch still happens, so that a
 * browser learns why: by auth_error. With none at all the first message has to bring them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "net/net_internal.h"
#include "net/ws_codec.h"
#include "net/ws_conn.h"

struct ws_offer {
    struct str token;              /* of `kalamdb.jwt.<token>` */
    struct str selected;           /* subprotocol to answer with; empty = none */
    struct wire_protocol protocol; /* asked for by the query string */
    bool no_gzip;                  /* compress=false */
    const char *problem;           /* what of it is not spoken; NULL = nothing */
};

/* Cuts the next item off a list; false at its end. */
static bool ws_next_item(struct str *list, char separator, struct str *item)
{
    if (list->size == 0)
        return false;
    const char *end = memchr(list->data, separator, list->size);
    size_t size = end != NULL ? (size_t)(end - list->data) : list->size;
    *item = str_trim(str_from(list->data, size));
    CHECK(size <= list->size);
    size_t skip = end != NULL ? size + 1 : size;
    list->data += skip;
    list->size -= skip;
    return true;
}

static void ws_read_subprotocols(struct str list, struct ws_offer *offer)
{
    struct str prefix = STR_LIT("kalamdb.jwt."), item, carrier = STR_EMPTY;

    CHECK(offer->token.size == 0);
    while (ws_next_item(&list, ',', &item)) {
        if (str_starts_with(item, prefix)) {
            carrier = item;
            offer->token = str_from(item.data + prefix.size, item.size - prefix.size);
        } else if (offer->selected.size == 0 || str_equal(item, STR_LIT("kalamdb.v1"))) {
            offer->selected = item;
        }
    }
    if (offer->selected.size == 0)
        offer->selected = carrier;
}

/* `name=value`; true with the value if the item has this name. */
static bool ws_query_value(struct str item, const char *name, struct str *value)
{
    struct str prefix = str_from_c(name);

    CHECK(prefix.size > 0);
    if (!str_starts_with(item, prefix))
        return false;
    *value = str_from(item.data + prefix.size, item.size - prefix.size);
    return true;
}

static void ws_read_protocol(struct str item, struct ws_offer *offer)
{
    struct str value;

    CHECK(offer != NULL);
    if (ws_query_value(item, "serialization=", &value)) {
        offer->protocol.msgpack = str_equal(value, STR_LIT("msgpack"));
        if (!offer->protocol.msgpack && !str_equal(value, STR_LIT("json")))
            offer->problem = "serialization must be json or msgpack";
    } else if (ws_query_value(item, "compression=", &value)) {
        offer->protocol.gzip = str_equal(value, STR_LIT("gzip"));
        if (!offer->protocol.gzip && !str_equal(value, STR_LIT("none")))
            offer->problem = "compression must be gzip or none";
    } else if (str_equal(item, STR_LIT("compress=false"))) {
        offer->no_gzip = true;
    }
}

/* False if the query carries a token that is not allowed there. */
static bool ws_read_query(struct str query, bool allow_token, struct ws_offer *offer)
{
    struct str item, token;

    CHECK(offer != NULL);
    while (ws_next_item(&query, '&', &item)) {
        ws_read_protocol(item, offer);
        if (!ws_query_value(item, "token=", &token))
            continue;
        if (!allow_token)
            return false;
        offer->token = token;
    }
    offer->protocol.gzip = offer->protocol.gzip && !offer->no_gzip;
    return true;
}

static void ws_answer_101(struct http_conn *conn, const char *accept, struct str subprotocol)
{
    struct buf head;

    CHECK(accept != NULL);
    buf_init(&head);
    buf_printf(&head,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               accept);
    if (subprotocol.size > 0)
        buf_printf(&head, "Sec-WebSocket-Protocol: %.*s\r\n", STR_ARG(subprotocol));
    buf_append_str(&head, STR_LIT("\r\n"));
    sock_put(conn->sock, buf_str(&head));
    buf_clear(&head);
    atomic_fetch_add_explicit(&conn->shard->requests[conn->route][1], 1, memory_order_relaxed);
}

/* False if the request was answered with a refusal. */
static bool ws_check_request(struct http_conn *conn, const struct http_request *request,
                             char accept[32])
{
    struct str origin = request->headers[HTTP_HEADER_ORIGIN];
    bool by_star;

    CHECK(conn->busy);
    if (!request->upgrades_to_websocket) {
        http_answer_error(conn, 426, "INVALID_INPUT", "this route speaks WebSocket only");
        return false;
    }
    if (!str_equal(request->headers[HTTP_HEADER_WS_VERSION], STR_LIT("13"))) {
        struct http_reply reply = {.status = 426,
                                   .content_type = "text/plain",
                                   .headers = STR_LIT("Sec-WebSocket-Version: 13\r\n")};
        http_answer(conn, &reply, STR_LIT("only WebSocket version 13 is spoken"));
        return false;
    }
    if (!ws_accept_key(request->headers[HTTP_HEADER_WS_KEY], accept)) {
        http_answer_error(conn, 400, "INVALID_INPUT", "Sec-WebSocket-Key is missing or malformed");
        return false;
    }
    if (origin.size > 0 && !http_origin_is_allowed(conn->shard->net, origin, &by_star) &&
        !http_origin_is_same(origin, request->headers[HTTP_HEADER_HOST])) {
        http_answer_error(conn, 403, "PERMISSION_DENIED", "this origin is not allowed");
        return false;
    }
    return true;
}

enum ws_verdict { WS_KNOWN, WS_UNKNOWN, WS_REFUSED, WS_NOT_SWITCHED };

/* Who is it? WS_UNKNOWN: the first message says so. */
static enum ws_verdict ws_identify(struct http_conn *conn, const struct http_request *request,
                                   const struct ws_offer *offer, struct session_identity *identity,
                                   struct error *err)
{
    struct session_service *session = conn->shard->net->session;
    struct session_credentials credentials;
    struct buf bearer;
    bool mode = false;

    CHECK(conn->busy);
    http_credentials(conn, request, &credentials);
    bool presented = credentials.authorization.size > 0 || credentials.api_key.size > 0;
    if (!presented && offer->token.size == 0 &&
        !session_loopback_allows(session, &credentials, &mode)) {
        if (!mode)
            return WS_UNKNOWN;
        http_answer_error(conn, 401, "MISSING_AUTHORIZATION",
                          "loopback mode does not serve this host, origin or proxy");
        return WS_NOT_SWITCHED;
    }
    buf_init(&bearer);
    if (!presented && offer->token.size > 0) {
        buf_append_str(&bearer, STR_LIT("Bearer "));
        buf_append_str(&bearer, offer->token);
        credentials.authorization = buf_str(&bearer);
    }
    enum status status = session_authenticate(session, &credentials, identity, err);
    buf_clear(&bearer);
    return status == STATUS_OK ? WS_KNOWN : WS_REFUSED;
}

void ws_upgrade(struct http_conn *conn, const struct http_request *request)
{
    struct ws_offer offer = {.no_gzip = false};
    struct session_identity identity;
    struct error err;
    char accept[32];

    CHECK(conn->busy);
    error_clear(&err);
    if (!ws_check_request(conn, request, accept))
        return;
    ws_read_subprotocols(request->headers[HTTP_HEADER_WS_PROTOCOL], &offer);
    if (!ws_read_query(request->query, conn->shard->net->options.allow_token_in_url, &offer)) {
        http_answer_error(conn, 401, "INVALID_CREDENTIALS", "a token in the URL is not accepted");
        return;
    }
    enum ws_verdict verdict = ws_identify(conn, request, &offer, &identity, &err);
    if (verdict == WS_NOT_SWITCHED)
        return;
    struct ws_conn_options options = {.shard = conn->shard,
                                      .sock = conn->sock,
                                      .protocol = offer.protocol,
                                      .no_gzip = offer.no_gzip,
                                      .local = http_is_local(conn, request)};
    if (verdict == WS_REFUSED)
        options.refusal = str_from_c(err.message);
    else if (offer.problem != NULL)
        options.refusal = str_from_c(offer.problem);
    else if (verdict == WS_KNOWN)
        options.identity = &identity;
    if (options.refusal.size > 0) {
        static struct log_quota refused = {.what = "refused WebSockets"};
        enum log_level level = log_quota_take(&refused);
        char client[ADDRESS_TEXT_BYTES];
        http_client_address(conn, request, client);
        LOG_AT(level, "websocket of %s refused: %.*s", client, STR_ARG(options.refusal));
    }
    ws_answer_101(conn, accept, offer.selected);
    conn->busy = false;
    ws_conn_new(&options);
}
