/* wire_internal.h — reading and writing message fields; for the files of wire/ only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_WIRE_INTERNAL_H
#define WIRE_WIRE_INTERNAL_H

#include "base/buf.h"
#include "base/error.h"
#include "wire/json_parse.h"
#include "wire/json_writer.h"
#include "wire/messages.h"

/* By name among the types first … last. */
bool wire_type_find(struct str name, enum wire_type first, enum wire_type last,
                    enum wire_type *out);
void wire_write_type(struct buf *out, enum wire_type type);

/* INVALID_INPUT naming the field. */
enum status wire_wrong_field(struct error *err, const char *field, const char *expected);
enum status wire_missing_field(struct error *err, const char *field);
/* need: absent is an error; may: absent or null gives empty, false, 0. */
enum status wire_need_string(const struct json *json, const char *field, struct str *out,
                             struct error *err) MUST_CHECK;
enum status wire_may_string(const struct json *json, const char *field, struct str *out,
                            struct error *err) MUST_CHECK;
enum status wire_may_integer(const struct json *json, const char *field, bool *has, int64_t *out,
                             struct error *err) MUST_CHECK;

enum status wire_protocol_read(const struct json *json, struct wire_protocol *out,
                               struct error *err) MUST_CHECK;
void wire_protocol_write(struct buf *out, struct wire_protocol protocol);

#endif
