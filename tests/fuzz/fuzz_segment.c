/* fuzz_segment.c — the record of a cold file: what is read can be written and read again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "store/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct segment *segment = NULL, *again = NULL;
    struct buf copy;
    struct error err;

    error_clear(&err);
    if (segment_decode(fuzz_text(data, size), &segment, &err) != STATUS_OK) {
        CHECK(err.message[0] != 0);
        return 0;
    }
    buf_init(&copy);
    segment_encode(segment, &copy);
    CHECK(segment_decode(buf_str(&copy), &again, &err) == STATUS_OK);
    CHECK(str_equal(again->path, segment->path) && again->rows == segment->rows);
    segment_unref(segment);
    segment_unref(again);
    buf_clear(&copy);
    return 0;
}
