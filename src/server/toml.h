/* toml.h — a strict subset of TOML 1.0 for configuration files. Any thread.
 *
 * Tables, dotted and quoted keys (without a dot inside the quotes), basic and literal strings of
 * one line, integers, booleans, arrays of strings, comments. Everything else of TOML is refused by
 * name, never guessed: floats, dates, inline tables, arrays of tables, strings of several lines.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_TOML_H
#define SERVER_TOML_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

enum { TOML_BYTES_MAX = 1 << 20 };
enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_BOOLEAN, TOML_STRINGS };

struct toml_entry {
    struct str key; /* dotted: "storage.rocksdb.path" */
    enum toml_kind kind;
    struct str text; /* STRING */
    int64_t integer;
    bool boolean;
    const struct str *items; /* STRINGS */
    size_t item_count;
    unsigned line;
    struct toml_entry *next;
};

struct toml {
    struct toml_entry *entries; /* in order of the file */
    size_t entry_count;
    struct str *tables; /* headers, so that unknown empty sections can be told too */
    unsigned *table_lines;
    size_t table_count;
};

/* INVALID_INPUT `line 3: …`. Everything lies in the arena. */
enum status toml_parse(struct str text, struct arena *arena, struct toml *out,
                       struct error *err) MUST_CHECK;

#endif
