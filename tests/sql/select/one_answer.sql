-- the same expression by our executor (a key is named), by DuckDB (GROUP BY ALL) and in a change
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT, d DECIMAL(10,3), ts TIMESTAMP, tm TIME, dt DATE, j JSON, r DECIMAL(30,6));
INSERT INTO t VALUES (1, 5, 2.5, '2026-02-03 04:05:06.789', '10:20:30.25', '2026-02-03', '[1, 2, 3]', NULL);
SELECT extract(second FROM ts) AS a, extract(milliseconds FROM ts) AS b, extract(microseconds FROM ts) AS c, extract(epoch FROM ts) AS d, extract(minute FROM ts) AS e FROM t WHERE id = 1;
SELECT extract(second FROM ts) AS a, extract(milliseconds FROM ts) AS b, extract(microseconds FROM ts) AS c, extract(epoch FROM ts) AS d, extract(minute FROM ts) AS e FROM t GROUP BY ALL;
SELECT extract(second FROM tm) AS a, extract(ms FROM tm) AS b, extract(epoch FROM tm) AS c, extract('second' FROM tm) AS d, extract(epoch FROM dt) AS e FROM t WHERE id = 1;
SELECT extract(second FROM tm) AS a, extract(ms FROM tm) AS b, extract(epoch FROM tm) AS c, extract('second' FROM tm) AS d, extract(epoch FROM dt) AS e FROM t GROUP BY ALL;
SELECT date_part('second', ts) AS a, date_part('milliseconds', ts) AS b, date_part('epoch', ts) AS c, date_part('hour', ts) AS d FROM t;
SELECT extract(second FROM ts) FROM t GROUP BY ALL;
SELECT count(*) FROM t WHERE extract(second FROM ts) = 6.789;
SELECT count(*), n FROM t WHERE extract(second FROM ts) = 6.789 GROUP BY n;
SELECT extract_second(ts) FROM t GROUP BY ALL;
UPDATE t SET r = extract(second FROM ts) WHERE extract(second FROM ts) = 6.789;
SELECT r FROM t;
SELECT d / 3 AS a, n / 2.0 AS b, 1.0 / 3 AS c, (n / 2.0)::INT AS e, d / n AS f FROM t WHERE id = 1;
SELECT d / 3 AS a, n / 2.0 AS b, 1.0 / 3 AS c, (n / 2.0)::INT AS e, d / n AS f FROM t GROUP BY ALL;
SELECT 1.0 / 3 AS c, (5 / 2.0)::INT AS e;
SELECT max(d / 3) AS a FROM t;
SELECT d / 0 FROM t WHERE id = 1;
UPDATE t SET r = d / 3 WHERE (n / 2.0)::INT = 2 RETURNING r, d / 3 AS q;
SELECT round(d, 1) AS a, round(d, 2) AS b, round(d) AS c, CASE WHEN n > 0 THEN n ELSE d END AS e, greatest(n, d) AS f FROM t WHERE id = 1;
SELECT max(round(d, 1)) AS a, max(CASE WHEN n > 0 THEN n ELSE d END) AS b, max(greatest(n, d)) AS c FROM t;
UPDATE t SET n = n RETURNING round(d, 2) AS a, coalesce(n, d) AS b;
SELECT count(*), n FROM t WHERE n=any(array[5]) AND n =ANY (ARRAY[5, 6]) GROUP BY n;
SELECT j->-1 AS a, j-> -1 AS b, j->>-2 AS c, j->0 AS d FROM t WHERE id = 1;
SELECT j->-1 AS a, j-> -1 AS b, j->>-2 AS c, j->0 AS d FROM t GROUP BY ALL;
SELECT E'\u00e9\U0001F600\'\n''x' AS a, E'\x41' || max(n) AS b FROM t;
SELECT E'\u00e9\U0001F600\'\n''x' AS a FROM t WHERE id = 1;
SELECT count(*), n FROM t WHERE ts > E'2026-02-03 00:00:00\u0020' GROUP BY n;
SELECT '0.5' AS x, CAST(0.5 AS TEXT) || max(n) AS a FROM t;
UPDATE t SET j = json_object('a', lcase('X') || CAST(0.5 AS TEXT)) RETURNING j;
SELECT id, dt = '2026-02-03 04:05:06' AS a, dt IN ('2026-02-03T23:00:00-05:00') AS b, CAST('2026-02-03 10:00' AS DATE) AS c FROM t;
SELECT id, dt = '2026-02-03 04:05:06' AS a, dt IN ('2026-02-03T23:00:00-05:00') AS b, CAST('2026-02-03 10:00' AS DATE) AS c FROM t GROUP BY ALL;
SELECT id FROM t WHERE dt > '2026-2-3';
SELECT id FROM t WHERE dt > '2026-2-3' GROUP BY ALL;
SELECT id FROM t WHERE dt < 'infinity' GROUP BY ALL;
UPDATE t SET dt = '2026-02-04 12:00:00' WHERE dt = '2026-02-03 01:00:00' RETURNING dt;
-- a FROM that is no clause: the literals behind it keep their scale
SELECT extract(year FROM TIMESTAMP '2026-01-01') AS y, 0.5 AS half, 0.25 AS quarter;
SELECT CASE WHEN 1 IS DISTINCT FROM 0 THEN -0.001 END AS x, trim(FROM ' a ') AS a, 1.5 AS y;
-- a long DECIMAL becomes the nearest DOUBLE or REAL, the text of a REAL has its own digits
CREATE SHARED TABLE near (id INT PRIMARY KEY, n NUMERIC, m DECIMAL(17,2), d DOUBLE, r REAL);
INSERT INTO near VALUES (1, '-9212441837365322.8240690566', 123456789012345.67, -9212441837365322, 121338016), (2, '-61223040952601972.8024845936', -999999999999999.99, -6.1223040952601976e16, 500443.625), (3, NULL, NULL, NULL, NULL);
SELECT id, n = d AS a, n / 3 AS b, CAST(n AS DOUBLE) AS c, CAST(m AS DOUBLE) AS e, CAST(m AS REAL) AS f, CAST(n AS REAL) AS g FROM near;
SELECT id, n = d AS a, n / 3 AS b, CAST(n AS DOUBLE) AS c, CAST(m AS DOUBLE) AS e, CAST(m AS REAL) AS f, CAST(n AS REAL) AS g FROM near GROUP BY ALL ORDER BY id;
SELECT id FROM near WHERE n = d;
SELECT id FROM near WHERE n = d GROUP BY id ORDER BY id;
SELECT CAST(r AS TEXT) AS a, r || '' AS b, concat(r, '/', CAST(d AS TEXT)) AS c FROM near ORDER BY id;
SELECT CAST(r AS TEXT) AS a, r || '' AS b, concat(r, '/', CAST(d AS TEXT)) AS c FROM near GROUP BY ALL ORDER BY max(id);
SELECT CAST(max(r) * 1e38 AS TEXT) AS a FROM near;
SELECT max(round(sqrt(abs(n)), 3)) AS a, max(m / 2) AS b, max(power(abs(n), 0.5)) AS c, max(greatest(n, d)) AS e, count(*) FILTER (WHERE n IN (d, 5)) AS f FROM near;
-- digits that are a parameter or a BIGINT; NULL stays NULL
--@ params 1 -1 9223372036854775807
SELECT round(d, $1) AS a, round(n, $2) AS b, round(CAST(d AS DOUBLE), $3) AS c FROM t WHERE id = 1;
--@ params 1 -1 9223372036854775807
SELECT round(d, $1) AS a, round(n, $2) AS b, round(CAST(d AS DOUBLE), $3) AS c FROM t GROUP BY ALL;
--@ params 1 9223372036854775807
UPDATE t SET n = n RETURNING round(d, $1) AS a, round(CAST(d AS DOUBLE), $2) AS c;
SELECT round(d, 1.5) AS c FROM t GROUP BY ALL;
SELECT round(CAST(d AS DOUBLE), id) AS a, round(n, id) AS b FROM t GROUP BY ALL;
SELECT round(d, NULL) AS a, round(CAST(d AS DOUBLE), NULL::BIGINT) AS b FROM t GROUP BY ALL;
SELECT id, round(n, -27) AS a, round(n, -28) AS b, round(n, -38) AS c, round(n, -39) AS d FROM near ORDER BY id;
SELECT id, round(n, -27) AS a, round(n, -28) AS b, round(n, -38) AS c, round(n, -39) AS d FROM near GROUP BY ALL ORDER BY id;
UPDATE near SET n = round(n, -28) WHERE id IN (SELECT max(id) FROM near) RETURNING id, n;
