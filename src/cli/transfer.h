/* transfer.h — files into tables and back.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_TRANSFER_H
#define CLI_TRANSFER_H

#include "cli/cli.h"
#include "cli/rows_in.h"

/* `format` (csv, json, jsonl) may be NULL: the end of the path says it; "-" is standard input or
 * output. CLI_OK, or the code after a message on standard error. `source`: a table or a SELECT. */
enum cli_exit transfer_import(struct cli *cli, const char *path, const char *table,
                              const char *format);
enum cli_exit transfer_export(struct cli *cli, const char *source, const char *path,
                              const char *format);

#endif
