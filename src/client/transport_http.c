/* transport_http.c — HTTP by libcurl: one easy handle per client keeps its connection alive.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "client/client_internal.h"

#include <curl/curl.h>

struct http {
    CURL *curl;
};

static void http_start_curl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct http *http_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http *http;
    CURL *curl;

    pthread_once(&once, http_start_curl);
    curl = curl_easy_init();
    http = curl ? mem_try_alloc(sizeof *http) : NULL;
    if (!http) {
        curl_easy_cleanup(curl);
        return NULL;
    }
    http->curl = curl;
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    mem_free(http);
}

static size_t http_take(char *data, size_t size, size_t count, void *context)
{
    CHECK(context);
    buf_append(context, data, size * count);
    return size * count;
}

static int http_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                         curl_off_t up)
{
    const atomic_bool *cancelled = context;

    (void)down_total, (void)down, (void)up_total, (void)up;
    return cancelled && atomic_load(cancelled);
}

/* "a: b\nc: d" as curl's list. */
static struct curl_slist *http_headers(const char *lines)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char line[8192];

    while (lines && *lines) {
        size_t size = strcspn(lines, "\n");
        if (size > 0 && size < sizeof line) {
            memcpy(line, lines, size);
            line[size] = 0;
            list = curl_slist_append(list, line);
        }
        lines += size + (lines[size] == '\n');
    }
    return list;
}

static void http_set_up(CURL *curl, const struct http_request *request, struct curl_slist *headers,
                        struct buf *answer)
{
    CHECK(request->url && request->method);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, http_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)request->cancelled);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.size ? request->body.data : "");
    }
}

kalam_status http_perform(struct http *http, const struct http_request *request, int *http_status,
                          struct buf *answer, bool *sent, kalam_error *error)
{
    struct curl_slist *headers = http_headers(request->headers);
    long status = 0, uploaded = 0;
    CURLcode code;

    CHECK(http && http_status && answer && sent);
    buf_reset(answer);
    http_set_up(http->curl, request, headers, answer);
    code = curl_easy_perform(http->curl);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->curl, CURLINFO_REQUEST_SIZE, &uploaded);
    curl_slist_free_all(headers);
    *http_status = (int)status;
    *sent = uploaded > 0;
    if (code == CURLE_OK)
        return KALAM_OK;
    if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK)
        return client_fail(error, KALAM_TIMEOUT, "%s",
                           code == CURLE_OPERATION_TIMEDOUT ? "the server did not answer in time"
                                                            : "cancelled");
    return client_fail(error, KALAM_CONNECTION, "cannot reach %s: %s", request->url,
                       curl_easy_strerror(code));
}
