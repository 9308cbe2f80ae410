/* multipart.c — see multipart.h. RFC 7578 on RFC 2046:
 *
 *   preamble CRLF --boundary CRLF { header CRLF } CRLF content CRLF --boundary … --boundary--
 * epilogue
 *
 * Strict: lines end with CRLF, headers are few and short, nothing is decoded (no transfer
 * encodings, which browsers do not use either).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/multipart.h"

#include "base/check.h"
#include "base/utf8.h"
#include "value/text.h"
#include "wire/json_writer.h"

#include <string.h>

enum { MULTIPART_BOUNDARY_MAX = 70, MULTIPART_HEADERS_MAX = 8 };
enum { FIELD_SQL, FIELD_PARAMS, FIELD_NAMESPACE, FIELD_COUNT };

static const struct str multipart_fields[FIELD_COUNT] = {
    [FIELD_SQL] = {"sql", 3},
    [FIELD_PARAMS] = {"params", 6},
    [FIELD_NAMESPACE] = {"namespace_id", 12},
};

struct multipart {
    struct str rest;                            /* not looked at yet */
    char delimiter[MULTIPART_BOUNDARY_MAX + 4]; /* CRLF -- boundary */
    size_t delimiter_size;
    struct str fields[FIELD_COUNT]; /* data NULL = did not come */
};

static enum status multipart_bad(struct error *err, const char *what)
{
    CHECK(what != NULL);
    return error_set(err, STATUS_INVALID_INPUT, "malformed multipart body: %s", what);
}

static struct str str_behind(struct str text, size_t size)
{
    CHECK(size <= text.size);
    return str_from(text.data + size, text.size - size);
}

bool multipart_is(struct str content_type)
{
    struct str type = STR_LIT("multipart/form-data");

    CHECK(content_type.size == 0 || content_type.data != NULL);
    if (content_type.size < type.size ||
        !str_equal_nocase(str_from(content_type.data, type.size), type))
        return false;
    struct str rest = str_trim(str_behind(content_type, type.size));
    return rest.size == 0 || rest.data[0] == ';';
}

/* Value of `; name=value` or `; name="value"`, STR data NULL if there is none. The first one
 * counts. Quoted values hold no backslash: what would need one is refused by not being found. */
static struct str multipart_parameter(struct str header, struct str name)
{
    size_t at = str_find(header, STR_LIT(";"));

    CHECK(name.size > 0);
    while (at != SIZE_MAX) {
        struct str item = str_trim(str_behind(header, at + 1));
        if (item.size > name.size && item.data[name.size] == '=' &&
            str_equal_nocase(str_from(item.data, name.size), name)) {
            struct str value = str_behind(item, name.size + 1);
            bool quoted = value.size > 0 && value.data[0] == '"';
            if (quoted)
                value = str_behind(value, 1);
            size_t end = str_find(value, quoted ? STR_LIT("\"") : STR_LIT(";"));
            if (quoted && end == SIZE_MAX)
                return str_from(NULL, 0);
            return end == SIZE_MAX ? str_trim(value) : str_trim(str_from(value.data, end));
        }
        size_t next = str_find(item, STR_LIT(";"));
        header = item;
        at = next;
    }
    return str_from(NULL, 0);
}

static enum status multipart_begin(struct multipart *form, struct str content_type,
                                   struct error *err)
{
    struct str boundary = multipart_parameter(content_type, STR_LIT("boundary"));

    if (boundary.size == 0 || boundary.size > MULTIPART_BOUNDARY_MAX)
        return multipart_bad(err, "Content-Type names no boundary of 1 to 70 characters");
    memcpy(form->delimiter, "\r\n--", 4);
    memcpy(form->delimiter + 4, boundary.data, boundary.size);
    form->delimiter_size = boundary.size + 4;
    CHECK(form->delimiter_size <= sizeof(form->delimiter));
    struct str first = str_from(form->delimiter + 2, form->delimiter_size - 2);
    if (str_starts_with(form->rest, first)) {
        form->rest = str_behind(form->rest, first.size);
        return STATUS_OK;
    }
    size_t at = str_find(form->rest, str_from(form->delimiter, form->delimiter_size));
    if (at == SIZE_MAX)
        return multipart_bad(err, "the boundary does not occur");
    form->rest = str_behind(form->rest, at + form->delimiter_size);
    return STATUS_OK;
}

/* Takes a header line off; the empty one ends them. */
static enum status multipart_line(struct multipart *form, struct str *line, struct error *err)
{
    size_t end = str_find(form->rest, STR_LIT("\r\n"));

    CHECK(line != NULL);
    if (end == SIZE_MAX)
        return multipart_bad(err, "a part without content");
    *line = str_from(form->rest.data, end);
    form->rest = str_behind(form->rest, end + 2);
    return STATUS_OK;
}

/* Reads the headers of a part; which field it is. */
static enum status multipart_headers(struct multipart *form, int *field, struct error *err)
{
    struct str prefix = STR_LIT("content-disposition:"), line, name = str_from(NULL, 0);
    enum status status = STATUS_OK;

    CHECK(field != NULL);
    for (int i = 0;; i++) {
        status = multipart_line(form, &line, err);
        if (status != STATUS_OK || line.size == 0)
            break;
        if (i == MULTIPART_HEADERS_MAX)
            return multipart_bad(err, "too many headers of a part");
        if (line.size < prefix.size || !str_equal_nocase(str_from(line.data, prefix.size), prefix))
            continue;
        name = multipart_parameter(line, STR_LIT("name"));
        if (multipart_parameter(line, STR_LIT("filename")).data != NULL ||
            str_starts_with(name, STR_LIT("file:")))
            return error_set(err, STATUS_NOT_SUPPORTED, "files in a request are not supported");
    }
    if (status != STATUS_OK)
        return status;
    if (name.data == NULL)
        return multipart_bad(err, "a part without a name");
    for (*field = 0; *field < FIELD_COUNT; ++*field)
        if (str_equal(name, multipart_fields[*field]))
            return STATUS_OK;
    return multipart_bad(err, "only sql, params and namespace_id are known");
}

/* One part and the delimiter behind it. */
static enum status multipart_part(struct multipart *form, struct error *err)
{
    struct str delimiter = str_from(form->delimiter, form->delimiter_size);
    int field = 0;
    enum status status = multipart_headers(form, &field, err);

    if (status != STATUS_OK)
        return status;
    size_t end = str_find(form->rest, delimiter);
    if (end == SIZE_MAX)
        return multipart_bad(err, "the last boundary is missing");
    if (form->fields[field].data != NULL)
        return multipart_bad(err, "a field came twice");
    CHECK(field < FIELD_COUNT);
    form->fields[field] = str_from(form->rest.data, end);
    form->rest = str_behind(form->rest, end + delimiter.size);
    if (!utf8_is_valid(form->fields[field]))
        return multipart_bad(err, "a field is not UTF-8");
    return STATUS_OK;
}

/* Behind a delimiter: does another part follow? */
static enum status multipart_next(struct multipart *form, bool *more, struct error *err)
{
    CHECK(more != NULL);
    *more = false;
    if (str_starts_with(form->rest, STR_LIT("--")))
        return STATUS_OK;
    while (form->rest.size > 0 && (form->rest.data[0] == ' ' || form->rest.data[0] == '\t'))
        form->rest = str_behind(form->rest, 1);
    if (!str_starts_with(form->rest, STR_LIT("\r\n")))
        return multipart_bad(err, "characters behind a boundary");
    form->rest = str_behind(form->rest, 2);
    *more = true;
    return STATUS_OK;
}

static enum status multipart_parse(struct multipart *form, struct str content_type,
                                   struct error *err)
{
    bool more = false;
    enum status status = multipart_begin(form, content_type, err);

    CHECK(form->fields[FIELD_SQL].data == NULL);
    if (status == STATUS_OK)
        status = multipart_next(form, &more, err);
    while (status == STATUS_OK && more) { /* one part a field */
        status = multipart_part(form, err);
        if (status == STATUS_OK)
            status = multipart_next(form, &more, err);
    }
    return status;
}

enum status multipart_to_json(struct str content_type, struct str body, struct buf *out,
                              struct error *err)
{
    struct multipart form = {.rest = body};
    enum status status = multipart_parse(&form, content_type, err);
    struct str params = form.fields[FIELD_PARAMS];

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    if (form.fields[FIELD_SQL].data == NULL)
        return error_set(err, STATUS_INVALID_INPUT, "the field sql is missing");
    if (params.size > 0 && !json_is_valid(params))
        return error_set(err, STATUS_INVALID_INPUT, "the field params is not JSON");
    json_object_begin(out);
    json_member_string(out, multipart_fields[FIELD_SQL], form.fields[FIELD_SQL]);
    if (params.size > 0) {
        json_key(out, multipart_fields[FIELD_PARAMS]);
        json_write_raw(out, params);
    }
    if (form.fields[FIELD_NAMESPACE].size > 0)
        json_member_string(out, multipart_fields[FIELD_NAMESPACE], form.fields[FIELD_NAMESPACE]);
    json_object_end(out);
    return STATUS_OK;
}
