-- INSERT, UPDATE and DELETE of system.namespaces are CREATE, ALTER and DROP NAMESPACE.
INSERT INTO system.namespaces (namespace_id) VALUES ('a'), ('b');
INSERT INTO system.namespaces (name, metadata) VALUES ('c', '{"region":"eu","level":3,"gone":null}') RETURNING *;
INSERT INTO system.namespaces (namespace_id, options) SELECT 'd_' || name, options FROM system.namespaces WHERE name = 'c';
SELECT namespace_id, options, table_count FROM system.namespaces;
CREATE SHARED TABLE a.t (id INT PRIMARY KEY);

-- the same checks
INSERT INTO system.namespaces (namespace_id) VALUES ('a');
INSERT INTO system.namespaces (namespace_id) VALUES ('e'), ('e');
INSERT INTO system.namespaces (namespace_id) VALUES ('f'), ('b');
INSERT INTO system.namespaces (namespace_id) VALUES ('system');
INSERT INTO system.namespaces (namespace_id) VALUES ('9x');
INSERT INTO system.namespaces (namespace_id) VALUES ('');
INSERT INTO system.namespaces (namespace_id) VALUES (NULL);
INSERT INTO system.namespaces (options) VALUES ('{}');
INSERT INTO system.namespaces DEFAULT VALUES;
INSERT INTO system.namespaces (namespace_id, options) VALUES ('g', '{"a":{"b":1}}');
INSERT INTO system.namespaces (namespace_id, options) VALUES ('g', '[1]');
INSERT INTO system.namespaces (namespace_id, options) VALUES ('g', '{');
INSERT INTO system.namespaces VALUES ('g', NULL, 0, NOW(), NOW());
INSERT INTO system.namespaces (namespace_id, table_count) VALUES ('g', 7);
INSERT INTO system.namespaces (namespace_id, created_at) VALUES ('g', NOW());
INSERT INTO system.namespaces (namespace_id, nope) VALUES ('g', 1);
INSERT INTO system.namespaces (namespace_id) VALUES ('g') ON CONFLICT DO NOTHING;
SELECT namespace_id FROM system.namespaces;

UPDATE system.namespaces SET options = '{"x":1}' WHERE namespace_id = 'a' RETURNING name, options, table_count;
UPDATE system.namespaces SET metadata = NULL WHERE name IN ('c', 'd_c') RETURNING name, metadata;
UPDATE system.namespaces SET options = '{"all":true}' WHERE table_count = 0 AND namespace_id <> 'default';
UPDATE system.namespaces SET options = '{"y":1}' WHERE namespace_id = 'nope';
UPDATE system.namespaces SET options = '{"y":1}' WHERE namespace_id LIKE 'nope%';
UPDATE system.namespaces SET options = '{"y":1}' WHERE namespace_id = 'a' AND table_count = 9;
UPDATE system.namespaces SET options = '{"y":[]}' WHERE namespace_id = 'a';
UPDATE system.namespaces SET namespace_id = 'z' WHERE namespace_id = 'a';
UPDATE system.namespaces SET updated_at = NOW() WHERE namespace_id = 'a';
UPDATE system.namespaces SET nope = 1 WHERE namespace_id = 'a';
UPDATE system.namespaces SET options = '{}' WHERE namespace_id = (SELECT 'a');
SELECT namespace_id, options FROM system.namespaces;

DELETE FROM system.namespaces WHERE namespace_id = 'a';
DELETE FROM system.namespaces WHERE namespace_id = 'default';
DELETE FROM system.namespaces WHERE namespace_id = 'nope';
DELETE FROM system.namespaces WHERE table_count = 0;
DELETE FROM system.namespaces WHERE namespace_id IN ('b', 'c') RETURNING namespace_id, options;
DROP TABLE a.t;
DELETE FROM system.namespaces WHERE name = 'a';
SELECT namespace_id FROM system.namespaces;
--@ params 'p'
INSERT INTO system.namespaces (namespace_id) VALUES ($1);
--@ params 'p'
DELETE FROM system.namespaces WHERE namespace_id = $1;

-- everything else is read-only
INSERT INTO system.storages (storage_id) VALUES ('s3');
UPDATE system.storages SET uri = 'x' WHERE storage_id = 'local';
DELETE FROM system.storage_locations WHERE location_name = 'local';
INSERT INTO system.jobs (job_id) VALUES ('j');
UPDATE system.tables SET table_name = 'x';
DELETE FROM information_schema.tables;
DELETE FROM system.live WHERE live_id = 'x';
INSERT INTO system.nope (a) VALUES (1);

-- who may
--@ user ann user
INSERT INTO system.namespaces (namespace_id) VALUES ('mine');
UPDATE system.namespaces SET options = NULL;
DELETE FROM system.namespaces WHERE namespace_id = 'd_c';
--@ user bob service
DELETE FROM system.namespaces WHERE namespace_id = 'd_c';
--@ user boss dba
DELETE FROM system.namespaces WHERE namespace_id = 'd_c';

-- statements of their own
--@ user root system
CREATE NAMESPACE one WITH OPTIONS (s = 'text', n = 7, r = 1.5, b = TRUE, z = NULL);
-- integers beyond 63 bits would change
CREATE NAMESPACE big SET OPTIONS (d = 12345678901234567890123);
UPDATE system.namespaces SET options = '{"big": -12345678901234567890123}' WHERE namespace_id = 'default';
UPDATE system.namespaces SET options = '{"big": 9223372036854775807, "less": -9223372036854775807, "f": 1.5}' WHERE namespace_id = 'default';
SELECT options FROM system.namespaces WHERE namespace_id = 'default';
UPDATE system.namespaces SET options = NULL WHERE namespace_id = 'default';

CREATE NAMESPACE two SET OPTIONS (s = 'text');
CREATE NAMESPACE one;
CREATE NAMESPACE IF NOT EXISTS one WITH OPTIONS (s = 'other');
CREATE NAMESPACE "Bad-name";
CREATE NAMESPACE _x;
CREATE NAMESPACE information_schema;
CREATE NAMESPACE Main;
ALTER NAMESPACE one SET OPTIONS (s = NULL, n = 8, extra = 'x');
ALTER NAMESPACE one SET OPTIONS (a = (1));
ALTER NAMESPACE nope SET OPTIONS (a = 1);
SELECT namespace_id, options FROM system.namespaces WHERE namespace_id IN ('one', 'two');
SHOW NAMESPACES;
CREATE USER TABLE one.t (id INT PRIMARY KEY);
CREATE SHARED TABLE one.u (id INT PRIMARY KEY);
DROP NAMESPACE one;
--@ live
DROP NAMESPACE one CASCADE;
SELECT table_name FROM system.tables WHERE namespace_id = 'one';
DROP NAMESPACE two;
DROP NAMESPACE two;
DROP NAMESPACE IF EXISTS two;
DROP NAMESPACE default;
DROP NAMESPACE system;
USE one;
SET NAMESPACE one;
USE nope;
SET NAMESPACE nope;
