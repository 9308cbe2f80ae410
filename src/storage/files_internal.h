/* files_internal.h — the table of callbacks behind files.h and helpers that the drivers share.
 * Private to storage/files*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_FILES_INTERNAL_H
#define STORAGE_FILES_INTERNAL_H

#include "storage/files.h"
#include "storage/files_limits.h"

/* Paths were checked, but for a driver that hands them on. */
struct files_driver {
    bool hands_on;
    void (*close)(struct files *files);
    enum status (*stage)(struct files *files, const char *path, char **out, struct error *err);
    enum status (*staged_path)(struct files *files, const char *path, char **out,
                               struct error *err);
    enum status (*publish)(struct files *files, const char *path, struct error *err);
    /* May be NULL: one after the other. The first failure is told in `err`, which is never NULL. */
    void (*publish_many)(struct files *files, const char *const *paths, size_t count,
                         enum status *statuses, struct error *err);
    void (*remove_many)(struct files *files, const char *const *paths, size_t count,
                        enum status *statuses, struct error *err);
    void (*abandon)(struct files *files, const char *path);
    enum status (*local_path)(struct files *files, const char *path, char **out, struct error *err);
    void (*release)(struct files *files, const char *path);
    bool (*drop_copy)(struct files *files, const char *path); /* may be NULL: no copies */
    enum status (*read)(struct files *files, const char *path, uint64_t offset, size_t size,
                        struct buf *out, struct error *err);
    enum status (*list)(struct files *files, const char *folder,
                        bool (*visit)(void *context, struct str path, uint64_t size), void *context,
                        struct error *err); /* may be NULL */
    enum status (*size)(struct files *files, const char *path, uint64_t *size, struct error *err);
    enum status (*remove)(struct files *files, const char *path, struct error *err);
    enum status (*make_folder)(struct files *files, const char *path, struct error *err);
    void (*remove_folder)(struct files *files, const char *path);
};

struct files {
    const struct files_driver *driver;
};

bool files_path_is_valid(struct str path);

/* What may pass is tried again, five times with growing, jittered pauses: before the second attempt
 * about 100 ms, then twice as long each time. */
enum { FILES_ATTEMPTS = 5 };
unsigned files_pause_ms(unsigned attempt, uint32_t random);
void files_pause(unsigned attempt);
/* A system call has failed with `error_number` at its `*attempt`-th attempt, 1 at first: shall it
 * be made again? Then it has waited. Keeps errno. */
bool file_again(int error_number, unsigned *attempt);
/* The system's calls, tried again; -1 with errno. */
int file_open(const char *path, int flags, unsigned mode); /* with O_CLOEXEC */
int file_rename(const char *from, const char *to);
int file_unlink(const char *path);

/* Appends up to `size` bytes of a local file from `offset`. ABSENT. */
enum status file_read_range(const char *path, const char *shown, uint64_t offset, size_t size,
                            struct buf *out, struct error *err) MUST_CHECK;

/* One local file: `.<name>.tmp` beside `path`; mem_free. */
char *file_temporary_path(const char *path);
/* ABSENT for ENOENT, else IO_FAILED: `what` and errno's text for `shown`, a path safe to show. */
enum status file_error(int error_number, const char *what, const char *shown, struct error *err);
/* fsync of a file or folder. */
enum status file_sync(const char *path, const char *shown, struct error *err) MUST_CHECK;
/* fsync of the folder that holds `path`. */
enum status file_sync_parent(const char *path, const char *shown, struct error *err) MUST_CHECK;

/* fsync of many files or folders together; errno of each, 0 = durable. */
void file_sync_many(const char *const *paths, size_t count, int *errors);

#endif
