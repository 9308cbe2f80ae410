/* columnar_regex.h — what a regular expression can cost in DuckDB (columnar/columnar_regex.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_COLUMNAR_REGEX_H
#define STORAGE_COLUMNAR_REGEX_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { REGEX_COMPILED_TIMES = 3 }; /* a constant pattern in DuckDB: twice bound, once to be used */

/* All counts saturate at UINT64_MAX. */
struct regex {
    uint64_t places;     /* of the pattern that a search may stand at at once, at most */
    uint64_t choices;    /* it leaves: classes, alternatives, repetitions */
    uint64_t groups;     /* that capture */
    uint64_t bytes_min;  /* of a match, at least */
    uint64_t reach;      /* bytes read behind a match, or from its start; UINT64_MAX: no bound */
    uint64_t compile_ns; /* of a constant pattern: each time takes a share of it */
    bool asserts; /* has ^, $, \b and the like: in a part of a text these mean something else, and
                     the reach may be any */
};

/* `literal`: option l of DuckDB's functions. One that is wrong, nested too deeply, or has \C, which
 * cuts letters into bytes, has UINT64_MAX places; one that RE2 refuses otherwise may give anything.
 */
struct regex regex_read(struct str pattern, bool literal);

#endif
