-- Tables about what the server holds and does.
CREATE NAMESPACE shop;
CREATE SHARED TABLE shop.items (region TEXT, sku INT, v TEXT, PRIMARY KEY (region, sku));
CREATE USER TABLE shop.notes (id BIGINT PRIMARY KEY, v TEXT);
INSERT INTO shop.items VALUES ('eu', 1, 'a'), ('us', 7, 'b');
INSERT INTO shop.notes VALUES (5, 'x');
--@ user ann user
INSERT INTO shop.notes VALUES (8, 'x'), (9, 'y');
--@ user root system
SELECT * FROM system.segments;
SHOW TABLE STATS shop.items;
SHOW STATS FOR TABLE shop.notes;
SHOW STATS FOR TABLE shop.notes FOR USER 'ann';
SHOW TABLE STATS shop.notes FOR USER 'nobody';
--@ cold
SELECT namespace_id, table_name, user_id, storage_id, rows, bytes > 0 AS has_bytes, min_key, max_key, max_seq >= min_seq AS ordered, schema_version, created_at > '2020-01-01' AS dated FROM system.segments ORDER BY table_name, user_id;
SELECT path LIKE 'shop/users/notes/ann/%.parquet' AS by_template FROM system.segments WHERE user_id = 'ann';
SELECT s.table_name, sum(s.rows) AS rows FROM system.segments s JOIN system.tables t ON t.table_name = s.table_name GROUP BY s.table_name ORDER BY 1;
SELECT rows FROM system.segments WHERE path = (SELECT max(path) FROM system.segments WHERE user_id = 'ann');
SHOW TABLE STATS shop.nope;
SHOW TABLE STATS system.jobs;

-- metrics
SELECT * FROM system.metrics;
SELECT metric_value FROM system.metrics WHERE metric_name = 'kalamdb_http_requests_total' AND labels ->> 'route' = 'sql';
SELECT m.labels ->> 'status' AS status, max(m.metric_value) AS value FROM system.metrics m GROUP BY 1 ORDER BY 1;

-- logs
SELECT count(*) >= 0 AS counted FROM system.logs;
SELECT level FROM system.logs WHERE level = 'NOPE';

-- storages and their second face
SELECT storage_id, storage_name, storage_type, description, uri, credentials, config_json, shared_tables_template, user_tables_template, usage_count FROM system.storages;
SELECT location_name, location_type, path, credentials_ref, usage_count, created_at > '2020-01-01' AS dated FROM system.storage_locations;
SELECT location_name FROM system.storage_locations WHERE location_name = 'local' AND location_type = 'FILESYSTEM';
SELECT location_name FROM system.storage_locations WHERE location_name = 'nope';
SHOW STORAGES;

-- settings
SELECT name, value, default_value, source, description FROM system.settings;

-- Key predicates look rows up.
EXPLAIN SELECT * FROM system.tables WHERE table_id = 'shop:items';
EXPLAIN SELECT * FROM system.table_options WHERE namespace_id = 'shop' AND table_name = 'items' AND option_key = 'storage';
EXPLAIN SELECT * FROM system.table_options WHERE namespace_id = 'shop' AND table_name = 'items';
EXPLAIN SELECT * FROM system.segments WHERE path = 'x';
SELECT table_name FROM system.tables WHERE table_id = 'shop:items';
SELECT table_name FROM system.tables WHERE table_id IN ('shop:notes', 'shop:items', 'shop:nope', 'nothing', 'system:jobs');
SELECT namespace_id, table_count FROM system.namespaces WHERE namespace_id IN ('shop', 'nope');
SELECT user_id FROM system.users WHERE user_id = 'root';
SELECT user_id FROM system.users WHERE user_id = 'nobody';
SELECT storage_id FROM system.storages WHERE storage_id IN ('nope', 'local');
SELECT storage_id FROM system.storages WHERE storage_id = 'nope';
SELECT schema_id, version FROM system.table_schemas WHERE schema_id = 'shop:items:1';
SELECT schema_id, version FROM system.table_schemas WHERE schema_id IN ('shop:items:2', 'shop:items:01', 'shop:items:', 'shop:items:0000000001', 'nope');
SELECT schema_id FROM system.table_schemas;
SELECT job_id FROM system.jobs WHERE job_id = 'nope';
--@ params 'shop:notes'
SELECT table_type FROM system.tables WHERE table_id = $1;
SELECT table_id FROM system.tables WHERE table_id = NULL;

-- Who may see them.
--@ user ann user
SELECT count(*) FROM system.segments;
SELECT count(*) FROM system.logs;
SELECT * FROM system.metrics;
SELECT * FROM system.storage_locations;
SELECT name FROM system.settings;
--@ user bob service
SELECT * FROM system.metrics;
SELECT count(*) FROM system.logs;
SELECT * FROM system.nope;
SELECT nope FROM system.metrics;
SELECT m.nope FROM system.tables m JOIN system.namespaces n ON true;
SELECT * FROM system.topics;
