CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY, a INT, b TEXT);
INSERT INTO app.t VALUES (1, 10, 'one'), (2, NULL, 'two');
--@ cold
INSERT INTO app.t VALUES (3, 30, 'three');
UPDATE app.t SET a = 20 WHERE id = 2;
-- add: old rows, cold, shadowing and hot, show the default
ALTER TABLE app.t ADD COLUMN c INT DEFAULT 7;
INSERT INTO app.t (id, a, b) VALUES (4, 40, 'four');
INSERT INTO app.t (id, a, b, c) VALUES (5, 50, 'five', NULL);
SELECT id, a, b, c FROM app.t;
SELECT sum(c), count(c), count(*) FROM app.t;
SELECT t.id FROM app.t t JOIN app.t u ON t.id = u.id WHERE t.c = 7 ORDER BY t.id;
SELECT id FROM app.t WHERE c IS NULL;
-- a default set later is for later rows only (trap 11)
ALTER TABLE app.t ALTER COLUMN c SET DEFAULT 8;
INSERT INTO app.t (id) VALUES (6);
SELECT id, c FROM app.t WHERE id IN (1, 4, 6);
ALTER TABLE app.t ALTER c DROP DEFAULT;
INSERT INTO app.t (id) VALUES (7);
SELECT id, c FROM app.t WHERE id = 7;
-- drop and add under the same name: no old values (trap 8)
ALTER TABLE app.t DROP COLUMN b;
SELECT * EXCLUDE (_updated) FROM app.t WHERE id = 1;
SELECT b FROM app.t;
ALTER TABLE app.t ADD b TEXT;
SELECT id, b FROM app.t;
--@ cold
SELECT id, b FROM app.t;
-- rename follows the id
ALTER TABLE app.t RENAME COLUMN a TO amount;
SELECT id, amount FROM app.t;
SELECT a FROM app.t;
UPDATE app.t SET amount = amount + 1 WHERE id = 1;
SELECT id, amount FROM app.t WHERE amount > 10;
ALTER TABLE app.t RENAME id TO number;
SELECT number, amount FROM app.t WHERE number = 1;
SELECT max(number) FROM app.t GROUP BY number > 4 ORDER BY 1;
-- several actions, one version
ALTER SHARED TABLE app.t ADD COLUMN d TEXT NOT NULL DEFAULT 'it''s', DROP b, RENAME COLUMN amount TO a, ALTER COLUMN a TYPE BIGINT, SET FLUSH POLICY ROWS 500;
SELECT * EXCLUDE (_updated, _seq) FROM app.t WHERE number < 4 ORDER BY number;
DESCRIBE app.t;
SELECT table_name, current_schema_version, flush_policy, primary_key FROM system.tables WHERE namespace_id = 'app';
SELECT version, changes, dropped FROM system.table_schemas WHERE namespace_id = 'app' ORDER BY version;
-- all or nothing
ALTER TABLE app.t ADD COLUMN e INT, DROP COLUMN nowhere;
ALTER TABLE app.t ADD COLUMN e INT, ALTER COLUMN d TYPE INT;
SELECT current_schema_version FROM system.tables WHERE namespace_id = 'app';
-- nothing to do
ALTER TABLE app.t ADD COLUMN IF NOT EXISTS d INT, DROP COLUMN IF EXISTS nowhere;
ALTER TABLE IF EXISTS app.nowhere ADD x INT;
-- deleted rows are read, too
DELETE FROM app.t WHERE number = 3;
SELECT number, a, d, _deleted FROM app.t WHERE number = 3 AND _deleted IN (true, false);
--@ cold
SELECT number, a, c, d FROM app.t;
DROP TABLE app.t;
SELECT version, dropped FROM system.table_schemas WHERE namespace_id = 'app' AND version < 3 ORDER BY version;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY);
ALTER TABLE app.t ADD a INT;
SELECT version, changes, dropped FROM system.table_schemas WHERE namespace_id = 'app' ORDER BY version;
