/* edit.c — \e: the statement in the person's own editor.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The editor with the file, in the foreground; false after a message. */
static bool edit_start(const char *editor, const char *path)
{
    struct buf command;
    int status = -1;
    pid_t pid;

    CHECK(editor && path);
    buf_init(&command);
    buf_printf(&command, "%s \"$1\"%c", editor, 0);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command.data, "sh", path, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue; /* Ctrl+C is the editor's */
    buf_clear(&command);
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    fprintf(stderr, "ERROR: the editor %s failed; $VISUAL or $EDITOR names another\n", editor);
    return false;
}

enum cli_exit edit_run(struct cli *cli, const char *text)
{
    const char *visual = getenv("VISUAL"), *other = getenv("EDITOR"), *folder = getenv("TMPDIR");
    const char *editor = visual && *visual ? visual : other && *other ? other : "vi";
    enum cli_exit code = CLI_USAGE;
    struct buf path, back;
    int fd;

    CHECK(cli != NULL);
    buf_init(&path);
    buf_init(&back);
    buf_printf(&path, "%s/kalam-XXXXXX.sql%c", folder && *folder ? folder : "/tmp", 0);
    fd = mkstemps(path.data, 4); /* mode 0600 */
    if (fd < 0 || dprintf(fd, "%s\n", text ? text : "") < 0 || close(fd) != 0) {
        fprintf(stderr, "ERROR: %s: %s\n", path.data, strerror(errno));
    } else if (edit_start(editor, path.data) && config_read_file(path.data, &back) &&
               execute_check_text(NULL, buf_str(&back))) {
        struct str trimmed = str_trim(buf_str(&back));
        mem_free(cli->typed);
        cli->typed = mem_strdup(trimmed);
        code = CLI_OK;
    }
    if (fd >= 0)
        (void)unlink(path.data);
    buf_clear(&path);
    buf_clear(&back);
    return code;
}
