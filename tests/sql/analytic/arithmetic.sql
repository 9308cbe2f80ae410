CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, s SMALLINT, i INT, b BIGINT, p DECIMAL(10,2));
INSERT INTO t VALUES (1, -32768, -2147483648, -9223372036854775808, -7.25), (2, 7, 7, 7, 7.25), (3, NULL, NULL, NULL, NULL);
-- the remainder by -1 is 0 also where the quotient would be too large
SELECT id, s % -1 AS s, i % -1 AS i, b % -1 AS b, p % -1 AS p FROM t GROUP BY ALL ORDER BY id;
SELECT id, s % m AS s, i % m AS i, b % m AS b, p % m AS p, mod(i, m) AS f FROM t, (SELECT -1 AS m) ORDER BY id;
--@ params -1 -9
SELECT s % $1 AS s, $2 % s AS r FROM t WHERE id = 2 GROUP BY ALL;
SELECT s % (s - 7) FROM t GROUP BY ALL;
-- a literal is INT, however many signs stand before it
SELECT s - (- -3) AS a, s - - - 3 AS b, s + (-(-3)) AS c, CASE WHEN s > 0 THEN s ELSE (- (- 1)) END AS d, s + (-(3)) AS e FROM t WHERE id = 2 GROUP BY ALL;
SELECT s - - - 2147483647 AS a, i - - -7 AS b FROM t WHERE id = 2 GROUP BY ALL;
SELECT coalesce(s, -2147483648) AS a, coalesce(s, - - -2147483648) AS b FROM t WHERE id = 3 GROUP BY ALL;
