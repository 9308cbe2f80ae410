/* live.c — follow a table: a row set that the library keeps, printed after every change.
 *
 *     cc live.c $(pkg-config --cflags --libs kalam) -o live && ./live http://localhost:8080 lena
 *
 * A third argument ends it after so many rows are there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <kalam/kalam.h>

#include <stdio.h>
#include <stdlib.h>

static void print_rows(const kalam_live *live)
{
    printf("%zu rows:", kalam_live_count(live));
    for (size_t row = 0; row < kalam_live_count(live); row++) {
        const char *title = kalam_live_get(live, row, "title");
        printf(" %s", title ? title : "NULL");
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct kalam_options options = {};
    kalam_client *client = NULL;
    kalam_live *live = NULL;
    kalam_error error;
    kalam_status status;
    size_t rows_max = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

    options.url = argc > 1 ? argv[1] : "http://localhost:8080";
    options.user = argc > 2 ? argv[2] : "lena";
    status = kalam_client_new(&options, &client, &error);
    if (status == KALAM_OK)
        status = kalam_live_open(client, "SELECT id, title FROM examples.items", NULL, &live, &error);
    while (status == KALAM_OK) {
        status = kalam_live_wait(live, -1, &error);
        if (status == KALAM_OK)
            print_rows(live);
        if (rows_max > 0 && kalam_live_count(live) >= rows_max)
            break;
    }
    if (status != KALAM_OK)
        fprintf(stderr, "%s error %s: %s\n", kalam_status_name(status), error.code, error.message);
    kalam_live_close(live);
    kalam_client_free(client);
    return status != KALAM_OK;
}
