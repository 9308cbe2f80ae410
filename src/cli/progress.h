/* progress.h — one line on standard error that tells how far something has come.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool draw, drawn;
    int64_t start_ms, next_ms;
};

/* With `draw` false, or when standard error is no terminal, nothing is shown. */
void progress_start(struct progress *progress, bool draw);
double progress_rate(const struct progress *progress, uint64_t rows); /* rows per second so far */
/* A bar for `done` of `size`, in the same unit (size 0 = unknown, no bar), rows and rows per
 * second; drawn ten times a second at most, first after 200 ms. */
void progress_show(struct progress *progress, uint64_t rows, uint64_t done, uint64_t size);
void progress_end(struct progress *progress); /* wipes it */

#endif
