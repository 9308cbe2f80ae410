-- Files of several schema versions, read by DuckDB: columns added with defaults of each type, renamed, dropped, widened.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, a SMALLINT, b TEXT, c DECIMAL(6,2), d REAL, gone INT);
INSERT INTO t VALUES (1, 1, 'one', 1.25, 0.5, 9), (2, 2, NULL, NULL, NULL, 9);
--@ cold
ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 7, ADD COLUMN s TEXT DEFAULT 'it''s', ADD COLUMN y BYTES DEFAULT '\x00ff', ADD COLUMN p DECIMAL(10,3) DEFAULT 1.5, ADD COLUMN k DATE DEFAULT '2024-02-29', ADD COLUMN m TIMESTAMP DEFAULT '2024-02-29 10:20:30.5', ADD COLUMN w TIME DEFAULT '10:20:30', ADD COLUMN o BOOLEAN DEFAULT true, ADD COLUMN f DOUBLE DEFAULT 0.1, ADD COLUMN u UUID DEFAULT '0190a0b0-0000-7000-8000-00000000abcd', ADD COLUMN j JSON DEFAULT '{"a": [1]}', ADD COLUMN z INT;
INSERT INTO t (id, a, b) VALUES (3, 3, 'three');
--@ cold
ALTER TABLE t ALTER COLUMN a TYPE BIGINT, ALTER COLUMN c TYPE DECIMAL(12,4), ALTER COLUMN d TYPE DOUBLE, RENAME COLUMN b TO label, DROP COLUMN gone;
INSERT INTO t (id, a, label, c, d, y) VALUES (4, 40000, 'four', 12345678.1234, 1e300, '\x61');
--@ cold
INSERT INTO t (id, a, label, n) VALUES (5, 5, 'hot', 70);
SELECT * EXCLUDE (_seq, _updated, _deleted) FROM t a QUALIFY row_number() OVER (ORDER BY id) < 10 ORDER BY id;
SELECT n, sum(a), sum(c), max(d), count(z), max(label) FROM t GROUP BY n ORDER BY n;
SELECT count(*), sum(n) FROM t x WHERE y = '\x00ff' AND id IN (SELECT id FROM t);
SELECT y, count(*) FROM t GROUP BY y ORDER BY y;
SELECT s, o, k, m, w, u, f, p, count(*) FROM t GROUP BY ALL ORDER BY 1;
SELECT j ->> 'a', count(*) FROM t GROUP BY 1;
SELECT gone FROM t a JOIN t b ON true;
UPDATE t SET n = n + 1 WHERE id <= 2;
DELETE FROM t WHERE id = 3;
SELECT n, count(*), min(id) FROM t GROUP BY n ORDER BY n;
SELECT _deleted, count(*) FROM t WHERE _deleted IN (true, false) GROUP BY 1 ORDER BY 1;
--@ cold
SELECT n, count(*), min(id) FROM t GROUP BY n ORDER BY n;
SELECT id, a, label, c, d, n, s, y, p, k, m, w, o, f, u, j, z FROM t ORDER BY id;
