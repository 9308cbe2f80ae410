-- length, octet_length and sum find the type of what has none before DuckDB binds it: aggregates, windows, columns of outer SELECTs.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, s TEXT, b BYTES, n INT, d DOUBLE, j JSON);
INSERT INTO t VALUES (1, 'abcd', '\x00ff', 40000, 2.5, '[1]'), (2, '日本', NULL, 50000, 3.5, NULL);
SELECT length(max(s)), octet_length(max(s)), length(max(b)), octet_length(max(b)) FROM t GROUP BY id ORDER BY id;
SELECT id FROM t GROUP BY id HAVING length(max(s)) = 4;
SELECT s FROM t GROUP BY s ORDER BY length(max(s)), octet_length(min(s));
SELECT id, length(lag(s) OVER (ORDER BY id)), octet_length(first_value(b) OVER (ORDER BY id)) FROM t ORDER BY id;
SELECT length(CASE WHEN count(*) > 1 THEN 'abcd' ELSE 'x' END), length(string_agg(s, '')), length(array_agg(s)) FROM t;
SELECT id, (SELECT length(x.s)), (SELECT octet_length(x.b)) FROM t x ORDER BY id;
SELECT id FROM t p WHERE EXISTS (SELECT 1 FROM t WHERE length(p.s) = 4);
SELECT length(unnest(['abcd', 'x'])) FROM t WHERE id = 1;
SELECT list_transform(['abcd', NULL], lambda x: length(x)) IS NULL, length([1, 2]), length(array_value(1, 2, 3)), length(NULL), octet_length(NULL), max(length(j)) FROM t;
SELECT length(x), octet_length(x) FROM (VALUES (NULL), ('ü')) v(x);
SELECT length(x) FROM (VALUES (NULL), ([1, 2]), ([])) v(x);
--@ params NULL '0x00ff'
SELECT length($1), length($2), octet_length($1), octet_length($2) FROM (SELECT 1) q;
SELECT length(max(n)) FROM t;
SELECT octet_length(array_agg(n)) FROM t;
UPDATE t SET n = (SELECT length(t.s)) WHERE id = 2 RETURNING n;
UPDATE t SET n = 50000 WHERE id = 2;

SELECT id, (SELECT sum(o.n * p.d) FROM t o WHERE o.id <= p.id) AS x FROM t p ORDER BY id;
SELECT id FROM t p WHERE 150000 < (SELECT sum(o.n + p.n) FROM t o) ORDER BY id;
SELECT p.id, l.x FROM t p, LATERAL (SELECT sum(o.n * p.n::BIGINT) AS x FROM t o) l ORDER BY p.id;
SELECT (SELECT sum(x.n) FROM range(3)) AS x, (SELECT sum(x.d) FROM range(3)) AS y FROM t x ORDER BY 1;
SELECT id, (SELECT sum(q.v) FROM (SELECT n AS v FROM t) q WHERE q.v <= p.n) AS x FROM t p ORDER BY id;
SELECT id, (SELECT sum(v) FROM (SELECT n AS v FROM t) q WHERE v <= p.n) AS x FROM t p ORDER BY id;
SELECT n AS x, sum(x) FROM t GROUP BY n ORDER BY n;
SELECT a.id, b.x FROM t a JOIN (SELECT k, sum(v) AS x FROM (SELECT id AS k, n AS v FROM t) q GROUP BY k) b ON a.id = b.k ORDER BY 1;
SELECT sum((SELECT max(n) FROM t)) FROM t;
SELECT sum(list_transform([n], lambda x: x + 1)[1]) FROM t;
SELECT sum(max(n)) FROM t;
-- what an error quotes is no state of DuckDB
SELECT CAST(s AS INT) FROM (SELECT 'database has been invalidated' AS s FROM range(1)) q;
SELECT "database has been invalidated" FROM t GROUP BY ALL;
