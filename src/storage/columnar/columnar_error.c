/* columnar_error.c — what DuckDB says, in our codes and words.
 *
 * DuckDB's messages are "Kind Error: text", a hint and a piece of the statement on further lines.
 * The kind decides the code; the first line of the text is what users see, unless it names a folder
 * of ours. The log gets the kind only: texts hold literals and values of rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct error_kind {
    const char *prefix;
    enum status status;
};

static const struct error_kind error_kinds[] = {
    {"Parser Error: ", STATUS_INVALID_SQL},
    {"Syntax Error: ", STATUS_INVALID_SQL},
    {"Binder Error: ", STATUS_INVALID_SQL},
    {"Catalog Error: ", STATUS_INVALID_SQL},
    {"Expression Error: ", STATUS_INVALID_SQL},
    {"Mismatch Type Error: ", STATUS_TYPE_MISMATCH},
    {"Invalid type Error: ", STATUS_TYPE_MISMATCH},
    {"Invalid Type Error: ", STATUS_TYPE_MISMATCH},
    {"Parameter Not Resolved Error: ", STATUS_INVALID_PARAMETER},
    {"Parameter Not Allowed Error: ", STATUS_INVALID_PARAMETER},
    {"Conversion Error: ", STATUS_SQL_EXECUTION_ERROR},
    {"Out of Range Error: ", STATUS_SQL_EXECUTION_ERROR},
    {"Invalid Input Error: ", STATUS_SQL_EXECUTION_ERROR},
    {"Constraint Error: ", STATUS_SQL_EXECUTION_ERROR},
    {"Out of Memory Error: ", STATUS_RESULT_TOO_LARGE},
    {"INTERRUPT Error: ", STATUS_CANCELLED},
    {"Permission Error: ", STATUS_NOT_SUPPORTED},
    {"Not implemented Error: ", STATUS_NOT_SUPPORTED},
    {"Missing Extension Error: ", STATUS_NOT_SUPPORTED},
    {"Autoload Error: ", STATUS_NOT_SUPPORTED},
    {"IO Error: ", STATUS_IO_FAILED},
    {"HTTP Error: ", STATUS_IO_FAILED},
    {"Serialization Error: ", STATUS_CORRUPT},
};

/* DuckDB copies some expressions, as if it wrote them down; no file is meant. */
static const char error_copy[] = "Serialization Error: Cannot copy BoundSubqueryExpression";
static const char error_shortage[] = "Out of Memory Error: Allocation failure";

struct error_pattern {
    const char *text;
    enum status status;
};

/* Finer codes for errors of the binder and of conversions. */
static const struct error_pattern error_patterns[] = {
    {"Referenced column \"", STATUS_COLUMN_NOT_FOUND},
    {"does not have a column named", STATUS_COLUMN_NOT_FOUND},
    {"No function matches the given name and argument types", STATUS_TYPE_MISMATCH},
    {"Could not choose a best candidate function", STATUS_TYPE_MISMATCH},
    {"Cannot compare values of type", STATUS_TYPE_MISMATCH},
    {"Cannot mix values of type", STATUS_TYPE_MISMATCH},
    {"an explicit cast is required", STATUS_TYPE_MISMATCH},
    {"add explicit type casts", STATUS_TYPE_MISMATCH},
    {"Cannot combine types", STATUS_TYPE_MISMATCH},
    {"Could not convert string", STATUS_TYPE_MISMATCH},
    {"field format: ", STATUS_TYPE_MISMATCH},
    {"invalid input syntax for type", STATUS_TYPE_MISMATCH}, /* of columnar_options.casts … */
    {"value out of range for type", STATUS_CONSTRAINT_VIOLATION},
    {"alformed JSON", STATUS_TYPE_MISMATCH},
    {"Failed to cast decimal value", STATUS_CONSTRAINT_VIOLATION},
    {"Could not cast value", STATUS_CONSTRAINT_VIOLATION}, /* to DECIMAL */
    {"failed: value is out of range!", STATUS_CONSTRAINT_VIOLATION},
    {"value out of range: ", STATUS_CONSTRAINT_VIOLATION},
    {"out of range for the destination type", STATUS_CONSTRAINT_VIOLATION},
};

const char *columnar_error_fatal_kind(const char *message)
{
    static const char *const kinds[] = {"FATAL Error", "INTERNAL Error"};

    CHECK(message != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (str_starts_with(str_from_c(message), str_from_c(kinds[i])))
            return kinds[i];
    return NULL;
}

static bool columnar_error_names_folder(struct columnar *columnar, struct str text)
{
    CHECK(columnar->temporary_folder != NULL);
    bool names = str_find(text, str_from_c(columnar->temporary_folder)) != SIZE_MAX;
    pthread_mutex_lock(&columnar->mutex); /* columnar_allow_folder adds some */
    for (size_t i = 0; i < columnar->folder_count && !names; i++)
        names = str_find(text, str_from_c(columnar->folders[i])) != SIZE_MAX;
    pthread_mutex_unlock(&columnar->mutex);
    return names;
}

static enum status columnar_error_classify(struct str *text)
{
    for (size_t i = 0; i < ARRAY_COUNT(error_kinds); i++) {
        struct str prefix = str_from_c(error_kinds[i].prefix);
        if (!str_starts_with(*text, prefix))
            continue;
        *text = str_from(text->data + prefix.size, text->size - prefix.size);
        if (error_kinds[i].status != STATUS_INVALID_SQL &&
            error_kinds[i].status != STATUS_SQL_EXECUTION_ERROR)
            return error_kinds[i].status;
        for (size_t k = 0; k < ARRAY_COUNT(error_patterns); k++)
            if (str_find(*text, str_from_c(error_patterns[k].text)) != SIZE_MAX)
                return error_patterns[k].status;
        return error_kinds[i].status;
    }
    return STATUS_SQL_EXECUTION_ERROR;
}

/* First letter small unless it begins a word in capitals, without a full stop. */
static char *columnar_error_tidy(struct str line)
{
    struct str trimmed = str_trim(line);
    char *out;

    CHECK(trimmed.size <= line.size);
    while (trimmed.size > 0 &&
           (trimmed.data[trimmed.size - 1] == '.' || trimmed.data[trimmed.size - 1] == '!'))
        trimmed.size--;
    out = mem_strdup(trimmed);
    if (trimmed.size > 1 && out[0] >= 'A' && out[0] <= 'Z' && !(out[1] >= 'A' && out[1] <= 'Z'))
        out[0] = (char)(out[0] + ('a' - 'A'));
    return out;
}

/* Behind the first two types of a list of them. */
static size_t columnar_error_types(struct str text)
{
    unsigned depth = 0, count = 0;

    CHECK(text.data != NULL || text.size == 0);
    for (size_t i = 0; i < text.size; i++) {
        depth += text.data[i] == '(';
        if (depth == 0 && (text.data[i] == ')' || (text.data[i] == ',' && ++count == 2)))
            return i;
        depth -= text.data[i] == ')';
    }
    return text.size;
}

/* "… argument types 'regexp_matches_text(UUID, …": a function of ours stands before the one that
 * was called. */
static char *columnar_error_shown(const struct columnar *columnar, char *message)
{
    struct str text = str_from_c(message);
    char called[80];

    for (size_t i = 0; i < columnar->options.function_count; i++) {
        const struct columnar_function *of = &columnar->options.functions[i];
        const char *shown = of->guard != NULL ? of->guard->of : of->shown;
        int size = snprintf(called, sizeof(called), "types '%s(", of->name);
        CHECK(size > 0 && (size_t)size < sizeof(called));
        size_t at = str_find(text, str_from_c(called));
        if (shown == NULL || at == SIZE_MAX)
            continue;
        struct str types = str_from(text.data + at + size, text.size - at - (size_t)size);
        struct buf out;
        buf_init(&out);
        buf_append_str(&out, str_from(text.data, at));
        buf_printf(&out, "types '%s(", shown);
        buf_append_str(&out, str_from(types.data, columnar_error_types(types)));
        buf_append_str(&out, STR_LIT(")'"));
        char *copy = mem_strdup(buf_str(&out));
        buf_clear(&out);
        mem_free(message);
        return copy;
    }
    return message;
}

/* What the system said of the file, without the file. */
static void columnar_error_cause(struct str line, struct error *err)
{
    static const int numbers[] = {ENOSPC, EAGAIN, EINTR, EIO, EDQUOT, EMFILE, EACCES, EROFS};
    char text[128];

    CHECK(err == NULL || err->code != STATUS_OK);
    for (size_t i = 0; err != NULL && i < ARRAY_COUNT(numbers); i++) {
        struct str said = str_from_c(strerror_r(numbers[i], text, sizeof(text)));
        if (str_find(line, said) == SIZE_MAX)
            continue;
        size_t size = strlen(err->message);
        (void)snprintf(err->message + size, sizeof(err->message) - size, ": %.*s", STR_ARG(said));
        return;
    }
}

bool columnar_error_is_shortage(struct str text)
{
    CHECK(text.data != NULL);
    return str_find(text, STR_LIT("Allocation failure")) != SIZE_MAX ||
           str_find(text, STR_LIT("bad allocation")) != SIZE_MAX;
}

enum status columnar_error(struct columnar *columnar, const char *message, struct error *err)
{
    /* It has no words only where there was no memory to keep them. */
    struct str whole = str_from_c(message == NULL ? error_shortage : message), text = whole, line;
    enum status status = columnar_error_classify(&text);
    bool names_folder;
    char *shown;

    CHECK(columnar != NULL);
    if (str_starts_with(whole, str_from_c(error_copy)))
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "a subquery is not possible within this expression");
    line = str_from(text.data, str_find(text, STR_LIT("\n")));
    if (line.size > text.size)
        line.size = text.size;
    names_folder = columnar_error_names_folder(columnar, line);
    if (names_folder && status == STATUS_SQL_EXECUTION_ERROR)
        status = STATUS_CORRUPT; /* "invalid input" of a file, not of the user */
    if (names_folder || status == STATUS_IO_FAILED || status == STATUS_CORRUPT) {
        log_error("duckdb: %.*s", STR_ARG(line));
        (void)error_set(err, status, "a file of the storage could not be read or written");
        columnar_error_cause(line, err);
        return status;
    }
    bool quotes = status != STATUS_RESULT_TOO_LARGE; /* these hold figures only */
    log_debug("duckdb: %.*s", quotes ? (int)(text.data - whole.data) : (int)whole.size, whole.data);
    if (status == STATUS_RESULT_TOO_LARGE)
        return error_set(err, status,
                         columnar_error_is_shortage(text)
                             ? "out of memory"
                             : "the query needs more memory than query.memory_limit");
    shown = columnar_error_shown(columnar, columnar_error_tidy(line));
    CHECK(shown != NULL);
    (void)error_set(err, status, "%s", shown);
    mem_free(shown);
    return status;
}
