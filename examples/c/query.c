/* query.c — create a table, insert with parameters, read: the first program with libkalam.
 *
 *     cc query.c $(pkg-config --cflags --libs kalam) -o query && ./query http://localhost:8080 lena
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <kalam/kalam.h>

#include <stdio.h>

static int fail(const kalam_error *error)
{
    fprintf(stderr, "%s error %s: %s\n", kalam_status_name(error->status), error->code,
            error->message);
    return 1;
}

static int insert(kalam_client *client, int64_t id, const char *title)
{
    kalam_param params[2] = {};
    kalam_results *results = NULL;
    kalam_error error;

    params[0].type = KALAM_INTEGER;
    params[0].integer = id;
    params[1].type = KALAM_TEXT;
    params[1].text = title;
    if (kalam_query_params(client, "INSERT INTO examples.items (id, title) VALUES ($1, $2)", params,
                           2, &results, &error) != KALAM_OK)
        return fail(&error);
    printf("%s\n", kalam_message(results, 0));
    kalam_results_free(results);
    return 0;
}

static int show(kalam_client *client)
{
    kalam_results *results = NULL;
    kalam_error error;

    if (kalam_query(client, "SELECT id, title FROM examples.items ORDER BY id", &results, &error) !=
        KALAM_OK)
        return fail(&error);
    for (size_t row = 0; row < kalam_row_count(results, 0); row++) {
        int64_t id = 0;
        kalam_int64(results, 0, row, 0, &id);
        printf("%lld %s\n", (long long)id, kalam_text(results, 0, row, 1));
    }
    kalam_results_free(results);
    return 0;
}

int main(int argc, char **argv)
{
    struct kalam_options options = {};
    kalam_client *client = NULL;
    kalam_results *results = NULL;
    kalam_error error;
    int code;

    options.url = argc > 1 ? argv[1] : "http://localhost:8080";
    options.user = argc > 2 ? argv[2] : "lena"; /* a server in development mode; else a password */
    if (kalam_client_new(&options, &client, &error) != KALAM_OK)
        return fail(&error);
    if (kalam_batch(client,
                    "CREATE NAMESPACE IF NOT EXISTS examples;"
                    "CREATE USER TABLE IF NOT EXISTS examples.items"
                    " (id BIGINT PRIMARY KEY, title TEXT)",
                    &results, &error) != KALAM_OK)
        code = fail(&error);
    else
        code = insert(client, 1, "Tea") || insert(client, 2, "Milk") || show(client);
    kalam_results_free(results);
    kalam_client_free(client);
    return code;
}
