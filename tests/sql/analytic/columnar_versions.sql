-- As cold_versions, with so many cold rows that DuckDB reads the files themselves.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, a SMALLINT, b TEXT, c DECIMAL(6,2), y BYTES, gone INT);
INSERT INTO t SELECT i, i % 100, 'one' || i, (i % 1000) / 4.0, CASE WHEN i % 2 = 0 THEN '\x00ff'::BYTES END, 9 FROM generate_series(1, 12000) s(i);
--@ cold
ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 7, ADD COLUMN s TEXT DEFAULT 'it''s', ADD COLUMN z BYTES DEFAULT '\x00ff', ADD COLUMN p DECIMAL(10,3) DEFAULT 1.5, ADD COLUMN k DATE DEFAULT '2024-02-29', ADD COLUMN m TIMESTAMP DEFAULT '2024-02-29 10:20:30.5', ADD COLUMN w TIME DEFAULT '10:20:30', ADD COLUMN o BOOLEAN DEFAULT true, ADD COLUMN f DOUBLE DEFAULT 0.1, ADD COLUMN u UUID DEFAULT '0190a0b0-0000-7000-8000-00000000abcd', ADD COLUMN j JSON DEFAULT '{"a": [1]}', ADD COLUMN nothing INT;
ALTER TABLE t ALTER COLUMN a TYPE BIGINT, ALTER COLUMN c TYPE DECIMAL(12,4), RENAME COLUMN b TO label, DROP COLUMN gone;
INSERT INTO t (id, a, label, c, n) SELECT i, 100000 + i, 'two' || i, i, 70 FROM generate_series(12001, 24000) s(i);
--@ cold
EXPLAIN SELECT n, count(*) FROM t GROUP BY n;
SELECT n, count(*), sum(a), sum(c), count(nothing), min(label), max(label) FROM t GROUP BY n ORDER BY n;
SELECT s, z, k, m, w, o, f, u, p, j ->> 'a' AS first, count(*) FROM t GROUP BY ALL ORDER BY 1;
SELECT y, count(*) FROM t GROUP BY y ORDER BY y;
SELECT count(*) FROM t x WHERE y = '\x00ff' AND z = '\x00ff' AND id IN (SELECT id FROM t WHERE a < 50);
SELECT id, a, label, c, n, y FROM t x WHERE label IN ('one3', 'two12003') ORDER BY (SELECT max(n) FROM t) - n, id;
UPDATE t SET n = 8 WHERE id IN (1, 2, 12001);
DELETE FROM t WHERE id = 24000;
SELECT n, count(*), sum(a) FROM t GROUP BY n ORDER BY n;
SELECT _deleted, count(*) FROM t WHERE _deleted IN (true, false) GROUP BY 1 ORDER BY 1;
