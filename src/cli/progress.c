/* progress.c — see progress.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/progress.h"

#include "base/check.h"
#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { PROGRESS_MS = 100, BAR_CELLS = 30 };

void progress_start(struct progress *progress, bool draw)
{
    CHECK(progress != NULL);
    *progress =
        (struct progress){.draw = draw && isatty(STDERR_FILENO), .start_ms = clock_monotonic_ms()};
    progress->next_ms = progress->start_ms + 2 * PROGRESS_MS;
}

double progress_rate(const struct progress *progress, uint64_t rows)
{
    int64_t ms = clock_monotonic_ms() - progress->start_ms;

    CHECK(progress->start_ms > 0);
    return (double)rows * 1000 / (double)(ms > 0 ? ms : 1);
}

void progress_show(struct progress *progress, uint64_t rows, uint64_t done, uint64_t size)
{
    int64_t now = clock_monotonic_ms();
    char bar[BAR_CELLS + 1];

    CHECK(progress);
    if (!progress->draw || now < progress->next_ms)
        return;
    progress->next_ms = now + PROGRESS_MS;
    progress->drawn = true;
    fprintf(stderr, "\r\033[K");
    if (size > 0) {
        uint64_t filled = done >= size ? BAR_CELLS : done * BAR_CELLS / size;
        for (size_t i = 0; i < BAR_CELLS; i++)
            bar[i] = i < filled ? '#' : '.';
        bar[BAR_CELLS] = 0;
        fprintf(stderr, "[%s] %3d%% ", bar, (int)(done >= size ? 100 : done * 100 / size));
    }
    fprintf(stderr, "%llu rows, %.0f rows/s", (unsigned long long)rows,
            progress_rate(progress, rows));
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    CHECK(progress);
    if (progress->drawn)
        fprintf(stderr, "\r\033[K");
}
