/* sorter.c — rows collected with the values that they are ordered by, sorted in memory.
 *
 * With a `keep` only the best rows stay: whenever twice as many have gathered, or as much as may be
 * held, the list is cut. Later rows that cannot get in are told by the worst one left; what is left
 * moves to an arena of its own, so that the rows that were cut take no memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/sorter.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

enum { SORTER_KEEP_MIN = 1024 };

struct sorter_entry {
    struct value *values; /* carried, then ordered by; in the arena */
    uint64_t number;      /* order of arrival decides between equals */
};

struct sorter {
    struct sorter_options options;
    struct arena arena;
    struct sorter_entry *rows;
    size_t count, capacity;
    bool cut; /* rows[keep - 1] is the worst that still counts */
    uint64_t arrived;
};

struct sorter *sorter_new(const struct sorter_options *options)
{
    struct sorter *sorter = mem_zalloc(sizeof(*sorter));

    CHECK(options->order_count == 0 || options->orders != NULL);
    sorter->options = *options;
    arena_init(&sorter->arena, 0);
    return sorter;
}

void sorter_free(struct sorter *sorter)
{
    if (sorter == NULL)
        return;
    CHECK(sorter->count <= sorter->capacity);
    arena_clear(&sorter->arena);
    mem_free(sorter->rows);
    mem_free(sorter);
}

/* ---- order ------------------------------------------------------------------------------------
 */

static int sorter_compare_values(const struct value *a, const struct value *b,
                                 const struct sorter_order *order)
{
    CHECK(order != NULL);
    if (a->is_null || b->is_null) {
        if (a->is_null && b->is_null)
            return 0;
        return (a->is_null ? -1 : 1) * (order->nulls_first ? 1 : -1);
    }
    int result = value_compare(a, b);
    return order->descending ? -result : result;
}

/* Two lists of values to order by. */
static int sorter_compare_lists(const struct sorter_options *options, const struct value *a,
                                const struct value *b)
{
    int result = 0;

    CHECK(a != NULL && b != NULL);
    for (uint32_t i = 0; i < options->order_count && result == 0; i++)
        result = sorter_compare_values(&a[i], &b[i], &options->orders[i]);
    return result;
}

static int sorter_compare(const void *left, const void *right, void *context)
{
    const struct sorter_options *options = context;
    const struct sorter_entry *a = left, *b = right;
    int result =
        sorter_compare_lists(options, a->values + options->width, b->values + options->width);

    CHECK(a->values != NULL && b->values != NULL);
    if (result != 0)
        return result;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static uint32_t sorter_total(const struct sorter *sorter)
{
    return sorter->options.width + sorter->options.order_count;
}

static struct value *sorter_copy(const struct sorter *sorter, const struct value *values,
                                 struct arena *arena)
{
    uint32_t total = sorter_total(sorter);
    struct value *copy = arena_array(arena, total, sizeof(*copy));

    CHECK(values != NULL);
    for (uint32_t i = 0; i < total; i++) {
        copy[i] = values[i];
        if (!values[i].is_null && value_type_is_text(values[i].type))
            copy[i].text = arena_copy(arena, values[i].text);
    }
    return copy;
}

/* In order, the first `keep` of them. */
static void sorter_cut(struct sorter *sorter)
{
    struct arena arena;

    CHECK(sorter->count <= sorter->capacity);
    if (sorter->count > 1)
        qsort_r(sorter->rows, sorter->count, sizeof(*sorter->rows), sorter_compare,
                &sorter->options);
    if (sorter->count <= sorter->options.keep)
        return;
    sorter->count = sorter->options.keep;
    sorter->cut = sorter->count > 0;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sorter->count; i++)
        sorter->rows[i].values = sorter_copy(sorter, sorter->rows[i].values, &arena);
    arena_clear(&sorter->arena);
    sorter->arena = arena;
}

size_t sorter_bytes(const struct sorter *sorter)
{
    CHECK(sorter->count <= sorter->capacity);
    return sorter->arena.used_bytes + sorter->count * sizeof(*sorter->rows);
}

static bool sorter_is_full(const struct sorter *sorter)
{
    CHECK(sorter->count > 0);
    return sorter->options.bytes_max > 0 && sorter_bytes(sorter) > sorter->options.bytes_max;
}

bool sorter_wants(const struct sorter *sorter, const struct value *order_values)
{
    const struct sorter_options *options = &sorter->options;

    CHECK(sorter->cut <= (sorter->count >= options->keep));
    if (options->keep == 0)
        return false;
    return !sorter->cut ||
           sorter_compare_lists(options, order_values,
                                sorter->rows[options->keep - 1].values + options->width) < 0;
}

/* Unless a cut gives half of the memory back, the next one would be due at once. */
static enum status sorter_make_room(struct sorter *sorter, struct error *err)
{
    size_t most = sorter->options.bytes_max;

    CHECK(most > 0);
    if (sorter->count > sorter->options.keep) {
        sorter_cut(sorter);
        most /= 2;
    }
    if (sorter_bytes(sorter) <= most)
        return STATUS_OK;
    return error_set(err, STATUS_RESULT_TOO_LARGE,
                     "memory limit of one statement passed: the rows that ORDER BY keeps take more "
                     "than %zu bytes",
                     most);
}

enum status sorter_add(struct sorter *sorter, const struct value *values, struct error *err)
{
    size_t keep = sorter->options.keep;

    CHECK(values != NULL);
    if (!sorter_wants(sorter, values + sorter->options.width))
        return STATUS_OK;
    if (sorter->count == sorter->capacity) {
        sorter->capacity = sorter->capacity > 0 ? 2 * sorter->capacity : SORTER_KEEP_MIN;
        sorter->rows = mem_realloc(sorter->rows, sorter->capacity * sizeof(*sorter->rows));
    }
    sorter->rows[sorter->count++] = (struct sorter_entry){
        .values = sorter_copy(sorter, values, &sorter->arena), .number = sorter->arrived++};
    if (keep < SIZE_MAX / 4 && sorter->count >= 2 * keep + SORTER_KEEP_MIN)
        sorter_cut(sorter);
    return sorter_is_full(sorter) ? sorter_make_room(sorter, err) : STATUS_OK;
}

size_t sorter_finish(struct sorter *sorter)
{
    CHECK(sorter->count <= sorter->capacity);
    sorter_cut(sorter);
    return sorter->count;
}

const struct value *sorter_row(const struct sorter *sorter, size_t index)
{
    CHECK(index < sorter->count);
    return sorter->rows[index].values;
}
