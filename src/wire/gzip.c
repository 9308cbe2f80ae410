/* gzip.c — the only place that knows libdeflate.
 *
 * A compressor takes some hundred KB, so each thread keeps one. Text is bounded by the size that
 * the gzip trailer states, which libdeflate verifies; a lie is found as damage, not by filling
 * memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/gzip.h"

#include "base/check.h"
#include "base/macros.h"

#include <libdeflate.h>
#include <pthread.h>
#include <string.h>

enum { GZIP_LEVEL = 4, GZIP_TRAILER_BYTES = 8, GZIP_MIN_BYTES = 18 };

static pthread_key_t gzip_key;
static pthread_once_t gzip_once = PTHREAD_ONCE_INIT;

static void gzip_free_compressor(void *compressor)
{
    libdeflate_free_compressor(compressor);
}

static void gzip_make_key(void)
{
    CHECK(pthread_key_create(&gzip_key, gzip_free_compressor) == 0);
}

/* The calling thread's own; NULL when memory is short. */
static struct libdeflate_compressor *gzip_compressor(void)
{
    CHECK(pthread_once(&gzip_once, gzip_make_key) == 0);
    struct libdeflate_compressor *compressor = pthread_getspecific(gzip_key);
    if (compressor == NULL) {
        compressor = libdeflate_alloc_compressor(GZIP_LEVEL);
        if (compressor != NULL && pthread_setspecific(gzip_key, compressor) != 0) {
            libdeflate_free_compressor(compressor);
            compressor = NULL;
        }
    }
    return compressor;
}

bool gzip_is(struct str bytes)
{
    return bytes.size >= 2 && (unsigned char)bytes.data[0] == 0x1f &&
           (unsigned char)bytes.data[1] == 0x8b;
}

bool gzip_compress(struct str text, struct buf *out)
{
    struct libdeflate_compressor *compressor = gzip_compressor();

    CHECK(text.data != NULL || text.size == 0);
    if (compressor == NULL || text.size <= GZIP_MIN_BYTES)
        return false; /* sending it plain is always right */
    /* Room for one byte less than the text: what does not fit is not smaller. */
    char *place = buf_reserve(out, text.size - 1);
    size_t size = libdeflate_gzip_compress(compressor, text.data, text.size, place, text.size - 1);
    CHECK(size < text.size);
    out->size += size;
    return size > 0;
}

static uint32_t gzip_stated_size(struct str bytes)
{
    uint32_t size = 0;

    CHECK(bytes.size >= 4);
    for (size_t i = 4; i > 0; i--) /* little-endian, at the very end */
        size = size << 8 | (unsigned char)bytes.data[bytes.size - 5 + i];
    return size;
}

enum status gzip_decompress(struct str bytes, size_t size_max, struct buf *out, struct error *err)
{
    size_t used = 0, size = 0;

    CHECK(out != NULL);
    if (!gzip_is(bytes) || bytes.size < GZIP_MIN_BYTES)
        return error_set(err, STATUS_CORRUPT, "not a gzip message");
    uint32_t stated = gzip_stated_size(bytes);
    if (stated > size_max)
        return error_set(err, STATUS_PAYLOAD_TOO_LARGE,
                         "compressed message holds more than %zu bytes", size_max);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (decompressor == NULL)
        return error_set(err, STATUS_INTERNAL_ERROR, "out of memory");
    char *place = buf_reserve(out, stated);
    enum libdeflate_result result = libdeflate_gzip_decompress_ex(
        decompressor, bytes.data, bytes.size, place, stated, &used, &size);
    libdeflate_free_decompressor(decompressor);
    if (result != LIBDEFLATE_SUCCESS || used != bytes.size)
        return error_set(err, STATUS_CORRUPT, "damaged gzip message");
    CHECK(size <= stated);
    out->size += size;
    return STATUS_OK;
}
