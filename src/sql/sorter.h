/* sorter.h — the first n of many rows in some order: ORDER BY … LIMIT of a SELECT and of what a
 * live query begins with.
 *
 * A row is a list of values: some that it carries, then those that it is ordered by. Of equal ones
 * the row that came first goes first. No more is held than some 2n rows and what they carry. One
 * thread at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SORTER_H
#define SQL_SORTER_H

#include "base/error.h"
#include "value/value.h"

struct sorter_order {
    bool descending, nulls_first;
};

struct sorter_options {
    const struct sorter_order *orders; /* borrowed */
    uint32_t order_count;              /* 0 = as they come */
    uint32_t width;                    /* values that a row carries */
    size_t keep;                       /* only the first so many; SIZE_MAX = all */
    size_t bytes_max;                  /* 0 = no limit */
};

struct sorter *sorter_new(const struct sorter_options *options);
void sorter_free(struct sorter *sorter); /* NULL is fine */
/* Can a row that is ordered by these values be among the first n, by what is known so far? */
bool sorter_wants(const struct sorter *sorter, const struct value *order_values);
/* A copy of `width` + `order_count` values. RESULT_TOO_LARGE when that does not fit any more. */
enum status sorter_add(struct sorter *sorter, const struct value *values,
                       struct error *err) MUST_CHECK;
size_t sorter_bytes(const struct sorter *sorter);
/* Puts the rows in order, and says how many there are. */
size_t sorter_finish(struct sorter *sorter);
/* The values of a row in that order, until the next sorter_add. */
const struct value *sorter_row(const struct sorter *sorter, size_t index);

#endif
