/* figures.c — system tables about what runs: live queries, counters, segments, log lines, metrics,
 * settings.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/scan.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "sql/binder.h"
#include "store/inspect.h"
#include "store/storages.h"
#include "value/key.h"
#include "value/text.h"

enum { FIGURES_LOG_LINES = 128 };

static struct value system_text(struct system_scan *scan, enum value_type type, struct str text)
{
    CHECK(value_type_is_text(type));
    return text.data == NULL ? value_null(type) : value_text(type, arena_copy(&scan->arena, text));
}

/* Those of one id cost a look at each, those of several are all taken. */
static void system_figures_live(struct system_scan *scan)
{
    bool all = binder_has_role(scan->engine, scan->caller, ROLE_SERVICE);
    struct value id = value_text(VALUE_TEXT, STR_EMPTY);
    struct sql_live_entry *entries = NULL;
    size_t count = 0;

    CHECK(scan->caller != NULL);
    if (scan->engine->services.live_entries == NULL ||
        (scan->point_count == 1 && !system_scan_point(scan, 0, &id)))
        return;
    scan->engine->services.live_entries(scan->engine->services.context, (struct table_id){0},
                                        id.text, &scan->arena, &entries, &count);
    for (size_t i = 0; i < count; i++) {
        const struct sql_live_entry *entry = &entries[i];
        if (!all && !str_equal(entry->user, scan->caller->user))
            continue;
        struct value *v = system_scan_add(scan);
        v[0] = system_text(scan, VALUE_TEXT, entry->live_id);
        v[1] = system_text(scan, VALUE_TEXT, entry->connection_id);
        v[2] = system_text(scan, VALUE_TEXT, entry->query_id);
        v[3] = system_text(scan, VALUE_TEXT, entry->space);
        v[4] = system_text(scan, VALUE_TEXT, entry->table_name);
        v[5] = system_text(scan, VALUE_TEXT, entry->user);
        v[6] = system_text(scan, VALUE_TEXT, entry->query);
        if (!str_is_empty(entry->options))
            v[7] = system_text(scan, VALUE_JSON, entry->options);
        v[8] = system_text(scan, VALUE_TEXT, entry->status);
        v[9] = value_integer(VALUE_BIGINT, entry->changes);
        v[10] = system_text(scan, VALUE_TEXT, str_from_c(scan->engine->options.node));
        v[11] = value_integer(VALUE_TIMESTAMP, entry->created_at);
        v[12] = value_integer(VALUE_TIMESTAMP, entry->last_update);
        v[13] = value_integer(VALUE_TIMESTAMP, entry->last_ping_at);
        v[14] = value_integer(VALUE_BIGINT, entry->lag);
    }
}

struct system_counters {
    struct system_scan *scan;
    const struct table *table;
    bool all;
};

static bool system_visit_counters(void *context, struct str user,
                                  const struct instance_counters *counters)
{
    struct system_counters *visit = context;
    struct system_scan *scan = visit->scan;

    CHECK(counters != NULL);
    if (!visit->all && !str_equal(user, scan->caller->user))
        return true;
    struct value *values = system_scan_add(scan);
    values[0] = value_text(VALUE_TEXT, arena_copy(&scan->arena, user));
    values[1] = value_text(VALUE_TEXT, visit->table->space);
    values[2] = value_text(VALUE_TEXT, visit->table->name);
    values[3] = value_integer(VALUE_BIGINT, counters->buffered_rows);
    return true;
}

static bool system_has_counters(const struct table *table)
{
    CHECK(table->schema != NULL);
    return table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED;
}

/* Of the instances that the points name: user, namespace, table. */
static enum status system_figures_counter_points(struct system_scan *scan,
                                                 const struct catalog *catalog,
                                                 struct system_counters *visit, struct error *err)
{
    struct value key[LIMIT_KEY_COLUMNS];
    struct instance_counters counters;
    enum status status = STATUS_OK;

    CHECK(scan->table->key_count == 3);
    for (size_t i = 0; status == STATUS_OK && i < scan->point_count; i++) {
        if (!system_scan_point(scan, i, key))
            continue;
        visit->table = system_scan_find_table(catalog, key[1].text, key[2].text);
        if (visit->table == NULL || !system_has_counters(visit->table))
            continue;
        status = instance_find(scan->engine->store, scan->scan->view, visit->table, key[0].text,
                               &counters, err);
        if (status == STATUS_OK)
            (void)system_visit_counters(visit, key[0].text, &counters);
        else if (status == STATUS_ABSENT)
            status = STATUS_OK;
    }
    return status;
}

static enum status system_figures_counters(struct system_scan *scan, const struct catalog *catalog,
                                           struct error *err)
{
    struct system_counters visit = {.scan = scan,
                                    .all = binder_sees_all_rows(scan->engine, scan->caller)};
    enum status status = STATUS_OK;

    CHECK(catalog != NULL);
    if (scan->by_points)
        return system_figures_counter_points(scan, catalog, &visit, err);
    for (size_t i = 0; status == STATUS_OK && (visit.table = catalog_table_at(catalog, i)) != NULL;
         i++)
        if (system_has_counters(visit.table))
            status = instance_each(scan->engine->store, scan->scan->view, visit.table,
                                   system_visit_counters, &visit, err);
    return status;
}

/* ---- system.segments ------------------------------------------------------------------------- */

struct system_segments {
    struct system_scan *scan;
    const struct table *table;
};

/* `7`, `eu, 1` */
static struct value system_segment_key(const struct system_segments *visit, struct str key)
{
    const struct table *table = visit->table;
    struct arena *arena = &visit->scan->arena;
    enum value_type kinds[LIMIT_KEY_COLUMNS];
    struct value values[LIMIT_KEY_COLUMNS];
    struct buf text;

    CHECK(table->key_count > 0 && table->key_count <= LIMIT_KEY_COLUMNS);
    for (uint32_t i = 0; i < table->key_count; i++)
        kinds[i] = table->schema->columns[table->key_columns[i]].type.kind;
    if (key_decode(key, kinds, table->key_count, arena, values, NULL) != STATUS_OK)
        return value_null(VALUE_TEXT);
    buf_init(&text);
    for (uint32_t i = 0; i < table->key_count; i++) {
        if (i > 0)
            buf_append_str(&text, STR_LIT(", "));
        value_format(&values[i], &text);
    }
    struct value out = value_text(VALUE_TEXT, arena_copy(arena, buf_str(&text)));
    buf_clear(&text);
    return out;
}

static void system_visit_segment(void *context, const struct segment_info *segment)
{
    struct system_segments *visit = context;
    struct system_scan *scan = visit->scan;
    struct value *v = system_scan_add(scan);

    CHECK(segment->rows <= INT64_MAX && segment->bytes <= INT64_MAX);
    v[0] = value_text(VALUE_TEXT, visit->table->space);
    v[1] = value_text(VALUE_TEXT, visit->table->name);
    v[2] = system_text(scan, VALUE_TEXT, segment->user);
    struct buf shown;
    buf_init(&shown);
    place_show(segment->path, &shown);
    v[3] = system_text(scan, VALUE_TEXT, buf_str(&shown));
    buf_clear(&shown);
    v[4] = system_text(scan, VALUE_TEXT, segment->storage_id);
    v[5] = value_integer(VALUE_BIGINT, (int64_t)segment->rows);
    v[6] = value_integer(VALUE_BIGINT, (int64_t)segment->bytes);
    v[7] = system_segment_key(visit, segment->key_min);
    v[8] = system_segment_key(visit, segment->key_max);
    v[9] = value_integer(VALUE_BIGINT, segment->seq_min);
    v[10] = value_integer(VALUE_BIGINT, segment->seq_max);
    v[11] = value_integer(VALUE_INT, segment->schema_version);
    v[12] = value_integer(VALUE_TIMESTAMP, segment->created_at);
}

static enum status system_figures_segments(struct system_scan *scan, const struct catalog *catalog,
                                           struct error *err)
{
    struct system_segments visit = {.scan = scan};
    enum status status = STATUS_OK;

    CHECK(catalog != NULL);
    for (size_t i = 0; status == STATUS_OK && (visit.table = catalog_table_at(catalog, i)) != NULL;
         i++) {
        if (!system_has_counters(visit.table))
            continue;
        status = segment_each(scan->engine->store, scan->scan->view, visit.table,
                              system_visit_segment, &visit, err);
        if (status == STATUS_OK)
            status = arena_check(&scan->arena, err);
    }
    return status;
}

/* ---- system.logs, metrics, settings ---------------------------------------------------------- */

static enum status system_figures_logs(struct system_scan *scan, struct error *err)
{
    struct log_line *lines = arena_array(&scan->arena, FIGURES_LOG_LINES, sizeof(*lines));
    uint64_t next = 0;
    enum status status = STATUS_OK;

    CHECK(scan->count == 0);
    for (size_t count = FIGURES_LOG_LINES; status == STATUS_OK && count == FIGURES_LOG_LINES;) {
        count = log_recent(&next, lines, FIGURES_LOG_LINES);
        for (size_t i = 0; i < count; i++) {
            struct value *v = system_scan_add(scan);
            v[0] = value_integer(VALUE_TIMESTAMP, lines[i].time_us);
            v[1] = value_text(VALUE_TEXT, str_from_c(log_level_name(lines[i].level)));
            v[2] = system_text(scan, VALUE_TEXT, str_from_c(lines[i].thread));
            v[3] = system_text(scan, VALUE_TEXT, str_from_c(lines[i].module));
            v[4] = value_integer(VALUE_INT, lines[i].line);
            v[5] = system_text(scan, VALUE_TEXT, str_from_c(lines[i].message));
        }
        status = arena_check(&scan->arena, err);
    }
    return status;
}

static void system_visit_metric(void *context, const struct metric *metric)
{
    struct system_scan *scan = context;
    struct value *v = system_scan_add(scan);
    struct buf labels;

    CHECK(metric->name != NULL);
    buf_init(&labels);
    buf_append_byte(&labels, '{');
    for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i].name != NULL; i++)
        buf_printf(&labels, "%s\"%s\":\"%s\"", i > 0 ? "," : "", metric->labels[i].name,
                   metric->labels[i].value);
    buf_append_byte(&labels, '}');
    v[0] = value_text(VALUE_TEXT, arena_printf(&scan->arena, "kalamdb_%s", metric->name));
    v[1] = value_text(VALUE_JSON, arena_copy(&scan->arena, buf_str(&labels)));
    v[2] = value_real(VALUE_DOUBLE, metric->value);
    buf_clear(&labels);
}

static void system_figures_settings(struct system_scan *scan)
{
    struct str setting[5];

    CHECK(scan->engine != NULL);
    if (scan->engine->services.setting_at == NULL)
        return;
    for (size_t i = 0;
         scan->engine->services.setting_at(scan->engine->services.context, i, setting); i++) {
        struct value *values = system_scan_add(scan);
        for (size_t k = 0; k < ARRAY_COUNT(setting); k++)
            if (setting[k].data != NULL)
                values[k] = value_text(VALUE_TEXT, arena_copy(&scan->arena, setting[k]));
    }
}

enum status system_figures_fill(struct system_scan *scan, enum system_table which,
                                struct error *err)
{
    const struct catalog *catalog = view_catalog(scan->scan->view);
    const struct sql_services *services = &scan->engine->services;

    CHECK(catalog != NULL);
    switch (which) {
    case SYSTEM_TABLE_LIVE_QUERIES:
        system_figures_live(scan);
        return STATUS_OK;
    case SYSTEM_TABLE_USER_TABLE_COUNTERS:
        return system_figures_counters(scan, catalog, err);
    case SYSTEM_TABLE_SEGMENTS:
        return system_figures_segments(scan, catalog, err);
    case SYSTEM_TABLE_LOGS:
        return system_figures_logs(scan, err);
    case SYSTEM_TABLE_METRICS:
        if (services->metrics != NULL)
            services->metrics(services->context, system_visit_metric, scan);
        return STATUS_OK;
    case SYSTEM_TABLE_SETTINGS:
        system_figures_settings(scan);
        return STATUS_OK;
    default:
        UNREACHABLE("a system table without rows");
    }
}
