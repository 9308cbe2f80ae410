/* bench_change.c — INSERT sent → change received: one WebSocket subscriber, one HTTP writer,
 * alternating.
 *
 * bench_change PORT TABLE COUNT   (TABLE: a user table with columns (id BIGINT PRIMARY KEY, body
 * TEXT))
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ws.h"

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_die("usage", "bench_change PORT TABLE COUNT");
    int port = (int)strtol(argv[1], NULL, 10), count = (int)strtol(argv[3], NULL, 10);
    int http = ws_open(port), ws = ws_open(port);
    char text[4096], body[1024], id[64];
    ws_upgrade(ws, NULL);
    ws_read_until(ws, "auth_success");
    snprintf(
        text, sizeof text,
        "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"b\",\"sql\":\"SELECT * FROM %s\"}}",
        argv[2]);
    ws_send(ws, 1, text);
    ws_read_until(ws, "subscription_ack");
    struct samples samples = {0};
    int64_t start = bench_now_ns(), base = start / 1000;
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "\"%ld\"", (long)(base + i));
        int size = snprintf(
            body, sizeof body,
            "{\"sql\":\"INSERT INTO %s (id, body) VALUES ($1, 'a message of some words')\","
            "\"params\":[%ld]}",
            argv[2], (long)(base + i));
        int64_t sent = bench_now_ns();
        ws_post(http, body, (size_t)size);
        ws_read_until(ws, id);
        samples_add(&samples, bench_now_ns() - sent);
        ws_read_until(http, "\"took\"");
        if (i % 20 == 19)
            ws_send(ws, 1, "{\"type\":\"ping\"}");
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, 1, 0);
    return 0;
}
