/* transport_http.c — HTTP by libcurl: one easy handle per client keeps its connection alive.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "client/client_internal.h"

#include <curl/curl.h>

struct http {
    CURL *curl;
    struct str unsent; /* of the body of a request that is sent at most once */
    /* of the exchange that runs */
    const struct http_request *request;
    struct buf *answer;
    bool delivered; /* the sink got something */
    bool refused;   /* the sink wanted no more */
};

static CURLcode http_started;

static void http_start_curl(void)
{
    http_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http *http;
    CURL *curl;

    pthread_once(&once, http_start_curl);
    if (http_started != CURLE_OK)
        return NULL;
    curl = curl_easy_init();
    http = curl ? mem_try_alloc(sizeof *http) : NULL;
    if (!http) {
        curl_easy_cleanup(curl);
        return NULL;
    }
    *http = (struct http){.curl = curl};
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    CHECK(http->curl != NULL);
    curl_easy_cleanup(http->curl);
    mem_free(http);
}

static size_t http_take(char *data, size_t size, size_t count, void *context)
{
    struct http *http = context;
    struct str bytes = str_from(data, size * count);
    long status = 0;

    CHECK(http && http->request);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!http->request->sink || status != 200) {
        buf_append_str(http->answer, bytes);
        return http->answer->failed ? 0 : bytes.size;
    }
    http->delivered = true;
    http->refused = !http->request->sink(http->request->sink_context, bytes);
    return http->refused ? 0 : bytes.size;
}

static int http_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                         curl_off_t up)
{
    const atomic_bool *cancelled = context;

    (void)down_total, (void)down, (void)up_total, (void)up;
    return cancelled && atomic_load(cancelled);
}

/* They may hold a password or token. */
static void http_free_headers(struct curl_slist *list)
{
    for (const struct curl_slist *at = list; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

/* "a: b\nc: d" as curl's list; NULL when memory is short. */
static struct curl_slist *http_headers(const char *lines)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"), *longer = list;
    struct buf line;

    buf_init_secret(&line);
    while (lines && *lines) {
        size_t size = strcspn(lines, "\n");
        buf_reset(&line);
        buf_append(&line, lines, size);
        buf_append_byte(&line, 0);
        if (size > 0 && longer)
            longer = line.failed ? NULL : curl_slist_append(list, line.data);
        lines += size + (lines[size] == '\n');
    }
    buf_clear(&line);
    if (!longer)
        http_free_headers(list);
    return longer ? list : NULL;
}

static size_t http_give(char *out, size_t size, size_t count, void *context)
{
    struct str *unsent = context;
    size_t take = size * count < unsent->size ? size * count : unsent->size;

    CHECK(unsent->data || take == 0);
    if (take > 0)
        memcpy(out, unsent->data, take);
    *unsent = str_from(unsent->data + take, unsent->size - take);
    return take;
}

/* libcurl repeats a POST by itself when a kept-alive connection ends before the answer. It cannot
 * when the body comes from a function without a way back: it fails instead. */
static void http_set_body(struct http *http, const struct http_request *request)
{
    CURL *curl = http->curl;

    CHECK(request->body.data || request->body.size == 0);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    if (!request->once) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.size ? request->body.data : "");
        return;
    }
    http->unsent = request->body;
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, http_give);
    curl_easy_setopt(curl, CURLOPT_READDATA, &http->unsent);
}

static void http_set_up(struct http *http, const struct http_request *request,
                        struct curl_slist *headers)
{
    CURL *curl = http->curl;

    CHECK(request->url && request->method);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    if (request->sink) { /* a transfer may take as long as it likes, but not be silent that long */
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(request->timeout_ms + 999) / 1000);
    } else {
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    }
    if (request->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, http_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)request->cancelled);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (strcmp(request->method, "POST") == 0)
        http_set_body(http, request);
}

bool http_has_delivered(const struct http *http)
{
    return http->delivered;
}

kalam_status http_perform(struct http *http, const struct http_request *request, int *http_status,
                          struct buf *answer, bool *sent, kalam_error *error)
{
    struct curl_slist *headers = http_headers(request->headers);
    long status = 0, uploaded = 0;
    CURLcode code;

    CHECK(http && http_status && answer && sent);
    *sent = false;
    if (!headers)
        return client_no_memory(error);
    buf_reset(answer);
    http->request = request;
    http->answer = answer;
    http->refused = http->delivered = false;
    http_set_up(http, request, headers);
    code = curl_easy_perform(http->curl);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->curl, CURLINFO_REQUEST_SIZE, &uploaded);
    http_free_headers(headers);
    *http_status = (int)status;
    *sent = uploaded > 0;
    if (code == CURLE_OK && status >= 300 && status < 400) {
        client_fail(error, KALAM_HTTP, "the server redirects (HTTP %ld); redirects are refused",
                    status);
        if (error)
            error->http_status = (int)status;
        return KALAM_HTTP;
    }
    if (code == CURLE_OK)
        return KALAM_OK;
    if (http->refused)
        return KALAM_CLOSED;
    if (answer->failed || code == CURLE_OUT_OF_MEMORY)
        return client_no_memory(error);
    if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK)
        return client_fail(error, KALAM_TIMEOUT, "%s",
                           code == CURLE_OPERATION_TIMEDOUT ? "the server did not answer in time"
                                                            : "cancelled");
    return client_fail(error, KALAM_CONNECTION, "cannot reach %s: %s", request->url,
                       curl_easy_strerror(code));
}
