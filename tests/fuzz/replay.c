/* replay.c — runs every file of the folders that are named through the target. Usage: replay
 * FOLDER…
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    static uint8_t buffer[1 << 20];

    if (file == NULL)
        return 0;
    size_t size = fread(buffer, 1, sizeof(buffer), file);
    (void)fclose(file);
    uint8_t *exact = malloc(size + 1); /* so that a read behind the end is seen */
    uint8_t *moved = exact + 1;
    memcpy(moved, buffer, size);
    (void)LLVMFuzzerTestOneInput(moved, size);
    free(exact);
    return 1;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;
        char path[4096];
        while (folder != NULL && (entry = readdir(folder)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            files += replay_file(path);
        }
        if (folder != NULL)
            (void)closedir(folder);
    }
    printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;
}
