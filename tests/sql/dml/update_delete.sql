CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT, s TEXT NOT NULL);
INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, NULL, 'c'), (4, 40, 'd'), (5, 50, 'e');
UPDATE t SET n = n + 1 WHERE id = 1;
UPDATE t SET n = n + 1 WHERE id IN (2, 3, 99);
UPDATE t SET n = 0, s = 'z' WHERE id > 3 RETURNING id, n, s;
UPDATE t SET s = NULL WHERE id = 1;
UPDATE t SET id = 9 WHERE id = 1;
UPDATE t SET _seq = 9;
UPDATE t SET nope = 9;
UPDATE t SET n = 1, n = 2;
UPDATE t SET n = n / 0 WHERE id = 1;
UPDATE t SET n = DEFAULT WHERE id = 2 RETURNING id, n;
UPDATE t SET n = 7 WHERE id = 1 AND n = 12;
UPDATE t SET n = 7 WHERE id = 1 AND n = 11;
UPDATE t AS x SET n = x.n * 2 WHERE x.s = 'a';
SELECT id, n, s FROM t;
DELETE FROM t WHERE id = 2 RETURNING id, n, s;
DELETE FROM t WHERE id = 2;
UPDATE t SET n = 1 WHERE id = 2;
SELECT id FROM t;
SELECT id, s FROM t WHERE _deleted = true;
SELECT count(*) FROM t WHERE _deleted IN (true, false);
INSERT INTO t VALUES (2, 1, 'again');
SELECT id, n, s FROM t WHERE id BETWEEN 2 AND 3;
--@ cold
SELECT id, n, s FROM t;
UPDATE t SET n = n + 1 WHERE id <= 2 RETURNING id, n;
DELETE FROM t WHERE n IS NULL RETURNING id;
SELECT id, n, s FROM t;
INSERT INTO t VALUES (1, 1, 'dup');
INSERT INTO t VALUES (3, 3, 'back');
--@ cold
SELECT id, n, s FROM t;
UPDATE t SET n = 5;
DELETE FROM t;
SELECT count(*) FROM t;
--@ cold
SELECT count(*) FROM t;
-- what RETURNING cannot compute is not done either
CREATE TABLE r (id INT PRIMARY KEY, n INT);
INSERT INTO r VALUES (1, 0) RETURNING 1 / n;
INSERT INTO r VALUES (1, 1), (2, 0) RETURNING id, 10 / n AS part;
SELECT id FROM r;
INSERT INTO r VALUES (1, 1), (2, 5) RETURNING id, 10 / n AS part;
UPDATE r SET n = n - 1 RETURNING 10 / n;
DELETE FROM r WHERE id = 2 RETURNING n / (n - 5);
SELECT id, n FROM r;
INSERT INTO r VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 0 RETURNING 1 / n;
SELECT id, n FROM r;
