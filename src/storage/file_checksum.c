/* file_checksum.c — the checksum of a local file, read piece by piece.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

enum { FILE_CHECKSUM_PIECE = 256 << 10 };

enum status file_checksum(const char *path, const char *shown, uint64_t *size, uint64_t *checksum,
                          struct error *err)
{
    FILE *file = fopen(path, "rbe");
    enum status status = STATUS_OK;
    struct hash_stream *stream;
    char *piece;
    size_t got;

    CHECK(path != NULL && shown != NULL);
    *size = 0;
    if (file == NULL)
        return file_error(errno, "open", shown, err);
    piece = mem_alloc(FILE_CHECKSUM_PIECE);
    setvbuf(file, NULL, _IONBF, 0); /* the pieces are large */
    stream = hash_stream_new();
    while ((got = fread(piece, 1, FILE_CHECKSUM_PIECE, file)) > 0) {
        hash_stream_add(stream, str_from(piece, got));
        *size += got;
    }
    if (ferror(file))
        status = file_error(errno, "read", shown, err);
    *checksum = hash_stream_end(stream);
    (void)fclose(file);
    mem_free(piece);
    return status;
}
