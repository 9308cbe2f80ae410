/* export.c — a result of any size as CSV, in batches: memory stays that of one batch.
 *
 *     cc export.c $(pkg-config --cflags --libs kalam) -o export
 *     ./export http://localhost:8080 lena 'SELECT * FROM examples.items' >items.csv
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <kalam/kalam.h>

#include <stdio.h>
#include <string.h>

struct output {
    FILE *file;
    bool begun;
};

static bool write_batch(void *context, const kalam_results *batch, size_t statement, bool last)
{
    struct output *out = (struct output *)context;
    char *csv = kalam_to_csv(batch, 0);
    const char *text = csv;

    (void)statement, (void)last;
    if (text && out->begun)
        text = strstr(text, "\r\n") + 2; /* the header once */
    out->begun = true;
    if (text)
        fputs(text, out->file);
    kalam_text_free(csv);
    return text && !ferror(out->file); /* false ends the transfer */
}

int main(int argc, char **argv)
{
    struct kalam_options options = {};
    struct output out = {stdout, false};
    kalam_client *client = NULL;
    kalam_error error;
    kalam_status status;

    if (argc < 4) {
        fprintf(stderr, "usage: export URL USER SELECT\n");
        return 2;
    }
    options.url = argv[1];
    options.user = argv[2];
    status = kalam_client_new(&options, &client, &error);
    if (status == KALAM_OK)
        status = kalam_query_each(client, argv[3], NULL, 0, 1000, write_batch, &out, &error);
    if (status != KALAM_OK)
        fprintf(stderr, "%s error %s: %s\n", kalam_status_name(status), error.code, error.message);
    kalam_client_free(client);
    return status != KALAM_OK;
}
