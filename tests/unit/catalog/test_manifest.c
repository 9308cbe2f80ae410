/* test_manifest.c — a manifest comes back as it was written; damaged and hostile ones are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "catalog/manifest.h"

#include <stdio.h>
#include <string.h>

static struct table *made_table(void)
{
    struct table *table = table_new();
    struct table_schema *schema = table_add_schema(table);

    table->kind = TABLE_KIND_USER;
    table->id.value = 117;
    table->space = STR_LIT("default");
    table->name = STR_LIT("t");
    table->storage_id = STR_LIT("local");
    table->flush_rows = 7;
    schema->column_count = 3;
    schema->columns = arena_array(schema->arena, 3, sizeof(struct table_column));
    schema->columns[0] = (struct table_column){
        .id = 1, .name = STR_LIT("id"), .type = {.kind = VALUE_BIGINT}, .not_null = true};
    schema->columns[1] = (struct table_column){.id = 2,
                                               .name = STR_LIT("n"),
                                               .type = {.kind = VALUE_BIGINT},
                                               .key_position = -1,
                                               .default_kind = DEFAULT_LITERAL,
                                               .default_value = value_integer(VALUE_BIGINT, 5)};
    schema->columns[2] = (struct table_column){
        .id = 3, .name = STR_LIT("body"), .type = {.kind = VALUE_TEXT}, .key_position = -1};
    table_finish(table);
    return table;
}

static void write_one(struct buf *out)
{
    struct manifest manifest;
    struct table *table = made_table();

    manifest_init(&manifest);
    manifest.space = STR_LIT("default");
    manifest.server_version = STR_LIT("1.2.3 \"quoted\"");
    manifest.options = STR_LIT("{\"a\":1}");
    manifest.created_at = 17;
    manifest.as_of_seq = 4242;
    struct manifest_table *entry = manifest_add_table(&manifest, table);
    for (int user = 0; user < 3; user++) {
        char name[16], path[64];
        (void)snprintf(name, sizeof(name), "u%d", user);
        (void)snprintf(path, sizeof(path), "user_tables/t/%s/00000.parquet", name);
        struct manifest_instance *instance =
            manifest_add_instance(&manifest, entry, str_from_c(name));
        struct manifest_file file = {.kind = (enum manifest_kind)user,
                                     .path = str_from_c(path),
                                     .rows = 5,
                                     .bytes = 100,
                                     .checksum = UINT64_MAX - (uint64_t)user,
                                     .record = STR_LIT("\x01\x00\xff record")};
        manifest_add_file(&manifest, entry, instance, &file);
    }
    manifest_write(&manifest, out);
    manifest_clear(&manifest);
    table_unref(table);
}

static void test_manifest__comes_back(void **state)
{
    struct manifest manifest;
    struct error err;
    struct buf text, again;

    buf_init(&text);
    buf_init(&again);
    write_one(&text);
    assert_int_equal(manifest_read(buf_str(&text), &manifest, &err), STATUS_OK);
    assert_int_equal(manifest.as_of_seq, 4242);
    assert_int_equal(manifest.files, 3);
    assert_int_equal(manifest.rows, 15);
    assert_int_equal(manifest.bytes, 300);
    assert_true(str_equal(manifest.server_version, STR_LIT("1.2.3 \"quoted\"")));
    assert_true(str_equal(manifest.options, STR_LIT("{\"a\":1}")));
    const struct manifest_table *table = manifest.tables;
    assert_null(table->next);
    assert_int_equal(table->table->flush_rows, 7);
    assert_int_equal(table->table->schema_count, 1);
    assert_true(str_equal(table->table->schemas[0]->columns[2].name, STR_LIT("body")));
    const struct manifest_file *last = table->instances->next->next->files;
    assert_int_equal(last->kind, MANIFEST_SHADOW);
    assert_true(last->checksum == UINT64_MAX - 2);
    assert_true(str_equal(last->record, STR_LIT("\x01\x00\xff record")));
    table_finish(manifest.tables->table);
    manifest_write(&manifest, &again);
    assert_true(str_equal(buf_str(&text), buf_str(&again)));
    manifest_clear(&manifest);
    buf_clear(&again);
    buf_clear(&text);
}

/* With `fix` the checksum fits the damaged text, as if somebody had meant it. */
static void damaged(const struct buf *text, uint64_t random, bool fix)
{
    struct manifest manifest;
    struct error err;
    struct buf copy;

    buf_init(&copy);
    buf_append_str(&copy, buf_str(text));
    size_t body = copy.size - 32; /* ,"checksum":"…"} and the line end */
    for (int i = 0; i < 1 + (int)(random % 3); i++) {
        size_t at = (size_t)(random >> 8) * 2654435761u % body + (size_t)i;
        copy.data[at % body] = (char)(random >> (8 * i + 16));
        random = random * 6364136223846793005u + 1442695040888963407u;
    }
    if (fix) {
        char hex[17];
        while (copy.data[body] != ',')
            body++;
        (void)snprintf(hex, sizeof(hex), "%016llx",
                       (unsigned long long)hash_bytes(str_from(copy.data, body)));
        memcpy(copy.data + body + 13, hex, 16);
    }
    enum status status = manifest_read(buf_str(&copy), &manifest, &err);
    if (!fix && !str_equal(buf_str(text), buf_str(&copy)))
        assert_int_equal(status, STATUS_CORRUPT);
    /* What is accepted can be made a table. */
    for (struct manifest_table *table = manifest.tables; table != NULL; table = table->next)
        table_finish(table->table);
    manifest_clear(&manifest);
    buf_clear(&copy);
}

static void test_manifest__damage(void **state)
{
    struct manifest manifest;
    struct error err;
    struct buf text;
    uint64_t random = 88172645463325252u;

    buf_init(&text);
    write_one(&text);
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        damaged(&text, random, i % 4 != 0);
    }
    for (size_t size = 0; size + 2 < text.size; size += 7) {
        assert_int_equal(manifest_read(str_from(text.data, size), &manifest, &err), STATUS_CORRUPT);
        manifest_clear(&manifest);
    }
    buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest__comes_back),
        cmocka_unit_test(test_manifest__damage),
    };
    return cmocka_run_group_tests_name("catalog/manifest", tests, NULL, NULL);
}
