/* event.c — the events of live queries, as their readers see them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "client/live_socket.h"

void event_schema_init(struct event_schema *schema)
{
    *schema = (struct event_schema){0};
    arena_init_fallible(&schema->arena);
}

void event_schema_clear(struct event_schema *schema)
{
    CHECK(schema->columns || schema->count == 0);
    arena_clear(&schema->arena);
    schema->columns = NULL;
    schema->count = 0;
}

bool event_schema_set(struct event_schema *schema, const struct wire_server_message *ack)
{
    struct arena *arena = &schema->arena;

    CHECK(ack->columns || ack->column_count == 0);
    event_schema_clear(schema);
    schema->columns = arena_array(arena, ack->column_count + 1, sizeof *schema->columns);
    for (size_t i = 0; schema->columns && i < ack->column_count; i++) {
        schema->columns[i] = ack->columns[i];
        schema->columns[i].name = arena_copy(arena, ack->columns[i].name);
    }
    if (!schema->columns || arena->failed)
        return false;
    schema->count = ack->column_count;
    return true;
}

struct event_item *event_item_new(struct kalam_subscription *subscription, kalam_event_type type)
{
    struct event_item *item = mem_try_zalloc(sizeof *item);

    CHECK(type <= KALAM_EVENT_ERROR);
    if (!item)
        return NULL;
    arena_init_fallible(&item->arena);
    event_schema_init(&item->schema);
    item->subscription = subscription;
    item->event.type = type;
    item->event.internal = item;
    return item;
}

void event_item_free(struct event_item *item)
{
    if (!item)
        return;
    arena_clear(&item->arena);
    event_schema_clear(&item->schema);
    mem_free(item);
}

static const struct json *event_row(const kalam_event *event, size_t row, bool old)
{
    const struct event_item *item = event ? event->internal : NULL;
    const struct json *list = item ? (old ? item->old_rows : item->rows) : NULL;

    return list && row < list->count ? &list->items[row] : NULL;
}

size_t kalam_event_columns(const kalam_event *event, size_t row, bool old)
{
    const struct json *object = event_row(event, row, old);

    return object ? object->count : 0;
}

const char *kalam_event_name(const kalam_event *event, size_t row, bool old, size_t column)
{
    const struct json *object = event_row(event, row, old);

    CHECK(!object || (event && event->internal));
    return object && column < object->count ? object->keys[column].data : "";
}

char *kalam_event_json(const kalam_event *event, size_t row, bool old)
{
    const struct json *object = event_row(event, row, old);
    struct buf text;
    size_t size;

    buf_init_fallible(&text);
    if (object)
        client_json_write(object, &text);
    else
        buf_append_str(&text, STR_LIT("null"));
    buf_append_byte(&text, 0);
    return buf_take(&text, &size);
}

const char *kalam_event_text(const kalam_event *event, size_t row, bool old, size_t column)
{
    const struct json *object = event_row(event, row, old);
    struct event_item *item = event ? (struct event_item *)(uintptr_t)event->internal : NULL;

    if (!object || !item->subscription || column >= object->count)
        return NULL;
    CHECK(item->event.internal == item);
    return subscription_text(item->subscription, object, column, &item->arena);
}
