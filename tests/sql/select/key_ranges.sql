-- Conditions on keys: ends of the types, values that no key can have, NULL, prefixes.
CREATE SHARED TABLE t (a SMALLINT, b TEXT, c INT, v TEXT, PRIMARY KEY (a, b, c));
CREATE SHARED TABLE d (day DATE PRIMARY KEY, v INT);
CREATE SHARED TABLE bo (x BOOLEAN PRIMARY KEY, v INT);
INSERT INTO t VALUES (-32768, 'm', 1, 'low'), (1, 'a', 1, 'p'), (1, 'a', 2147483647, 'q'), (1, 'b', -5, 'r'), (32767, 'z', 0, 'high');
INSERT INTO d VALUES ('0001-01-01', 1), ('2024-02-29', 2), ('9999-12-31', 3);
INSERT INTO bo VALUES (false, 0), (true, 1);
SELECT v FROM t WHERE a = 1 AND b = 'a' AND c > 1;
SELECT v FROM t WHERE a = 1 AND b = 'a' AND c > 2147483647;
SELECT v FROM t WHERE a = 1 AND b = 'a' AND c >= 2147483647;
SELECT v FROM t WHERE a > 32767;
SELECT v FROM t WHERE a >= 32767;
SELECT v FROM t WHERE a < -32768;
SELECT v FROM t WHERE a <= -32768;
SELECT v FROM t WHERE a = 40000;
SELECT v FROM t WHERE a > 40000;
SELECT v FROM t WHERE a < 40000 ORDER BY a, b, c;
SELECT v FROM t WHERE a >= -40000 ORDER BY a, b, c;
SELECT v FROM t WHERE a IN (1, 40000, NULL) AND b IN ('a', 'c') AND c IN (1, 5);
SELECT v FROM t WHERE a = 1 AND b > 'a';
SELECT v FROM t WHERE a = 1 AND b < 'b' ORDER BY c DESC;
SELECT v FROM t WHERE a = 1 AND b BETWEEN 'a' AND 'b' AND c = -5;
SELECT v FROM t WHERE a = 1.5;
SELECT v FROM t WHERE a < 1.5 ORDER BY a, b, c;
SELECT v FROM t WHERE 1 > a;
SELECT v FROM t WHERE 1 >= a AND 1 <= a ORDER BY b, c;
SELECT v FROM t WHERE a = NULL;
SELECT v FROM t WHERE a > NULL;
SELECT v FROM t WHERE a < NULL AND b = 'x';
SELECT v FROM t WHERE a = 1 AND a = 2;
SELECT v FROM t WHERE NOT a = 1 ORDER BY a;
SELECT v FROM d WHERE day > '9999-12-31';
SELECT v FROM d WHERE day >= '9999-12-31';
SELECT v FROM d WHERE day < '0001-01-01';
SELECT v FROM d WHERE day = '2024-02-29';
SELECT v FROM d WHERE day = '2024-02-30';
SELECT v FROM d WHERE day > TIMESTAMP '2024-02-29 00:00:01';
SELECT v FROM d WHERE day >= '2024-02-28' AND day < '2024-03-01';
SELECT v FROM bo WHERE x;
SELECT v FROM bo WHERE NOT x;
SELECT v FROM bo WHERE x > false;
SELECT v FROM bo WHERE x > true;
--@ params NULL
SELECT v FROM t WHERE a = $1;
--@ params NULL
SELECT v FROM t WHERE a > $1 AND a < 5;
--@ params 5 NULL
SELECT v FROM t WHERE a < $1 AND a > $2;
--@ params 1 NULL
SELECT v FROM t WHERE a IN ($1, $2) ORDER BY b, c;
--@ params 40000
SELECT v FROM t WHERE a = $1;
--@ params 'x'
SELECT v FROM t WHERE a = $1;
--@ params '2024-02-29'
SELECT v FROM d WHERE day = $1;
SELECT v FROM t WHERE _seq > 0 AND a = 32767;
SELECT count(*) FROM t WHERE _seq > 9223372036854775806;
SELECT count(*) FROM t WHERE _seq < -9223372036854775807;
SELECT count(*) FROM t WHERE _seq >= 1 AND _seq <= 9223372036854775807;
SELECT count(*) FROM t WHERE _seq = 1;
SELECT count(*) FROM t WHERE _updated > '2020-01-01' AND _updated < '2999-01-01';
SELECT count(*) FROM t WHERE _updated >= NULL;
SELECT count(*) FROM t WHERE _deleted;
DELETE FROM t WHERE a = 1 AND b = 'a' AND c > 1;
SELECT v, _deleted FROM t WHERE a = 1 AND _deleted IN (true, false) ORDER BY b, c;
