/* main.c — kalamd: arguments, configuration, logging, then a server until a signal comes.
 *
 * SIGTERM, SIGINT and SIGHUP are waited for by this thread; every other thread has them blocked.
 * The first of the former two stops gracefully, a second one ends the process at once: what was
 * acknowledged is durable. SIGHUP reads the configuration again: the log level applies at once, the
 * log file is opened anew, certificate and key are read again. Other keys wait for a restart, and
 * the log says so.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/server.h"
#include "server/shortage.h"

#include <build_info.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

/* Read by jemalloc before main; MALLOC_CONF overrides it. Threads of its own give back what has
 * been free for some seconds, also in arenas whose threads sleep. Without jemalloc (sanitizers)
 * unread. */
extern const char *malloc_conf;
__attribute__((visibility("default"))) const char *malloc_conf =
    "background_thread:true,dirty_decay_ms:5000";

struct arguments {
    const char *config_path, *data_dir, *host, *port;
    bool dev, check_config;
};

static void main_usage(FILE *to)
{
    CHECK(to != NULL);
    (void)fputs(
        "usage: kalamd [config.toml] [--config file] [--dev] [--data-dir folder]\n"
        "              [--host address] [--port number] [--check-config] [--version] [--help]\n"
        "\n"
        "  --dev           callers on this machine need no credentials; full error texts\n"
        "  --check-config  read the configuration, say what is wrong with it, and leave\n"
        "\n"
        "Keys of the configuration file can be set in the environment, too:\n"
        "KALAMDB_SERVER_PORT for port in [server]. docs/operations.md lists them all.\n",
        to);
}

static void main_version(void)
{
    CHECK(sizeof(BUILD_VERSION) > 1);
    printf("kalamd %s (%s %s, built %s)\n", BUILD_VERSION, BUILD_GIT_BRANCH, BUILD_GIT_COMMIT,
           BUILD_DATE);
}

/* -1 = go on, else the exit code. */
static int main_parse(int count, char **values, struct arguments *out)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"dev", no_argument, NULL, 'd'},
                                            {"data-dir", required_argument, NULL, 'D'},
                                            {"host", required_argument, NULL, 'H'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"check-config", no_argument, NULL, 'C'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    CHECK(count > 0);
    while ((option = getopt_long(count, values, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            out->config_path = optarg;
            break;
        case 'd':
            out->dev = true;
            break;
        case 'D':
            out->data_dir = optarg;
            break;
        case 'H':
            out->host = optarg;
            break;
        case 'p':
            out->port = optarg;
            break;
        case 'C':
            out->check_config = true;
            break;
        case 'V':
            main_version();
            return EXIT_SUCCESS;
        case 'h':
            main_usage(stdout);
            return EXIT_SUCCESS;
        default:
            main_usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < count && out->config_path == NULL)
        out->config_path = values[optind++];
    if (optind >= count)
        return -1;
    main_usage(stderr);
    return EXIT_USAGE;
}

/* ---- configuration --------------------------------------------------------------------------- */

static enum status main_set(struct config *config, enum config_key key, const char *text,
                            const char *argument, struct error *err)
{
    if (text == NULL)
        return STATUS_OK;
    CHECK(argument != NULL);
    enum status status = config_set(config, key, str_from_c(text), CONFIG_ARGUMENT, err);
    if (status != STATUS_OK)
        error_prefix(err, "%s", argument);
    return status;
}

static enum status main_configure(struct config *config, const struct arguments *arguments,
                                  struct error *err)
{
    const char *yes = arguments->dev ? "true" : NULL, *no = arguments->dev ? "false" : NULL;
    enum status status = STATUS_OK;

    CHECK(config != NULL);
    if (arguments->config_path != NULL)
        status = config_load_file(config, arguments->config_path, err);
    if (status == STATUS_OK)
        status = config_load_environment(config, environ, err);
    if (status == STATUS_OK)
        status = main_set(config, CONFIG_SERVER_DATA_DIR, arguments->data_dir, "--data-dir", err);
    if (status == STATUS_OK)
        status = main_set(config, CONFIG_SERVER_HOST, arguments->host, "--host", err);
    if (status == STATUS_OK)
        status = main_set(config, CONFIG_SERVER_PORT, arguments->port, "--port", err);
    if (status == STATUS_OK)
        status = main_set(config, CONFIG_AUTH_LOCALHOST_BYPASS, yes, "--dev", err);
    if (status == STATUS_OK)
        status = main_set(config, CONFIG_SECURITY_MASK_ERRORS, no, "--dev", err);
    if (status == STATUS_OK)
        status = config_finish(config, err);
    return status;
}

static enum status main_start_log(const struct config *config, struct error *err)
{
    struct log_options options = {
        .console = config_boolean(config, CONFIG_LOGGING_TO_CONSOLE),
        .file_path = config_text(config, CONFIG_LOGGING_FILE_PATH),
        .file_bytes_max = (size_t)config_integer(config, CONFIG_LOGGING_MAX_FILE_SIZE),
        .keep_files = (unsigned)config_integer(config, CONFIG_LOGGING_KEEP_FILES),
        .file_hours_max =
            (unsigned)((config_integer(config, CONFIG_LOGGING_MAX_AGE) + 3599) / 3600),
    };

    CHECK(log_level_parse(config_text(config, CONFIG_LOGGING_LEVEL), &options.level));
    CHECK(log_format_parse(config_text(config, CONFIG_LOGGING_FORMAT), &options.format));
    return log_init(&options, err);
}

static void main_log_lines(struct str lines)
{
    CHECK(lines.size == 0 || lines.data != NULL);
    while (lines.size > 0) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = end != NULL ? (size_t)(end - lines.data) : lines.size;
        log_warn("%.*s", (int)size, lines.data);
        size += end != NULL ? 1 : 0;
        lines = str_from(lines.data + size, lines.size - size);
    }
}

/* ---- process --------------------------------------------------------------------------------- */

/* Every connection is a descriptor, and so is every file of RocksDB. */
static void main_raise_descriptors(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("the limit of open files could not be raised");
}

static void main_block_signals(sigset_t *waited)
{
    sigemptyset(waited);
    sigaddset(waited, SIGTERM);
    sigaddset(waited, SIGINT);
    sigaddset(waited, SIGHUP);
    CHECK(sigprocmask(SIG_BLOCK, waited, NULL) == 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

static void main_leave_at_once(int number)
{
    (void)number;
    _exit(EXIT_FAILURE);
}

/* What of a fresh configuration can apply to a running server does. */
static void main_apply(const struct config *config, const struct config *fresh)
{
    enum log_level level = LOG_INFO;
    struct config_key_info info;

    main_log_lines(config_warnings(fresh));
    CHECK(log_level_parse(config_text(fresh, CONFIG_LOGGING_LEVEL), &level));
    log_set_level(level);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        if (key == CONFIG_LOGGING_LEVEL || config_is_same(config, fresh, (enum config_key)key))
            continue;
        config_key_info((enum config_key)key, &info);
        log_warn("%s has changed: it takes effect at the next start", info.name);
    }
}

static void main_reload(const struct config *config, const struct arguments *arguments,
                        struct server *server)
{
    struct config *fresh = config_new();
    struct error err;

    CHECK(server != NULL);
    error_clear(&err);
    log_info("signal Hangup: reading the configuration again");
    if (log_reopen(&err) != STATUS_OK)
        log_error("%s", err.message);
    if (main_configure(fresh, arguments, &err) != STATUS_OK)
        log_error("the configuration stays as it is: %s", err.message);
    else
        main_apply(config, fresh);
    config_free(fresh);
    error_clear(&err);
    if (server_reload(server, &err) != STATUS_OK)
        log_error("certificate and key stay as they are: %s", err.message);
}

/* Until it is time to stop. */
static void main_wait(const sigset_t *waited, const struct config *config,
                      const struct arguments *arguments, struct server *server)
{
    struct timespec hour = {.tv_sec = 3600};
    int number = 0;

    while (number != SIGTERM && number != SIGINT) {
        number = sigtimedwait(waited, NULL, &hour);
        CHECK(number > 0 || errno == EAGAIN || errno == EINTR);
        if (number == SIGHUP)
            main_reload(config, arguments, server);
        else if (number < 0 && errno == EAGAIN)
            server_log_figures(server);
    }
    log_info("signal %s: stopping; a second one stops at once", strsignal(number));
    CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    CHECK(signal(SIGTERM, main_leave_at_once) != SIG_ERR);
    CHECK(signal(SIGINT, main_leave_at_once) != SIG_ERR);
    CHECK(sigprocmask(SIG_UNBLOCK, waited, NULL) == 0);
}

static void main_greet(const struct config *config, const struct server *server)
{
    unsigned port = server_port(server);
    const char *version = config_text(config, CONFIG_SERVER_API_VERSION);
    const char *secure = config_text(config, CONFIG_SERVER_TLS_CERT)[0] != 0 ? "s" : "";

    CHECK(port > 0);
    printf("\nKalamDB is ready for development on http%s://localhost:%u\n"
           "Callers on this machine are `%s` without credentials. Try:\n\n"
           "  curl http%s://localhost:%u/%s/api/sql -H 'Content-Type: application/json' \\\n"
           "       -d '{\"sql\":\"SELECT 1 + 1 AS two\"}'\n"
           "  kalam --port %u\n"
           "  ws%s://localhost:%u/%s/ws    live queries\n",
           secure, port, config_text(config, CONFIG_AUTH_LOCALHOST_DEFAULT_USER), secure, port,
           version, port, secure, port, version);
    if (config_boolean(config, CONFIG_SERVER_UI_ENABLED))
        printf("  http%s://localhost:%u/ui    the web console\n", secure, port);
    printf("\n");
    (void)fflush(stdout);
}

static int main_fail(const struct error *err)
{
    CHECK(err->code != STATUS_OK);
    log_error("%s", err->message);
    return EXIT_FAILURE;
}

static int main_run(const struct config *config, const struct arguments *arguments)
{
    struct server *server = NULL;
    sigset_t waited;
    struct error err;

    error_clear(&err);
    /* Times are UTC everywhere. Fixed before there are threads: the C library swaps what it knows
     * of the zone when it looks again. */
    CHECK(setenv("TZ", "UTC", 1) == 0);
    tzset();
    main_block_signals(&waited);
    if (main_start_log(config, &err) != STATUS_OK)
        return main_fail(&err);
    log_thread_name("main");
    log_info("kalamd %s, %s %s, built %s", BUILD_VERSION, BUILD_GIT_BRANCH, BUILD_GIT_COMMIT,
             BUILD_DATE);
    main_log_lines(config_warnings(config));
    main_raise_descriptors();
    if (server_start(config, &server, &err) != STATUS_OK)
        return main_fail(&err);
    CHECK(server != NULL);
    if (arguments->dev)
        main_greet(config, server);
    main_wait(&waited, config, arguments, server);
    return server_stop(server) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int main_check(const struct config *config)
{
    struct error err;

    error_clear(&err);
    main_log_lines(config_warnings(config));
    if (server_check(config, &err) != STATUS_OK)
        return main_fail(&err);
    CHECK(err.code == STATUS_OK);
    printf("the configuration is good\n");
    return EXIT_SUCCESS;
}

int main(int count, char **values)
{
    struct arguments arguments = {.config_path = NULL};
    struct config *config;
    struct error err;
    shortage_prepare();
    int code = main_parse(count, values, &arguments);

    if (code >= 0)
        return code;
    error_clear(&err);
    config = config_new();
    if (main_configure(config, &arguments, &err) != STATUS_OK) {
        code = main_fail(&err);
    } else if (arguments.check_config) {
        code = main_check(config);
    } else {
        code = main_run(config, &arguments);
    }
    CHECK(code >= 0);
    log_close();
    config_free(config);
    return code;
}
