/* width.c — see width.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/width.h"

#include "base/check.h"
#include "base/utf8.h"

#include <utf8proc.h>

/* Next character of text at `at`: its bytes and cells. Bytes that are no UTF-8 count one each. */
static size_t width_step(struct str text, size_t at, size_t *cells)
{
    uint32_t codepoint;
    size_t size = utf8_decode(str_from(text.data + at, text.size - at), &codepoint);
    int width;

    CHECK(at < text.size);
    *cells = 1;
    if (size == 0)
        return 1;
    width = utf8proc_charwidth((utf8proc_int32_t)codepoint);
    *cells = width > 0 ? (size_t)width : 0;
    return size;
}

size_t width_of(struct str text)
{
    size_t total = 0, cells;

    CHECK(text.size == 0 || text.data);
    for (size_t at = 0; at < text.size;) {
        at += width_step(text, at, &cells);
        total += cells;
    }
    return total;
}

static void width_append_blanks(struct buf *out, size_t count)
{
    CHECK(out);
    for (size_t i = 0; i < count; i++)
        buf_append_byte(out, ' ');
}

/* As much as fits into `cells`, combining characters of the last one included. */
static size_t width_prefix(struct str text, size_t cells, size_t *used)
{
    size_t at = 0, step_cells;

    *used = 0;
    while (at < text.size) {
        size_t size = width_step(text, at, &step_cells);
        if (*used + step_cells > cells)
            break;
        *used += step_cells;
        at += size;
    }
    CHECK(*used <= cells);
    return at;
}

void width_append(struct buf *out, struct str text, size_t cells, bool right)
{
    size_t total = width_of(text), used, size;

    CHECK(cells > 0);
    if (total <= cells) {
        width_append_blanks(out, right ? cells - total : 0);
        buf_append_str(out, text);
        width_append_blanks(out, right ? 0 : cells - total);
        return;
    }
    size = width_prefix(text, cells - 1, &used);
    buf_append_str(out, str_from(text.data, size));
    buf_append_str(out, STR_LIT("…"));
    width_append_blanks(out, cells - 1 - used);
}

/* Appends the first character of `text`, escaped if need be; its bytes. */
static size_t width_append_first(struct buf *out, struct str text, bool json)
{
    uint32_t codepoint;
    size_t size = utf8_decode(text, &codepoint);

    CHECK(text.size > 0);
    if (size == 0)
        buf_append_str(out, STR_LIT("\xEF\xBF\xBD"));
    else if (codepoint == '\n')
        buf_append_str(out, STR_LIT("\\n"));
    else if (codepoint == '\t')
        buf_append_str(out, STR_LIT("\\t"));
    else if (codepoint == '\r')
        buf_append_str(out, STR_LIT("\\r"));
    else if (codepoint < ' ' || (codepoint >= 127 && codepoint < 160))
        buf_printf(out, json ? "\\u%04x" : "\\x%02x", codepoint);
    else
        buf_append_str(out, str_from(text.data, size));
    return size > 0 ? size : 1;
}

void width_append_clean(struct buf *out, struct str text)
{
    CHECK(out);
    for (size_t at = 0; at < text.size;)
        at += width_append_first(out, str_from(text.data + at, text.size - at), false);
}

void width_append_lines(struct buf *out, struct str text, bool json)
{
    CHECK(out);
    for (size_t at = 0; at < text.size;) {
        struct str rest = str_from(text.data + at, text.size - at);
        size_t end = str_starts_with(rest, STR_LIT("\r\n")) ? 2 : *rest.data == '\n';
        buf_append(out, rest.data, end);
        at += end > 0 ? end : width_append_first(out, rest, json);
    }
}
