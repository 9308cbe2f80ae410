-- what DuckDB's parser takes and PostgreSQL's does not is a syntax error with its place, whoever runs the statement
CREATE NAMESPACE y;
--@ user root system y
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, name TEXT);
INSERT INTO t VALUES (1, 'a');
SELECT id, FROM t;
SELECT id,
    name,
FROM t;
SELECT id FROM t,;
SELECT id FROM t, WHERE id = 1;
SELECT id FROM t ORDER BY id, LIMIT 1;
SELECT id, count(*) FROM t GROUP BY id,;
SELECT * FROM t WHERE id IN (1, 2,);
SELECT coalesce(name, 'x',) FROM t;
SELECT max(id) OVER (PARTITION BY name, ORDER BY id) FROM t;
SELECT [1, 2,];
WITH a AS (SELECT 1), SELECT * FROM a;
SELECT * EXCLUDE (name,) FROM t;
INSERT INTO t SELECT 2, 'b', FROM t;
INSERT INTO t VALUES (2, 'b'),;
UPDATE t SET name = (SELECT 'x',) WHERE id = 1;
DELETE FROM t WHERE id IN (SELECT id, FROM t);
SELECT 1a;
SELECT 1x FROM t GROUP BY id;
SELECT id FROM t WHERE id = 1OR id = 2;
SELECT 0x1F;
SELECT 1_000;
SELECT 1.5e FROM t;
SELECT id FROM t LIMIT 1a;
--@ params 1
SELECT $1a;
--@ params 1
SELECT id FROM t WHERE id = $1AND name = 'a';
--@ params 1
SELECT count(*) FROM t GROUP BY $1b;
SELECT id FROM t WHERE id BETWEEN SYMMETRIC 3 AND 1;
TABLE t;
SELECT id FROM ONLY t;
SELECT count(*) FROM (TABLE t) AS q;
SELECT id FROM t UNION ALL TABLE t;
SELECT count(*) FROM t AS a JOIN ONLY (t) AS b ON true;
SELECT count(*) FROM t AS a, ONLY t AS b;
UPDATE ONLY t SET name = 'x';
UPDATE t SET name = 'x' FROM ONLY t AS u WHERE u.id = t.id;
DELETE FROM ONLY t;
SELECT (1, 2);
SELECT id, ROW(id, name) FROM t;
SELECT max(x) FROM (SELECT [(id, name)] AS x FROM t) AS q;
-- still good
SELECT id FROM t WHERE (id, name) = (1, 'a');
SELECT {'a': 1, 'b': [{'c': 2}]} AS named;
SELECT count(*) FROM (SELECT id FROM t FETCH FIRST 1 ROW ONLY) AS q;
SELECT 1 a, 1."b", 1.5 AS "from", (1), id FROM t;
SELECT ARRAY[1, 2] = [1, 2], '1a', $$a,$$, "id" FROM t GROUP BY ALL;
