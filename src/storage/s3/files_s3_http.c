/* files_s3_http.c — one S3 request with its attempts, over libcurl.
 *
 * libcurl signs (CURLOPT_AWS_SIGV4). What 7.88 needs for that: `x-amz-content-sha256` given by us,
 * a canonical URL (files_s3_text.c), no header without value and none whose name is the beginning
 * of another's.
 *
 * Easy handles keep their connection; idle ones wait in a list. After a request has failed for good
 * the bucket counts as out for a moment, in which requests get one attempt instead of five: a
 * statement that needs a hundred files fails at once, not after a hundred times five attempts. A
 * bucket that took a request and did not answer would cost every attempt the whole time-out: it is
 * asked by one request at a time (the probe), once per moment, until one has an answer; all others
 * fail without asking.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/s3/files_s3_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { S3_IDLE_MAX = 16, S3_OUT_MS = 2000, S3_SILENT_MS = 10000, S3_REGION_MAX = 64 };

struct s3_client {
    char *url; /* scheme, host and, with path style, bucket; no slash at the end */
    struct buf prefix;
    char *access_key, *secret_key, *session_token;
    char signature[S3_REGION_MAX + 16]; /* aws:amz:region:s3 */
    pthread_mutex_t mutex;              /* guards the idle handles */
    CURL *idle[S3_IDLE_MAX];
    size_t idle_count;
    long stall_seconds;
    _Atomic int64_t out_until_ms; /* monotonic */
    atomic_bool silent;           /* the last request had no answer within the time-out */
    atomic_bool probing;          /* a request finds out whether it still is */
};

static _Atomic uint64_t s3_requests, s3_retries, s3_errors, s3_bytes_sent, s3_bytes_received;

void files_s3_stats(struct files_s3_stats *out)
{
    CHECK(out != NULL);
    out->requests = s3_requests;
    out->retries = s3_retries;
    out->errors = s3_errors;
    out->bytes_sent = s3_bytes_sent;
    out->bytes_received = s3_bytes_received;
}

/* ---- the client ------------------------------------------------------------------------------ */

static void s3_start_curl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

/* https://bucket.host or https://host/bucket */
static char *s3_client_url(const struct files_s3_options *options, struct str bucket,
                           const char *region)
{
    struct str endpoint = str_from_c(options->endpoint);
    struct buf out;
    size_t size;

    CHECK(bucket.size > 0);
    buf_init(&out);
    if (endpoint.size == 0) {
        buf_append_str(&out, STR_LIT("https://"));
        if (!options->path_style)
            buf_printf(&out, "%.*s.", STR_ARG(bucket));
        buf_printf(&out, "s3.%s.amazonaws.com", region);
    } else {
        size_t host = str_find(endpoint, STR_LIT("://"));
        host = host == SIZE_MAX ? 0 : host + 3;
        buf_append(&out, endpoint.data, host);
        if (!options->path_style)
            buf_printf(&out, "%.*s.", STR_ARG(bucket));
        buf_append(&out, endpoint.data + host, endpoint.size - host);
    }
    while (out.size > 0 && out.data[out.size - 1] == '/')
        out.size--;
    if (options->path_style)
        buf_printf(&out, "/%.*s", STR_ARG(bucket));
    buf_append_byte(&out, 0);
    return buf_take(&out, &size);
}

static enum status s3_client_check(const struct files_s3_options *options, struct error *err)
{
    CHECK(options->cache != NULL);
    if (strncmp(options->root, "s3://", 5) != 0 || options->root[5] == '\0' ||
        options->root[5] == '/')
        return error_set(err, STATUS_INVALID_INPUT, "an s3 root is s3://bucket/prefix");
    if (strlen(options->region) > S3_REGION_MAX)
        return error_set(err, STATUS_INVALID_INPUT, "the region is too long");
    if (options->access_key[0] == '\0' || options->secret_key[0] == '\0')
        return error_set(err, STATUS_IO_FAILED,
                         "no credentials: neither the storage nor the environment (AWS_…) has any");
    return STATUS_OK;
}

enum status s3_client_open(const struct files_s3_options *options, struct s3_client **out,
                           struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    enum status status = s3_client_check(options, err);

    *out = NULL;
    if (status != STATUS_OK)
        return status;
    pthread_once(&once, s3_start_curl);
    struct s3_client *client = mem_zalloc(sizeof(*client));
    const char *region = options->region[0] != '\0' ? options->region : "us-east-1";
    struct str rest = str_from_c(options->root + 5);
    size_t slash = str_find(rest, STR_LIT("/"));
    struct str bucket = str_from(rest.data, slash == SIZE_MAX ? rest.size : slash);
    client->url = s3_client_url(options, bucket, region);
    buf_init(&client->prefix);
    if (bucket.size + 1 < rest.size) {
        buf_append(&client->prefix, rest.data + bucket.size + 1, rest.size - bucket.size - 1);
        if (client->prefix.data[client->prefix.size - 1] != '/')
            buf_append_byte(&client->prefix, '/');
    }
    client->access_key = mem_strdup(str_from_c(options->access_key));
    client->secret_key = mem_strdup(str_from_c(options->secret_key));
    client->session_token = mem_strdup(str_from_c(options->session_token));
    client->stall_seconds =
        options->stall_seconds > 0 ? (long)options->stall_seconds : S3_STALL_SECONDS;
    (void)snprintf(client->signature, sizeof(client->signature), "aws:amz:%s:s3", region);
    CHECK(pthread_mutex_init(&client->mutex, NULL) == 0);
    *out = client;
    return STATUS_OK;
}

static void s3_free_secret(char *secret)
{
    CHECK(secret != NULL);
    explicit_bzero(secret, strlen(secret));
    mem_free(secret);
}

void s3_client_close(struct s3_client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < client->idle_count; i++)
        curl_easy_cleanup(client->idle[i]);
    (void)pthread_mutex_destroy(&client->mutex);
    s3_free_secret(client->access_key);
    s3_free_secret(client->secret_key);
    s3_free_secret(client->session_token);
    buf_clear(&client->prefix);
    mem_free(client->url);
    mem_free(client);
}

struct str s3_client_prefix(const struct s3_client *client)
{
    CHECK(client != NULL);
    return buf_str(&client->prefix);
}

static CURL *s3_take_handle(struct s3_client *client)
{
    CURL *handle = NULL;

    pthread_mutex_lock(&client->mutex);
    CHECK(client->idle_count <= S3_IDLE_MAX);
    if (client->idle_count > 0)
        handle = client->idle[--client->idle_count];
    pthread_mutex_unlock(&client->mutex);
    if (handle == NULL)
        handle = curl_easy_init();
    CHECK(handle != NULL);
    return handle;
}

static void s3_give_handle(struct s3_client *client, CURL *handle)
{
    curl_easy_reset(handle); /* the connection stays */
    pthread_mutex_lock(&client->mutex);
    CHECK(client->idle_count <= S3_IDLE_MAX);
    if (client->idle_count < S3_IDLE_MAX) {
        client->idle[client->idle_count++] = handle;
        handle = NULL;
    }
    pthread_mutex_unlock(&client->mutex);
    if (handle != NULL)
        curl_easy_cleanup(handle);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

struct s3_attempt {
    struct s3_client *client;
    struct s3_request *request;
    CURL *handle;
    struct curl_slist *headers;
    struct buf url;
    int sink_error; /* errno of a write that failed */
    bool resumes;   /* asked for the rest only */
    bool answered;  /* the head of the answer came to its end */
    bool too_long;
    long code;
};

void s3_request_init(struct s3_request *request, const char *method, struct str key)
{
    *request = (struct s3_request){.method = method, .key = key, .sink = -1};
    CHECK(method != NULL);
    buf_init(&request->answer);
    buf_init(&request->etag);
}

void s3_request_clear(struct s3_request *request)
{
    CHECK(request->method != NULL);
    buf_clear(&request->answer);
    buf_clear(&request->etag);
}

static bool s3_write_all(int fd, const char *data, size_t size, int *error)
{
    CHECK(fd >= 0);
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            *error = put < 0 ? errno : EIO;
            return false;
        }
        data += put;
        size -= (size_t)put;
    }
    return true;
}

/* The server sends the whole file although the rest was asked for. */
static bool s3_sink_restart(struct s3_attempt *attempt)
{
    CHECK(attempt->request->sink >= 0);
    attempt->resumes = false;
    attempt->request->sunk = 0;
    if (ftruncate(attempt->request->sink, 0) == 0 &&
        lseek(attempt->request->sink, 0, SEEK_SET) == 0)
        return true;
    attempt->sink_error = errno;
    return false;
}

static size_t s3_on_data(char *data, size_t one, size_t count, void *context)
{
    struct s3_attempt *attempt = context;
    struct s3_request *request = attempt->request;
    size_t size = one * count;
    long code = 0;

    (void)curl_easy_getinfo(attempt->handle, CURLINFO_RESPONSE_CODE, &code);
    s3_bytes_received += size;
    if (request->sink >= 0 && (code == 200 || code == 206)) {
        if (code == 200 && attempt->resumes && !s3_sink_restart(attempt))
            return 0;
        if (!s3_write_all(request->sink, data, size, &attempt->sink_error))
            return 0;
        request->sunk += size;
        return size;
    }
    CHECK(request->answer.size <= S3_ANSWER_BYTES_MAX);
    if (size > S3_ANSWER_BYTES_MAX - request->answer.size) {
        attempt->too_long = true;
        return 0;
    }
    buf_append(&request->answer, data, size);
    return size;
}

static size_t s3_on_header(char *data, size_t one, size_t count, void *context)
{
    struct s3_attempt *attempt = context;
    struct str line = str_from(data, one * count);
    const struct str name = STR_LIT("etag:");

    CHECK(attempt->request != NULL);
    if (str_starts_with(line, STR_LIT("HTTP/"))) /* again behind 100 Continue */
        attempt->answered = false;
    if (str_equal(line, STR_LIT("\r\n")))
        attempt->answered = true;
    if (line.size > name.size && str_equal_nocase(str_from(line.data, name.size), name)) {
        buf_reset(&attempt->request->etag);
        buf_append_str(&attempt->request->etag,
                       str_trim(str_from(line.data + name.size, line.size - name.size)));
    }
    return one * count;
}

static void s3_add_header(struct s3_attempt *attempt, const char *name, const char *value)
{
    struct buf line;

    CHECK(value[0] != '\0'); /* libcurl would sign it wrongly */
    buf_init(&line);
    buf_printf(&line, "%s: %s", name, value);
    buf_append_byte(&line, 0);
    attempt->headers = curl_slist_append(attempt->headers, line.data);
    buf_clear(&line);
}

static void s3_attempt_url(struct s3_attempt *attempt)
{
    const struct s3_request *request = attempt->request;
    struct buf *url = &attempt->url;

    CHECK(attempt->client->url != NULL);
    buf_append_str(url, str_from_c(attempt->client->url));
    buf_append_byte(url, '/');
    if (!request->bucket) {
        s3_encode(buf_str(&attempt->client->prefix), true, url);
        s3_encode(request->key, true, url);
    }
    if (request->param_count > 0) {
        buf_append_byte(url, '?');
        s3_query(request->params, request->param_count, url);
    }
    buf_append_byte(url, 0);
}

static void s3_attempt_headers(struct s3_attempt *attempt)
{
    const struct s3_request *request = attempt->request;
    char hash[65], range[64];

    CHECK(attempt->headers == NULL);
    s3_sha256(request->body, hash);
    s3_add_header(attempt, "x-amz-content-sha256", hash);
    if (attempt->client->session_token[0] != '\0')
        s3_add_header(attempt, "x-amz-security-token", attempt->client->session_token);
    if (request->body.size > 0)
        s3_add_header(attempt, "Content-Type",
                      request->content_type != NULL ? request->content_type
                                                    : "application/octet-stream");
    uint64_t first = request->range_first + request->sunk;
    if (request->has_range || request->sunk > 0) {
        if (request->has_range)
            (void)snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)first,
                           (unsigned long long)request->range_last);
        else
            (void)snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)first);
        s3_add_header(attempt, "Range", range);
    }
}

static void s3_attempt_body(struct s3_attempt *attempt)
{
    const struct s3_request *request = attempt->request;
    CURL *handle = attempt->handle;

    CHECK(handle != NULL);
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->body.size > 0 || strcmp(request->method, "POST") == 0 ||
        strcmp(request->method, "PUT") == 0) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS,
                         request->body.size > 0 ? request->body.data : "");
    }
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
}

/* At least once a second, whatever the server does. */
static int s3_on_progress(void *context, curl_off_t down_total, curl_off_t down,
                          curl_off_t up_total, curl_off_t up)
{
    CHECK(context != NULL);
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return files_is_cancelled();
}

static void s3_attempt_options(struct s3_attempt *attempt)
{
    CURL *handle = attempt->handle;

    CHECK(attempt->url.size > 0);
    curl_easy_setopt(handle, CURLOPT_URL, attempt->url.data);
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_AWS_SIGV4, attempt->client->signature);
    curl_easy_setopt(handle, CURLOPT_USERNAME, attempt->client->access_key);
    curl_easy_setopt(handle, CURLOPT_PASSWORD, attempt->client->secret_key);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, attempt->headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, s3_on_data);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, attempt);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, s3_on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, attempt);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, s3_on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, attempt);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)S3_CONNECT_SECONDS);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, attempt->client->stall_seconds);
    curl_easy_setopt(handle, CURLOPT_EXPECT_100_TIMEOUT_MS, 200L);
}

/* What went wrong in words, with S3's code; never its message, which repeats the request. */
static enum status s3_refused(const struct s3_attempt *attempt, struct error *err)
{
    struct buf code;
    size_t at = 0;

    CHECK(attempt->code > 0);
    buf_init(&code);
    bool named = s3_xml_next(buf_str(&attempt->request->answer), "Code", &at, &code) &&
                 code.size > 0 && code.size <= 64;
    for (size_t i = 0; i < code.size && named; i++)
        named = (code.data[i] >= 'A' && code.data[i] <= 'Z') ||
                (code.data[i] >= 'a' && code.data[i] <= 'z');
    if (named)
        (void)error_set(err, STATUS_IO_FAILED, "HTTP %ld %.*s", attempt->code,
                        STR_ARG(buf_str(&code)));
    else
        (void)error_set(err, STATUS_IO_FAILED, "HTTP %ld", attempt->code);
    buf_clear(&code);
    return STATUS_IO_FAILED;
}

static enum status s3_attempt_result(struct s3_attempt *attempt, CURLcode result, bool *again,
                                     struct error *err)
{
    struct s3_request *request = attempt->request;
    curl_off_t size = 0;
    char text[128];

    *again = false;
    if (attempt->sink_error != 0)
        return error_set(err, STATUS_IO_FAILED, "write: %s",
                         strerror_r(attempt->sink_error, text, sizeof(text)));
    if (attempt->too_long)
        return error_set(err, STATUS_IO_FAILED, "the answer is too long");
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (result != CURLE_OK) {
        *again = result != CURLE_URL_MALFORMAT && result != CURLE_UNSUPPORTED_PROTOCOL &&
                 result != CURLE_PEER_FAILED_VERIFICATION;
        return error_set(err, STATUS_IO_FAILED, "%s", curl_easy_strerror(result));
    }
    if (!attempt->answered) { /* libcurl is content with a status line */
        *again = true;
        return error_set(err, STATUS_IO_FAILED, "the answer was cut off");
    }
    (void)curl_easy_getinfo(attempt->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
    request->size = size > 0 ? (uint64_t)size : 0;
    CHECK(attempt->code > 0);
    if (attempt->code >= 200 && attempt->code < 300)
        return STATUS_OK;
    if (attempt->code == 404)
        return error_set(err, STATUS_ABSENT, "no such file");
    *again = attempt->code == 429 || attempt->code >= 500;
    return s3_refused(attempt, err);
}

static enum status s3_attempt_run(struct s3_client *client, struct s3_request *request, bool *again,
                                  bool *silent, struct error *err)
{
    struct s3_attempt attempt = {
        .client = client, .request = request, .resumes = request->sunk > 0};

    buf_reset(&request->answer);
    buf_init(&attempt.url);
    attempt.handle = s3_take_handle(client);
    s3_attempt_url(&attempt);
    s3_attempt_headers(&attempt);
    s3_attempt_options(&attempt);
    s3_attempt_body(&attempt);
    CURLcode result = curl_easy_perform(attempt.handle);
    (void)curl_easy_getinfo(attempt.handle, CURLINFO_RESPONSE_CODE, &attempt.code);
    s3_requests++;
    s3_bytes_sent += request->body.size;
    enum status status = s3_attempt_result(&attempt, result, again, err);
    *silent = *again && result == CURLE_OPERATION_TIMEDOUT;
    s3_give_handle(client, attempt.handle);
    curl_slist_free_all(attempt.headers);
    buf_clear(&attempt.url);
    CHECK(!*again || status != STATUS_OK);
    return status;
}

/* ---- all attempts ---------------------------------------------------------------------------- */

/* May the request ask? `*probe`: as the one that does while the bucket is silent. */
static bool s3_may_ask(struct s3_client *client, bool *probe)
{
    *probe = atomic_load(&client->silent);
    if (!*probe)
        return true;
    CHECK(client->stall_seconds > 0);
    return clock_monotonic_ms() >= client->out_until_ms && !atomic_exchange(&client->probing, true);
}

/* What the outcome of a request tells of the bucket; that of a cancelled one tells nothing. */
static void s3_note(struct s3_client *client, enum status status, bool again, bool silent)
{
    CHECK(!silent || status != STATUS_OK);
    if (status != STATUS_CANCELLED) {
        int64_t out_ms = silent ? S3_SILENT_MS : S3_OUT_MS;
        client->out_until_ms = again ? clock_monotonic_ms() + out_ms : 0;
        atomic_store(&client->silent, silent);
    }
    if (status != STATUS_OK && status != STATUS_ABSENT && status != STATUS_CANCELLED)
        s3_errors++;
}

static enum status s3_attempts(struct s3_client *client, struct s3_request *request,
                               unsigned attempts, bool *again, bool *silent, struct error *err)
{
    enum status status;

    CHECK(attempts > 0);
    for (unsigned attempt = 1;; attempt++) {
        error_clear(err);
        *silent = false;
        if (files_is_cancelled())
            return error_set(err, STATUS_CANCELLED, "cancelled");
        status = s3_attempt_run(client, request, again, silent, err);
        if (!*again || attempt == attempts)
            return status;
        s3_retries++;
        files_pause(attempt + 1);
    }
}

enum status s3_request_run(struct s3_client *client, struct s3_request *request, struct error *err)
{
    bool out = clock_monotonic_ms() < client->out_until_ms, probe = false;
    bool again = false, silent = false;
    struct error local;

    CHECK(request->method != NULL);
    if (files_is_cancelled())
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (!s3_may_ask(client, &probe))
        return error_set(err, STATUS_IO_FAILED, "s3 %s: the storage does not answer",
                         request->method);
    enum status status =
        s3_attempts(client, request, out || probe ? 1 : FILES_ATTEMPTS, &again, &silent, &local);
    s3_note(client, status, again, silent);
    if (probe)
        atomic_store(&client->probing, false);
    if (status == STATUS_CANCELLED)
        return error_set(err, status, "cancelled");
    if (status != STATUS_OK)
        (void)error_set(err, status, "s3 %s: %s", request->method, local.message);
    return status;
}
