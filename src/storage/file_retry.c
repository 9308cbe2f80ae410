/* file_retry.c — what a disk says may pass: it is full for a moment, or busy (docs/operations.md).
 *
 * EINTR is tried again at once. EAGAIN and ENOSPC are after growing, jittered pauses, five attempts
 * in all, as for a bucket. Then such errors count as lasting for a while, in which they get one
 * attempt: a flush of a thousand users fails soon, not after a thousand times five attempts. fsync
 * is not tried again: after it has failed nobody knows what the disk holds.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILES_PAUSE_MS = 100, FILES_PAUSE_PIECE_MS = 50, FILES_OUT_MS = 5000 };

static _Atomic int64_t file_out_until_ms; /* monotonic */
static _Thread_local const atomic_bool *files_cancelled;
static _Thread_local int64_t files_deadline_ms; /* monotonic; 0 = none */

unsigned files_pause_ms(unsigned attempt, uint32_t random)
{
    CHECK(attempt >= 2 && attempt <= FILES_ATTEMPTS);
    unsigned full = (unsigned)FILES_PAUSE_MS << (attempt - 2);
    return full / 2 + random % (full + 1); /* half to one and a half */
}

void files_set_cancelled(const atomic_bool *cancelled)
{
    CHECK(cancelled == NULL || files_cancelled == NULL);
    files_cancelled = cancelled;
}

void files_set_deadline(int64_t monotonic_ms)
{
    CHECK(monotonic_ms >= 0);
    files_deadline_ms = monotonic_ms;
}

bool files_is_cancelled(void)
{
    if (files_deadline_ms > 0)
        return clock_monotonic_ms() >= files_deadline_ms;
    return files_cancelled != NULL && atomic_load_explicit(files_cancelled, memory_order_relaxed);
}

void files_pause(unsigned attempt)
{
    uint32_t random;

    id_random(&random, sizeof(random));
    unsigned ms = files_pause_ms(attempt, random);
    CHECK(ms > 0);
    while (ms > 0 && !files_is_cancelled()) {
        unsigned piece = ms < FILES_PAUSE_PIECE_MS ? ms : FILES_PAUSE_PIECE_MS;
        struct timespec pause = {.tv_nsec = (long)piece * 1000000};
        while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
            continue;
        ms -= piece;
    }
}

static bool file_is_transient(int error_number)
{
    return error_number == EAGAIN || error_number == ENOSPC;
}

/* A pause, unless there were enough of them. */
static bool file_wait(unsigned *attempt)
{
    bool again = *attempt < FILES_ATTEMPTS && clock_monotonic_ms() >= file_out_until_ms;

    CHECK(*attempt >= 1);
    if (again)
        files_pause(++*attempt);
    else if (*attempt == FILES_ATTEMPTS)
        file_out_until_ms = clock_monotonic_ms() + FILES_OUT_MS;
    return again;
}

bool file_again(int error_number, unsigned *attempt)
{
    bool again = error_number == EINTR;

    CHECK(error_number != 0 && *attempt >= 1);
    if (file_is_transient(error_number))
        again = file_wait(attempt);
    errno = error_number;
    return again;
}

int file_open(const char *path, int flags, unsigned mode)
{
    unsigned attempt = 1;
    int fd;

    CHECK(path != NULL);
    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && file_again(errno, &attempt));
    return fd;
}

int file_rename(const char *from, const char *to)
{
    unsigned attempt = 1;
    int result;

    CHECK(from != NULL && to != NULL);
    do
        result = rename(from, to);
    while (result != 0 && file_again(errno, &attempt));
    return result;
}

int file_unlink(const char *path)
{
    unsigned attempt = 1;
    int result;

    CHECK(path != NULL);
    do
        result = unlink(path);
    while (result != 0 && file_again(errno, &attempt));
    return result;
}

static bool file_error_tells(const struct error *err, int error_number)
{
    char text[128];

    CHECK(err->code != STATUS_OK);
    return err->code == STATUS_IO_FAILED &&
           str_find(str_from_c(err->message),
                    str_from_c(strerror_r(error_number, text, sizeof(text)))) != SIZE_MAX;
}

bool files_again(const struct error *err, unsigned *attempt)
{
    CHECK(*attempt >= 1);
    if (file_error_tells(err, EINTR))
        return (*attempt)++ < FILES_ATTEMPTS;
    return (file_error_tells(err, ENOSPC) || file_error_tells(err, EAGAIN)) && file_wait(attempt);
}
