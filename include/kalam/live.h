/* live.h — live queries of libkalam: events pulled from a subscription or handed to a callback, and
 * row sets that follow a query. Included by kalam.h.
 *
 * A subscription may be read by one thread at a time; several subscriptions by several threads.
 * Events that are not taken wait in memory, 10,000 per subscription; then the shared connection
 * stands still until there is room. A lost connection comes back by itself after 1, 2, 4 … 30 s, as
 * long as there are subscriptions, and goes on where it was.
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
    KALAM_EVENT_ROWS,  /* rows of the snapshot; after a resumption, rows changed meanwhile */
    KALAM_EVENT_READY, /* the snapshot is complete; from now on changes */
    KALAM_EVENT_INSERT,
    KALAM_EVENT_UPDATE, /* rows and old rows, index by index */
    KALAM_EVENT_DELETE, /* old rows; one of an unknown row is to be ignored */
    /* The connection was lost and is back, or the server ended the subscription for a reason that
     * passes, such as a slow reader. ACK, ROWS and READY follow. `resumed`: they tell what was
     * missed. Else forget the rows you have. */
    KALAM_EVENT_RECONNECTED,
    KALAM_EVENT_ERROR /* the subscription has ended: error */
} kalam_event_type;

typedef struct kalam_event {
    kalam_event_type type;
    uint64_t total_rows;
    size_t row_count;     /* of rows, or of old rows for DELETE */
    bool resumed;         /* RECONNECTED */
    const void *internal; /* read with kalam_event_… below */
    kalam_error error;
} kalam_event;

/* Runs on the library's thread, one call at a time for all subscriptions of a client; the event
 * lives until it returns. It may call kalam_sub_close for its own subscription (which then ends
 * when the callback returns) and statements of another client, nothing else of this client. */
typedef void (*kalam_event_fn)(void *context, kalam_subscription *subscription,
                               const kalam_event *event);

struct kalam_subscribe_options {
    int64_t last_rows;  /* -1 = all matching rows, 0 = none */
    int64_t batch_size; /* 0 = 1000 */
    const kalam_param *params;
    size_t param_count;
    /* > 0: what has changed since this _seq; too old or unknown: RECONNECTED and all rows */
    int64_t from;
    kalam_event_fn on_event; /* NULL: pulled with kalam_sub_next */
    void *context;
};

/* `sql`: a SELECT, or SUBSCRIBE TO … [LAST n] [OPTIONS (…)]. A table without namespace is that of
 * the client's default one. NULL options: those of the text, else changes only. What the server
 * refuses comes as an ERROR event. Free with kalam_sub_close. */
KALAM_API kalam_status kalam_subscribe(kalam_client *client, const char *sql,
                                       const struct kalam_subscribe_options *options,
                                       kalam_subscription **out, kalam_error *error);
/* Next event; KALAM_TIMEOUT after timeout_ms (-1 = none), KALAM_CLOSED after the last. The event
 * lives until the next call. KALAM_INVALID_ARGUMENT for a subscription with a callback. */
KALAM_API kalam_status kalam_sub_next(kalam_subscription *subscription, int timeout_ms,
                                      const kalam_event **out);
/* query_id in system.live_queries, where no other subscription of the library has it; after a loss
 * and the like `.2`, `.3` … stand behind it there. */
KALAM_API const char *kalam_sub_id(const kalam_subscription *subscription);
KALAM_API bool kalam_sub_is_active(const kalam_subscription *subscription);
/* A `from` for a later subscription that goes on behind the events taken so far; 0 before READY. */
KALAM_API int64_t kalam_sub_position(const kalam_subscription *subscription);
/* Columns of the query as the ACK taken last tells them; the texts live until the next is taken. */
KALAM_API size_t kalam_sub_columns(const kalam_subscription *subscription);
KALAM_API const char *kalam_sub_column_name(const kalam_subscription *subscription, size_t column);
KALAM_API const char *kalam_sub_column_type(const kalam_subscription *subscription, size_t column);
/* The connection of the client's live queries is there. */
KALAM_API bool kalam_is_online(kalam_client *client);
/* Waits for the acknowledgement, 2 s at most; NULL is fine. */
KALAM_API void kalam_sub_close(kalam_subscription *subscription);
/* Columns of an event's row, in order; text as kalam_text. `old` selects the old row. */
KALAM_API size_t kalam_event_columns(const kalam_event *event, size_t row, bool old);
KALAM_API const char *kalam_event_name(const kalam_event *event, size_t row, bool old,
                                       size_t column);
KALAM_API const char *kalam_event_text(const kalam_event *event, size_t row, bool old,
                                       size_t column);
KALAM_API char *kalam_event_json(const kalam_event *event, size_t row,
                                 bool old); /* kalam_text_free */

/* ---- row sets: the rows that match now, kept up to date from the events ---- */

typedef struct kalam_live kalam_live;

/* As kalam_subscribe; options->on_event must be NULL, options NULL means all matching rows. Rows
 * are told apart by the table's key. One thread at a time. */
KALAM_API kalam_status kalam_live_open(kalam_client *client, const char *sql,
                                       const struct kalam_subscribe_options *options,
                                       kalam_live **out, kalam_error *error);
/* Waits for something new, at most timeout_ms (-1 = no end), and takes what has arrived, for 100 ms
 * at most if more and more does. KALAM_OK: the rows have changed or are complete for the first
 * time; KALAM_TIMEOUT: nothing new, or not complete yet; anything else: it has ended, the rows are
 * the last ones. Texts handed out before are gone. */
KALAM_API kalam_status kalam_live_wait(kalam_live *live, int timeout_ms, kalam_error *error);
/* The snapshot has arrived whole. */
KALAM_API bool kalam_live_is_ready(const kalam_live *live);
KALAM_API size_t kalam_live_count(const kalam_live *live); /* rows, in order of arrival */
KALAM_API size_t kalam_live_columns(const kalam_live *live, size_t row);
KALAM_API const char *kalam_live_name(const kalam_live *live, size_t row, size_t column);
/* "BigInt" …; "Text" for one that is none of the query's columns. */
KALAM_API const char *kalam_live_type(const kalam_live *live, size_t row, size_t column);
KALAM_API const char *kalam_live_text(const kalam_live *live, size_t row, size_t column);
/* The text of a column by its name; NULL if it is NULL or not there. */
KALAM_API const char *kalam_live_get(const kalam_live *live, size_t row, const char *name);
KALAM_API char *kalam_live_json(const kalam_live *live, size_t row); /* kalam_text_free */
KALAM_API void kalam_live_close(kalam_live *live);                   /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
