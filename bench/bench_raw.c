/* bench_raw.c — the raw engines beside which ours is measured.
 *
 * bench_raw rocksdb DIR WRITERS ROWS_PER_BATCH SECONDS   synced puts of 100-byte rows
 * bench_raw duckdb FILES_GLOB REPEATS                    the five statements over Parquet files
 * bench_raw group ROWS REPEATS                           GROUP BY over a table in memory
 * bench_raw copy FILE ROWS REPEATS                       COPY of a table in memory to a Parquet
 * file
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common.h"
#include "duckdb.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

struct writer {
    pthread_t thread;
    struct samples samples;
};

static rocksdb_t *db;
static int rows_per_batch;
static _Atomic uint64_t next_key = 1;
static _Atomic int stopping;

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(options, 1);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    char value[100];
    memset(value, 'v', sizeof value);
    while (!stopping) {
        rocksdb_writebatch_clear(batch);
        for (int i = 0; i < rows_per_batch; i++) {
            char key[32];
            int size = snprintf(key, sizeof key, "user0001:%016lx", (unsigned long)next_key++);
            rocksdb_writebatch_put(batch, key, (size_t)size, value, sizeof value);
        }
        int64_t start = bench_now_ns();
        char *error = NULL;
        rocksdb_write(db, options, batch, &error);
        if (error)
            bench_die("rocksdb_write", error);
        samples_add(&writer->samples, bench_now_ns() - start);
    }
    rocksdb_writebatch_destroy(batch);
    rocksdb_writeoptions_destroy(options);
    return NULL;
}

static void bench_rocksdb(const char *path, int writers, double seconds)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    char *error = NULL;
    db = rocksdb_open(options, path, &error);
    if (error)
        bench_die("rocksdb_open", error);
    struct writer *all = calloc((size_t)writers, sizeof *all);
    int64_t start = bench_now_ns();
    for (int i = 0; i < writers; i++)
        pthread_create(&all[i].thread, NULL, writer_main, &all[i]);
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&wait, NULL);
    stopping = 1;
    struct samples samples = {0};
    for (int i = 0; i < writers; i++) {
        pthread_join(all[i].thread, NULL);
        for (size_t k = 0; k < all[i].samples.count; k++)
            samples_add(&samples, all[i].samples.values[k]);
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, rows_per_batch, 0);
    rocksdb_close(db);
}

static void bench_duckdb(const char *glob, int repeats)
{
    static const char *const statements[] = {
        "SELECT count(*) FROM %s", "SELECT count(*) FROM %s WHERE n > 90",
        "SELECT grp, count(*), sum(n) FROM %s GROUP BY grp", "SELECT * FROM %s WHERE id = 123456",
        "SELECT count(*), max(n) FROM %s WHERE id BETWEEN 100000 AND 110000"};
    duckdb_database database;
    duckdb_connection connection;
    duckdb_config config;
    char source[1024], text[2048];
    duckdb_create_config(&config);
    if (duckdb_open_ext(NULL, &database, config, NULL) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess)
        bench_die("duckdb", "open");
    duckdb_query(connection, "SET parquet_metadata_cache=true", NULL);
    snprintf(source, sizeof source, "read_parquet('%s')", glob);
    for (size_t s = 0; s < sizeof statements / sizeof *statements; s++) {
        struct samples samples = {0};
        int64_t total = bench_now_ns();
        snprintf(text, sizeof text, statements[s], source);
        for (int i = 0; i < repeats; i++) {
            duckdb_result result;
            int64_t start = bench_now_ns();
            if (duckdb_query(connection, text, &result) != DuckDBSuccess)
                bench_die(text, duckdb_result_error(&result));
            samples_add(&samples, bench_now_ns() - start);
            duckdb_destroy_result(&result);
        }
        samples_report(&samples, (double)(bench_now_ns() - total) / 1e9, 1, 0);
    }
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* Runs `text` so many times over a table that `create` makes, in memory. */
static void bench_memory(const char *create, const char *text, double units, int repeats)
{
    duckdb_database database;
    duckdb_connection connection;
    struct samples samples = {0};

    if (duckdb_open(NULL, &database) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess)
        bench_die("duckdb", "open");
    if (duckdb_query(connection, create, NULL) != DuckDBSuccess)
        bench_die("duckdb", "create");
    int64_t total = bench_now_ns();
    for (int i = 0; i < repeats; i++) {
        duckdb_result result;
        int64_t start = bench_now_ns();
        if (duckdb_query(connection, text, &result) != DuckDBSuccess)
            bench_die(text, duckdb_result_error(&result));
        samples_add(&samples, bench_now_ns() - start);
        duckdb_destroy_result(&result);
    }
    samples_report(&samples, (double)(bench_now_ns() - total) / 1e9, units, 0);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* COPY of `rows` rows shaped as those of bench/run's flush into one file: DuckDB's own rate. */
static void bench_copy(const char *path, long rows, int repeats)
{
    char create[1024], text[1024];

    snprintf(
        create, sizeof create,
        "CREATE TABLE t AS SELECT i AS id, 'message body number ' || i || ' with some text' AS "
        "body, i AS _seq, make_timestamp(i) AS _updated, false AS _deleted "
        "FROM range(%ld) r(i)",
        rows);
    snprintf(text, sizeof text, "COPY t TO '%s' (FORMAT parquet, COMPRESSION zstd)", path);
    bench_memory(create, text, (double)rows, repeats);
}

/* The statement of bench/run's "GROUP BY" over rows like those of its table b.hot. */
static void bench_group(long rows, int repeats)
{
    char create[1024];

    snprintf(create, sizeof create,
             "CREATE TABLE hot AS SELECT i AS id, 'message body number ' || i || ' with some text' "
             "AS body, (i %% 100)::INT AS grp, (i * 37 %% 101)::INT AS n FROM range(%ld) r(i)",
             rows);
    bench_memory(create, "SELECT grp, count(*), sum(n) FROM hot GROUP BY grp", 1, repeats);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "rocksdb") == 0) {
        rows_per_batch = (int)strtol(argv[4], NULL, 10);
        bench_rocksdb(argv[2], (int)strtol(argv[3], NULL, 10), strtod(argv[5], NULL));
    } else if (argc == 4 && strcmp(argv[1], "duckdb") == 0) {
        bench_duckdb(argv[2], (int)strtol(argv[3], NULL, 10));
    } else if (argc == 5 && strcmp(argv[1], "copy") == 0) {
        bench_copy(argv[2], strtol(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10));
    } else if (argc == 4 && strcmp(argv[1], "group") == 0) {
        bench_group(strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
    } else {
        bench_die("usage", "bench_raw rocksdb DIR WRITERS ROWS SECONDS | duckdb GLOB REPEATS | "
                           "group ROWS REPEATS | copy FILE ROWS REPEATS");
    }
    return 0;
}
