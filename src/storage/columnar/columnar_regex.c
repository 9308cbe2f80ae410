/* columnar_regex.c — what a regular expression can cost in DuckDB, read from its text alone.
 *
 * RE2 reads a text once, about a nanosecond a byte, as long as it can keep the sets of places of
 * the pattern it may stand at; when these are too many it follows each place by itself, for each
 * byte. So the worst is bytes × places. How many places: `x{n}` is n copies of x, the rest one
 * each. The sets can be many only where the pattern leaves a choice: in classes, alternatives and
 * repetitions; characters in a row leave none. Compiling takes time per place, much of it for
 * classes of Unicode, and per choice, the more the more there are; DuckDB compiles a constant
 * pattern REGEX_COMPILED_TIMES, and the figures are twice what these took together.
 *
 * Replacing, extracting and splitting look for the next match again and again. A search ends when
 * no earlier start can match any more, which may be far behind the match it has found: `x*y|x`
 * reads all of xxxx… for each x, n² in all. It cannot be far in three kinds of patterns:
 *
 *   bounded   no x*, x+ or x{n,}: at most the longest match is read;
 *   safe      what follows an unbounded repetition may be empty (`\s+`, `foo\d*(,\d+)*`): while a
 *             search is in one, it has a match;
 *   straight  characters, classes, repeated classes and assertions in a row, nothing optional or
 *             alternative (`<[^>]*>`, `(\w+)@(\w+)\.com`): an earlier start in a repetition can
 *             leave it wherever a later one can, so the earlier one's match is found, and where it
 *             goes on in vain no match ends: no byte is read more than twice.
 *
 * Others count with n². A pattern is read as RE2 reads it, in the order of its parser; what is
 * wrong, or nested deeper than REGEX_DEPTH_MAX, has all places there are. Threads: any.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar_regex.h"

#include "base/check.h"
#include "base/saturate.h"
#include "base/utf8.h"

enum {
    REGEX_DEPTH_MAX = 250,
    REGEX_REPEAT_MAX = 1000,         /* RE2's own */
    REGEX_CHARACTER_BYTES = 4,       /* at most */
    REGEX_UNICODE_PLACES = 3,        /* as a class of a few hundred ranges is followed */
    REGEX_CLASS_RANGES = 4,          /* of a class, that are one place */
    REGEX_LITERAL_NS = 2000,         /* compiling … */
    REGEX_CLASS_NS = 20000,          /* … [^a], ., \w … */
    REGEX_RANGE_NS = 4000,           /* … each range of [a-cx] … */
    REGEX_WIDE_NS = 50000,           /* … each character of it beyond ASCII … */
    REGEX_UNICODE_NS = 2000000,      /* … \pL … */
    REGEX_CHOICE_NS = 100,           /* … each choice, for each of the others, up to … */
    REGEX_CHOICE_MAX = 40000,        /* … this … */
    REGEX_COMPILED_NS = 4000,        /* … and everything else, once */
    REGEX_COMPILED_MAX = 1000000000, /* RE2 gives up then: the program is too large */
};

struct regex_part {
    uint64_t places, choices, compile_ns, groups;
    uint64_t min, reach; /* characters of a match; reach: unbounded repetitions count as few */
    bool nullable;       /* matches nothing, anywhere */
    bool loops;          /* has unbounded repetitions */
    bool single;         /* one character */
    bool safe, straight; /* see above */
};

struct regex_reader {
    const char *at, *end;
    unsigned depth;
    bool quotes; /* behind \Q */
    bool asserts;
    bool is_strange; /* wrong, too deep or not to be had: no promise */
};

/* ---- parts put together ---- */

static const struct regex_part REGEX_EMPTY = {.nullable = true, .safe = true, .straight = true};

static struct regex_part regex_character(uint64_t places, bool is_class, uint64_t compile_ns)
{
    CHECK(places > 0);
    return (struct regex_part){.places = places,
                               .choices = is_class,
                               .compile_ns = compile_ns,
                               .min = 1,
                               .reach = 1,
                               .single = true,
                               .safe = true,
                               .straight = true};
}

static struct regex_part regex_assertion(struct regex_reader *in)
{
    in->asserts = true;
    CHECK(in->at <= in->end);
    return (struct regex_part){
        .places = 1, .choices = 1, .compile_ns = REGEX_LITERAL_NS, .safe = true, .straight = true};
}

static struct regex_part regex_then(struct regex_part a, struct regex_part b)
{
    struct regex_part both = {.places = saturated_add(a.places, b.places),
                              .choices = saturated_add(a.choices, b.choices),
                              .compile_ns = saturated_add(a.compile_ns, b.compile_ns),
                              .groups = saturated_add(a.groups, b.groups),
                              .min = saturated_add(a.min, b.min),
                              .reach = saturated_add(a.reach, b.reach),
                              .nullable = a.nullable && b.nullable,
                              .loops = a.loops || b.loops,
                              .safe = a.safe && b.safe && (!a.loops || b.nullable),
                              .straight = a.straight && b.straight};

    CHECK(both.places >= a.places);
    return a.places == 0 ? b : both;
}

static struct regex_part regex_or(struct regex_part a, struct regex_part b)
{
    bool single = a.single && b.single;

    CHECK(!single || (!a.nullable && !b.nullable));
    return (struct regex_part){.places = saturated_add(saturated_add(a.places, b.places), 1),
                               .choices = saturated_add(saturated_add(a.choices, b.choices), 1),
                               .compile_ns = saturated_add(a.compile_ns, b.compile_ns),
                               .groups = saturated_add(a.groups, b.groups),
                               .min = a.min < b.min ? a.min : b.min,
                               .reach = a.reach > b.reach ? a.reach : b.reach,
                               .nullable = a.nullable || b.nullable,
                               .loops = a.loops || b.loops,
                               .single = single,
                               .safe = a.safe && b.safe,
                               .straight = single};
}

/* x{low,high}; high UINT64_MAX: x{low,} */
static struct regex_part regex_repeat(struct regex_part x, uint64_t low, uint64_t high)
{
    bool unbounded = high == UINT64_MAX;
    uint64_t copies = unbounded ? (low > 0 ? low : 1) : high;
    bool exact = low == high;
    uint64_t more = exact || (x.single && x.choices > 0) ? 0 : 1;
    struct regex_part all = x;

    CHECK(low <= high);
    copies = copies > 0 ? copies : 1;
    all.places = saturated_times(x.places, copies);
    all.choices = saturated_times(saturated_add(x.choices, more), copies);
    all.compile_ns = saturated_times(x.compile_ns, copies);
    all.min = saturated_times(x.min, low);
    all.reach = saturated_times(x.reach, unbounded ? low + 1 : copies);
    all.nullable = low == 0 || x.nullable;
    all.loops = x.loops || unbounded;
    all.single = x.single && low == 1 && high == 1;
    all.safe = x.safe && (!x.loops || low <= 1 || x.nullable);
    all.straight = x.straight && (exact || (unbounded && x.single));
    return all;
}

/* ---- reading ---- */

static bool regex_next_is(const struct regex_reader *in, char c)
{
    CHECK(in->at <= in->end);
    return in->at < in->end && *in->at == c;
}

static bool regex_take(struct regex_reader *in, char c)
{
    bool is_next = regex_next_is(in, c);

    CHECK(in->at <= in->end);
    in->at += is_next;
    return is_next;
}

/* Behind the next `c`, or at the end. */
static void regex_skip(struct regex_reader *in, char c)
{
    CHECK(in->at <= in->end);
    while (in->at < in->end && *in->at != c)
        in->at++;
    in->at += in->at < in->end;
}

static void regex_skip_character(struct regex_reader *in)
{
    uint32_t codepoint;
    size_t size = utf8_decode(str_from(in->at, (size_t)(in->end - in->at)), &codepoint);

    CHECK(in->at < in->end);
    in->at += size > 0 ? size : 1;
}

/* Behind the backslash of \pL, \p{Greek}, \P… */
static void regex_skip_property(struct regex_reader *in)
{
    CHECK(in->at < in->end);
    in->at++;
    if (regex_take(in, '{'))
        regex_skip(in, '}');
    else if (in->at < in->end)
        regex_skip_character(in);
}

/* Behind a backslash: \x{10ff}, \xff, \123 or any other that is one character. */
static void regex_skip_escape(struct regex_reader *in)
{
    char c = *in->at;

    CHECK(in->at < in->end);
    regex_skip_character(in);
    if (c == 'x' && regex_take(in, '{')) {
        regex_skip(in, '}');
        return;
    }
    unsigned digits = c == 'x' || (c >= '0' && c <= '7') ? 2 : 0;
    for (; digits > 0 && in->at < in->end; digits--) {
        bool octal = *in->at >= '0' && *in->at <= '7';
        bool hex = octal || (*in->at >= '8' && *in->at <= '9') ||
                   (*in->at >= 'a' && *in->at <= 'f') || (*in->at >= 'A' && *in->at <= 'F');
        if (!(c == 'x' ? hex : octal))
            return;
        in->at++;
    }
}

/* Behind [:alpha:]; false if it is none: RE2 looks for the end in all of the pattern. */
static bool regex_skip_name(struct regex_reader *in)
{
    struct str rest = str_from(in->at, (size_t)(in->end - in->at));

    CHECK(in->at < in->end);
    if (!str_starts_with(rest, STR_LIT("[:")))
        return false;
    size_t end = str_find(str_from(rest.data + 2, rest.size - 2), STR_LIT(":]"));
    if (end == SIZE_MAX)
        return false;
    in->at += 2 + end + 2;
    return true;
}

/* One side of a-z. */
static void regex_class_character(struct regex_reader *in, uint64_t *wide)
{
    CHECK(in->at <= in->end);
    if (in->at == in->end)
        return;
    *wide += (unsigned char)*in->at >= 0x80;
    if (!regex_take(in, '\\')) {
        regex_skip_character(in);
        return;
    }
    *wide += regex_next_is(in, 'x');
    if (in->at < in->end)
        regex_skip_escape(in);
}

/* One item of [ ]: counts it. */
static void regex_class_item(struct regex_reader *in, uint64_t *ranges, uint64_t *wide)
{
    char next = in->end - in->at > 1 ? in->at[1] : 0;

    CHECK(in->at < in->end);
    *ranges += 1;
    if (regex_skip_name(in)) {
        *ranges += 3;
        return;
    }
    if (*in->at == '\\' && (next == 'p' || next == 'P')) {
        *wide += REGEX_UNICODE_NS / REGEX_WIDE_NS;
        in->at++;
        regex_skip_property(in);
        return;
    }
    if (*in->at == '\\')
        *ranges += 3; /* \w */
    if (*in->at == '\\' && next != 0 && memchr("dDsSwW", next, 6) != NULL) {
        in->at += 2;
        return;
    }
    regex_class_character(in, wide);
    if (in->end - in->at > 1 && in->at[0] == '-' && in->at[1] != ']') {
        in->at++;
        regex_class_character(in, wide);
    }
}

/* Behind [. Ranges of Unicode are many, the more so without case. */
static struct regex_part regex_class(struct regex_reader *in)
{
    uint64_t ranges = 0, wide = 0;

    CHECK(in->at <= in->end);
    bool negated = regex_take(in, '^'), is_first = true;
    for (; in->at < in->end && (is_first || !regex_next_is(in, ']')); is_first = false)
        regex_class_item(in, &ranges, &wide);
    in->is_strange |= !regex_take(in, ']');
    uint64_t places = 1 + ranges / REGEX_CLASS_RANGES + (wide > 0 ? REGEX_UNICODE_PLACES - 1 : 0);
    uint64_t compile_ns = saturated_times(ranges, REGEX_RANGE_NS) + (negated ? REGEX_CLASS_NS : 0) +
                          saturated_times(wide, REGEX_WIDE_NS);
    return regex_character(places, true, compile_ns);
}

static struct regex_part regex_escape(struct regex_reader *in)
{
    char c = in->at < in->end ? *in->at : '\\';

    CHECK(in->at <= in->end);
    if (in->at == in->end)
        return regex_character(1, false, REGEX_LITERAL_NS);
    if (c == 'p' || c == 'P') {
        regex_skip_property(in);
        return regex_character(REGEX_UNICODE_PLACES, true, REGEX_UNICODE_NS);
    }
    regex_skip_escape(in);
    if (c == 'A' || c == 'z' || c == 'b' || c == 'B')
        return regex_assertion(in);
    in->is_strange |= c == 'C'; /* one byte: of a letter that has two it would make no text */
    bool is_class = memchr("dDsSwW", c, 6) != NULL;
    return regex_character(1, is_class, is_class ? REGEX_CLASS_NS : REGEX_LITERAL_NS);
}

static struct regex_part regex_alternatives(struct regex_reader *in);

/* Behind the flags of (?i) and (?i:. */
static void regex_skip_flags(struct regex_reader *in)
{
    CHECK(in->at <= in->end);
    while (in->at < in->end && memchr("imsU-", *in->at, 5) != NULL)
        in->at++;
}

static bool regex_take_text(struct regex_reader *in, struct str text)
{
    bool is_next = str_starts_with(str_from(in->at, (size_t)(in->end - in->at)), text);

    CHECK(in->at <= in->end);
    in->at += is_next ? text.size : 0;
    return is_next;
}

/* Behind what RE2 makes nothing of: \Q, its \E, flags for what follows. A repetition behind these
 * is one of the atom before. */
static void regex_skip_nothing(struct regex_reader *in)
{
    CHECK(in->at <= in->end);
    for (;;) {
        if (regex_take_text(in, in->quotes ? STR_LIT("\\E") : STR_LIT("\\Q"))) {
            in->quotes = !in->quotes;
            continue;
        }
        struct regex_reader ahead = *in;
        if (in->quotes || !regex_take_text(&ahead, STR_LIT("(?")))
            return;
        regex_skip_flags(&ahead);
        if (!regex_take(&ahead, ')'))
            return;
        in->at = ahead.at;
    }
}

/* Behind (?: its flags or name. True if there is a name. */
static bool regex_group_head(struct regex_reader *in)
{
    bool named = regex_take_text(in, STR_LIT("P<")) || regex_take(in, '<');

    CHECK(in->at <= in->end);
    if (named) {
        regex_skip(in, '>');
    } else {
        regex_skip_flags(in);
        in->is_strange |= !regex_take(in, ':');
    }
    return named;
}

/* Behind (. */
static struct regex_part regex_group(struct regex_reader *in)
{
    struct regex_part inner;
    bool captures = true;

    CHECK(in->at <= in->end);
    if (regex_take(in, '?'))
        captures = regex_group_head(in);
    if (++in->depth > REGEX_DEPTH_MAX) {
        in->is_strange = true;
        in->at = in->end;
    }
    inner = regex_alternatives(in);
    in->depth--;
    in->is_strange |= !regex_take(in, ')');
    inner.groups = saturated_add(inner.groups, captures);
    inner.places = saturated_add(inner.places, 1);
    inner.compile_ns = saturated_add(inner.compile_ns, REGEX_LITERAL_NS);
    return inner;
}

static struct regex_part regex_atom(struct regex_reader *in)
{
    CHECK(in->at < in->end);
    if (in->quotes) {
        regex_skip_character(in);
        return regex_character(1, false, REGEX_LITERAL_NS);
    }
    if (regex_take(in, '('))
        return regex_group(in);
    if (regex_take(in, '['))
        return regex_class(in);
    if (regex_take(in, '\\'))
        return regex_escape(in);
    if (regex_take(in, '^') || regex_take(in, '$'))
        return regex_assertion(in);
    if (regex_take(in, '.'))
        return regex_character(1, true, REGEX_CLASS_NS);
    regex_skip_character(in);
    return regex_character(1, false, REGEX_LITERAL_NS);
}

static bool regex_number(struct regex_reader *in, uint64_t *out)
{
    const char *first = in->at;

    *out = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        uint64_t digit = (uint64_t)(*in->at++ - '0');
        *out = *out > REGEX_REPEAT_MAX ? *out : *out * 10 + digit;
    }
    CHECK(*out < UINT32_MAX);
    return in->at > first;
}

/* {n}, {n,} or {n,m}; anything else is literal, and nothing is read. */
static bool regex_counts(struct regex_reader *in, uint64_t *low, uint64_t *high)
{
    struct regex_reader ahead = *in;

    CHECK(in->at <= in->end);
    if (!regex_take(&ahead, '{') || !regex_number(&ahead, low))
        return false;
    *high = *low;
    if (regex_take(&ahead, ',') && !regex_number(&ahead, high))
        *high = UINT64_MAX;
    if (!regex_take(&ahead, '}') || *low > *high)
        return false;
    in->at = ahead.at;
    return true;
}

static struct regex_part regex_repeated(struct regex_reader *in)
{
    struct regex_part part = regex_atom(in);
    uint64_t low, high;

    CHECK(in->at <= in->end);
    for (;;) {
        regex_skip_nothing(in);
        if (in->quotes)
            break;
        if (regex_take(in, '*'))
            part = regex_repeat(part, 0, UINT64_MAX);
        else if (regex_take(in, '+'))
            part = regex_repeat(part, 1, UINT64_MAX);
        else if (regex_take(in, '?'))
            part = regex_repeat(part, 0, 1);
        else if (regex_counts(in, &low, &high))
            part = regex_repeat(part, low, high);
        else
            break;
        (void)regex_take(in, '?'); /* as few as possible */
    }
    return part;
}

/* Up to the closing parenthesis of the group, or the end. */
static struct regex_part regex_alternatives(struct regex_reader *in)
{
    struct regex_part all = REGEX_EMPTY, one = REGEX_EMPTY;
    bool is_first = true;

    CHECK(in->depth <= REGEX_DEPTH_MAX + 1);
    for (;;) {
        regex_skip_nothing(in);
        bool ends = in->at == in->end || (*in->at == ')' && !in->quotes);
        if (!ends && (in->quotes || !regex_take(in, '|'))) {
            one = regex_then(one, regex_repeated(in));
            continue;
        }
        all = is_first ? one : regex_or(all, one);
        is_first = false;
        one = REGEX_EMPTY;
        if (ends)
            return all;
    }
}

static struct regex_part regex_literal(struct str text)
{
    struct regex_part all = regex_character(1, false, REGEX_LITERAL_NS);

    CHECK(text.data || text.size == 0);
    return regex_repeat(all, text.size, text.size);
}

static uint64_t regex_compile_ns(const struct regex_part *all, bool is_strange)
{
    uint64_t choice = saturated_times(all->choices, REGEX_CHOICE_NS);
    uint64_t choices =
        saturated_times(all->choices, choice < REGEX_CHOICE_MAX ? choice : REGEX_CHOICE_MAX);
    uint64_t sum = saturated_add(saturated_add(all->compile_ns, choices), REGEX_COMPILED_NS);

    CHECK(sum >= REGEX_COMPILED_NS);
    return sum < REGEX_COMPILED_MAX && !is_strange ? sum : REGEX_COMPILED_MAX;
}

struct regex regex_read(struct str pattern, bool literal)
{
    struct regex_reader in = {.at = pattern.data, .end = pattern.data + pattern.size};
    struct regex_part all = literal ? regex_literal(pattern) : regex_alternatives(&in);

    CHECK(pattern.data || pattern.size == 0);
    in.is_strange |= !literal && in.at < in.end;
    bool near = !in.is_strange && (!all.loops || all.safe || all.straight);
    return (struct regex){
        .places = in.is_strange ? UINT64_MAX : saturated_add(all.places, 1),
        .choices = in.is_strange ? UINT64_MAX : all.choices,
        .groups = all.groups,
        .bytes_min = in.is_strange ? 0 : all.min,
        .reach = near ? saturated_times(all.reach, REGEX_CHARACTER_BYTES) : UINT64_MAX,
        .asserts = in.asserts,
        .compile_ns = regex_compile_ns(&all, in.is_strange),
    };
}
