/* live.c — a live query on the terminal: one line per changed row until Ctrl+C.
 *
 * With a person at the keyboard, lines typed meanwhile are read too: \pause and \continue hold and
 * go on with the display (the client library queues the events), \quit ends it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/width.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { LIVE_STEP_MS = 100 };

struct live {
    struct cli *cli;
    kalam_subscription *subscription;
    uint64_t initial_rows;
    int64_t shown; /* changes */
    bool paused, ended;
    enum cli_exit code;
    struct buf line;
};

static bool live_is_json(const struct live *live)
{
    CHECK(live && live->cli);
    return live->cli->format == FORMAT_JSON || live->cli->format == FORMAT_JSONL;
}

static void live_print_line(struct live *live)
{
    FILE *out = live->cli->out;
    bool screen = cli_shows_screen(live->cli);

    CHECK(live);
    /* Values are clean already, and the time may have colours; ferror is looked at by main. */
    (void)output_write(out, buf_str(&live->line), live->cli->format, screen && live_is_json(live));
    fputc('\n', out);
    fflush(out);
    buf_reset(&live->line);
}

static void live_append_time(struct live *live)
{
    CHECK(live);
    time_t now = time(NULL);
    struct tm local;
    char text[16] = "";

    if (localtime_r(&now, &local))
        (void)strftime(text, sizeof text, "%H:%M:%S", &local);
    buf_printf(&live->line, "%s[%s]%s ", live->cli->color ? "\033[2m" : "", text,
               live->cli->color ? "\033[0m" : "");
}

static void live_append_value(struct live *live, const char *text)
{
    CHECK(live != NULL);
    width_append_clean(&live->line, str_from_c(text ? text : "NULL"));
}

static bool live_is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Text of the old row's column; false if it is not among the changed ones. */
static bool live_old_text(const kalam_event *event, size_t row, const char *name, const char **text)
{
    CHECK(event);
    for (size_t c = 0; c < kalam_event_columns(event, row, true); c++) {
        if (strcmp(kalam_event_name(event, row, true, c), name) == 0) {
            *text = kalam_event_text(event, row, true, c);
            return true;
        }
    }
    return false;
}

/* `id=2, title=Tea → Coffee`; `old` shows the old row alone. */
static void live_append_row(struct live *live, const kalam_event *event, size_t row, bool old)
{
    bool first = true;

    for (size_t c = 0; c < kalam_event_columns(event, row, old); c++) {
        const char *name = kalam_event_name(event, row, old, c);
        const char *text = kalam_event_text(event, row, old, c), *before = NULL;
        if (strcmp(name, "_seq") == 0 || strcmp(name, "_deleted") == 0)
            continue;
        buf_append_str(&live->line, first ? STR_EMPTY : STR_LIT(", "));
        live_append_value(live, name);
        buf_append_byte(&live->line, '=');
        first = false;
        if (!old && event->type == KALAM_EVENT_UPDATE && live_old_text(event, row, name, &before) &&
            !live_is_same(before, text)) {
            live_append_value(live, before);
            buf_append_str(&live->line, STR_LIT(" → "));
        }
        live_append_value(live, text);
    }
    CHECK(live->line.data || first);
}

static const char *live_word(kalam_event_type type)
{
    switch (type) {
    case KALAM_EVENT_INSERT:
        return "INSERT";
    case KALAM_EVENT_UPDATE:
        return "UPDATE";
    case KALAM_EVENT_DELETE:
        return "DELETE";
    case KALAM_EVENT_ACK:
    case KALAM_EVENT_ROWS:
    case KALAM_EVENT_READY:
    case KALAM_EVENT_RECONNECTED:
    case KALAM_EVENT_ERROR:
        break;
    }
    return "ROW";
}

static void live_append_json(struct live *live, const kalam_event *event, size_t row)
{
    static const char *const names[] = {[KALAM_EVENT_ROWS] = "initial",
                                        [KALAM_EVENT_INSERT] = "insert",
                                        [KALAM_EVENT_UPDATE] = "update",
                                        [KALAM_EVENT_DELETE] = "delete"};
    bool has_new = event->type != KALAM_EVENT_DELETE;
    bool has_old = event->type == KALAM_EVENT_UPDATE || event->type == KALAM_EVENT_DELETE;
    char *row_json = has_new ? kalam_event_json(event, row, false) : NULL;
    char *old_json = has_old ? kalam_event_json(event, row, true) : NULL;

    CHECK(live);
    buf_printf(&live->line, "{\"type\":\"%s\"", names[event->type]);
    if (row_json)
        buf_printf(&live->line, ",\"row\":%s", row_json);
    if (old_json)
        buf_printf(&live->line, ",\"old\":%s", old_json);
    buf_append_byte(&live->line, '}');
    kalam_text_free(row_json);
    kalam_text_free(old_json);
}

static void live_print_rows(struct live *live, const kalam_event *event)
{
    bool change = event->type != KALAM_EVENT_ROWS, old = event->type == KALAM_EVENT_DELETE;
    int64_t limit = live->cli->options->events_max;

    CHECK(live);
    for (size_t row = 0; row < event->row_count && !live->ended; row++) {
        const char *deleted = NULL;
        if (live_is_json(live)) {
            live_append_json(live, event, row);
        } else {
            live_append_time(live);
            buf_printf(&live->line, "%s → ", live_word(event->type));
            live_append_row(live, event, row, old);
            if (old && live_old_text(event, row, "_deleted", &deleted) && deleted &&
                strcmp(deleted, "false") == 0)
                buf_append_str(&live->line, STR_LIT(" (no longer matches)"));
        }
        live_print_line(live);
        live->shown += change ? 1 : 0;
        live->ended = limit > 0 && live->shown >= limit;
    }
}

static void live_notice(struct live *live, const char *text)
{
    CHECK(live);
    fprintf(live_is_json(live) ? stderr : live->cli->out, "%s\n", text);
    fflush(live->cli->out);
}

/* The id that KILL LIVE QUERY takes: the connection's, which only the server knows, and that of the
 * attempt, which begins with ours. */
static void live_notice_id(struct live *live)
{
    static const char sql[] =
        "SELECT live_id FROM system.live_queries WHERE query_id LIKE $1 || '%'";
    const char *id = kalam_sub_id(live->subscription);
    kalam_param param = {.type = KALAM_TEXT, .text = id};
    kalam_results *results = NULL;
    kalam_error error;
    char text[256];

    CHECK(id);
    if (kalam_query_params(live->cli->client, sql, &param, 1, &results, &error) == KALAM_OK &&
        kalam_row_count(results, 0) > 0)
        snprintf(text, sizeof text, "Subscription established (live_id: %s)",
                 kalam_text(results, 0, 0, 0));
    else
        snprintf(text, sizeof text, "Subscription established (query_id: %s)", id);
    kalam_results_free(results);
    live_notice(live, text);
}

static void live_take(struct live *live, const kalam_event *event)
{
    char text[256];

    CHECK(live);
    switch (event->type) {
    case KALAM_EVENT_ACK:
        live->initial_rows = event->total_rows;
        live_notice_id(live);
        snprintf(text, sizeof text, "Initial data: %llu row%s",
                 (unsigned long long)event->total_rows, event->total_rows == 1 ? "" : "s");
        live_notice(live, text);
        return;
    case KALAM_EVENT_READY:
        return;
    case KALAM_EVENT_RECONNECTED:
        live_notice(live, "Connection restored; subscribed again.");
        return;
    case KALAM_EVENT_ERROR:
        execute_report(live->cli, &event->error, 0);
        live->code = event->error.status == KALAM_AUTHENTICATION ? CLI_AUTHENTICATION : CLI_SQL;
        live->ended = true;
        return;
    case KALAM_EVENT_ROWS:
    case KALAM_EVENT_INSERT:
    case KALAM_EVENT_UPDATE:
    case KALAM_EVENT_DELETE:
        live_print_rows(live, event);
        return;
    }
}

/* A line typed while the display runs. */
static void live_listen(struct live *live)
{
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[128];
    ssize_t got;

    CHECK(live);
    if (!live->cli->interactive || poll(&wait, 1, 0) <= 0)
        return;
    got = terminal_read(line, sizeof line - 1);
    if (got < 0)
        return;
    if (got == 0) { /* Ctrl+D */
        live->ended = true;
        return;
    }
    line[got] = 0;
    if (strncmp(line, "\\pause", 6) == 0) {
        live->paused = true;
        live_notice(live, "Paused; \\continue goes on.");
    } else if (strncmp(line, "\\continue", 9) == 0) {
        live->paused = false;
    } else if (strncmp(line, "\\q", 2) == 0) {
        live->ended = true;
    } else if (*line != '\n') {
        live_notice(live, "A subscription runs: \\pause, \\continue, or Ctrl+C to end it.");
    }
}

static void live_loop(struct live *live)
{
    struct timespec wait = {0, LIVE_STEP_MS * 1000000L};

    CHECK(live);
    while (!live->ended && !interrupt_is_set()) {
        const kalam_event *event = NULL;
        live_listen(live);
        if (live->ended)
            break;
        if (live->paused) {
            nanosleep(&wait, NULL);
            continue;
        }
        kalam_status status = kalam_sub_next(live->subscription, LIVE_STEP_MS, &event);
        if (status == KALAM_OK)
            live_take(live, event);
        live->ended = live->ended || (status != KALAM_OK && status != KALAM_TIMEOUT) ||
                      ferror(live->cli->out);
    }
}

/* Changes have a form for people and one as JSON lines. */
static bool live_has_form(enum format format)
{
    CHECK(format < FORMAT_COUNT);
    return format != FORMAT_CSV && format != FORMAT_MARKDOWN && format != FORMAT_HTML;
}

enum cli_exit live_run(struct cli *cli, const char *sql)
{
    struct live live = {.cli = cli, .code = CLI_OK};
    kalam_error error;
    kalam_status status;

    CHECK(sql);
    if (!live_has_form(cli->format)) {
        fprintf(stderr, "ERROR: a live query has no form as %s: table, expanded, json or jsonl\n",
                format_name(cli->format));
        return CLI_USAGE;
    }
    do
        status = kalam_subscribe(cli->client, sql, NULL, &live.subscription, &error);
    while (status == KALAM_AUTHENTICATION && connect_ask_password(cli, &error));
    if (status != KALAM_OK)
        return execute_failed(cli, &error, 0);
    buf_init(&live.line);
    live_loop(&live);
    if (interrupt_take() && !live_is_json(&live))
        fprintf(cli->out, "%sSubscription ended.\n", cli->interactive ? "\n" : "");
    fflush(cli->out);
    kalam_sub_close(live.subscription);
    buf_clear(&live.line);
    return live.code;
}
