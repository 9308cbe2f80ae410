CREATE SHARED TABLE t (a TEXT, b INT, v INT, PRIMARY KEY (a, b));
INSERT INTO t VALUES ('x', 1, 1), ('x', 2, 2), ('x', -3, 3), ('y', 1, 4), ('z', 5, 5), ('', 0, 6);
SELECT a, b, v FROM t;
SELECT v FROM t WHERE a = 'x' AND b = 2;
SELECT v FROM t WHERE a = 'x';
SELECT v FROM t WHERE a = 'x' AND b > -3;
SELECT v FROM t WHERE a = 'x' AND b >= -3 AND b < 2;
SELECT v FROM t WHERE a > 'x';
SELECT v FROM t WHERE a >= 'x' AND a <= 'y';
SELECT v FROM t WHERE a = 'x' AND b IN (2, 1, 2, 7);
SELECT v FROM t WHERE a IN ('z', 'x') AND b = 1;
SELECT v FROM t WHERE a = NULL;
SELECT v FROM t WHERE a IN ('z', NULL);
SELECT v FROM t ORDER BY a DESC, b DESC;
SELECT v FROM t ORDER BY a DESC, b;
SELECT v FROM t WHERE a = 'x' ORDER BY b DESC LIMIT 2;
SELECT v FROM t ORDER BY a LIMIT 2 OFFSET 1;
SELECT v FROM t ORDER BY v DESC LIMIT 2 OFFSET 1;
SELECT v FROM t ORDER BY v LIMIT 0;
SELECT a, v AS w FROM t ORDER BY w DESC, 1 LIMIT 3;
SELECT v FROM t ORDER BY -v LIMIT 2;
SELECT v FROM t LIMIT -1;
SELECT v FROM t WHERE v > 2 AND a <> 'z';
SELECT a, b FROM t WHERE b > 0 OR a = '' ORDER BY b, a;
SELECT nope FROM t;
SELECT t.v, x.v FROM t AS x;
SELECT x.v FROM t AS x WHERE x.a = 'z';
SELECT count(*), count(v), sum(v), min(a), max(b) FROM t;
SELECT count(*), sum(v), min(v) FROM t WHERE a = 'nope';
SELECT sum(v), count(*) AS c FROM t WHERE a = 'x';
--@ params 'x' 2
SELECT v FROM t WHERE a = $1 AND b = $2;
--@ params 'x' '2'
SELECT v FROM t WHERE a = $1 AND b = $2;
--@ params 'x'
SELECT v FROM t WHERE a = $1 AND b = $2;
--@ cold
SELECT a, b, v FROM t;
SELECT v FROM t WHERE a = 'x' AND b = 2;
SELECT v FROM t ORDER BY a DESC, b DESC LIMIT 3;
SELECT count(*), sum(v), max(a) FROM t;
EXPLAIN SELECT v FROM t WHERE a = 'x' AND b = 2;
EXPLAIN SELECT v FROM t WHERE a = 'x';
EXPLAIN SELECT v FROM t ORDER BY v;
EXPLAIN UPDATE t SET v = 1 WHERE a = 'x';
