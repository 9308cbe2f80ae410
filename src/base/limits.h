/* limits.h — fixed bounds that are not configuration. Every limit a user may want to change is a
 * configuration key instead (docs/operations.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    LIMIT_SQL_BYTES = 1 << 20,   /* one request's SQL text */
    LIMIT_IDENTIFIER_BYTES = 64, /* names: docs/sql.md, Basics */
    LIMIT_USER_ID_BYTES = 64,
    LIMIT_KEY_COLUMNS = 16, /* docs/sql.md, Keys */
    LIMIT_KEY_BYTES = 8192,
    LIMIT_TABLE_COLUMNS = 1000,
    LIMIT_PARAM_BYTES = 512 * 1024,
    LIMIT_EXPRESSION_DEPTH = 200,          /* nesting of parentheses, calls, subqueries */
    LIMIT_ANALYTIC_SQL_BYTES = 256 * 1024, /* text handed to DuckDB */
    LIMIT_SERVER_MESSAGE_BYTES = 8 << 20,  /* one WebSocket message */
    LIMIT_SUBSCRIPTION_ID_CHARACTERS = 128,
    LIMIT_WORKER_STACK_BYTES = 8 << 20,
};

#endif
