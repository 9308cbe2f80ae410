-- Alias columns resolve everywhere, in both executors, and are in no SELECT *.
CREATE NAMESPACE shop WITH OPTIONS (region = 'eu');
CREATE USER TABLE shop.items (id BIGINT PRIMARY KEY, title TEXT) FLUSH POLICY ROWS 1000 INTERVAL '5 minutes';
CREATE SHARED TABLE shop.cfg (k TEXT PRIMARY KEY, version INT) ACCESS PRIVATE DELETED_RETENTION '2d';
INSERT INTO shop.cfg VALUES ('a', 7);
STORAGE FLUSH TABLE shop.cfg;

-- system.namespaces
SELECT name, metadata FROM system.namespaces WHERE name = 'shop' ORDER BY name;
SELECT n.name, n.metadata FROM system.namespaces n JOIN system.tables t ON t.namespace = n.name WHERE t.table_name = 'cfg';

-- system.tables
SELECT namespace, table_name, schema_version, version, flush_row_limit, flush_interval_seconds, deleted_retention_hours, ttl_seconds, access_level FROM system.tables WHERE namespace = 'shop' AND flush_row_limit > 0 ORDER BY flush_row_limit, table_name;
SELECT t.namespace, t.table_name, t.schema_version, t.version, t.flush_row_limit, t.flush_interval_seconds, t.deleted_retention_hours, t.ttl_seconds, t.access_level FROM system.tables t JOIN system.namespaces n ON n.namespace_id = t.namespace WHERE n.name = 'shop' ORDER BY t.flush_row_limit;
SELECT flush_row_limit, count(*) FROM system.tables WHERE namespace = 'shop' GROUP BY flush_row_limit ORDER BY flush_row_limit;

-- system.table_schemas
SELECT table_name, schema_version, schema_json IS NOT NULL AS has_schema FROM system.schemas WHERE schema_version = 1 AND namespace_id = 'shop' ORDER BY table_name;
--@ user root system system
SELECT s.schema_version, max(length(s.schema_json)) > 10 AS has_schema FROM schemas s GROUP BY s.schema_version;

-- system.users, storages, live_queries
SELECT auth_data, apikey FROM system.users WHERE apikey IS NULL;
SELECT u.auth_data, u.apikey, x.n FROM users u CROSS JOIN (SELECT 1 AS n) x;
SELECT base_directory, path, table_count FROM storages WHERE path = '' AND base_directory = '' ORDER BY table_count;
SELECT s.base_directory, s.path, s.table_count FROM storages s JOIN storages o ON o.path = s.base_directory;
--@ live
SELECT subscription_id, table_id, node_id, updated_at FROM live WHERE table_id = 'default:t' ORDER BY updated_at;
SELECT l.subscription_id, l.table_id, l.node_id, l.updated_at FROM live l LEFT JOIN tables t ON t.table_id = l.table_id WHERE t.table_id IS NULL;

-- system.jobs
SELECT job_type, queue, namespace, message, exception_trace, memory_used_mb, node_id, leader_node_id, leader_status, priority, start_time, finished_at, end_time, updated_at, error FROM jobs WHERE queue = 'FLUSH' AND error IS NULL ORDER BY updated_at;
SELECT j.queue, j.namespace, j.message, j.exception_trace, j.memory_used_mb, j.node_id, j.leader_node_id, j.leader_status, j.priority, j.start_time, j.finished_at, j.end_time, j.updated_at, j.error FROM jobs j JOIN namespaces n ON n.name = j.namespace WHERE j.queue = 'FLUSH' ORDER BY j.updated_at;
SELECT job_type, priority FROM jobs WHERE queue = 'FLUSH' ORDER BY priority, job_type;
SELECT priority, count(*) FROM jobs GROUP BY priority;
SELECT j.priority, max(j.job_type) FROM jobs j JOIN namespaces n ON n.name = j.namespace GROUP BY j.priority ORDER BY j.priority;

-- information_schema
SELECT table_schema, namespace_id, table_id FROM information_schema.tables WHERE namespace_id = 'shop' ORDER BY table_id;
SELECT i.namespace_id, i.table_id FROM information_schema.tables i JOIN tables t ON t.table_id = i.table_id WHERE t.namespace = 'shop' AND i.table_type = 'base table' ORDER BY i.table_id;

SELECT table_name, storage_location FROM information_schema.tables WHERE storage_location LIKE '%users%';
SELECT i.table_name, i.storage_location FROM information_schema.tables i JOIN tables t ON t.storage_location = i.storage_location WHERE i.table_schema = 'shop' ORDER BY i.table_name;
SELECT *, storage_location FROM information_schema.tables i WHERE table_name = 'nope';
SELECT i.*, storage_location FROM information_schema.tables i JOIN namespaces n ON true;
SELECT * FROM information_schema.tables i JOIN namespaces n ON false;

-- An alias keeps its name for outer queries and gives way to real columns.
SELECT x.queue, x.n FROM (SELECT queue, count(*) AS n FROM jobs GROUP BY queue) x;
WITH w AS (SELECT name FROM namespaces) SELECT w.name FROM w ORDER BY name;
SELECT c.version FROM shop.cfg c JOIN tables t ON t.table_name = 'cfg' WHERE version = 7;
SELECT namespace_id AS updated_at FROM namespaces ORDER BY updated_at DESC;
SELECT name FROM namespaces WHERE EXISTS (SELECT 1 FROM shop.cfg c WHERE c.k <> name) ORDER BY name;
SELECT * FROM namespaces n WHERE n.name = 'nope' AND n.name IN (SELECT namespace FROM tables);
SELECT n.name FROM namespaces AS n(name, options) ORDER BY n.name;
SELECT name, row_number() OVER (ORDER BY name) FROM namespaces;
SELECT DISTINCT name FROM namespaces ORDER BY name;
SELECT name FROM namespaces UNION ALL SELECT table_name FROM tables WHERE namespace = 'shop' ORDER BY name;
SELECT name FROM namespaces GROUP BY name HAVING name <> 'default';
SELECT (SELECT max(name) FROM namespaces) AS newest, (SELECT n.name FROM namespaces n WHERE n.name = t.namespace) AS own FROM tables t WHERE t.table_name = 'cfg';
INSERT INTO shop.cfg (k) SELECT name FROM namespaces;
UPDATE shop.cfg SET version = (SELECT count(*) FROM tables WHERE namespace = k) WHERE k = 'shop';
SELECT k, version FROM shop.cfg;
SELECT queue FROM namespaces;
SELECT n.queue FROM namespaces n JOIN tables t ON true;

-- Literals beside enumerated columns ignore case.
SELECT table_name FROM tables WHERE table_type IN ('user', 'Shared') ORDER BY table_name;
SELECT t.table_name FROM tables t JOIN namespaces n ON n.namespace_id = t.namespace_id WHERE t.table_type = 'user' OR t.access = 'private' ORDER BY 1;
SELECT user_id FROM users WHERE role = 'SYSTEM';
SELECT u.user_id FROM users u JOIN namespaces n ON true WHERE u.role = 'System' AND n.namespace_id = 'shop';
SELECT job_type, count(*) FROM jobs WHERE job_type = 'Flush' AND status <> 'RUNNING' GROUP BY job_type;
SELECT storage_id FROM storages WHERE storage_type = 'FileSystem';
SELECT s.storage_id FROM storages s WHERE s.storage_type = 'FileSystem' AND s.storage_id IN (SELECT storage_id FROM tables);
SELECT count(*) > 5 AS many FROM information_schema.tables WHERE table_type = 'System' HAVING count(*) > 1;
SELECT table_type FROM information_schema.tables WHERE table_type = 'system' AND kalamdb_table_type = 'System' AND table_name = 'jobs';

-- USING joins on old names too
SELECT count(*) > 0 AS joined FROM system.tables JOIN system.namespaces USING (namespace_id);
SELECT namespace, t.table_name, o.option_key FROM system.tables t JOIN (SELECT namespace_id AS namespace, option_key FROM system.table_options) o USING (namespace) ORDER BY 1, 2, 3 LIMIT 2;
SELECT name, n.name AS same, t.table_name FROM system.namespaces n LEFT JOIN (SELECT namespace AS name, table_name FROM system.tables WHERE table_name = 'nowhere') t USING (name) ORDER BY name;
SELECT count(*) > 0 AS joined FROM information_schema.tables t JOIN system.tables s USING (namespace_id, table_name) JOIN system.namespaces USING (namespace_id);
SELECT count(*) FROM system.tables t JOIN system.table_schemas v USING (schema_version) WHERE schema_version > 999;
SELECT count(*) FROM system.tables JOIN system.namespaces USING (nope);
