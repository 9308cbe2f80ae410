/* test_files.c — staging and publishing in a local folder, refused paths, and single local files.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "base/mem.h"
#include "storage/files.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct error err;

static struct files *open_files(void)
{
    struct files *files;
    assert_ok(file_make_folders(fixture_path("new/root"), &err));
    assert_ok(files_open_local(fixture_path("new/root/"), &files, &err));
    return files;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static bool exists(const char *path)
{
    return access(fixture_path(path), F_OK) == 0;
}

static void publish(struct files *files, const char *path, const char *text)
{
    char *staged;
    assert_ok(files_stage(files, path, &staged, &err));
    write_text(staged, text);
    mem_free(staged);
    assert_ok(files_publish(files, path, &err));
}

static void test_files__publish_shows_the_file(void **state)
{
    (void)state;
    struct files *files = open_files();
    char *staged, *local;
    uint64_t size;

    assert_ok(files_stage(files, "ns/users/t/u1/f.parquet", &staged, &err));
    assert_string_equal(staged, fixture_path("new/root/ns/users/t/u1/.f.parquet.tmp"));
    write_text(staged, "content");
    assert_status(files_size(files, "ns/users/t/u1/f.parquet", &size, &err), STATUS_ABSENT);
    assert_ok(files_publish(files, "ns/users/t/u1/f.parquet", &err));
    assert_false(access(staged, F_OK) == 0);
    mem_free(staged);
    assert_ok(files_size(files, "ns/users/t/u1/f.parquet", &size, &err));
    assert_int_equal(size, 7);
    assert_ok(files_local_path(files, "ns/users/t/u1/f.parquet", &local, &err));
    assert_string_equal(local, fixture_path("new/root/ns/users/t/u1/f.parquet"));
    mem_free(local);
    files_close(files);
}

static void test_files__delete_removes_empty_folders(void **state)
{
    (void)state;
    struct files *files = open_files();

    publish(files, "a/b/one", "1");
    publish(files, "a/b/two", "2");
    assert_ok(files_delete(files, "a/b/one", &err));
    assert_true(exists("new/root/a/b/two"));
    assert_ok(files_delete(files, "a/b/two", &err));
    assert_false(exists("new/root/a"));
    assert_true(exists("new/root"));
    assert_ok(files_delete(files, "a/b/two", &err)); /* missing is fine */
    assert_ok(files_delete(files, "never/was", &err));
    files_close(files);
}

static void test_files__a_staged_file_keeps_its_folder(void **state)
{
    (void)state;
    struct files *files = open_files();
    char *staged;

    publish(files, "a/one", "1");
    assert_ok(files_stage(files, "a/two", &staged, &err));
    assert_ok(files_delete(files, "a/one", &err));
    write_text(staged, "2");
    mem_free(staged);
    assert_ok(files_publish(files, "a/two", &err));
    assert_true(exists("new/root/a/two"));
    files_close(files);
}

static void test_files__abandon_and_publish_nothing(void **state)
{
    (void)state;
    struct files *files = open_files();
    char *staged;

    assert_ok(files_stage(files, "a/one", &staged, &err));
    mem_free(staged);
    files_abandon(files, "a/one");
    files_abandon(files, "a/one");
    assert_true(exists("new/root/a")); /* until what is gone from it is gone for good */
    assert_ok(files_delete(files, "a/one", &err));
    assert_false(exists("new/root/a"));
    assert_ok(files_delete(files, "a/b/one", &err)); /* nor its folders are there */
    assert_status(files_publish(files, "a/one", &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "a/one"));
    assert_null(strstr(err.message, fixture_folder));
    files_close(files);
}

static void test_files__refuses_paths_that_lead_out(void **state)
{
    (void)state;
    struct files *files = open_files();
    static const char *const bad[] = {"",    "/etc/passwd", "../x", "a/../../x", "a//b", "a/",
                                      "./a", "a/.",         "..",   "a\\b",      "a\nb", "/"};
    char *staged;
    uint64_t size;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_status(files_stage(files, bad[i], &staged, &err), STATUS_INVALID_INPUT);
        assert_null(staged);
        assert_status(files_publish(files, bad[i], &err), STATUS_INVALID_INPUT);
        assert_status(files_delete(files, bad[i], &err), STATUS_INVALID_INPUT);
        assert_status(files_size(files, bad[i], &size, &err), STATUS_INVALID_INPUT);
        files_abandon(files, bad[i]);
    }
    char long_name[300];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_status(files_stage(files, long_name, &staged, &err), STATUS_INVALID_INPUT);
    files_close(files);
}

static void test_files__folders_for_files_to_come(void **state)
{
    (void)state;
    struct files *files = open_files();

    assert_ok(files_make_folder(files, "ns/shared/t", &err));
    assert_ok(files_make_folder(files, "ns/shared/t", &err));
    assert_true(exists("new/root/ns/shared/t"));
    publish(files, "ns/shared/t/f.parquet", "x");
    files_remove_folder(files, "ns/shared/t"); /* not empty */
    assert_true(exists("new/root/ns/shared/t/f.parquet"));
    assert_ok(files_delete(files, "ns/shared/t/f.parquet", &err));
    assert_false(exists("new/root/ns"));
    assert_ok(files_make_folder(files, "ns/shared/t", &err));
    files_remove_folder(files, "ns/shared/t");
    files_remove_folder(files, "ns/shared/t");
    assert_false(exists("new/root/ns"));
    assert_true(exists("new/root"));
    write_text(fixture_path("new/root/plain"), "");
    assert_status(files_make_folder(files, "plain/t", &err), STATUS_IO_FAILED);
    assert_status(files_make_folder(files, "../t", &err), STATUS_INVALID_INPUT);
    files_close(files);
}

static void test_files__a_file_in_the_way_is_an_error(void **state)
{
    (void)state;
    struct files *files = open_files();
    char *staged;
    uint64_t size;

    publish(files, "a", "file");
    assert_status(files_stage(files, "a/b", &staged, &err), STATUS_IO_FAILED);
    assert_null(staged);
    publish(files, "folder/f", "x");
    assert_status(files_size(files, "folder", &size, &err), STATUS_IO_FAILED);
    files_close(files);
}

static void test_files__many_at_once(void **state)
{
    enum { COUNT = 40 };
    static char names[COUNT][32];
    const char *paths[COUNT];
    enum status statuses[COUNT];
    struct files *files = open_files();
    char *staged;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "many/u%d/f", i / 2 * 2 + (i == COUNT - 1));
        if (i % 2 == 1)
            strcat(names[i], "2");
        paths[i] = names[i];
        assert_ok(files_stage(files, paths[i], &staged, &err));
        write_text(staged, "x");
        mem_free(staged);
    }
    files_abandon(files, paths[3]); /* one cannot be published, its neighbours can */
    assert_status(files_publish_many(files, paths, COUNT, statuses, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, paths[3]));
    for (int i = 0; i < COUNT; i++) {
        char shown[64];
        (void)snprintf(shown, sizeof(shown), "new/root/%s", paths[i]);
        assert_int_equal(statuses[i], i == 3 ? STATUS_IO_FAILED : STATUS_OK);
        assert_int_equal(exists(shown), i != 3);
    }
    /* Publishing again what is there harms nothing. */
    assert_status(files_publish_many(files, paths, 1, statuses, &err), STATUS_IO_FAILED);
    assert_true(exists("new/root/many/u0/f"));
    assert_ok(files_delete_many(files, paths, COUNT, statuses, &err));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(statuses[i], STATUS_OK);
    assert_false(exists("new/root/many"));
    paths[1] = "../x";
    assert_status(files_delete_many(files, paths, 2, statuses, &err), STATUS_INVALID_INPUT);
    assert_ok(files_publish_many(files, paths, 0, statuses, &err));
    files_close(files);
}

static bool visit_nothing(void *context, struct str path, uint64_t size)
{
    (void)context, (void)path, (void)size;
    return false;
}

static bool known;
static bool knows_root(void *context, const char *root)
{
    (void)context, (void)root;
    return known;
}

/* The mount point of a disk that is not mounted holds nothing of the disk. */
static void test_files__a_root_without_its_marker_is_an_outage(void **state)
{
    (void)state;
    struct files *files;
    char *staged = NULL;
    uint64_t size;
    assert_ok(file_make_folders(fixture_path("new/root"), &err));
    assert_ok(files_mark_root(fixture_path("new/root"), &err));
    assert_ok(files_open_marked(fixture_path("new/root/"), &files, &err));
    known = false;
    files_know_roots_by(files, knows_root, NULL);
    publish(files, "t/a.parquet", "1");
    assert_int_equal(rename(fixture_path("new/root"), fixture_path("away")), 0);
    assert_ok(file_make_folders(fixture_path("new/root"), &err));
    write_text(fixture_path("new/root/not-mounted"), "");
    write_text(fixture_path("new/root/others.parquet"), "");
    assert_status(files_stage(files, "t/b", &staged, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "is it mounted?"));
    assert_status(files_make_folder(files, "u", &err), STATUS_IO_FAILED);
    assert_status(files_delete(files, "t/a.parquet", &err), STATUS_IO_FAILED); /* it comes back */
    assert_status(files_list(files, "", visit_nothing, NULL, &err), STATUS_IO_FAILED);
    assert_status(files_size(files, "t/a.parquet", &size, &err), STATUS_IO_FAILED);
    assert_int_equal(unlink(fixture_path("new/root/not-mounted")), 0);
    assert_int_equal(unlink(fixture_path("new/root/others.parquet")), 0);
    assert_int_equal(rmdir(fixture_path("new/root")), 0);
    /* Its own files tell the root, too, and it gets the marker that it has lost. */
    assert_int_equal(rename(fixture_path("away"), fixture_path("new/root")), 0);
    assert_int_equal(unlink(fixture_path("new/root/" FILES_MARKER)), 0);
    assert_status(files_list(files, "", visit_nothing, NULL, &err), STATUS_IO_FAILED);
    known = true;
    assert_ok(files_list(files, "", visit_nothing, NULL, &err));
    assert_true(exists("new/root/" FILES_MARKER));
    assert_ok(files_delete(files, "t/a.parquet", &err));
    assert_true(exists("new/root/" FILES_MARKER) && !exists("new/root/t"));
    files_close(files);
}

/* lost+found in the root of a fresh disk. */
static void test_files__a_folder_of_others_counts_as_empty(void **state)
{
    (void)state;
    struct files *files = open_files();
    bool found = false;
    publish(files, "t/a.parquet", "1");
    assert_ok(file_make_folders(fixture_path("new/root/lost+found"), &err));
    assert_int_equal(chmod(fixture_path("new/root/lost+found"), 0), 0);
    assert_int_equal(chmod(fixture_path("."), 0755), 0);
    assert_int_equal(chmod(fixture_path("new/root/t"), 0755), 0);
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    enum status status = files_hold_tables(files, &found, &err);
    enum status closed = files_list(files, "lost+found", visit_nothing, NULL, &err);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_ok(status);
    assert_true(found);
    assert_int_equal(closed, STATUS_IO_FAILED); /* who asks for it is told */
    assert_int_equal(chmod(fixture_path("new/root/lost+found"), 0700), 0);
    files_close(files);
}

static void test_files__a_missing_root_is_an_outage(void **state)
{
    (void)state;
    struct files *files = open_files();
    char *staged = NULL;
    publish(files, "t/a", "1");
    assert_int_equal(rename(fixture_path("new/root"), fixture_path("away")), 0);
    assert_status(files_stage(files, "t/b", &staged, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "is it mounted?"));
    assert_status(files_stage(files, "b", &staged, &err), STATUS_IO_FAILED);
    assert_status(files_make_folder(files, "u", &err), STATUS_IO_FAILED);
    assert_status(files_delete(files, "t/a", &err), STATUS_IO_FAILED); /* it comes back */
    assert_status(files_list(files, "t", visit_nothing, NULL, &err), STATUS_IO_FAILED);
    assert_false(exists("new/root"));
    assert_int_equal(rename(fixture_path("away"), fixture_path("new/root")), 0);
    assert_ok(files_delete(files, "t/a", &err));
    assert_ok(files_delete(files, "t/a", &err));
    assert_false(exists("new/root/t"));
    files_close(files);
}

static void test_file__write_and_read(void **state)
{
    (void)state;
    struct buf content;
    struct stat info;
    const char *path = fixture_path("secret");

    buf_init(&content);
    assert_status(file_read_all(path, 100, &content, &err), STATUS_ABSENT);
    write_text(path, "old and longer");
    assert_ok(file_write_all(path, STR_LIT("secret"), 0600, &err));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_ok(file_read_all(path, 6, &content, &err));
    assert_true(str_equal(buf_str(&content), STR_LIT("secret")));
    assert_status(file_read_all(path, 5, &content, &err), STATUS_IO_FAILED);
    assert_status(file_read_all(fixture_folder, 100, &content, &err), STATUS_IO_FAILED);
    assert_false(exists(".secret.tmp"));
    buf_clear(&content);
}

/* A size limit stands for a full disk: the old content stays, nothing else is left. */
static void test_file__failed_write_leaves_the_old(void **state)
{
    (void)state;
    const char *path = fixture_path("file");
    assert_ok(file_write_all(path, STR_LIT("old"), 0644, &err));
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {.rlim_cur = 4, .rlim_max = 4};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(file_write_all(path, STR_LIT("much too long"), 0644, &err) == STATUS_IO_FAILED ? 0
                                                                                             : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    struct buf content;
    buf_init(&content);
    assert_ok(file_read_all(path, 100, &content, &err));
    assert_true(str_equal(buf_str(&content), STR_LIT("old")));
    buf_clear(&content);
    assert_false(exists(".file.tmp"));
}

static void test_file__make_folders(void **state)
{
    (void)state;
    assert_ok(file_make_folders(fixture_path("x/y/z"), &err));
    assert_true(exists("x/y/z"));
    assert_ok(file_make_folders(fixture_path("x/y/z"), &err));
    write_text(fixture_path("plain"), "");
    assert_status(file_make_folders(fixture_path("plain/z"), &err), STATUS_IO_FAILED);
    assert_status(file_make_folders("", &err), STATUS_IO_FAILED);
}

#define test(function) \
    { \
#function, function, fixture_setup, fixture_teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_files__publish_shows_the_file),
        test(test_files__delete_removes_empty_folders),
        test(test_files__a_staged_file_keeps_its_folder),
        test(test_files__abandon_and_publish_nothing),
        test(test_files__refuses_paths_that_lead_out),
        test(test_files__folders_for_files_to_come),
        test(test_files__a_file_in_the_way_is_an_error),
        test(test_files__many_at_once),
        test(test_files__a_missing_root_is_an_outage),
        test(test_files__a_root_without_its_marker_is_an_outage),
        test(test_files__a_folder_of_others_counts_as_empty),
        test(test_file__write_and_read),
        test(test_file__failed_write_leaves_the_old),
        test(test_file__make_folders),
    };
    return cmocka_run_group_tests_name("storage/files", tests, NULL, NULL);
}
