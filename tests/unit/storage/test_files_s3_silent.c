/* test_files_s3_silent.c — a bucket that takes requests and does not answer them is not asked again
 * and again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "storage/files_s3.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct error err;

/* Connections wait in the queue of the socket for ever. */
static int listen_silently(char endpoint[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(endpoint, 64, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

static void test_files_s3_silent__fails_at_once(void **state)
{
    (void)state;
    char endpoint[64];
    int fd = listen_silently(endpoint);
    struct files_cache *cache;
    struct files *files;
    struct files_s3_stats before, after;
    const char *const paths[] = {"a", "b", "c"};
    enum status statuses[3];
    uint64_t size;

    assert_ok(files_cache_open(fixture_path("cache"), 1 << 20, &cache, &err));
    struct files_s3_options options = {.name = "s",
                                       .root = "s3://bucket/x",
                                       .access_key = "a",
                                       .secret_key = "b",
                                       .session_token = "",
                                       .region = "",
                                       .endpoint = endpoint,
                                       .path_style = true,
                                       .stall_seconds = 1,
                                       .cache = cache};
    assert_ok(files_open_s3(&options, &files, &err));
    files_s3_stats(&before);
    assert_status(files_size(files, "a", &size, &err), STATUS_IO_FAILED);
    files_s3_stats(&after);
    assert_int_equal(after.requests, before.requests + 5);
    assert_status(files_size(files, "a", &size, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "does not answer"));
    assert_status(files_delete_many(files, paths, 3, statuses, &err), STATUS_IO_FAILED);
    files_abandon(files, "a");
    files_s3_stats(&before);
    assert_int_equal(before.requests, after.requests);
    files_close(files);
    files_cache_close(cache);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"test_files_s3_silent__fails_at_once", test_files_s3_silent__fails_at_once, fixture_setup,
         fixture_teardown, NULL},
    };
    return cmocka_run_group_tests_name("storage/files_s3_silent", tests, NULL, NULL);
}
