-- the scale of a parameter and of a literal, casts, keys of JSON, IN with several types, substring, trim: by our executor, by DuckDB and in a change
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, s TEXT, f DOUBLE, r REAL, d DECIMAL(10,2), n INT, b BIGINT, da DATE, ts TIMESTAMP, j JSON);
INSERT INTO t VALUES (1, '5', 1.005, 1.005, 1.25, NULL, 5000000000000000001, '2026-01-01', '2026-01-02', '{"a":1,"$ref":"x","/a":"p","*":"st","":"e","$.a":7,"q\"x":"dq","b\\c":"bs","0":"zero","n":[1e2,-0,1.50,1E21,0.00000012,123456789012345678901234,true],"k":{"l":[1,{"m":"deep"}]}}');
--@ params '1.25'
SELECT $1 + 1.5 AS a;
SELECT 1 AS limit, 9.99 AS price;
SELECT count(*) AS offset, max(1.255) AS having, 0.125 AS x FROM t;
UPDATE t SET r = r WHERE id = 1 RETURNING id AS limit, 1.25 AS x;
SELECT t.id AS order, 2 AS group FROM t ORDER BY t.id, 2;
SELECT -9223372036854775808 / b AS a, -9223372036854775808 / 3 + b AS b, -9223372036854775808 AS c FROM t WHERE id = 1;
SELECT -9223372036854775808 / b AS a, -9223372036854775808 / 3 + b AS b, -9223372036854775808 AS c FROM t GROUP BY ALL;
SELECT -9223372036854775808 AS a, -9223372036854775808 % -1 AS b;
SELECT -9223372036854775808 / -1;
SELECT CAST(f AS DECIMAL(5,2)) AS a, CAST(r AS DECIMAL(9,7)) AS b, CAST(f * 1e15 AS DECIMAL(38,0)) AS c FROM t GROUP BY ALL;
SELECT id FROM t WHERE CAST(f AS DECIMAL(5,2)) = 1.01 AND CAST(r AS DECIMAL(9,7)) = 1.005;
SELECT id FROM t WHERE CAST(f AS DECIMAL(5,2)) = 1.01 AND CAST(r AS DECIMAL(9,7)) = 1.005 GROUP BY ALL;
SELECT CAST(123456789012345678::float8 AS DECIMAL(38,0)) AS a, CAST(1.005::float8 AS DECIMAL(5,2)) AS b;
SELECT CAST(123456789012345678::float8 AS DECIMAL(38,0)) AS a, CAST(1.005::float8 AS DECIMAL(5,2)) AS b FROM t GROUP BY ALL;
SELECT CAST(f * 100000 AS DECIMAL(5,2)) FROM t GROUP BY ALL;
SELECT TRY_CAST(f * 100000 AS DECIMAL(5,2)) AS a, TRY_CAST('1e2' AS INT) AS b, TRY_CAST(s AS INT) AS c FROM t GROUP BY ALL;
SELECT CAST(s AS INT) AS a, CAST(s AS SMALLINT) AS b, CAST(s AS BIGINT) AS c, CAST(s AS DOUBLE) AS e, CAST(s AS REAL) AS f, CAST(s AS DECIMAL(5,1)) AS g, CAST('on' AS BOOLEAN) AS h, CAST(' t' AS BOOLEAN) AS i FROM t GROUP BY ALL;
SELECT CAST('1e2' || s AS INT) FROM t GROUP BY ALL;
SELECT CAST('1.' || s AS INT) FROM t GROUP BY ALL;
SELECT CAST('1_0' || s AS BIGINT) FROM t GROUP BY ALL;
SELECT CAST('0x0' || s AS SMALLINT) FROM t GROUP BY ALL;
SELECT CAST('1_0' || s AS DECIMAL(10,2)) FROM t GROUP BY ALL;
SELECT CAST('1_0' || s AS DOUBLE) FROM t GROUP BY ALL;
SELECT CAST('nan' AS REAL) FROM t GROUP BY ALL;
SELECT CAST('3000000000' AS INT) FROM t GROUP BY ALL;
SELECT CAST('{01890a5d-ac96-774b-bcce-b302099a8057}' AS UUID) FROM t GROUP BY ALL;
SELECT CAST('01890a5d-ac96-774b-bcce-b302099a8057' AS UUID) AS a FROM t GROUP BY ALL;
SELECT j->'a' AS a, j->>'$ref' AS b, j->>'/a' AS c, j->>'*' AS e, j->>'' AS f, j->>'$.a' AS g, j->>'q"x' AS h, j->>'b\c' AS i, j->>'0' AS k, j->'k'->'l'->-1->>'m' AS l, j->'k'->>0 AS m, j->'n'->'0' AS o, j->NULL AS p FROM t WHERE id = 1;
SELECT j->'a' AS a, j->>'$ref' AS b, j->>'/a' AS c, j->>'*' AS e, j->>'' AS f, j->>'$.a' AS g, j->>'q"x' AS h, j->>'b\c' AS i, j->>'0' AS k, j->'k'->'l'->-1->>'m' AS l, j->'k'->>0 AS m, j->'n'->'0' AS o, j->NULL AS p FROM t GROUP BY ALL;
--@ params '$.a' '*'
SELECT j->>$1 AS a, j->$2 AS b FROM t WHERE id = 1;
--@ params '$.a' '*'
SELECT j->>$1 AS a, j->$2 AS b FROM t GROUP BY ALL;
--@ params 1
SELECT j->'k'->'l'->$1 AS a FROM t WHERE id = 1;
--@ params 1
SELECT j->'k'->'l'->$1 AS a FROM t GROUP BY ALL;
SELECT j->>('$.' || 'a') AS a, j->>('*' || '') AS b, j->>trim('  ') AS c, j->'n'->(n + 1) AS e, j->'n'->(id - 2) AS f FROM t WHERE id = 1;
SELECT j->>('$.' || 'a') AS a, j->>('*' || '') AS b, j->>trim('  ') AS c, j->'n'->(n + 1) AS e, j->'n'->(id - 2) AS f FROM t GROUP BY ALL;
SELECT j->'n' AS a, j->'n'->>0 AS b, j->'n'->>1 AS c, j->'n'->>3 AS e, j->'n'->>4 AS f, j->'n'->>5 AS g FROM t WHERE id = 1;
SELECT j->'n' AS a, j->'n'->>0 AS b, j->'n'->>1 AS c, j->'n'->>3 AS e, j->'n'->>4 AS f, j->'n'->>5 AS g FROM t GROUP BY ALL;
SELECT '{"a":[1e20,1e-6,1e-7,-0.0,5e-324,123.456e2,0.1000000000000000055,1e400]}'::json->'a' AS a;
SELECT '{"a":[1e20,1e-6,1e-7,-0.0,5e-324,123.456e2,0.1000000000000000055,1e400]}'::json->'a' AS a FROM t GROUP BY ALL;
SELECT da IN (TIMESTAMP '2026-01-05 00:00:00', '2026-01-01T23:00:00') AS a, da BETWEEN '2026-01-01T12:00:00' AND TIMESTAMP '2026-01-02 00:00:00' AS b, '2026-01-01T23:00:00' IN (da, ts) AS c, id IN ('1.0', 2.5) AS e, da IN ('2026-01-01T23:00:00') AS f FROM t WHERE id = 1;
SELECT da IN (TIMESTAMP '2026-01-05 00:00:00', '2026-01-01T23:00:00') AS a, da BETWEEN '2026-01-01T12:00:00' AND TIMESTAMP '2026-01-02 00:00:00' AS b, '2026-01-01T23:00:00' IN (da, ts) AS c, id IN ('1.0', 2.5) AS e, da IN ('2026-01-01T23:00:00') AS f FROM t GROUP BY ALL;
SELECT substring('hello', n) AS a, substring('hello', 1, n) AS b, substring('hello', n, 2) AS c, substring('hello' FROM 2 FOR 2147483647) AS e, substring('hello', -2147483648, 2147483647) AS f, substr('hello', -1, 4) AS g, substring('hello', b, b) AS h FROM t WHERE id = 1;
SELECT substring('hello', n) AS a, substring('hello', 1, n) AS b, substring('hello', n, 2) AS c, substring('hello' FROM 2 FOR 2147483647) AS e, substring('hello', -2147483648, 2147483647) AS f, substr('hello', -1, 4) AS g, substring('hello', b, b) AS h FROM t GROUP BY ALL;
SELECT trim(' 5' || E'\u00a0') || '|' AS a, ltrim(E'\u00a0' || s) || '|' AS b, rtrim('x ' || E'\t') || '|' AS c, trim('xax', 'x') AS e, btrim(' a ') AS f FROM t WHERE id = 1;
SELECT trim(' 5' || E'\u00a0') || '|' AS a, ltrim(E'\u00a0' || s) || '|' AS b, rtrim('x ' || E'\t') || '|' AS c, trim('xax', 'x') AS e, btrim(' a ') AS f FROM t GROUP BY ALL;
SELECT date_trunc('dow', ts) FROM t WHERE id = 1;
SELECT date_trunc('dow', ts) FROM t GROUP BY ALL;
SELECT date_trunc('day', '2026-01-05 10:00:00') AS a, date_trunc('hour', da) AS b, nullif('5', id) AS c, nullif('7', id) AS e FROM t WHERE id = 1;
SELECT date_trunc('day', '2026-01-05 10:00:00') AS a, date_trunc('hour', da) AS b, nullif('5', id) AS c, nullif('7', id) AS e FROM t GROUP BY ALL;
DELETE FROM t WHERE da IN (TIMESTAMP '2026-01-05 00:00:00', '2026-01-01T23:00:00') OR da BETWEEN '2026-01-01T12:00:00' AND TIMESTAMP '2026-01-02 00:00:00';
