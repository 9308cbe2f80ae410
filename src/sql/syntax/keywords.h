/* keywords.h — the words the grammar knows. A word is looked up once, by the lexer. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SYNTAX_KEYWORDS_H
#define SQL_SYNTAX_KEYWORDS_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words PostgreSQL reserves: they are names only in quotes (or behind a dot). */
#define KEYWORD_RESERVED_LIST(X) \
    X(ALL) \
    X(AND) X(ANY) X(ARRAY) X(AS) X(ASC) X(ASYMMETRIC) X(BOTH) X(CASE) X(CAST) X(CHECK) X(COLLATE) \
        X(COLUMN) X(CONSTRAINT) X(CREATE) X(CROSS) X(CURRENT_DATE) X(CURRENT_ROLE) X(CURRENT_TIME) \
            X(CURRENT_TIMESTAMP) X(CURRENT_USER) X(DEFAULT) X(DESC) X(DISTINCT) X(DO) X(ELSE) \
                X(END) X(EXCEPT) X(FALSE) X(FETCH) X(FOR) X(FOREIGN) X(FROM) X(FULL) X(GRANT) \
                    X(GROUP) X(HAVING) X(ILIKE) X(IN) X(INNER) X(INTERSECT) X(INTO) X(IS) \
                        X(ISNULL) X(JOIN) X(LATERAL) X(LEADING) X(LEFT) X(LIKE) X(LIMIT) \
                            X(LOCALTIME) X(LOCALTIMESTAMP) X(NATURAL) X(NOT) X(NOTNULL) X(NULL) \
                                X(OFFSET) X(ON) X(ONLY) X(OR) X(ORDER) X(OUTER) X(PIVOT) \
                                    X(PLACING) X(PRIMARY) X(QUALIFY) X(REFERENCES) X(RETURNING) \
                                        X(RIGHT) X(SELECT) X(SESSION_USER) X(SIMILAR) X(SOME) \
                                            X(SYMMETRIC) X(TABLE) X(TABLESAMPLE) X(THEN) X(TO) \
                                                X(TRAILING) X(TRUE) X(UNION) X(UNIQUE) X(UNPIVOT) \
                                                    X(USER) X(USING) X(VARIADIC) X(WHEN) X(WHERE) \
                                                        X(WINDOW) X(WITH)

#define KEYWORD_OPEN_LIST(X) \
    X(ACCESS) \
    X(ACK) X(ADD) X(ALTER) X(ALWAYS) X(ANALYZE) X(API) X(ASYNC) X(AT) X(AUTOINCREMENT) X( \
        AUTO_INCREMENT) X(BACKUP) X(BEGIN) X(BETWEEN) X(BY) X(CACHE) X(CASCADE) X(CLEAR) \
        X(COLUMNS) X(COMBINED) X(COMMIT) X(CONFLICT) X(CONSUME) X(COPY) X(CUBE) X(DATABASE) X( \
            DELETE) X(DELETED_RETENTION) X(DESCRIBE) X(DROP) X(EMAIL) X(EPHEMERAL) X(ESCAPE) \
            X(EXCLUDE) X(EXCLUDED) X(EXECUTE) X(EXISTS) X(EXPLAIN) X(EXPORT) X(EXTRACT) X( \
                FILTER) X(FIRST) X(FLUSH) X(FLUSH_POLICY) X(FUNCTION) X(GENERATE) X(GENERATED) \
                X(GROUPING) X(HISTORY) X(IDENTITY) X(IF) X(INDEX) X(INSERT) X(INTERNAL) X( \
                    INTERVAL) X(JOB) X(JOBS) X(KEY) X(KILL) X(LAST) \
                    X(LEVEL) X(LIVE) X(LOCATION) X(LOCK) X(MATERIALIZED) X(MAX_BUFFER) X( \
                        MERGE) X(METADATA) X(NAMESPACE) X(NAMESPACES) X(NOTHING) \
                        X(NULLS) X(OAUTH) X(OPTIONS) X(OVER) X(OWNER_ID) X(PASSWORD) X( \
                            POLICY) X(POSITION) X(PRAGMA) X(PREPARE) \
                            X(PROCEDURE) X(QUERY) X(REFERENCE) X(RELEASE) X(REPLACE) X(RESTORE) X( \
                                RETENTION) X(REVOKE) X(ROLE) X(ROLLBACK) X(ROLLUP) X(ROW_LIMIT) \
                                X(ROW_THRESHOLD) X(ROWS) X(SAMPLE) X(SAVEPOINT) \
                                    X(SCHEMA) X(SECONDS) X(SEQUENCE) X(SERVER) X(SET) X(SETS) \
                                        X(SHARED) X(SHOW) X(START) X(STATS) \
                                            X(STORAGE) X(STORAGES) X(STORAGE_MODE) X(STREAM) X( \
                                                SUBSCRIBE) X(SUBSTRING) X(TABLES) X(TABLE_TYPE) \
                                                X(TBLPROPERTIES) X(TIME_INTERVAL) X(TOPIC) \
                                                    X(TRANSACTION) X(TRIGGER) X(TRIM) X(TRUNCATE) \
                                                        X(TRY_CAST) \
                                                            X(TTL) X(TYPE) X(UNKNOWN) X(UPDATE) \
                                                                X(USE) X(USERNAME) X(USERS) \
                                                                    X(USE_USER_STORAGE) X(VALUES) \
                                                                        X(VECTOR) X(VIEW) \
                                                                            X(WITHIN) X(WORK)

enum keyword {
    KEYWORD_NONE, /* any other word */
#define KEYWORD_ENUM(name) KEYWORD_##name,
    KEYWORD_RESERVED_LIST(KEYWORD_ENUM) KEYWORD_LAST_RESERVED,
    KEYWORD_OPEN_LIST(KEYWORD_ENUM)
#undef KEYWORD_ENUM
        KEYWORD_COUNT
};

/* The hash of a word, folded: feed it byte by byte while scanning. */
enum { KEYWORD_HASH_START = 5381 };
static inline uint32_t keyword_hash_step(uint32_t hash, unsigned char byte)
{
    return hash * 33 ^ (byte | 0x20u);
}

/* Call once before keyword_find; cheap when repeated. */
void keywords_init(void);
/* Of a word as written, with its hash. */
enum keyword keyword_find(struct str word, uint32_t hash);
const char *keyword_name(enum keyword keyword); /* upper case */
static inline bool keyword_is_reserved(enum keyword keyword)
{
    return keyword > KEYWORD_NONE && keyword < KEYWORD_LAST_RESERVED;
}

#endif
