/* view.c — rows as they are now: \live shows them anew after every change, \watch on a query that
 * the server can follow runs it again when something has changed instead of every few seconds,
 * \latency measures round trips.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/terminal.h"

#include <stdlib.h>
#include <time.h>

enum {
    VIEW_STEP_MS = 100,  /* how soon Ctrl+C is seen */
    VIEW_QUIET_MS = 100, /* between two displays */
    VIEW_LATENCY_MAX = 100000
};

static void view_sleep(int64_t ms)
{
    struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};

    CHECK(ms >= 0);
    nanosleep(&wait, NULL);
}

/* Statement errors of a live query that only say: not this way. */
static bool view_cannot_follow(const kalam_error *error)
{
    static const char *const codes[] = {"UNSUPPORTED", "INVALID_SQL", "UNAUTHORIZED"};

    CHECK(error != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        if (strcmp(error->code, codes[i]) == 0)
            return true;
    }
    return false;
}

/* ---- \live ---- */

/* The rows of the set as a grid; `_seq` is left out. */
static void view_grid(const kalam_live *live, struct grid *grid)
{
    size_t columns = kalam_live_columns(live, 0), rows = kalam_live_count(live);
    bool *right = mem_calloc(columns + 1, sizeof *right);

    CHECK(grid != NULL);
    *grid = (struct grid){.row_count = rows,
                          .names = mem_calloc(columns + 1, sizeof *grid->names),
                          .right = right,
                          .cells = mem_calloc(columns * rows + 1, sizeof *grid->cells)};
    for (size_t c = 0; c < columns; c++) {
        const char *name = kalam_live_name(live, 0, c);
        if (strcmp(name, "_seq") == 0)
            continue;
        right[grid->column_count] = output_type_is_number(kalam_live_type(live, 0, c));
        grid->names[grid->column_count++] = name;
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < grid->column_count; c++)
            grid->cells[r * grid->column_count + c] = kalam_live_get(live, r, grid->names[c]);
    }
}

static void view_draw(struct cli *cli, const kalam_live *live)
{
    bool screen = cli_shows_screen(cli);
    struct output_style style = {.format = FORMAT_TABLE,
                                 .expanded = CHOICE_OFF,
                                 .width_max = screen ? terminal_width() : 0,
                                 .color = cli->color && screen};
    size_t rows = kalam_live_count(live);
    struct grid grid;

    CHECK(cli->out);
    view_grid(live, &grid);
    if (screen) { /* what does not fit is cut off: the newest rows stay */
        size_t fit = terminal_height() > 8 ? terminal_height() - 7 : 1;
        size_t skip = rows > fit ? rows - fit : 0;
        grid.cells += skip * grid.column_count;
        grid.row_count -= skip;
        fputs("\033[H\033[J", cli->out);
    }
    if (grid.column_count > 0)
        (void)table_print(cli->out, &grid, &style);
    fprintf(cli->out, "(%zu row%s; Ctrl+C ends)\n", rows, rows == 1 ? "" : "s");
    fflush(cli->out);
    if (screen)
        grid.cells -= (rows - grid.row_count) * grid.column_count;
    mem_free(grid.names);
    mem_free(grid.cells);
    mem_free((bool *)(uintptr_t)grid.right);
}

static enum cli_exit view_loop(struct cli *cli, kalam_live *live)
{
    int64_t shown = 0;
    kalam_error error;

    CHECK(live != NULL);
    while (!interrupt_is_set() && !ferror(cli->out)) {
        kalam_status status = kalam_live_wait(live, VIEW_STEP_MS, &error);
        int64_t max = cli->options->events_max;
        if (status == KALAM_TIMEOUT)
            continue;
        if (status != KALAM_OK)
            return execute_failed(cli, &error, 0);
        view_draw(cli, live);
        if (max > 0 && ++shown > max)
            break;
        view_sleep(VIEW_QUIET_MS);
    }
    return CLI_OK;
}

enum cli_exit view_live(struct cli *cli, const char *sql)
{
    kalam_live *live = NULL;
    kalam_error error;
    kalam_status status;
    enum cli_exit code;

    CHECK(sql && *sql);
    do
        status = kalam_live_open(cli->client, sql, NULL, &live, &error);
    while (status == KALAM_AUTHENTICATION && connect_ask_password(cli, &error));
    if (status != KALAM_OK)
        return execute_failed(cli, &error, 0);
    code = view_loop(cli, live);
    if (interrupt_take())
        fputs("\n", cli->out);
    kalam_live_close(live);
    return code;
}

/* ---- \watch ---- */

/* Waits until something has happened, and takes what else has. KALAM_TIMEOUT on Ctrl+C. */
static kalam_status view_await(kalam_subscription *subscription, kalam_error *error)
{
    const kalam_event *event = NULL;
    kalam_status status = KALAM_TIMEOUT;
    bool changed = false;

    CHECK(subscription != NULL);
    while (!interrupt_is_set()) {
        status = kalam_sub_next(subscription, changed ? 0 : VIEW_STEP_MS, &event);
        if (status == KALAM_TIMEOUT && !changed)
            continue;
        if (status != KALAM_OK)
            return status == KALAM_TIMEOUT ? KALAM_OK : status;
        if (event->type == KALAM_EVENT_ERROR) {
            *error = event->error;
            return event->error.status;
        }
        changed |= event->type != KALAM_EVENT_ACK && event->type != KALAM_EVENT_READY;
    }
    return KALAM_TIMEOUT;
}

/* The first event; KALAM_TIMEOUT on Ctrl+C. */
static kalam_status view_begin(kalam_subscription *subscription, const kalam_event **event)
{
    kalam_status status;

    CHECK(subscription && event);
    do
        status = kalam_sub_next(subscription, VIEW_STEP_MS, event);
    while (status == KALAM_TIMEOUT && !interrupt_is_set());
    return status;
}

bool view_watch(struct cli *cli, const char *sql, enum cli_exit *code)
{
    struct kalam_subscribe_options options = {.last_rows = 0};
    kalam_subscription *subscription = NULL;
    const kalam_event *event = NULL;
    kalam_error error = {0};
    bool follows;

    CHECK(sql && code);
    if (kalam_subscribe(cli->client, sql, &options, &subscription, &error) != KALAM_OK)
        return interrupt_is_set(); /* then it is not run every few seconds either */
    follows = view_begin(subscription, &event) == KALAM_OK && event->type == KALAM_EVENT_ACK;
    if (follows) {
        fprintf(stderr, "Shown anew after every change; Ctrl+C ends.\n");
        kalam_status status = KALAM_OK;
        *code = CLI_OK;
        while (status == KALAM_OK && *code == CLI_OK) {
            *code = execute_unit(cli, str_from_c(sql), 0);
            view_sleep(VIEW_QUIET_MS);
            status = *code == CLI_OK ? view_await(subscription, &error) : KALAM_OK;
        }
        if (status != KALAM_OK && status != KALAM_TIMEOUT)
            *code = execute_failed(cli, &error, 0);
    } else if (event && event->type == KALAM_EVENT_ERROR && !view_cannot_follow(&event->error)) {
        *code = execute_failed(cli, &event->error, 0);
        follows = true;
    }
    kalam_sub_close(subscription);
    return follows || interrupt_is_set();
}

/* ---- \latency ---- */

static int view_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    CHECK(left >= 0 && right >= 0);
    return (left > right) - (left < right);
}

enum cli_exit view_latency(struct cli *cli, int64_t count)
{
    double *ms;
    int64_t done = 0;
    enum cli_exit code = CLI_OK;
    kalam_error error;

    CHECK(count >= 1);
    count = count > VIEW_LATENCY_MAX ? VIEW_LATENCY_MAX : count;
    ms = mem_calloc((size_t)count, sizeof *ms);
    for (int64_t i = 0; i <= count && !interrupt_is_set();
         i++) { /* the first opens the connection */
        int64_t start = clock_monotonic_ns();
        kalam_results *results = execute_quietly(cli, "SELECT 1", &error);
        if (!results) {
            code = execute_failed(cli, &error, 0);
            break;
        }
        kalam_results_free(results);
        if (i > 0)
            ms[done++] = (double)(clock_monotonic_ns() - start) / 1e6;
    }
    (void)interrupt_take();
    if (done > 0) {
        qsort(ms, (size_t)done, sizeof *ms, view_compare);
        fprintf(cli->out,
                "%lld round trips: min %.3f ms, median %.3f ms, 95%% %.3f ms, 99%% %.3f ms, max "
                "%.3f ms\n",
                (long long)done, ms[0], ms[done / 2], ms[done * 95 / 100], ms[done * 99 / 100],
                ms[done - 1]);
    }
    mem_free(ms);
    return code;
}
