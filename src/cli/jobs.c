/* jobs.c — waiting for background jobs and telling how they get on.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/terminal.h"

#include <time.h>
#include <unistd.h>

enum { JOBS_POLL_MS = 100 };

static size_t jobs_column(const kalam_results *results, const char *name)
{
    CHECK(results);
    for (size_t c = 0; c < kalam_column_count(results, 0); c++) {
        if (strcmp(kalam_column_name(results, 0, c), name) == 0)
            return c;
    }
    return SIZE_MAX;
}

static const char *jobs_text(const char *text)
{
    return text ? text : "";
}

/* `12 files, 3400 rows, …` of the server, with the rows per second since `start_ms`. */
static void jobs_draw(const char *id, const char *status, const char *progress, int64_t start_ms)
{
    const char *rows = strstr(progress, " rows");
    int64_t ms = clock_monotonic_ms() - start_ms;
    uint64_t count = 0;

    CHECK(id && status);
    while (rows && rows > progress && rows[-1] >= '0' && rows[-1] <= '9')
        rows--;
    for (; rows && *rows >= '0' && *rows <= '9'; rows++)
        count = count * 10 + (uint64_t)(*rows - '0');
    fputs("\r\033[K", stderr);
    output_say(stderr, "%s: %s %.1f s", id, status, (double)ms / 1000);
    if (*progress)
        output_say(stderr, ", %s", progress);
    if (count > 0 && ms > 0)
        fprintf(stderr, ", %.0f rows/s", (double)count * 1000 / (double)ms);
}

/* One look at a job; true when it has ended. `start_ms` is 0 when nothing is to be drawn. */
static bool jobs_look(struct cli *cli, const char *id, int64_t start_ms, enum cli_exit *code)
{
    static const char sql[] = "SELECT status, progress, result, error_message FROM system.jobs "
                              "WHERE job_id = $1";
    kalam_param param = {.type = KALAM_TEXT, .text = id};
    kalam_results *results = NULL;
    kalam_error error;
    const char *status;
    bool ended = true;

    CHECK(id);
    if (kalam_query_params(cli->client, sql, &param, 1, &results, &error) != KALAM_OK) {
        execute_report(cli, &error, 0);
        *code = connect_exit_code(&error);
        return true;
    }
    status = kalam_row_count(results, 0) > 0 ? jobs_text(kalam_text(results, 0, 0, 0)) : "gone";
    if (strcmp(status, "pending") == 0 || strcmp(status, "running") == 0) {
        if (start_ms > 0)
            jobs_draw(id, status, jobs_text(kalam_text(results, 0, 0, 1)), start_ms);
        ended = false;
    } else {
        bool failed = strcmp(status, "completed") != 0;
        if (start_ms > 0)
            fprintf(stderr, "\r\033[K");
        output_say(failed ? stderr : cli->out, "%s: %s %s\n", id, status,
                   jobs_text(kalam_text(results, 0, 0, failed ? 3 : 2)));
        if (failed)
            *code = CLI_SQL;
    }
    kalam_results_free(results);
    return ended;
}

enum cli_exit jobs_await(struct cli *cli, const kalam_results *results)
{
    size_t column = jobs_column(results, "job_id");
    bool draw = cli->options->progress && isatty(STDERR_FILENO);
    struct timespec wait = {0, JOBS_POLL_MS * 1000000L};
    enum cli_exit code = CLI_OK;
    int64_t start_ms = clock_monotonic_ms();

    CHECK(cli);
    if (column == SIZE_MAX)
        return CLI_OK;
    for (size_t row = 0; row < kalam_row_count(results, 0); row++) {
        const char *id = kalam_text(results, 0, row, column);
        while (id && !jobs_look(cli, id, draw ? start_ms : 0, &code)) {
            nanosleep(&wait, NULL);
            if (interrupt_take()) {
                fprintf(stderr, "%s\nThe jobs go on; see system.jobs.\n", draw ? "\r" : "");
                return CLI_SQL;
            }
        }
    }
    fflush(cli->out);
    return code;
}
