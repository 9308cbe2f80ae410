CREATE NAMESPACE app;
CREATE USER TABLE app.n (id INT PRIMARY KEY, a INT, b TEXT NOT NULL);
-- an empty table takes NOT NULL without a default
ALTER TABLE app.n ADD x INT NOT NULL;
--@ user ann service app
INSERT INTO n (id, a, b) VALUES (1, 1, 'one');
INSERT INTO n (id, a, b, x) VALUES (1, 1, 'one', 1);
INSERT INTO n (id, a, b, x) VALUES (2, NULL, 'two', 2);
--@ cold
-- rows of any user count, cold ones too
--@ user bob service app
ALTER TABLE n ADD y INT NOT NULL;
ALTER TABLE n ADD y INT NOT NULL DEFAULT NULL;
ALTER TABLE n ALTER COLUMN a SET NOT NULL;
ALTER TABLE n MODIFY a INT NOT NULL;
ALTER TABLE n MODIFY a BIGINT NOT NULL DEFAULT 5;
--@ user ann service app
UPDATE n SET a = 2 WHERE id = 2;
ALTER TABLE n ALTER COLUMN a SET NOT NULL;
INSERT INTO n (id, b, x) VALUES (3, 'three', 3);
UPDATE n SET a = NULL WHERE id = 1;
-- deleted rows do not count
ALTER TABLE n ALTER COLUMN a DROP NOT NULL;
INSERT INTO n (id, b, x) VALUES (3, 'three', 3);
ALTER TABLE n ALTER COLUMN a SET NOT NULL;
DELETE FROM n WHERE id = 3;
ALTER TABLE n ALTER COLUMN a SET NOT NULL;
SELECT id, a, _deleted FROM n WHERE _deleted IN (true, false);
DELETE FROM n;
ALTER TABLE n ADD y INT NOT NULL;
INSERT INTO n VALUES (1, 1, 'one', 1, 1);
-- NULL is allowed again
ALTER TABLE n MODIFY b TEXT NULL;
INSERT INTO n (id, a, x, y) VALUES (2, 2, 2, 2);
SELECT id, a, b, x, y FROM n;
-- NOT NULL stays when MODIFY does not name it
ALTER TABLE n MODIFY a BIGINT;
INSERT INTO n (id, x, y) VALUES (4, 2, 2);
-- added with a default and NOT NULL: old rows have a value
ALTER TABLE n ADD z TEXT NOT NULL DEFAULT 'z';
SELECT id, z FROM n;
ALTER TABLE n ADD q INT, ALTER q SET NOT NULL;
ALTER TABLE n ADD q INT;
ALTER TABLE n ALTER q SET NOT NULL;
ALTER TABLE n ADD r INT DEFAULT 1;
ALTER TABLE n ALTER r SET NOT NULL;
SELECT version, changes FROM system.table_schemas WHERE namespace_id = 'app' ORDER BY version;
-- functions are frozen for old rows
ALTER TABLE n ADD made TIMESTAMP DEFAULT NOW(), ADD s BIGINT NOT NULL DEFAULT SNOWFLAKE_ID(), ADD u UUID DEFAULT UUID_V7(), ADD w TEXT DEFAULT CURRENT_USER(), ADD l TEXT DEFAULT ULID();
INSERT INTO n (id, a, x, y, q) VALUES (5, 5, 5, 5, 5);
SELECT count(*), count(DISTINCT made), count(DISTINCT s), count(DISTINCT u), count(DISTINCT l), min(w) FROM n WHERE id < 5;
SELECT count(*), count(DISTINCT made), count(DISTINCT s), count(DISTINCT u), count(DISTINCT l) FROM n;
--@ cold
SELECT count(*), count(DISTINCT made), count(DISTINCT s), count(DISTINCT u), count(DISTINCT l) FROM n;
