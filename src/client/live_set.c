/* live_set.c — kalam_live: the rows that match a query now, kept by key from its events.
 *
 * Rows stand in order of arrival in an array and are found through a hash table over the JSON text
 * of their key columns (all `pk` columns of the acknowledgement; `_seq` where a table has none).
 * Each row owns its memory, so that a change costs one row. A removed row leaves a hole in the
 * array; kalam_live_wait closes them all at its end, so that a change of many rows costs no more
 * than them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "client/live_socket.h"
#include "wire/json_writer.h"

enum {
    LIVE_SLOTS_MIN = 64,
    LIVE_TAKE_MS = 100, /* of events that do not end: then it is the caller's turn */
};

struct live_row {
    struct arena arena; /* all below */
    struct str key;
    uint64_t hash;
    const struct json *object;
    const char **texts; /* one per column, made when asked */
    size_t position;    /* in kalam_live.rows */
};

struct kalam_live {
    kalam_subscription *subscription;
    struct live_row **rows;  /* NULL = a hole, between two calls there is none */
    size_t count;            /* rows */
    size_t end, capacity;    /* places of the array: up to the last row; all */
    size_t first_hole;       /* none below it */
    struct live_row **slots; /* open addressing, a power of two, at most half full */
    size_t slot_count;
    bool ready;
};

static void live_row_free(struct live_row *row)
{
    if (!row)
        return;
    CHECK(row->arena.fallible);
    arena_clear(&row->arena);
    mem_free(row);
}

/* ---- the table ---- */

static size_t live_slot(const kalam_live *live, struct str key, uint64_t hash)
{
    size_t mask = live->slot_count - 1, at = (size_t)hash & mask;

    CHECK(live->slot_count > live->count);
    while (live->slots[at] &&
           !(live->slots[at]->hash == hash && str_equal(live->slots[at]->key, key)))
        at = (at + 1) & mask;
    return at;
}

static void live_close_holes(kalam_live *live)
{
    size_t to = live->first_hole;

    CHECK(live->count <= live->end);
    for (size_t from = to; from < live->end; from++) {
        if (!live->rows[from])
            continue;
        live->rows[to] = live->rows[from];
        live->rows[to]->position = to;
        to++;
    }
    live->end = live->first_hole = live->count;
}

/* Room for one more row; false when memory is short. */
static bool live_make_room(kalam_live *live)
{
    size_t capacity = live->capacity > 0 ? live->capacity * 2 : LIVE_SLOTS_MIN / 2;
    struct live_row **rows, **slots;

    CHECK(live->end <= live->capacity);
    if (live->end < live->capacity)
        return true;
    live_close_holes(live);
    if (live->count < live->capacity / 2)
        return true;
    rows = mem_try_realloc(live->rows, capacity * sizeof *rows);
    if (!rows)
        return false;
    live->rows = rows;
    slots = mem_try_zalloc(2 * capacity * sizeof *slots);
    if (!slots)
        return false;
    mem_free(live->slots);
    live->slots = slots;
    live->slot_count = 2 * capacity;
    live->capacity = capacity;
    for (size_t i = 0; i < live->count; i++)
        slots[live_slot(live, rows[i]->key, rows[i]->hash)] = rows[i];
    return true;
}

/* Empties a slot; those behind it move up, so that no search ends early. */
static void live_empty_slot(kalam_live *live, size_t hole)
{
    size_t mask = live->slot_count - 1;

    CHECK(live->slots[hole] != NULL);
    live->slots[hole] = NULL;
    for (size_t at = (hole + 1) & mask; live->slots[at]; at = (at + 1) & mask) {
        struct live_row *row = live->slots[at];
        live->slots[at] = NULL;
        live->slots[live_slot(live, row->key, row->hash)] = row;
    }
}

static void live_forget_all(kalam_live *live)
{
    CHECK(live->count == 0 || live->rows);
    for (size_t i = 0; i < live->end; i++)
        live_row_free(live->rows[i]);
    live->count = live->end = live->first_hole = 0;
    for (size_t i = 0; i < live->slot_count; i++)
        live->slots[i] = NULL;
}

static void live_remove_row(kalam_live *live, struct str key)
{
    size_t at;
    struct live_row *row;

    if (live->count == 0)
        return;
    at = live_slot(live, key, hash_bytes(key));
    row = live->slots[at];
    if (!row)
        return; /* unknown: of a resumption */
    CHECK(live->rows[row->position] == row);
    live_empty_slot(live, at);
    live->count--;
    live->rows[row->position] = NULL;
    live->first_hole = row->position < live->first_hole ? row->position : live->first_hole;
    live_row_free(row);
}

/* Takes the row over. */
static bool live_put_row(kalam_live *live, struct live_row *row)
{
    size_t at;

    CHECK(row->object != NULL);
    if (!live_make_room(live)) {
        live_row_free(row);
        return false;
    }
    at = live_slot(live, row->key, row->hash);
    row->position = live->slots[at] ? live->slots[at]->position : live->end++;
    live->count += live->slots[at] ? 0 : 1;
    live_row_free(live->slots[at]);
    live->slots[at] = row;
    live->rows[row->position] = row;
    return true;
}

/* ---- rows out of events ---- */

/* The JSON of the key columns, one behind the other. */
static void live_append_key(kalam_subscription *subscription, const struct json *object,
                            struct buf *out)
{
    const struct event_schema *schema = &subscription->schema;
    bool found = false;

    CHECK(object && out);
    pthread_mutex_lock(&subscription->mutex);
    for (size_t i = 0; i < object->count; i++) {
        for (size_t c = 0; c < schema->count; c++) {
            if (!schema->columns[c].primary_key ||
                !str_equal(schema->columns[c].name, object->keys[i]))
                continue;
            client_json_write(&object->items[i], out);
            buf_append_byte(out, '\n');
            found = true;
        }
    }
    pthread_mutex_unlock(&subscription->mutex);
    if (!found && json_get(object, "_seq"))
        client_json_write(json_get(object, "_seq"), out);
}

/* A copy of its own; NULL when memory is short. */
static struct live_row *live_row_new(kalam_subscription *subscription, const struct json *object)
{
    struct live_row *row = mem_try_zalloc(sizeof *row);
    struct error parse;
    struct buf text;
    bool made;

    CHECK(object != NULL);
    if (!row)
        return NULL;
    arena_init_fallible(&row->arena);
    buf_init_fallible(&text);
    client_json_write(object, &text);
    made =
        !text.failed && json_parse(buf_str(&text), &row->arena, &row->object, &parse) == STATUS_OK;
    buf_reset(&text);
    live_append_key(subscription, object, &text);
    row->key = arena_copy(&row->arena, buf_str(&text));
    row->hash = hash_bytes(row->key);
    row->texts = arena_array(&row->arena, object->count + 1, sizeof *row->texts);
    made = made && !text.failed && !row->arena.failed;
    buf_clear(&text);
    if (made)
        return row;
    live_row_free(row);
    return NULL;
}

/* False when memory is short. */
static bool live_take_rows(kalam_live *live, const struct json *rows, bool remove)
{
    struct buf key;
    bool taken = true;

    CHECK(live->subscription);
    buf_init_fallible(&key);
    for (size_t i = 0; rows && i < rows->count && taken; i++) {
        const struct json *object = &rows->items[i];
        if (remove) {
            buf_reset(&key);
            live_append_key(live->subscription, object, &key);
            taken = !key.failed;
            if (taken)
                live_remove_row(live, buf_str(&key));
        } else {
            struct live_row *row = live_row_new(live->subscription, object);
            taken = row && live_put_row(live, row);
        }
    }
    buf_clear(&key);
    return taken;
}

/* KALAM_OK, or why it has ended. */
static kalam_status live_take(kalam_live *live, const kalam_event *event, kalam_error *error)
{
    const struct event_item *item = event->internal;
    bool taken = true;

    CHECK(item != NULL);
    switch (event->type) {
    case KALAM_EVENT_ACK:
        break;
    case KALAM_EVENT_READY:
        live->ready = true;
        break;
    case KALAM_EVENT_ROWS:
    case KALAM_EVENT_INSERT:
    case KALAM_EVENT_UPDATE:
        taken = live_take_rows(live, item->rows, false);
        break;
    case KALAM_EVENT_DELETE:
        taken = live_take_rows(live, item->old_rows, true);
        break;
    case KALAM_EVENT_RECONNECTED:
        live->ready = false;
        if (!event->resumed)
            live_forget_all(live);
        break;
    case KALAM_EVENT_ERROR:
        if (error)
            *error = event->error;
        return event->error.status;
    }
    return taken ? KALAM_OK : client_no_memory(error);
}

/* ---- the public calls ---- */

kalam_status kalam_live_open(kalam_client *client, const char *sql,
                             const struct kalam_subscribe_options *options, kalam_live **out,
                             kalam_error *error)
{
    const struct kalam_subscribe_options all = {.last_rows = -1};
    kalam_live *live;
    kalam_status status;

    client_error_clear(error);
    if (!out || (options && options->on_event))
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "a place for the rows is needed, and no callback");
    *out = NULL;
    live = mem_try_zalloc(sizeof *live);
    if (!live)
        return client_no_memory(error);
    status = kalam_subscribe(client, sql, options ? options : &all, &live->subscription, error);
    if (status != KALAM_OK) {
        mem_free(live);
        return status;
    }
    CHECK(live->subscription != NULL);
    *out = live;
    return KALAM_OK;
}

/* Takes the next event, waiting at most wait_ms (-1 = no end). */
static kalam_status live_take_next(kalam_live *live, int wait_ms, bool *changed, kalam_error *error)
{
    const kalam_event *event = NULL;
    kalam_status status = kalam_sub_next(live->subscription, wait_ms, &event);

    CHECK(changed != NULL);
    if (status == KALAM_CLOSED)
        return client_fail(error, status, "the live query has ended");
    if (status == KALAM_TIMEOUT)
        return client_fail(error, status, "nothing new");
    if (status != KALAM_OK)
        return status;
    *changed |= event->type != KALAM_EVENT_ACK;
    return live_take(live, event, error);
}

kalam_status kalam_live_wait(kalam_live *live, int timeout_ms, kalam_error *error)
{
    int64_t now = clock_monotonic_ms(), end = timeout_ms < 0 ? INT64_MAX : now + timeout_ms;
    int64_t enough = 0; /* then what else has arrived is left for the next call */
    bool changed = false, complete = false;
    kalam_status status;

    client_error_clear(error);
    if (!live)
        return client_fail(error, KALAM_INVALID_ARGUMENT, "a row set is needed");
    CHECK(live->subscription != NULL);
    do {
        int wait = complete ? 0 : timeout_ms < 0 ? -1 : end > now ? (int)(end - now) : 0;
        status = live_take_next(live, wait, &changed, error);
        complete = changed && live->ready;
        now = clock_monotonic_ms();
        enough = enough > 0 ? enough : now + LIVE_TAKE_MS;
    } while (status == KALAM_OK && (now < enough || (!complete && now < end)));
    live_close_holes(live);
    if (status != KALAM_OK && status != KALAM_TIMEOUT)
        return status;
    if (!complete)
        return client_fail(error, KALAM_TIMEOUT, "nothing new");
    client_error_clear(error);
    return KALAM_OK;
}

bool kalam_live_is_ready(const kalam_live *live)
{
    return live && live->ready;
}

size_t kalam_live_count(const kalam_live *live)
{
    return live ? live->count : 0;
}

static struct live_row *live_row_at(const kalam_live *live, size_t row)
{
    CHECK(!live || live->count == 0 || live->rows);
    return live && row < live->count ? live->rows[row] : NULL;
}

size_t kalam_live_columns(const kalam_live *live, size_t row)
{
    const struct live_row *at = live_row_at(live, row);

    return at ? at->object->count : 0;
}

const char *kalam_live_name(const kalam_live *live, size_t row, size_t column)
{
    const struct live_row *at = live_row_at(live, row);

    return at && column < at->object->count ? at->object->keys[column].data : "";
}

const char *kalam_live_type(const kalam_live *live, size_t row, size_t column)
{
    const struct live_row *at = live_row_at(live, row);

    if (!at || column >= at->object->count)
        return "";
    return value_type_wire_name(subscription_type(live->subscription, at->object->keys[column]));
}

const char *kalam_live_text(const kalam_live *live, size_t row, size_t column)
{
    struct live_row *at = live_row_at(live, row);

    if (!at || column >= at->object->count)
        return NULL;
    CHECK(live->subscription != NULL);
    if (!at->texts[column])
        at->texts[column] = subscription_text(live->subscription, at->object, column, &at->arena);
    return at->texts[column];
}

const char *kalam_live_get(const kalam_live *live, size_t row, const char *name)
{
    const struct live_row *at = live_row_at(live, row);

    CHECK(!at || at->object);
    for (size_t c = 0; at && name && c < at->object->count; c++) {
        if (str_equal(at->object->keys[c], str_from_c(name)))
            return kalam_live_text(live, row, c);
    }
    return NULL;
}

char *kalam_live_json(const kalam_live *live, size_t row)
{
    const struct live_row *at = live_row_at(live, row);
    struct buf text;
    size_t size;

    buf_init_fallible(&text);
    if (at)
        client_json_write(at->object, &text);
    else
        json_write_null(&text);
    buf_append_byte(&text, 0);
    return buf_take(&text, &size);
}

void kalam_live_close(kalam_live *live)
{
    if (!live)
        return;
    CHECK(live->subscription != NULL);
    kalam_sub_close(live->subscription);
    live_forget_all(live);
    mem_free(live->rows);
    mem_free(live->slots);
    mem_free(live);
}
