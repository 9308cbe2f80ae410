/* parse_clause.c — what may follow the column list of CREATE TABLE (docs/sql.md).
 *
 * One table lists every word, as a clause of its own, as a key of WITH, or both; each has a small
 * function that reads its value.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "base/utf8.h"

struct clause_state {
    struct parser *parser;
    struct parser_list options;
    uint32_t start;  /* of the clause's word */
    bool flush_seen; /* FLUSH … or FLUSH_POLICY = …, which may set two options */
};

static enum status clause_add(struct clause_state *state, const char *key, struct value value)
{
    CHECK(key != NULL);
    return parser_option_add(state->parser, &state->options, str_from_c(key), value, state->start);
}

static enum status clause_add_number(struct clause_state *state, const char *key, int64_t number,
                                     int64_t min, int64_t max)
{
    CHECK(min <= max);
    if (number < min || number > max) {
        if (max == INT64_MAX)
            return parser_error_at(state->parser, state->start, "%s must be at least %lld", key,
                                   (long long)min);
        return parser_error_at(state->parser, state->start, "%s must be between %lld and %lld", key,
                               (long long)min, (long long)max);
    }
    return clause_add(state, key, value_integer(VALUE_BIGINT, number));
}

static enum status clause_add_rows(struct clause_state *state, int64_t rows)
{
    CHECK(state->parser != NULL);
    return clause_add_number(state, "flush_rows", rows, 1, 999999);
}

static enum status clause_add_interval(struct clause_state *state, int64_t seconds)
{
    CHECK(state->parser != NULL);
    return clause_add_number(state, "flush_interval", seconds, 1, 86399);
}

/* 1000 or '1000' */
static enum status clause_number(struct clause_state *state, int64_t *out)
{
    struct parser *parser = state->parser;
    struct str text;
    enum status status;

    CHECK(state->parser->last_end > state->start);
    if (!token_is_string(&parser->token))
        return parser_integer(parser, out);
    status = parser_string(parser, &text);
    if (status == STATUS_OK && !str_to_int64(str_trim(text), out))
        return parser_error_at(parser, state->start, "expected a number");
    return status;
}

/* TRUE, FALSE, 'true', 'false'; without a value TRUE, unless inside WITH. */
static enum status clause_flag(struct clause_state *state, const char *key, bool with)
{
    struct parser *parser = state->parser;
    struct str text;
    bool given = parser_is(parser, KEYWORD_TRUE) || parser_is(parser, KEYWORD_FALSE) ||
                 token_is_string(&parser->token);

    CHECK(state->parser->last_end > state->start);
    if (!given && !with)
        return clause_add(state, key, value_boolean(true));
    enum status status = parser_word_or_string(parser, &text);
    if (status != STATUS_OK)
        return status;
    bool yes = str_equal_nocase(text, STR_LIT("true"));
    if (!yes && !str_equal_nocase(text, STR_LIT("false")))
        return parser_error_at(parser, state->start, "%s takes TRUE or FALSE", key);
    return clause_add(state, key, value_boolean(yes));
}

/* ---- one function per option --------------------------------------------------------------------
 */

static enum status clause_storage(struct clause_state *state, bool with)
{
    struct str id;
    enum status status = parser_word_or_string(state->parser, &id);

    CHECK(state->parser->last_end > state->start);
    (void)with;
    return status != STATUS_OK ? status : clause_add(state, "storage", value_text(VALUE_TEXT, id));
}

static enum status clause_location(struct clause_state *state, bool with)
{
    struct str path;

    CHECK(state->parser->last_end > state->start);
    if (!with && parser_take(state->parser, KEYWORD_REFERENCE))
        return clause_storage(state, with);
    enum status status = parser_string(state->parser, &path);
    return status != STATUS_OK ? status
                               : clause_add(state, "location", value_text(VALUE_TEXT, path));
}

static enum status clause_use_user_storage(struct clause_state *state, bool with)
{
    CHECK(state->parser->last_end > state->start);
    return clause_flag(state, "use_user_storage", with);
}

static enum status clause_ephemeral(struct clause_state *state, bool with)
{
    CHECK(state->parser->last_end > state->start);
    return clause_flag(state, "ephemeral", with);
}

static enum status clause_rows(struct clause_state *state, bool with)
{
    int64_t rows;
    enum status status = clause_number(state, &rows);

    CHECK(state->parser->last_end > state->start);
    (void)with;
    return status != STATUS_OK ? status : clause_add_rows(state, rows);
}

static enum status clause_interval(struct clause_state *state, bool with)
{
    int64_t seconds;
    enum status status = parser_duration(state->parser, 1, &seconds);

    CHECK(state->parser->last_end > state->start);
    (void)with;
    return status != STATUS_OK ? status : clause_add_interval(state, seconds);
}

/* 'rows:1000,interval:60' */
static enum status clause_policy_text(struct clause_state *state, bool with)
{
    struct str text;
    uint32_t start = state->parser->token.start;
    enum status status;

    CHECK(state->parser->last_end > state->start);
    if (!with)
        status = parser_expect_kind(state->parser, TOKEN_EQ);
    else
        status = STATUS_OK;
    if (status == STATUS_OK)
        status = parser_string(state->parser, &text);
    if (status == STATUS_OK && str_is_empty(str_trim(text)))
        return parser_error_at(state->parser, start,
                               "invalid flush policy: use 'rows:1000,interval:60'");
    while (status == STATUS_OK && text.size > 0) {
        const char *comma = memchr(text.data, ',', text.size);
        size_t size = comma != NULL ? (size_t)(comma - text.data) : text.size;
        struct str part = str_trim(str_from(text.data, size));
        const char *colon = part.size == 0 ? NULL : memchr(part.data, ':', part.size);
        int64_t number = 0;
        bool good = colon != NULL;

        if (good) {
            struct str key = str_trim(str_from(part.data, (size_t)(colon - part.data)));
            struct str rest = str_from(colon + 1, part.size - (size_t)(colon - part.data) - 1);
            bool rows = str_equal_nocase(key, STR_LIT("rows"));

            good = (rows || str_equal_nocase(key, STR_LIT("interval"))) &&
                   str_to_int64(str_trim(rest), &number);
            if (good)
                status = rows ? clause_add_rows(state, number) : clause_add_interval(state, number);
        }
        if (!good)
            return parser_error_at(state->parser, start,
                                   "invalid flush policy: use 'rows:1000,interval:60'");
        text = str_from(text.data + size, text.size - size);
        if (text.size == 1) /* a comma that nothing follows */
            return parser_error_at(state->parser, start,
                                   "invalid flush policy: use 'rows:1000,interval:60'");
        if (text.size > 0)
            text = str_from(text.data + 1, text.size - 1);
    }
    return status;
}

/* POLICY [ROWS n] [INTERVAL d] | POLICY [COMBINED] [ROW_LIMIT n] [TIME_INTERVAL s] */
static enum status clause_policy(struct clause_state *state)
{
    struct parser *parser = state->parser;
    size_t parts = 0;
    enum status status = STATUS_OK;
    bool combined = parser_take(parser, KEYWORD_COMBINED);

    CHECK(state->parser->last_end > state->start);
    while (status == STATUS_OK) {
        if (parser_take(parser, KEYWORD_ROWS) || parser_take(parser, KEYWORD_ROW_LIMIT))
            status = clause_rows(state, false);
        else if (parser_take(parser, KEYWORD_INTERVAL) ||
                 parser_take(parser, KEYWORD_TIME_INTERVAL))
            status = clause_interval(state, false);
        else
            break;
        parts++;
    }
    if (status == STATUS_OK && combined && parts == 1)
        return parser_error_at(parser, state->start,
                               "FLUSH POLICY COMBINED takes ROW_LIMIT and TIME_INTERVAL");
    return status == STATUS_OK && parts == 0 ? parser_syntax_error(parser) : status;
}

static enum status clause_flush(struct clause_state *state, bool with)
{
    struct parser *parser = state->parser;
    enum status status;

    CHECK(!with);
    if (parser_take(parser, KEYWORD_POLICY))
        return clause_policy(state);
    if (parser_take(parser, KEYWORD_ROWS) || parser_take(parser, KEYWORD_ROW_THRESHOLD))
        return clause_rows(state, false);
    if (parser_take(parser, KEYWORD_SECONDS))
        return clause_interval(state, false);
    status = parser_expect(parser, KEYWORD_INTERVAL);
    if (status == STATUS_OK)
        status = clause_interval(state, false);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_ROW_THRESHOLD))
        status = clause_rows(state, false);
    return status;
}

/* 'off', '7d', or hours. */
static enum status clause_retention(struct clause_state *state, bool with)
{
    struct parser *parser = state->parser;
    struct str raw = parser_text(parser);
    int64_t seconds;
    bool off = parser_is_word(parser, "off") || str_equal_nocase(raw, STR_LIT("'off'"));

    CHECK(state->parser->last_end > state->start);
    (void)with;
    if (off) {
        parser_advance(parser);
        return clause_add(state, "deleted_retention", value_null(VALUE_BIGINT));
    }
    enum status status = parser_duration(parser, 3600, &seconds);
    if (status != STATUS_OK)
        return status;
    if (seconds % 3600 != 0)
        return parser_error_at(parser, state->start, "deleted_retention counts whole hours");
    return clause_add_number(state, "deleted_retention", seconds / 3600, 0, UINT32_MAX);
}

static enum status clause_access(struct clause_state *state, bool with)
{
    static const char *const levels[][2] = {{"public", "public"},
                                            {"private", "private"},
                                            {"restricted", "restricted"},
                                            {"dba", "restricted"}};
    struct parser *parser = state->parser;
    struct str text;

    CHECK(state->parser->last_end > state->start);
    if (!with)
        (void)parser_take(parser, KEYWORD_LEVEL);
    enum status status = parser_word_or_string(parser, &text);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < ARRAY_COUNT(levels); i++) {
        if (str_equal_nocase(text, str_from_c(levels[i][0])))
            return clause_add(state, "access", value_text(VALUE_TEXT, str_from_c(levels[i][1])));
    }
    return parser_error_at(parser, state->start,
                           "access is PUBLIC, PRIVATE, RESTRICTED or DBA, not \"%.*s\"",
                           STR_ARG(utf8_cut(text, LIMIT_IDENTIFIER_BYTES)));
}

static enum status clause_ttl(struct clause_state *state, bool with)
{
    int64_t seconds;
    enum status status = parser_duration(state->parser, 1, &seconds);

    CHECK(state->parser->last_end > state->start);
    (void)with;
    return status != STATUS_OK ? status
                               : clause_add_number(state, "ttl_seconds", seconds, 1, UINT32_MAX);
}

static enum status clause_max_buffer(struct clause_state *state, bool with)
{
    int64_t rows;
    enum status status = clause_number(state, &rows);

    CHECK(state->parser->last_end > state->start);
    (void)with;
    return status != STATUS_OK ? status
                               : clause_add_number(state, "max_buffer", rows, 1, UINT32_MAX);
}

static enum status clause_type(struct clause_state *state, bool with)
{
    static const char *const kinds[] = {
        [AST_TABLE_USER] = "user", [AST_TABLE_SHARED] = "shared", [AST_TABLE_STREAM] = "stream"};
    static const char *const words[] = {
        [AST_TABLE_USER] = "USER", [AST_TABLE_SHARED] = "SHARED", [AST_TABLE_STREAM] = "STREAM"};
    struct ast_create_table *create = &state->parser->statement->create_table;
    struct str text;
    enum status status = parser_word_or_string(state->parser, &text);

    CHECK(with);
    if (status != STATUS_OK)
        return status;
    for (size_t i = AST_TABLE_USER; i < ARRAY_COUNT(kinds); i++) {
        if (!str_equal_nocase(text, str_from_c(kinds[i])))
            continue;
        if (create->kind != AST_TABLE_UNSPECIFIED && create->kind != (enum ast_table_kind)i)
            return parser_error_at(state->parser, state->start,
                                   "TYPE = '%s' contradicts CREATE %s TABLE", words[i],
                                   words[create->kind]);
        create->kind = (enum ast_table_kind)i;
        return clause_add(state, "type", value_text(VALUE_TEXT, str_from_c(kinds[i])));
    }
    return parser_error_at(state->parser, state->start, "type is USER, SHARED or STREAM");
}

/* ---- the table ----------------------------------------------------------------------------------
 */

struct clause {
    const char *word;
    bool clause, with; /* stands alone, stands in WITH (…) */
    enum status (*parse)(struct clause_state *state, bool with);
};

static const struct clause clauses[] = {
    {"storage", true, true, clause_storage},
    {"storage_id", false, true, clause_storage},
    {"location", true, true, clause_location},
    {"use_user_storage", true, true, clause_use_user_storage},
    {"flush", true, false, clause_flush},
    {"flush_policy", true, true, clause_policy_text},
    {"flush_rows", false, true, clause_rows},
    {"row_limit", false, true, clause_rows},
    {"row_threshold", false, true, clause_rows},
    {"flush_interval", false, true, clause_interval},
    {"interval_seconds", false, true, clause_interval},
    {"deleted_retention", true, true, clause_retention},
    {"deleted_retention_hours", false, true, clause_retention},
    {"access", true, true, clause_access},
    {"access_level", false, true, clause_access},
    {"retention", true, true, clause_ttl},
    {"ttl", true, true, clause_ttl},
    {"ttl_seconds", false, true, clause_ttl},
    {"ephemeral", true, true, clause_ephemeral},
    {"max_buffer", true, true, clause_max_buffer},
    {"type", false, true, clause_type},
};

static const struct clause *clause_find(struct str word, bool with)
{
    CHECK(word.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(clauses); i++) {
        if ((with ? clauses[i].with : clauses[i].clause) &&
            str_equal_nocase(word, str_from_c(clauses[i].word)))
            return &clauses[i];
    }
    return NULL;
}

/* Words of older dialects that are refused by name. */
static enum status clause_refuse(struct parser *parser)
{
    CHECK(parser_is_kind(parser, TOKEN_WORD));
    if (parser_is(parser, KEYWORD_TABLE_TYPE))
        return parser_error_at(parser, parser->token.start,
                               "TABLE_TYPE is not a clause: use CREATE USER TABLE, CREATE SHARED "
                               "TABLE or CREATE STREAM TABLE");
    if (parser_is(parser, KEYWORD_OWNER_ID))
        return parser_error_at(parser, parser->token.start,
                               "OWNER_ID is not a clause: a user table has an instance per user");
    return parser_syntax_error(parser);
}

static enum status clause_with(struct clause_state *state)
{
    struct parser *parser = state->parser;
    enum status status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);

    CHECK(state->parser->last_end > state->start);
    while (status == STATUS_OK) {
        struct str key;

        state->start = parser->token.start;
        if (parser_is(parser, KEYWORD_TABLE_TYPE) || parser_is(parser, KEYWORD_OWNER_ID))
            return clause_refuse(parser);
        status = parser_label(parser, &key);
        if (status != STATUS_OK)
            return status;
        const struct clause *clause = clause_find(key, true);
        if (clause == NULL)
            return parser_error_at(parser, state->start, "unknown table option \"%.*s\"",
                                   STR_ARG(utf8_cut(key, LIMIT_IDENTIFIER_BYTES)));
        status = parser_expect_kind(parser, TOKEN_EQ);
        if (status == STATUS_OK)
            status = clause->parse(state, true);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    return status != STATUS_OK ? status : parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
}

static enum status clause_check(struct clause_state *state)
{
    const struct ast_option *options = state->options.items;
    bool storage = false, location = false;

    CHECK(state->parser != NULL);
    for (size_t i = 0; i < state->options.count; i++) {
        storage = storage || str_equal(options[i].key, STR_LIT("storage"));
        location = location || str_equal(options[i].key, STR_LIT("location"));
    }
    if (storage && location)
        return parser_error_at(state->parser, options[0].start,
                               "LOCATION and STORAGE exclude each other");
    return STATUS_OK;
}

enum status parse_table_clauses(struct parser *parser)
{
    struct clause_state state = {.parser = parser};
    struct ast_create_table *create = &parser->statement->create_table;
    enum status status = STATUS_OK;
    bool with_seen = false;

    CHECK(parser->statement->kind == AST_CREATE_TABLE);
    while (status == STATUS_OK && parser_is_kind(parser, TOKEN_WORD)) {
        const struct clause *clause = clause_find(parser_text(parser), false);

        state.start = parser->token.start;
        if (clause != NULL &&
            (clause->parse == clause_flush || clause->parse == clause_policy_text)) {
            if (state.flush_seen)
                return parser_error_at(parser, state.start, "FLUSH is given more than once");
            state.flush_seen = true;
        }
        if (clause != NULL) {
            parser_advance(parser);
            status = clause->parse(&state, false);
        } else if (parser_is(parser, KEYWORD_WITH)) {
            if (with_seen)
                return parser_error_at(parser, state.start, "WITH is given more than once");
            with_seen = true;
            parser_advance(parser);
            status = clause_with(&state);
        } else {
            status = clause_refuse(parser);
        }
    }
    if (status == STATUS_OK)
        status = clause_check(&state);
    create->options = state.options.items;
    create->option_count = state.options.count;
    return status;
}

/* ---- ALTER TABLE … SET --------------------------------------------------------------------------
 */

/* (ACCESS_LEVEL = …) */
static enum status clause_properties(struct clause_state *state)
{
    struct parser *parser = state->parser;
    enum status status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);

    CHECK(parser->statement->kind == AST_ALTER_TABLE);
    while (status == STATUS_OK) {
        struct str key;

        state->start = parser->token.start;
        status = parser_word_or_string(parser, &key);
        if (status == STATUS_OK && !str_equal_nocase(key, STR_LIT("access_level")))
            return parser_error_at(parser, state->start,
                                   "unknown table property \"%.*s\": only ACCESS_LEVEL can be set",
                                   STR_ARG(utf8_cut(key, LIMIT_IDENTIFIER_BYTES)));
        if (status == STATUS_OK)
            status = parser_expect_kind(parser, TOKEN_EQ);
        if (status == STATUS_OK)
            status = clause_access(state, true);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    return status != STATUS_OK ? status : parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
}

enum status parse_table_option(struct parser *parser, struct parser_list *options)
{
    static const enum keyword changeable[] = {KEYWORD_FLUSH, KEYWORD_FLUSH_POLICY,
                                              KEYWORD_DELETED_RETENTION, KEYWORD_ACCESS};
    struct clause_state state = {
        .parser = parser, .options = *options, .start = parser->token.start};
    enum status status;

    CHECK(parser->statement->kind == AST_ALTER_TABLE);
    if (parser_take(parser, KEYWORD_TBLPROPERTIES)) {
        status = clause_properties(&state);
        *options = state.options;
        return status;
    }
    const struct clause *clause =
        parser_is_kind(parser, TOKEN_WORD) ? clause_find(parser_text(parser), false) : NULL;
    if (clause == NULL)
        return parser_syntax_error(parser);
    for (size_t i = 0; i < ARRAY_COUNT(changeable); i++) {
        if (!parser_is(parser, changeable[i]))
            continue;
        parser_advance(parser);
        status = clause->parse(&state, false);
        *options = state.options;
        return status;
    }
    return parser_not_supported(
        parser,
        arena_printf(parser->arena, "ALTER TABLE … SET %.*s", STR_ARG(parser_text(parser))).data,
        "FLUSH POLICY, DELETED_RETENTION and ACCESS can be changed");
}
