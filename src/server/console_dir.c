/* console_dir.c — where the files of the web console lie: the configured folder, `ui` beside the
 * program (as a build leaves it), or ../share/kalamdb/ui (as a package installs it).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "server/config.h"
#include "server/server_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const console_places[] = {"ui", "../share/kalamdb/ui"};

/* Folder of the running program, without a slash at the end; false if the system does not tell. */
static bool console_program_folder(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);

    CHECK(size > 1);
    if (length <= 0)
        return false;
    out[length] = 0;
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return false;
    *slash = 0;
    return true;
}

static bool console_is_there(struct server *server, const char *folder, const char *place)
{
    char page[SERVER_PATH_BYTES + 32];
    char *dir = server->console_dir;
    int size = snprintf(dir, sizeof(server->console_dir), "%s/%s", folder, place);

    CHECK(place[0] != 0);
    if (size < 0 || (size_t)size >= sizeof(server->console_dir))
        return false;
    (void)snprintf(page, sizeof(page), "%s/index.html", dir);
    return access(page, R_OK) == 0;
}

void server_find_console(struct server *server, struct net_options *net)
{
    const char *configured = config_text(server->config, CONFIG_SERVER_UI_DIR);
    char folder[SERVER_PATH_BYTES];

    CHECK(net->console_dir == NULL);
    if (!config_boolean(server->config, CONFIG_SERVER_UI_ENABLED)) {
        net->console_missing = "the web console is switched off (server.ui_enabled)\n";
        return;
    }
    net->console_missing = "the web console is not installed: server.ui_dir names its folder, "
                           "scripts/build makes it\n";
    if (configured[0] != 0) {
        net->console_dir = configured;
        return;
    }
    if (!console_program_folder(folder, sizeof(folder)))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(console_places) && net->console_dir == NULL; i++)
        if (console_is_there(server, folder, console_places[i]))
            net->console_dir = server->console_dir;
}
