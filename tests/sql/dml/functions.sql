-- functions in RETURNING, DO UPDATE SET and its WHERE, UPDATE SET, and by DuckDB (GROUP BY ALL) for comparison
CREATE SHARED TABLE t (id INT PRIMARY KEY, i INT, s SMALLINT, b BIGINT, d DOUBLE, r FLOAT, n DECIMAL(10,2), w TEXT, x TEXT, by BYTES, da DATE, ts TIMESTAMP, ti TIME, j JSON, ok BOOLEAN);
INSERT INTO t VALUES (1, 3, 2, 12, 2.5, 1.5, -7.25, 'Teapot é', 'x', X'61ff5c00', '2024-02-29', '1969-12-31 23:59:59.9995', '07:08:09.25', '{"a":1}', true), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- texts of numbers and bytes
UPDATE t SET x = d || '/' || r || '/' || w WHERE id = 1 RETURNING x, CAST(d AS TEXT) AS a, CAST(4::DOUBLE AS TEXT) AS b, CAST(1e16::DOUBLE AS TEXT) AS c, CAST(-0.00001::DOUBLE AS TEXT) AS e, CAST(16777216::FLOAT AS TEXT) AS f, CAST(by AS TEXT) AS g, by || by AS h, concat(w, d, by, ok, n, i) AS k, concat_ws('-', i, NULL, d, ok, 'z') AS l, concat_ws(NULL, 'a') AS m, CAST(1.5::DOUBLE AS VARCHAR(3)) AS o;
SELECT d || '/' || r || '/' || w AS x, CAST(d AS TEXT) AS a, CAST(4::DOUBLE AS TEXT) AS b, CAST(1e16::DOUBLE AS TEXT) AS c, CAST(-0.00001::DOUBLE AS TEXT) AS e, CAST(16777216::FLOAT AS TEXT) AS f, CAST(by AS TEXT) AS g, by || by AS h, concat(w, d, by, ok, n, i) AS k, concat_ws('-', i, NULL, d, ok, 'z') AS l FROM t WHERE id = 1 GROUP BY ALL;
UPDATE t SET id = id RETURNING 1;
UPDATE t SET ok = ok WHERE id = 1 RETURNING CAST(1.25::DOUBLE AS VARCHAR(3));
-- parts of texts
UPDATE t SET x = x WHERE id = 1 RETURNING left(w, 3) AS a, left(w, -3) AS b, right(w, 3) AS c, right(w, -3) AS d, right(w, 0) AS e, lpad(w, 10, '日x') AS f, lpad(w, 3) AS g, rpad(w, 10) || '|' AS h, repeat('ab', s) AS i, split_part('a-b-c', '-', s) AS j, split_part('a-b-c', '-', -1) AS k, split_part('abc', '', 2) AS l, split_part(w, '-', 9) AS m;
SELECT left(w, 3) AS a, left(w, -3) AS b, right(w, 3) AS c, right(w, -3) AS d, right(w, 0) AS e, lpad(w, 10, '日x') AS f, lpad(w, 3) AS g, rpad(w, 10) || '|' AS h, repeat('ab', s) AS i, split_part('a-b-c', '-', s) AS j, split_part('a-b-c', '-', -1) AS k, split_part('abc', '', 2) AS l, split_part(w, '-', 9) AS m FROM t WHERE id = 1 GROUP BY ALL;
UPDATE t SET x = x WHERE id = 1 RETURNING starts_with(w, 'Tea') AS a, ends_with(w, 'é') AS b, contains(w, 'pot') AS c, instr(w, 'p') AS d, translate(w, 'Tpé', 'té') AS e, ascii(w) AS f, ascii('') AS g, unicode('') AS h, ord('é') AS i, chr(8364) AS j, octet_length(w) AS k, octet_length(by) AS l, bit_length(w) AS m, len(w) AS n, strlen(w) AS o, lcase(w) AS p, ucase(w) AS q, hex(w) AS r, hex(by) AS s, hex(255) AS t, to_hex(-1) AS u, left(j, 4) AS v, prefix(w, 'x') AS w, suffix(w, 'x') AS x;
SELECT starts_with(w, 'Tea') AS a, ends_with(w, 'é') AS b, contains(w, 'pot') AS c, instr(w, 'p') AS d, translate(w, 'Tpé', 'té') AS e, ascii(w) AS f, ascii('') AS g, unicode('') AS h, ord('é') AS i, chr(8364) AS j, octet_length(w) AS k, octet_length(by) AS l, bit_length(w) AS m, len(w) AS n, strlen(w) AS o, lcase(w) AS p, ucase(w) AS q, hex(w) AS r, hex(by) AS s, hex(255) AS t, to_hex(-1) AS u, left(j, 4) AS v, prefix(w, 'x') AS w, suffix(w, 'x') AS x FROM t WHERE id = 1 GROUP BY ALL;
-- numbers
UPDATE t SET x = x WHERE id = 1 RETURNING mod(i, 2) AS a, mod(n, 2) AS b, d % 2 AS c, r % 1 AS e, power(i, 2) AS f, sqrt(b) AS g, round(d, 0) AS h, round(2.345::DOUBLE, 2) AS i, round(r, 0) AS j, round(r) AS k, round(b, -1) AS l, round(i, 1) AS m, ceil(r) AS n, floor(r) AS o, trunc(n) AS p, trunc(d) AS q, trunc(s) AS r, sign(n) AS s, sign(d) AS t, ln(d) AS u, log(100) AS v, log(2, 8) AS w;
SELECT mod(i, 2) AS a, mod(n, 2) AS b, d % 2 AS c, r % 1 AS e, power(i, 2) AS f, sqrt(b) AS g, round(d, 0) AS h, round(2.345::DOUBLE, 2) AS i, round(r, 0) AS j, round(r) AS k, round(b, -1) AS l, round(i, 1) AS m, ceil(r) AS n, floor(r) AS o, trunc(n) AS p, trunc(d) AS q, trunc(s) AS r, sign(n) AS s, sign(d) AS t, ln(d) AS u, log(100) AS v, log(2, 8) AS w FROM t WHERE id = 1 GROUP BY ALL;
UPDATE t SET x = x WHERE id = 1 RETURNING log10(100) AS a, log2(8) AS b, exp(0) AS c, cbrt(d) AS d, pi() AS e, degrees(d) AS f, radians(d) AS g, sin(d) AS h, cos(d) AS i, tan(d) AS j, cot(d) AS k, asin(0.5) AS l, acos(0.5) AS m, atan(d) AS n, atan2(d, i) AS o, sinh(d) AS p, cosh(d) AS q, tanh(d) AS r, asinh(d) AS s, acosh(d) AS t, atanh(0.5) AS u, even(d) AS v, gcd(b, 18) AS w, lcm(b, 18) AS x, factorial(i) AS y;
SELECT log10(100) AS a, log2(8) AS b, exp(0) AS c, cbrt(d) AS d, pi() AS e, degrees(d) AS f, radians(d) AS g, sin(d) AS h, cos(d) AS i, tan(d) AS j, cot(d) AS k, asin(0.5) AS l, acos(0.5) AS m, atan(d) AS n, atan2(d, i) AS o, sinh(d) AS p, cosh(d) AS q, tanh(d) AS r, asinh(d) AS s, acosh(d) AS t, atanh(0.5) AS u, even(d) AS v, gcd(b, 18) AS w, lcm(b, 18) AS x, factorial(i) AS y FROM t WHERE id = 1 GROUP BY ALL;
-- moments
UPDATE t SET x = x WHERE id = 1 RETURNING year(da) AS a, quarter(da) AS b, month(da) AS c, week(da) AS d, day(da) AS e, dayofyear(da) AS f, dayofweek(da) AS g, isodow(da) AS h, hour(ti) AS i, minute(ti) AS j, second(ti) AS k, millisecond(ti) AS l, microsecond(ts) AS m, epoch(ts) AS n, epoch_ms(ts) AS o, epoch_us(ts) AS p, dayname(da) AS q, monthname(ts) AS r, last_day(da) AS s, make_date(2024, s, 29) AS t, date_part('year', ts) AS u, date_part('second', ti) AS v, datepart('epoch', da) AS w, date_diff('hour', ts, da) AS x, datediff('month', da, ts) AS y, date_diff('second', ts, ts + INTERVAL '1 ms') AS z;
SELECT year(da) AS a, quarter(da) AS b, month(da) AS c, week(da) AS d, day(da) AS e, dayofyear(da) AS f, dayofweek(da) AS g, isodow(da) AS h, hour(ti) AS i, minute(ti) AS j, second(ti) AS k, millisecond(ti) AS l, microsecond(ts) AS m, epoch(ts) AS n, epoch_ms(ts) AS o, epoch_us(ts) AS p, dayname(da) AS q, monthname(ts) AS r, last_day(da) AS s, make_date(2024, s, 29) AS t, date_part('year', ts) AS u, date_part('second', ti) AS v, datepart('epoch', da) AS w, date_diff('hour', ts, da) AS x, datediff('month', da, ts) AS y, date_diff('second', ts, ts + INTERVAL '1 ms') AS z FROM t WHERE id = 1 GROUP BY ALL;
-- NULL
UPDATE t SET x = x WHERE id = 2 RETURNING left(w, 1) AS a, lpad(w, 3) AS b, power(d, 2) AS c, mod(i, 2) AS d, year(da) AS e, round(d, 1) AS f, sign(d) AS g, concat(w, d) AS h, concat_ws('-', w, d) AS i, CAST(d AS TEXT) AS j, date_diff('day', da, da) AS k, translate(w, 'a', 'b') AS l;
-- ON CONFLICT DO UPDATE
INSERT INTO t (id, w, d) VALUES (1, 'cup', 9) ON CONFLICT (id) DO UPDATE SET w = left(t.w, 3) || ':' || excluded.d || ':' || upper(right(excluded.w, 2)), d = sqrt(excluded.d) + power(t.d, 2), x = lpad(excluded.w, 5, '.') WHERE mod(t.i, 2) = 1 AND starts_with(t.w, 'Tea') RETURNING w, d, x, split_part(w, ':', 2) AS part;
INSERT INTO t (id, w) VALUES (1, 'cup') ON CONFLICT (id) DO UPDATE SET w = 'never' WHERE mod(t.i, 2) = 0 RETURNING w;
SELECT length(gen_random_uuid()::TEXT) AS a, substring(uuid()::TEXT, 15, 1) AS b, random() < 1 AS c, random() = random() AS d;
UPDATE t SET x = gen_random_uuid()::TEXT, d = random() WHERE id = 1 RETURNING length(x) AS a, d >= 0 AND d < 1 AS b, uuidv4() = uuidv4() AS c;
DELETE FROM t WHERE id = 2 AND coalesce(left(w, 1), 'x') = 'x' RETURNING id, today() = CURRENT_DATE AS a, session_user AS b, current_time = localtime AS c, get_current_timestamp() = NOW() AS d;
-- errors of the data write nothing
UPDATE t SET i = 100 RETURNING sqrt(-i);
UPDATE t SET i = 100 RETURNING ln(i - 100);
UPDATE t SET i = 100 RETURNING ln(-i);
UPDATE t SET i = 100 RETURNING power(10, 4 * i);
UPDATE t SET i = 100 RETURNING acos(i);
UPDATE t SET i = 100 RETURNING i % 0.0::DOUBLE;
UPDATE t SET i = 100 RETURNING mod(i, 0);
UPDATE t SET i = 100 RETURNING lpad(w, 70000);
UPDATE t SET i = 100 RETURNING repeat('ab', 40000);
UPDATE t SET i = 100 RETURNING rpad(w, 20, '');
UPDATE t SET i = 100 RETURNING chr(-i);
UPDATE t SET i = 100 RETURNING make_date(2023, 2, 29);
UPDATE t SET i = 100 RETURNING factorial(i);
UPDATE t SET i = 100 RETURNING factorial(-i);
UPDATE t SET i = 100 RETURNING log(1, i);
UPDATE t SET i = 100 RETURNING round(CAST(3.4028234e38 AS REAL), -35);
UPDATE t SET r = round(CAST(-3.4028234e38 AS REAL), -35);
SELECT round(CAST(3.4028234e38 AS REAL), -35) AS x;
SELECT max(round(CAST(3.4028234e38 AS REAL), -35)) AS x FROM t;
SELECT round(CAST(3.4028234e38 AS REAL), -39) AS x, round(1.7e308::DOUBLE, -308) AS y, round(1.7976931348623157e308::DOUBLE, -308) AS z;
SELECT i FROM t;
-- what only DuckDB runs says where
UPDATE t SET i = 100 RETURNING regexp_replace(w, 'e', 'a');
UPDATE t SET i = 100 RETURNING reverse(w);
UPDATE t SET i = 100 RETURNING left(5, 2);
UPDATE t SET i = 100 RETURNING date_part(w, da);
UPDATE t SET i = 100 RETURNING lpad(w, b);
INSERT INTO t (id) VALUES (5) RETURNING md5(w);
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET w = md5(t.w);
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET w = 'x' WHERE regexp_matches(t.w, 'e');
DELETE FROM t RETURNING hamming(w, w);
SELECT id, i FROM t;
UPDATE t SET w = reverse('abc') WHERE regexp_matches(x, '.') RETURNING w, left(w, 1) AS a;
