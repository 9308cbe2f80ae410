/* files_s3_text.c — the texts of S3 requests: percent encoding, query, XML in and out. No I/O.
 *
 * libcurl signs the URL as it is given (7.88), so it must be canonical already: encoded segment by
 * segment, parameters sorted by name, `name=` for a parameter without value.
 * XML is read by looking for tags: answers of S3 have no attributes, comments or CDATA where it
 * matters, and an answer that differs finds nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/s3/files_s3_internal.h"

#include "base/check.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { S3_PARAMS_MAX = 8 };

void s3_encode(struct str text, bool keep_slash, struct buf *out)
{
    CHECK(out != NULL);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
        if (plain)
            buf_append_byte(out, c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

void s3_query(const struct s3_param *params, size_t count, struct buf *out)
{
    bool done[S3_PARAMS_MAX] = {false};

    CHECK(count <= S3_PARAMS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t next = SIZE_MAX;
        for (size_t k = 0; k < count; k++)
            if (!done[k] && (next == SIZE_MAX || strcmp(params[k].name, params[next].name) < 0))
                next = k;
        done[next] = true;
        if (i > 0)
            buf_append_byte(out, '&');
        s3_encode(str_from_c(params[next].name), false, out);
        buf_append_byte(out, '=');
        s3_encode(params[next].value, false, out);
    }
}

/* ---- XML ------------------------------------------------------------------------------------- */

static size_t xml_find(struct str xml, const char *open, const char *tag, const char *close,
                       size_t from)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "%s%s%s", open, tag, close);

    CHECK(from <= xml.size && size > 0 && (size_t)size < sizeof(text));
    size_t found = str_find(str_from(xml.data + from, xml.size - from), str_from_c(text));
    return found == SIZE_MAX ? SIZE_MAX : from + found;
}

bool s3_xml_block(struct str xml, const char *tag, size_t *at, struct str *out)
{
    size_t open = xml_find(xml, "<", tag, ">", *at);

    CHECK(out != NULL);
    if (open == SIZE_MAX)
        return false;
    size_t start = open + strlen(tag) + 2;
    size_t end = xml_find(xml, "</", tag, ">", start);
    if (end == SIZE_MAX)
        return false;
    *out = str_from(xml.data + start, end - start);
    *at = end + strlen(tag) + 3;
    return true;
}

/* One entity at `text`; its length, or 0 when it is none we know. */
static size_t xml_entity(struct str text, struct buf *out)
{
    static const struct {
        struct str name;
        char c;
    } known[] = {{{"&lt;", 4}, '<'},   {{"&gt;", 4}, '>'},    {{"&amp;", 5}, '&'},
                 {{"&quot;", 6}, '"'}, {{"&apos;", 6}, '\''}, {{"&#34;", 5}, '"'},
                 {{"&#39;", 5}, '\''}};

    CHECK(text.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (!str_starts_with(text, known[i].name))
            continue;
        buf_append_byte(out, (uint8_t)known[i].c);
        return known[i].name.size;
    }
    return 0;
}

bool s3_xml_next(struct str xml, const char *tag, size_t *at, struct buf *out)
{
    struct str text;

    CHECK(out != NULL);
    if (!s3_xml_block(xml, tag, at, &text))
        return false;
    buf_reset(out);
    for (size_t i = 0; i < text.size;) {
        size_t size =
            text.data[i] == '&' ? xml_entity(str_from(text.data + i, text.size - i), out) : 0;
        if (size == 0) {
            buf_append_byte(out, (uint8_t)text.data[i]);
            size = 1;
        }
        i += size;
    }
    return true;
}

void s3_xml_escape(struct str text, struct buf *out)
{
    CHECK(out != NULL);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '<')
            buf_append_str(out, STR_LIT("&lt;"));
        else if (c == '>')
            buf_append_str(out, STR_LIT("&gt;"));
        else if (c == '&')
            buf_append_str(out, STR_LIT("&amp;"));
        else if (c == '"')
            buf_append_str(out, STR_LIT("&quot;"));
        else
            buf_append_byte(out, (uint8_t)c);
    }
}

/* ---- small ----------------------------------------------------------------------------------- */

void s3_sha256(struct str bytes, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    CHECK(EVP_Digest(bytes.data, bytes.size, digest, &size, EVP_sha256(), NULL) == 1);
    CHECK(size == 32);
    for (size_t i = 0; i < size; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
