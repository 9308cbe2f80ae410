/* files_s3_internal.h — what the files_s3*.c files share: requests (files_s3_http.c) and their
 * texts (files_s3_text.c). Private to them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_S3_FILES_S3_INTERNAL_H
#define STORAGE_S3_FILES_S3_INTERNAL_H

#include "storage/files_internal.h"
#include "storage/files_s3.h"

enum {
    S3_PART_BYTES = 8 << 20, /* larger files go up in parts of this size */
    S3_PARTS_MAX = 10000,    /* limits of S3 */
    S3_KEY_BYTES_MAX = 1024,
    S3_CONNECT_SECONDS = 5,
    S3_STALL_SECONDS = 10,         /* without a byte */
    S3_ANSWER_BYTES_MAX = 8 << 20, /* listings and error texts */
};

/* ---- texts: files_s3_text.c -------------------------------------------------------------------
 */

/* Percent-encodes everything but A–Z a–z 0–9 - . _ ~, and '/' if it is kept. */
void s3_encode(struct str text, bool keep_slash, struct buf *out);
struct s3_param {
    const char *name;
    struct str value;
};
/* `a=1&b=` in the order of SigV4: by name; a parameter without value keeps its `=`. */
void s3_query(const struct s3_param *params, size_t count, struct buf *out);
/* The text of the first <tag> in `xml` from *at on, entities decoded; *at behind it. False: none.
 */
bool s3_xml_next(struct str xml, const char *tag, size_t *at, struct buf *out);
/* The part between <tag> and </tag>, undecoded. */
bool s3_xml_block(struct str xml, const char *tag, size_t *at, struct str *out);
void s3_xml_escape(struct str text, struct buf *out);
/* Lower-case hex of the SHA-256. */
void s3_sha256(struct str bytes, char out[65]);

/* ---- requests: files_s3_http.c ----------------------------------------------------------------
 */

struct s3_client; /* endpoint, keys, idle connections */
enum status s3_client_open(const struct files_s3_options *options, struct s3_client **out,
                           struct error *err) MUST_CHECK;
void s3_client_close(struct s3_client *client);
struct str s3_client_prefix(
    const struct s3_client *client); /* of all keys; empty or ends with '/' */

struct s3_request {
    const char *method;
    struct str key; /* below the prefix; empty = the bucket */
    bool bucket;    /* the bucket itself: `key` is not used */
    const struct s3_param *params;
    size_t param_count;
    struct str body;
    const char *content_type; /* with a body; NULL = application/octet-stream */
    bool has_range;
    uint64_t range_first, range_last;
    int sink; /* a descriptor to write the answer to, at its position; -1 = `answer` */
    /* filled */
    struct buf answer;
    struct buf etag;
    uint64_t size; /* content length */
    uint64_t sunk; /* bytes written to `sink`; goes on from there after a broken connection */
};
void s3_request_init(struct s3_request *request, const char *method, struct str key);
void s3_request_clear(struct s3_request *request);
/* With all its attempts. ABSENT for 404; IO_FAILED. */
enum status s3_request_run(struct s3_client *client, struct s3_request *request,
                           struct error *err) MUST_CHECK;

#endif
