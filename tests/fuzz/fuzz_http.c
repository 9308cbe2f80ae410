/* fuzz_http.c — bytes of an HTTP connection: whatever the pieces they come in, the same requests
 * and the same refusal.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "base/hash.h"
#include "net/http_parser.h"

struct fuzz_seen {
    uint64_t hash;
    unsigned requests;
    int refused;
};

static void fuzz_add(struct fuzz_seen *seen, struct str text)
{
    seen->hash = hash_mix(seen->hash, hash_bytes(text));
}

static void fuzz_request(struct fuzz_seen *seen, const struct http_request *request)
{
    seen->requests++;
    fuzz_add(seen, request->path);
    fuzz_add(seen, request->query);
    fuzz_add(seen, request->body);
    for (int i = 0; i < HTTP_HEADER_COUNT; i++)
        fuzz_add(seen, request->headers[i]);
    seen->hash =
        hash_mix(seen->hash, (uint64_t)request->method * 16 + request->keep_alive * 8u +
                                 request->forwarded * 4u + request->upgrades_to_websocket * 2u +
                                 request->old_version);
}

static void fuzz_feed(struct str text, size_t step, struct fuzz_seen *seen)
{
    static const struct http_limits limits = {
        .head_bytes = 2048, .target_bytes = 256, .header_count = 20, .body_bytes = 4096};
    struct http_parser *parser = http_parser_new(&limits);
    struct http_refusal refusal = {0};

    *seen = (struct fuzz_seen){.hash = 1};
    for (size_t at = 0; at < text.size && !seen->refused;) {
        size_t size = step < text.size - at ? step : text.size - at;
        struct str piece = str_from(text.data + at, size);
        at += size;
        while (piece.size > 0 && !seen->refused) {
            switch (http_parser_feed(parser, &piece, &refusal)) {
            case HTTP_EVENT_MORE:
                CHECK(piece.size == 0);
                break;
            case HTTP_EVENT_CONTINUE:
                break;
            case HTTP_EVENT_REQUEST:
                fuzz_request(seen, http_parser_request(parser));
                if (http_parser_request(parser)->upgrades_to_websocket)
                    at = text.size, piece.size = 0; /* the rest is frames */
                else
                    http_parser_next(parser);
                break;
            case HTTP_EVENT_REFUSED:
                CHECK(refusal.http_status >= 400 && refusal.message != NULL);
                seen->refused = refusal.http_status;
                break;
            }
        }
    }
    http_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = 1 + fuzz_choice(&data, &size) % 64;
    struct fuzz_seen whole, pieces;

    fuzz_feed(fuzz_text(data, size), size + 1, &whole);
    fuzz_feed(fuzz_text(data, size), step, &pieces);
    CHECK(whole.requests == pieces.requests && whole.hash == pieces.hash);
    CHECK((whole.refused != 0) == (pieces.refused != 0));
    return 0;
}
