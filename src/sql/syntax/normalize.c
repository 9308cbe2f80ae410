/* normalize.c — a statement's plan cache key in one pass over its tokens; see sql_normalize in
 * parser.h.
 *
 * A literal is lifted only where a parameter means the same. It stays
 *   in ORDER BY and GROUP BY (an integer there is a position), behind INTERVAL, behind a type's
 * name (DATE '…'), in a type's modifiers (DECIMAL(10, 2) behind AS or ::), in EXTRACT('year' FROM
 * …), and as X'…'. Where the meaning of a place is not known — table functions, window frames,
 * lists, structs, samples — the whole statement is not normalised: a slower plan, never a wrong
 * one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/parser.h"
#include "sql/syntax/lexer.h"

#include "base/check.h"
#include "base/limits.h"

struct normalizer {
    struct str text;
    struct arena *arena;
    uint32_t param_count, param_max; /* given; highest seen */
    char *out;
    size_t size, capacity;
    struct value *literals;
    size_t literal_count, literal_capacity;
    enum keyword first;            /* kind of the statement */
    struct token previous, before; /* the last token, the one before it */
    bool keep;                     /* in ORDER BY or GROUP BY */
    bool in_from;                  /* between FROM and the next clause */
    bool in_list;                  /* in a select list or behind RETURNING */
    bool type_next;                /* behind :: or AS: words are a type's name */
    uint32_t parens, type_parens;  /* that are open; those of type modifiers */
};

static void normalize_reserve(struct normalizer *state, size_t more)
{
    if (state->capacity - state->size >= more)
        return;
    size_t capacity = 2 * state->capacity + more;
    state->out = arena_grow(state->arena, state->out, state->size, capacity);
    state->capacity = capacity;
    CHECK(state->capacity - state->size >= more);
}

static void normalize_put(struct normalizer *state, struct str text)
{
    CHECK(state->size <= state->capacity);
    normalize_reserve(state, text.size + 1);
    if (state->size > 0)
        state->out[state->size++] = ' ';
    memcpy(state->out + state->size, text.data, text.size);
    state->size += text.size;
}

static void normalize_put_word(struct normalizer *state, struct str word)
{
    char *target;

    CHECK(state->size <= state->capacity);
    normalize_reserve(state, word.size + 1);
    if (state->size > 0)
        state->out[state->size++] = ' ';
    target = state->out + state->size;
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        target[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    state->size += word.size;
}

static void normalize_put_param(struct normalizer *state, size_t number)
{
    char digits[24];
    size_t at = sizeof(digits);

    CHECK(number > 0);
    for (; number > 0; number /= 10)
        digits[--at] = (char)('0' + number % 10);
    digits[--at] = '$';
    normalize_put(state, str_from(digits + at, sizeof(digits) - at));
}

/* False if the literal does not read as a value. */
static bool normalize_lift(struct normalizer *state, const struct token *token)
{
    CHECK(state->literal_count <= state->literal_capacity);
    if (state->literal_count == state->literal_capacity) {
        size_t capacity = state->literal_capacity == 0 ? 8 : 2 * state->literal_capacity;

        state->literals = arena_grow(state->arena, state->literals,
                                     state->literal_count * sizeof(*state->literals),
                                     capacity * sizeof(*state->literals));
        state->literal_capacity = capacity;
    }
    if (token_value(state->text, token, state->arena, &state->literals[state->literal_count],
                    NULL) != STATUS_OK)
        return false;
    state->literal_count++;
    normalize_put_param(state, state->param_count + state->literal_count);
    return state->literal_count <= NORMALIZE_LITERALS_MAX || state->first == KEYWORD_INSERT;
}

/* Words that an operand follows, so that a string behind them is a literal and not an alias, the
 * rest of a typed literal or a file name. */
static bool normalize_word_before_operand(enum keyword keyword)
{
    CHECK(keyword < KEYWORD_COUNT);
    switch (keyword) {
    case KEYWORD_SELECT:
    case KEYWORD_WHERE:
    case KEYWORD_AND:
    case KEYWORD_OR:
    case KEYWORD_NOT:
    case KEYWORD_LIKE:
    case KEYWORD_ILIKE:
    case KEYWORD_ESCAPE:
    case KEYWORD_BETWEEN:
    case KEYWORD_CASE:
    case KEYWORD_WHEN:
    case KEYWORD_THEN:
    case KEYWORD_ELSE:
    case KEYWORD_LIMIT:
    case KEYWORD_OFFSET:
    case KEYWORD_RETURNING:
    case KEYWORD_HAVING:
        return true;
    default:
        return false;
    }
}

static bool normalize_stays(const struct normalizer *state)
{
    const struct token *previous = &state->previous;

    CHECK(state->first != KEYWORD_NONE);
    if (state->keep || state->type_parens > 0)
        return true;
    if (previous->kind == TOKEN_WORD)
        return !normalize_word_before_operand((enum keyword)previous->keyword);
    return previous->kind == TOKEN_LEFT_PAREN && state->before.kind == TOKEN_WORD &&
           state->before.keyword == KEYWORD_EXTRACT;
}

/* Numbers whose type is not told by a letter: the scale of a DECIMAL is part of a result's type, so
 * are the digits of round(x, 2) and round(x, -2). The least INT and BIGINT are such without their
 * signs no longer, so that the parser has to see both. */
static bool normalize_is_typed(const struct normalizer *state, const struct token *token)
{
    struct str digits = token_text(state->text, token);
    const struct token *before =
        state->previous.kind == TOKEN_MINUS ? &state->before : &state->previous;

    CHECK(digits.size > 0);
    if (str_equal(digits, STR_LIT("2147483648")) ||
        str_equal(digits, STR_LIT("9223372036854775808")))
        return true;
    return state->in_list &&
           (token->kind == TOKEN_DECIMAL ||
            (token->kind == TOKEN_INTEGER && before->kind == TOKEN_COMMA && state->parens > 0));
}

/* Words that open or close what the flags say; false for one whose literals we do not understand.
 */
static bool normalize_note_word(struct normalizer *state, enum keyword keyword)
{
    CHECK(keyword < KEYWORD_COUNT);
    switch (keyword) {
    case KEYWORD_ORDER:
    case KEYWORD_GROUP:
        state->keep = true;
        state->in_from = false;
        return true;
    case KEYWORD_LIMIT:
    case KEYWORD_OFFSET:
    case KEYWORD_HAVING:
    case KEYWORD_WHERE:
    case KEYWORD_UNION:
    case KEYWORD_EXCEPT:
    case KEYWORD_INTERSECT:
        state->keep = state->in_from = state->in_list = false;
        return true;
    case KEYWORD_FROM: /* no clause in EXTRACT(year FROM x) and IS DISTINCT FROM */
        if (state->parens > 0 ||
            (state->previous.kind == TOKEN_WORD && state->previous.keyword == KEYWORD_DISTINCT))
            return true;
        state->in_from = true;
        state->in_list = false;
        return true;
    case KEYWORD_RETURNING:
        state->keep = state->in_from = false;
        state->in_list = true;
        return true;
    case KEYWORD_SELECT:
        state->keep = state->in_from = false;
        state->in_list = true;
        return state->first == KEYWORD_SELECT;
    case KEYWORD_ON:
        return state->previous.kind != TOKEN_WORD || state->previous.keyword != KEYWORD_DISTINCT;
    case KEYWORD_VALUES:
        return state->first == KEYWORD_INSERT;
    case KEYWORD_OVER:
    case KEYWORD_WINDOW:
    case KEYWORD_WITHIN:
    case KEYWORD_FETCH:
    case KEYWORD_SAMPLE:
    case KEYWORD_TABLESAMPLE:
    case KEYWORD_PIVOT:
    case KEYWORD_UNPIVOT:
    case KEYWORD_QUALIFY:
    case KEYWORD_LATERAL:
    case KEYWORD_FOR:
        /* SUBSTRING(x FROM 1 FOR 2) is not worth a rule */
        return false;
    default:
        return true;
    }
}

/* Behind AS and a point every word is a name: `AS limit`, `t.order`. */
static bool normalize_word(struct normalizer *state, const struct token *token)
{
    const struct token *previous = &state->previous;
    bool label = previous->kind == TOKEN_WORD && previous->keyword == KEYWORD_AS;

    CHECK(token->kind == TOKEN_WORD);
    normalize_put_word(state, token_text(state->text, token));
    return token->keyword == KEYWORD_NONE || label || previous->kind == TOKEN_DOT ||
           normalize_note_word(state, (enum keyword)token->keyword);
}

/* `(`: opens a type's modifiers, or is a function; one in FROM is not ours. */
static bool normalize_open(struct normalizer *state)
{
    bool word = token_is_name(&state->previous);

    CHECK_SLOW(state->type_parens < UINT32_MAX);
    if (state->type_parens > 0 || (state->type_next && word))
        state->type_parens++;
    else if (state->in_from && word && !keyword_is_reserved(state->previous.keyword))
        return false;
    return true;
}

static bool normalize_symbol(struct normalizer *state, const struct token *token)
{
    CHECK(token->kind != TOKEN_END);
    switch (token->kind) {
    case TOKEN_LEFT_PAREN:
        if (!normalize_open(state))
            return false;
        state->parens++;
        break;
    case TOKEN_RIGHT_PAREN:
        state->parens -= state->parens > 0;
        if (state->type_parens > 0)
            state->type_parens--;
        break;
    case TOKEN_ERROR:
    case TOKEN_OTHER:
        return false;
    default:
        break;
    }
    normalize_put(state, token_text(state->text, token));
    return true;
}

static bool normalize_token(struct normalizer *state, const struct token *token)
{
    bool type_next = state->type_next;
    bool good;

    CHECK(state->first != KEYWORD_NONE);
    if (token_is_string(token) || token_is_number(token)) {
        if (token_is_number(&state->previous) && token->start == state->previous.end)
            return false;
        good = true;
        if (normalize_stays(state) || normalize_is_typed(state, token))
            normalize_put(state, token_text(state->text, token));
        else
            good = normalize_lift(state, token);
    } else if (token->kind == TOKEN_WORD) {
        if ((token_is_number(&state->previous) || state->previous.kind == TOKEN_PARAM) &&
            token->start == state->previous.end)
            return false; /* trailing junk is the parser's to report */
        good = normalize_word(state, token);
    } else if (token->kind == TOKEN_PARAM) {
        uint32_t number = token_param(state->text, token);

        good = number > 0 && number <= state->param_count;
        state->param_max = number > state->param_max ? number : state->param_max;
        normalize_put(state, token_text(state->text, token));
    } else {
        good = normalize_symbol(state, token);
    }
    /* a type's name goes on over its words; anything else ends it */
    state->type_next =
        token->kind == TOKEN_CAST ||
        (token->kind == TOKEN_WORD &&
         (token->keyword == KEYWORD_AS || (type_next && token->keyword == KEYWORD_NONE)));
    state->before = state->previous;
    state->previous = *token;
    return good;
}

/* The literals' types, as a comment the parser skips. */
static void normalize_signature(struct normalizer *state)
{
    normalize_reserve(state, state->literal_count + 5);
    memcpy(state->out + state->size, " /*", 3);
    state->size += 3;
    for (size_t i = 0; i < state->literal_count; i++) {
        enum value_type type = state->literals[i].type;

        CHECK(type == VALUE_TEXT || value_type_is_number(type));
        state->out[state->size++] = type == VALUE_TEXT      ? 't'
                                    : type == VALUE_BIGINT  ? 'i'
                                    : type == VALUE_DECIMAL ? 'n'
                                                            : 'd';
    }
    memcpy(state->out + state->size, "*/", 2);
    state->size += 2;
}

bool sql_normalize(struct str text, uint32_t param_count, struct arena *arena,
                   struct str *normalized, struct value **literals, size_t *literal_count)
{
    struct normalizer state = {.text = text, .arena = arena, .param_count = param_count};
    struct lexer lexer;
    struct token token;

    CHECK(normalized != NULL && literals != NULL);
    if (text.size > LIMIT_SQL_BYTES)
        return false;
    lexer_init(&lexer, text);
    token = lexer_next(&lexer);
    state.first = token.kind == TOKEN_WORD ? (enum keyword)token.keyword : KEYWORD_NONE;
    if (state.first != KEYWORD_SELECT && state.first != KEYWORD_INSERT &&
        state.first != KEYWORD_UPDATE && state.first != KEYWORD_DELETE)
        return false;
    for (; token.kind != TOKEN_END; token = lexer_next(&lexer)) {
        if (token.kind == TOKEN_SEMICOLON || !normalize_token(&state, &token))
            return false;
    }
    if (state.param_max != param_count)
        return false;
    if (state.literal_count > 0)
        normalize_signature(&state);
    *normalized = str_from(state.out, state.size);
    *literals = state.literals;
    *literal_count = state.literal_count;
    return true;
}
