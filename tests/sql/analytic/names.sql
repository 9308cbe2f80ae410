-- Names and types of the columns of statements that DuckDB runs; sums of everything that may be SMALLINT.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, g INT, name TEXT, j JSON, s SMALLINT, d DATE, p DECIMAL(10,2), u UUID, b BYTES, tm TIME);
INSERT INTO t VALUES (1, 10, 'tea', '{"a": [1, 2]}', 1, '2024-01-31', 1.5, '0190a0b0-0000-7000-8000-00000000abcd', '\x00ff', '10:20:30'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT nullif(max(g), 10), ARRAY[1, 2], [g, 2][1], greatest(g, 1), least(g, 1), coalesce(g, 1) FROM t GROUP BY g ORDER BY g;
SELECT GROUPING(g), g, count(*) FROM t GROUP BY ROLLUP (g) ORDER BY 1, 2;
SELECT (SELECT max(g) FROM t), (SELECT max(g) AS top FROM t), EXISTS (SELECT 1 FROM t), g IN (SELECT 10) FROM t ORDER BY id;
SELECT CASE WHEN count(*) > 1 THEN g ELSE max(s) END, CASE g WHEN 10 THEN 'ten' END, NOT (g = 10), g IS NULL, -g, g::TEXT, CAST(g AS DOUBLE) FROM t GROUP BY g ORDER BY g;
SELECT ((g)), (g + 1), g || 'x', name LIKE 't%', g BETWEEN 1 AND 20, upper(name), sum(g) OVER (), row_number() OVER (ORDER BY id) FROM t ORDER BY id;
SELECT j -> 'a', j ->> 'a', j -> 'a' -> 0, j -> 'a' ->> 1, max(id) FROM t GROUP BY j ORDER BY 5;
SELECT * FROM (VALUES (1, 'x'), (2, 'y')) v;
SELECT * FROM (VALUES (1, 'x'), (2, 'y')) v (a, b);
SELECT v.* EXCLUDE (id, j, u, b, tm, _seq, _updated), 1 FROM t v ORDER BY v.id;
SELECT * REPLACE (g * 2 AS g) FROM (SELECT id, g FROM t) x ORDER BY id;
SELECT COLUMNS('i.*') FROM (SELECT id, g FROM t) x ORDER BY 1;
SELECT a.*, b.g FROM (SELECT id, g FROM t) a LEFT JOIN (SELECT id, g FROM t WHERE g > 5) b USING (id) ORDER BY id;
SELECT id, g AS "Mixed Case", g AS "select", 1 AS "a""b" FROM t QUALIFY row_number() OVER (ORDER BY id) = 1;
SELECT g, array_agg(id), list(id), string_agg(name, ','), bool_and(g > 1), bool_or(g > 1), every(g > 1) FROM t GROUP BY g ORDER BY g;
SELECT min(u), max(d), max(tm), min(b), max(p), any_value(name), count(DISTINCT name) FROM t;
SELECT x FROM (SELECT CASE WHEN id = 1 THEN s ELSE NULL END + 1 AS x FROM t) q ORDER BY x;
SELECT sum(CASE WHEN id = 1 THEN s ELSE 1 END), sum(CASE WHEN id = 1 THEN g END), sum(coalesce(s, 1)), sum(nullif(g, 1)), sum(greatest(s, g)) FROM t;
SELECT sum(CASE WHEN id = 1 THEN 1.5 ELSE 1 END), sum(CASE WHEN id = 1 THEN 2147483647 ELSE 1 END) FROM t;
SELECT sum(abs(s)), sum(-s), sum(s % 2), sum(s::INT), sum((s)), sum(id::SMALLINT), sum(length(name)) FROM t;
SELECT sum(x), sum(y), max(y) FROM (SELECT g AS x, s AS y FROM t UNION ALL SELECT 1, 2) q;
WITH a AS (SELECT g, s FROM t), b (x, y) AS (SELECT g, s FROM a) SELECT sum(x), sum(y) FROM b;
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n), count(*) FROM r;
SELECT sum(v.x), sum(v.y) FROM (VALUES (1, CAST(2 AS SMALLINT)), (3, 4)) v (x, y);
SELECT least(3, 2.5, NULL), least(1, 2.5), greatest(2.5, 3), coalesce(NULL, 2.5, 3), CASE WHEN true THEN 1 ELSE 2.5 END;
SELECT x FROM (SELECT least(3, 2.5, NULL) AS x UNION ALL SELECT greatest(2.5, 3)) q;
SELECT round(g, -1), round(p, 1), round(2147483647, -5) FROM t WHERE id = 1;
SELECT round(CAST(9223372036854775807 AS BIGINT), -18) FROM (SELECT 1) q;
SELECT round(CAST(32767 AS SMALLINT), -1) FROM (SELECT 1) q;
SELECT round(CAST(32767 AS SMALLINT), -4), round(2147483647, -9), round(1234567, -3), round(-1500, -3), round(CAST(4000000000000000000 AS BIGINT), -18), round(CAST(4000000000000000000 AS BIGINT), -19), round(1234.5, -2), round(5, -30) FROM (SELECT 1) q;
CREATE SHARED TABLE r (id BIGINT PRIMARY KEY, p DECIMAL(5,2), q DECIMAL(2,0), f DOUBLE, i INT, big BIGINT);
INSERT INTO r VALUES (1, 999.99, 99, 999.5, 2147483647, 9223372036854775807), (2, -999.99, -50, -1500, -2147483648, -9223372036854775807), (3, 499.99, 49, 2500, 5, 5), (4, NULL, NULL, NULL, NULL, NULL);
SELECT round(p, -3), round(p, -2), round(p, -4), round(q, -2), round(q, -1), round(f, -3), round(i, -5), round(i, -10), round(big, -18), round(big, -19), round(p, 1) FROM r ORDER BY id;
SELECT round(p, -3) AS x, sum(round(q, -2)), max(round(i, -9)), round(avg(f), -2) FROM r GROUP BY 1 ORDER BY 1;
UPDATE r SET p = round(q, -2), i = round(i, -1) WHERE i > 0 AND id > 1 RETURNING p, i;
SELECT round(999.99, -3), round(-499.5, -3), round(99.5, -2), round(95, -2), round(1e3, -2) FROM (SELECT 1) q;
SELECT round(p, 2 - 4), max(id) FROM r WHERE id = 1 GROUP BY p;
--@ params -2
SELECT round(i, $1), max(id) FROM r WHERE id = 3 GROUP BY i;
--@ params -2
SELECT round(f, $1), max(id) FROM r WHERE id = 3 GROUP BY f;
--@ params 1
SELECT round(p - 998.72, $1), round(i, $1), max(id) FROM r WHERE id = 1 GROUP BY p, i;
SELECT round(p - 998.72, 2 - 1), round(p - 998.72, 3 - 3), max(id) FROM r WHERE id = 1 GROUP BY p;
SELECT round(p - 998.72, id::INT), max(id) FROM r WHERE id = 1 GROUP BY p, id;
SELECT round(f, id::INT), round(f, - - 1), round(f, -(1)), max(id) FROM r WHERE id = 1 GROUP BY f, i, id;
SELECT round_to_tens(p, -3), max(id) FROM r GROUP BY p;
-- COLUMNS and a struct that unnest takes apart give columns by their own names; those beside them keep theirs
SELECT COLUMNS('^(g|s)$') + 1, name, count(*) OVER () FROM t ORDER BY id;
SELECT max(COLUMNS('^(g|s)$')), count(*) FROM t;
SELECT min(id), unnest(row(1, 2)), max(name) FROM t;
SELECT min(id), unnest([1, 2]), max(name) FROM t;
SELECT min(id), max(COLUMNS('^g$')), unnest({'a': 1, 'b': 2}), count(*) FROM t;
