/* guard.c — DuckDB's functions with regular expressions, before they run: how long they can take.
 *
 * macros.c puts a guard around the text of each of them; storage/columnar tries out what could take
 * long. The figures were measured: the worst patterns there are take 10 to 20 ns per byte and place
 * (42 for classes of Unicode, which count three places), sets of few places 1 to 3 ns per byte.
 * Threads: DuckDB's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/saturate.h"
#include "storage/columnar_regex.h"

enum {
    GUARD_ROW_NS = 200,
    GUARD_PLACE_NS = 20,   /* … per byte */
    GUARD_FEW_CHOICES = 6, /* 2^6 sets of places, times … */
    GUARD_FEW_PLACES = 64, /* … characters in a row, always fit into what RE2 keeps … */
    GUARD_FEW_NS = 4,      /* … so a byte takes as long as this */
    GUARD_MATCH_NS = 250,
    GUARD_GROUPS_MATCH_NS = 600,
    GUARD_GROUPS_SHARE = 8,       /* groups that double what a place takes */
    GUARD_STATES_BYTES = 4 << 20, /* sets of places, of RE2's 8 MB; few texts make more */
};

static bool guard_has(struct str options, char option)
{
    CHECK(options.data || options.size == 0);
    return options.size > 0 && memchr(options.data, option, options.size) != NULL;
}

/* A pattern that is no constant, for one row. */
static uint64_t guard_compile(const struct regex *regex)
{
    CHECK(regex->compile_ns > 0);
    return regex->compile_ns / REGEX_COMPILED_TIMES;
}

/* One search of the text; `groups`: it has to tell where they are. */
static void guard_search(const struct regex *regex, bool groups, bool is_constant,
                         struct columnar_cost *out)
{
    uint64_t factor = groups ? 1 + regex->groups / GUARD_GROUPS_SHARE : 1;
    uint64_t place_ns = saturated_times(saturated_times(regex->places, GUARD_PLACE_NS), factor);
    bool few = regex->choices <= GUARD_FEW_CHOICES && regex->places <= GUARD_FEW_PLACES;
    uint64_t scan_ns = few ? GUARD_FEW_NS : place_ns;

    CHECK(regex->places > 0);
    *out = (struct columnar_cost){.row = GUARD_ROW_NS + (is_constant ? 0 : guard_compile(regex)),
                                  .byte = groups ? place_ns : scan_ns,
                                  .again = scan_ns,
                                  .compile = regex->compile_ns,
                                  .memory = few ? 0 : GUARD_STATES_BYTES};
}

/* … and for the next match, up to the end. */
static void guard_search_all(const struct regex *regex, bool groups, bool is_constant,
                             struct columnar_cost *out)
{
    guard_search(regex, groups, is_constant, out);
    CHECK(out->byte > 0);
    out->byte = saturated_times(out->byte, 2);
    out->match = groups ? GUARD_GROUPS_MATCH_NS : GUARD_MATCH_NS;
    out->match_bytes = regex->bytes_min > 0 ? regex->bytes_min : 1;
    out->reach = regex->reach;
}

/* (text, pattern, options) */
static void guard_matches(const struct str *args, bool is_constant, struct columnar_cost *out)
{
    struct regex regex = regex_read(args[1], guard_has(args[2], 'l'));

    CHECK(out);
    guard_search(&regex, false, is_constant, out);
}

/* (text, pattern, group or their names, options) */
static void guard_extract(const struct str *args, bool is_constant, struct columnar_cost *out)
{
    struct regex regex = regex_read(args[1], guard_has(args[3], 'l'));
    bool groups = args[2].size > 0 && !str_equal(args[2], STR_LIT("0"));

    CHECK(out);
    guard_search(&regex, groups, is_constant, out);
}

/* (text, pattern, options): DuckDB always asks for all groups. */
static void guard_extract_all(const struct str *args, bool is_constant, struct columnar_cost *out)
{
    struct regex regex = regex_read(args[1], guard_has(args[2], 'l'));

    CHECK(out);
    guard_search_all(&regex, regex.groups > 0, is_constant, out);
}

/* (text, pattern, replacement, options) */
static void guard_replace(const struct str *args, bool is_constant, struct columnar_cost *out)
{
    struct regex regex = regex_read(args[1], guard_has(args[3], 'l'));
    bool groups = guard_has(args[2], '\\');

    CHECK(out);
    if (guard_has(args[3], 'g'))
        guard_search_all(&regex, groups, is_constant, out);
    else
        guard_search(&regex, groups, is_constant, out);
}

/* (text, pattern, options): what is behind a match is a text of its own, and a pattern that is no
 * constant is compiled for it again. */
static void guard_split(const struct str *args, bool is_constant, struct columnar_cost *out)
{
    struct regex regex = regex_read(args[1], guard_has(args[2], 'l'));

    CHECK(out);
    guard_search_all(&regex, false, is_constant, out);
    out->match += is_constant ? 0 : guard_compile(&regex);
    if (regex.asserts)
        out->reach = UINT64_MAX;
}

/* ---- the calls ---- */

static void guard_write_literal(struct buf *out, struct str text)
{
    CHECK(text.data || text.size == 0);
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            buf_append_byte(out, '\'');
        buf_append_byte(out, (uint8_t)text.data[i]);
    }
    buf_append_byte(out, '\'');
}

static void guard_write_text(struct buf *out, struct str text)
{
    CHECK(out);
    buf_append_str(out, STR_LIT(", "));
    guard_write_literal(out, text);
}

/* `name(s, pattern` */
static void guard_write_call(const char *name, struct str pattern, bool is_constant,
                             struct buf *out)
{
    CHECK(name && out);
    buf_printf(out, "system.main.%s(s", name);
    if (is_constant)
        guard_write_text(out, pattern);
    else
        buf_append_str(out, STR_LIT(", p"));
}

static void guard_write_matches(const struct str *args, bool is_constant, struct buf *out)
{
    CHECK(args);
    guard_write_call("regexp_matches", args[1], is_constant, out);
    guard_write_text(out, args[2]);
    buf_append_byte(out, ')');
}

static void guard_write_full_match(const struct str *args, bool is_constant, struct buf *out)
{
    CHECK(args);
    guard_write_call("regexp_full_match", args[1], is_constant, out);
    guard_write_text(out, args[2]);
    buf_append_byte(out, ')');
}

static void guard_write_extract(const struct str *args, bool is_constant, struct buf *out)
{
    bool is_number = args[2].size == 1 && args[2].data[0] >= '0' && args[2].data[0] <= '9';

    CHECK(args);
    guard_write_call("regexp_extract", args[1], is_constant, out);
    if (is_number) {
        buf_printf(out, ", %c", args[2].data[0]);
    } else if (args[2].size == 0) { /* no group: DuckDB searches all the same */
        buf_append_str(out, STR_LIT(", 0"));
    } else {
        buf_append_str(out, STR_LIT(", CAST("));
        guard_write_literal(out, args[2]);
        buf_append_str(out, STR_LIT(" AS VARCHAR[])"));
    }
    guard_write_text(out, args[3]);
    buf_append_byte(out, ')');
}

static void guard_write_extract_all(const struct str *args, bool is_constant, struct buf *out)
{
    CHECK(args);
    guard_write_call("regexp_extract_all", args[1], is_constant, out);
    buf_append_str(out, STR_LIT(", 0"));
    guard_write_text(out, args[2]);
    buf_append_byte(out, ')');
}

static void guard_write_replace(const struct str *args, bool is_constant, struct buf *out)
{
    CHECK(args);
    guard_write_call("regexp_replace", args[1], is_constant, out);
    guard_write_text(out, args[2]);
    guard_write_text(out, args[3]);
    buf_append_byte(out, ')');
}

static void guard_write_split(const struct str *args, bool is_constant, struct buf *out)
{
    CHECK(args);
    guard_write_call("string_split_regex", args[1], is_constant, out);
    guard_write_text(out, args[2]);
    buf_append_byte(out, ')');
}

const struct columnar_guard ANALYTIC_GUARD_MATCHES = {"regexp_matches", guard_matches,
                                                      guard_write_matches};
const struct columnar_guard ANALYTIC_GUARD_FULL_MATCH = {"regexp_full_match", guard_matches,
                                                         guard_write_full_match};
const struct columnar_guard ANALYTIC_GUARD_EXTRACT = {"regexp_extract", guard_extract,
                                                      guard_write_extract};
const struct columnar_guard ANALYTIC_GUARD_EXTRACT_ALL = {"regexp_extract_all", guard_extract_all,
                                                          guard_write_extract_all};
const struct columnar_guard ANALYTIC_GUARD_REPLACE = {"regexp_replace", guard_replace,
                                                      guard_write_replace};
const struct columnar_guard ANALYTIC_GUARD_SPLIT = {"string_split_regex", guard_split,
                                                    guard_write_split};
