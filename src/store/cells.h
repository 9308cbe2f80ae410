/* cells.h — values of value/ ↔ cells of storage/columnar.h, whose kinds mirror each other.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_CELLS_H
#define STORE_CELLS_H

#include "storage/columnar.h"
#include "value/value.h"

struct column_type cell_type(const struct data_type *type);
/* Texts are borrowed from the value. */
void cell_from_value(const struct value *value, struct column_cell *cell);
/* A cell of a column of `type`; texts are borrowed from the cell. */
void cell_to_value(const struct column_cell *cell, const struct data_type *type,
                   struct value *value);

#endif
