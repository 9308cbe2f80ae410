/* bench_client.c — what libkalam and the prompt's completion add. Prints JSON lines.
 *
 *     bench_client PORT SECONDS
 *
 * "query": one statement again and again through kalam_query, and the same request through bare
 * libcurl on a connection that is kept open; microseconds, median. "each": rows per second of
 * kalam_query_each. "complete": TAB with 1,000 tables of 10 columns, names known already, and the
 * first one that asks.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/complete.h"
#include "kalam/kalam.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MAX = 1 << 20 };

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Median time of a call, in microseconds. */
static double measure(bool (*call)(void *), void *context, double seconds)
{
    double *samples = malloc(SAMPLES_MAX * sizeof *samples), end = now_us() + seconds * 1e6, median;
    size_t count = 0;

    while (count < SAMPLES_MAX && now_us() < end) {
        double start = now_us();
        if (!call(context)) {
            fprintf(stderr, "a call failed\n");
            exit(1);
        }
        samples[count++] = now_us() - start;
    }
    qsort(samples, count, sizeof *samples, compare);
    median = samples[count / 2];
    free(samples);
    return median;
}

static bool call_kalam(void *context)
{
    kalam_results *results = NULL;
    kalam_status status = kalam_query(context, "SELECT 1", &results, NULL);
    bool ok = status == KALAM_OK && kalam_text(results, 0, 0, 0) != NULL;

    kalam_results_free(results);
    return ok;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    *(size_t *)context += size * count;
    return size * count;
}

static bool call_curl(void *context)
{
    return curl_easy_perform(context) == CURLE_OK;
}

static double measure_curl(const char *url, double seconds)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    size_t bytes = 0;
    double median;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "{\"sql\":\"SELECT 1\"}");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    median = measure(call_curl, curl, seconds);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return median;
}

static bool count_rows(void *context, const kalam_results *batch, size_t statement, bool last)
{
    (void)statement, (void)last;
    *(size_t *)context += kalam_row_count(batch, 0);
    return true;
}

struct tab {
    struct names *names;
    kalam_client *client;
};

static bool call_complete(void *context)
{
    static const char line[] = "SELECT * FROM tab.t500 WHERE c";
    struct tab *tab = context;
    struct completion found;
    bool ok;

    complete_line(tab->names, tab->client, str_from_c(line), &found);
    ok = found.count > 0;
    completion_clear(&found);
    return ok;
}

int main(int argc, char **argv)
{
    char base[64], url[128];
    struct kalam_options options = {.url = base};
    double seconds = argc > 2 ? atof(argv[2]) : 1, start, first;
    kalam_client *client = NULL;
    size_t rows = 0;

    snprintf(base, sizeof base, "http://localhost:%s", argc > 1 ? argv[1] : "8080");
    snprintf(url, sizeof url, "%s/v1/api/sql", base);
    if (kalam_client_new(&options, &client, NULL) != KALAM_OK)
        return 1;
    printf("{\"query_us\":%.1f,", measure(call_kalam, client, seconds));
    printf("\"curl_us\":%.1f,", measure_curl(url, seconds));
    start = now_us();
    if (kalam_query_each(client,
                         "SELECT generate_series AS id, 'some text of a row' AS t FROM "
                         "generate_series(1, 200000)",
                         NULL, 0, 0, count_rows, &rows, NULL) != KALAM_OK)
        return 1;
    printf("\"each_rows_s\":%.0f,", (double)rows / (now_us() - start) * 1e6);
    struct tab tab = {.names = names_new(), .client = client};
    start = now_us();
    if (!call_complete(&tab))
        return 1;
    first = now_us() - start;
    printf("\"complete_first_us\":%.0f,\"complete_us\":%.1f}\n", first,
           measure(call_complete, &tab, seconds));
    names_free(tab.names);
    kalam_client_free(client);
    return 0;
}
