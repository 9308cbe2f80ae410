/* prompt.c — the conversation: lines edited with libedit, gathered until a statement is whole.
 *
 * libedit keeps no state of ours but the pointer to `struct prompt` (EL_CLIENTDATA). Ctrl+C ends
 * its read with EINTR; one that comes behind a whole line is for what the line starts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/split.h"
#include "cli/terminal.h"

#include <errno.h>
#include <histedit.h>
#include <unistd.h>
#include <wchar.h>

struct prompt {
    struct cli *cli;
    EditLine *edit;
    History *lines;     /* libedit's view of cli->history, for the arrows */
    struct buf pending; /* a statement not whole yet */
    char text[64];
};

static char *prompt_text(EditLine *edit)
{
    struct prompt *prompt = NULL;
    const struct cli *cli;

    CHECK(el_get(edit, EL_CLIENTDATA, &prompt) == 0 && prompt);
    cli = prompt->cli;
    if (prompt->pending.size > 0)
        snprintf(prompt->text, sizeof prompt->text, "    -> ");
    else if (cli->color)
        snprintf(prompt->text, sizeof prompt->text, "\1\033[%dm\1●\1\033[0m\1 kalam> ",
                 cli->online ? 32 : 31);
    else
        snprintf(prompt->text, sizeof prompt->text, "● kalam> ");
    return prompt->text;
}

/* One character for libedit. */
static int prompt_read(EditLine *edit, wchar_t *out)
{
    mbstate_t state = {0};
    char byte;

    (void)edit;
    for (;;) {
        if (!terminal_wait(STDIN_FILENO)) { /* what was typed behind Ctrl+C is for the next line */
            errno = EINTR;
            return -1;
        }
        ssize_t got = terminal_read(&byte, 1);
        if (got < 0)
            continue;
        if (got == 0)
            return 0;
        size_t size = mbrtowc(out, &byte, 1, &state);
        if (size == (size_t)-1) { /* no UTF-8: dropped */
            memset(&state, 0, sizeof state);
        } else if (size != (size_t)-2) {
            CHECK(size <= 1);
            return 1;
        }
    }
}

static void prompt_list(const struct completion *found)
{
    CHECK(found);
    putchar('\n');
    for (size_t i = 0; i < found->count; i++)
        output_say(stdout, "%s%s", found->candidates[i], i + 1 < found->count ? "  " : "\n");
    fflush(stdout);
}

static unsigned char prompt_complete(EditLine *edit, int key)
{
    const LineInfo *line = el_line(edit);
    struct prompt *prompt = NULL;
    struct completion found;
    unsigned char outcome = CC_ERROR;
    struct buf insert;

    (void)key;
    CHECK(el_get(edit, EL_CLIENTDATA, &prompt) == 0 && prompt);
    buf_init(&insert);
    buf_append_str(&insert, buf_str(&prompt->pending)); /* the statement so far */
    buf_append(&insert, line->buffer, (size_t)(line->cursor - line->buffer));
    complete_line(prompt->cli->names, prompt->cli->client, buf_str(&insert), &found);
    buf_reset(&insert);
    if (found.count > 0) {
        /* The word is replaced, so that the candidate's case wins. */
        buf_append(&insert, found.candidates[0], found.common);
        if (found.count == 1)
            buf_append_byte(&insert, ' ');
        buf_append_byte(&insert, 0);
        if (found.count > 1 && found.common == found.word_size)
            prompt_list(&found);
        el_deletestr(edit, (int)found.word_size);
        (void)el_insertstr(edit, insert.data); /* a full line stays as it is */
        outcome = found.count > 1 && found.common == found.word_size ? CC_REDISPLAY : CC_REFRESH;
    }
    buf_clear(&insert);
    completion_clear(&found);
    return outcome;
}

static void prompt_remember(struct prompt *prompt, const char *statement)
{
    HistEvent event;
    size_t before = history_count(prompt->cli->history);

    CHECK(statement);
    history_add(prompt->cli->history, statement);
    if (history_count(prompt->cli->history) != before || before == 1000)
        (void)history(prompt->lines, &event, H_ENTER, statement); /* arrows only */
}

static void prompt_open(struct prompt *prompt)
{
    HistEvent event;
    struct history *before = prompt->cli->history;

    prompt->edit = el_init("kalam", stdin, stdout, stderr);
    prompt->lines = history_init();
    CHECK(prompt->edit && prompt->lines);
    history(prompt->lines, &event, H_SETSIZE, 1000);
    history(prompt->lines, &event, H_SETUNIQUE, 1);
    for (size_t i = 0; i < history_count(before); i++)
        history(prompt->lines, &event, H_ENTER, history_at(before, i));
    el_set(prompt->edit, EL_CLIENTDATA, prompt);
    el_set(prompt->edit, EL_PROMPT_ESC, prompt_text, '\1');
    el_set(prompt->edit, EL_GETCFN, prompt_read);
    el_set(prompt->edit, EL_EDITOR, "emacs");
    el_set(prompt->edit, EL_HIST, history, prompt->lines);
    el_set(prompt->edit, EL_ADDFN, "kalam-complete", "complete a name", prompt_complete);
    el_set(prompt->edit, EL_BIND, "^I", "kalam-complete", NULL);
    el_set(prompt->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(prompt->edit, NULL); /* ~/.editrc */
}

static void prompt_close(struct prompt *prompt)
{
    CHECK(prompt->edit);
    history_end(prompt->lines);
    el_end(prompt->edit);
    buf_clear(&prompt->pending);
}

static void prompt_run_unit(struct prompt *prompt, struct str unit)
{
    static const char *const shape[] = {"create", "alter", "drop", "restore"};
    struct str word = split_first_word(unit);
    struct buf text;

    CHECK(prompt);
    buf_init(&text);
    buf_append_str(&text, unit);
    buf_append(&text, ";", 2);
    prompt_remember(prompt, text.data);
    buf_clear(&text);
    (void)execute_unit(prompt->cli, unit, 0);
    for (size_t i = 0; i < ARRAY_COUNT(shape); i++) {
        if (str_equal_nocase(word, str_from_c(shape[i])))
            names_forget(prompt->cli->names);
    }
}

/* Runs every whole statement of what is pending; the rest stays. */
static void prompt_run_pending(struct prompt *prompt)
{
    struct buf *pending = &prompt->pending;
    size_t offset = 0, done = 0;
    struct str unit;

    for (;;) {
        enum split found = split_next(buf_str(pending), &offset, &unit);
        if (found == SPLIT_END)
            done = pending->size;
        if (found != SPLIT_UNIT)
            break;
        if (interrupt_is_set()) { /* between two statements: the prompt says so */
            done = pending->size;
            break;
        }
        done = offset;
        prompt_run_unit(prompt, unit);
        if (prompt->cli->leave || interrupt_is_final())
            break;
    }
    CHECK(done <= pending->size);
    memmove(pending->data, pending->data + done, pending->size - done);
    pending->size -= done;
}

/* \e: the statement begun, or the last one, in the editor; what comes back is run if it is whole.
 */
static void prompt_edit(struct prompt *prompt)
{
    struct cli *cli = prompt->cli;

    CHECK(cli != NULL);
    buf_append_byte(&prompt->pending, 0);
    if (edit_run(cli, prompt->pending.size > 1 ? prompt->pending.data : cli->last) != CLI_OK) {
        prompt->pending.size--;
        return;
    }
    (void)interrupt_take();
    buf_reset(&prompt->pending);
    if (*cli->typed) {
        printf("%s\n", cli->typed);
        buf_append_str(&prompt->pending, str_from_c(cli->typed));
        buf_append_byte(&prompt->pending, '\n');
    }
    options_set(&cli->typed, NULL);
    prompt_run_pending(prompt);
}

static void prompt_take_line(struct prompt *prompt, struct str line)
{
    struct str text = str_trim(line);

    CHECK(prompt);
    if (!execute_check_text(NULL, line))
        return;
    if (str_equal(text, STR_LIT("\\e"))) {
        prompt_edit(prompt);
        return;
    }
    if (prompt->pending.size == 0 && text.size > 0 && *text.data == '\\') {
        struct buf command;
        buf_init(&command);
        buf_printf(&command, "%.*s%c", STR_ARG(text), 0);
        prompt_remember(prompt, command.data);
        (void)command_run(prompt->cli, command.data);
        buf_clear(&command);
        return;
    }
    if (prompt->pending.size == 0 && text.size == 0)
        return;
    buf_append_str(&prompt->pending, line);
    prompt_run_pending(prompt);
}

enum cli_exit prompt_run(struct cli *cli)
{
    struct prompt prompt = {.cli = cli};
    char *path = config_path("history", true);

    CHECK(cli->interactive);
    buf_init(&prompt.pending);
    cli->history = history_open(path);
    cli->names = names_new();
    output_say(stdout, "Welcome to KalamDB %s. You are %s at %s. \\? helps, \\q leaves.\n",
               kalam_version(), cli->user ? cli->user : "unknown", cli->options->url);
    prompt_open(&prompt);
    while (!cli->leave && !interrupt_is_final()) {
        int count = 0;
        const char *line = el_gets(prompt.edit, &count);
        clearerr(stdout); /* Ctrl+C has cut off a write */
        if (line && count > 0) {
            prompt_take_line(&prompt, str_from(line, (size_t)count));
        } else if (interrupt_take()) {
            buf_reset(&prompt.pending);
            fputs("^C\n", stdout);
        } else {
            break; /* Ctrl+D */
        }
    }
    if (!cli->leave)
        putchar('\n');
    prompt_close(&prompt);
    history_close(cli->history);
    names_free(cli->names);
    cli->history = NULL;
    cli->names = NULL;
    mem_free(path);
    return CLI_OK;
}
