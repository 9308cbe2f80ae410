/* live.h — live queries of libkalam: events pulled from a subscription. Included by kalam.h.
 *
 * A subscription may be read by one thread at a time; several subscriptions by several threads.
 * Events that are not taken wait in memory, 10,000 per subscription; then the shared connection
 * stands still until there is room.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef KALAM_LIVE_H
#define KALAM_LIVE_H

#include "kalam/kalam.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum kalam_event_type {
    KALAM_EVENT_ACK,   /* registered; total_rows of the snapshot */
    KALAM_EVENT_ROWS,  /* rows of the snapshot */
    KALAM_EVENT_READY, /* the snapshot is complete; from now on changes */
    KALAM_EVENT_INSERT,
    KALAM_EVENT_UPDATE,      /* rows and old rows, index by index */
    KALAM_EVENT_DELETE,      /* old rows */
    KALAM_EVENT_RECONNECTED, /* the socket was lost and is back; rows may follow anew */
    KALAM_EVENT_ERROR        /* the subscription has ended: error */
} kalam_event_type;

typedef struct kalam_event {
    kalam_event_type type;
    uint64_t total_rows;
    size_t row_count;     /* of rows, or of old rows for DELETE */
    const void *internal; /* read with kalam_event_… below */
    kalam_error error;
} kalam_event;

struct kalam_subscribe_options {
    int64_t last_rows;  /* -1 = all matching rows, 0 = none */
    int64_t batch_size; /* 0 = 1000 */
    const kalam_param *params;
    size_t param_count;
};

/* `sql`: a SELECT, or SUBSCRIBE TO … [LAST n] [OPTIONS (…)]. A table without namespace is that of
 * the client's default one. NULL options: those of the text, else changes only. */
KALAM_API kalam_status kalam_subscribe(kalam_client *client, const char *sql,
                                       const struct kalam_subscribe_options *options,
                                       kalam_subscription **out, kalam_error *error);
/* Next event; KALAM_TIMEOUT after timeout_ms (-1 = none), KALAM_CLOSED after the last. The event
 * lives until the next call. */
KALAM_API kalam_status kalam_sub_next(kalam_subscription *subscription, int timeout_ms,
                                      const kalam_event **out);
KALAM_API const char *kalam_sub_id(const kalam_subscription *subscription);
KALAM_API bool kalam_sub_is_active(const kalam_subscription *subscription);
KALAM_API void kalam_sub_close(
    kalam_subscription *subscription); /* waits for the acknowledgement; NULL is fine */
/* Columns of an event's row, in order; text as kalam_text. `old` selects the old row. */
KALAM_API size_t kalam_event_columns(const kalam_event *event, size_t row, bool old);
KALAM_API const char *kalam_event_name(const kalam_event *event, size_t row, bool old,
                                       size_t column);
KALAM_API const char *kalam_event_text(const kalam_event *event, size_t row, bool old,
                                       size_t column);
KALAM_API char *kalam_event_json(const kalam_event *event, size_t row,
                                 bool old); /* kalam_text_free */

#ifdef __cplusplus
}
#endif

#endif
