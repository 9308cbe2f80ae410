-- Behind a SEMI or ANTI join WHERE sees the left side only, whatever the names are.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, z BIGINT);
INSERT INTO t VALUES (1, 1), (5, 2), (7, 1);
DELETE FROM t WHERE id = 7;
SELECT x.a FROM (SELECT {'id': 5} AS u, 1 AS a) x ANTI JOIN t u ON x.a = u.z WHERE u.id = 5;
SELECT x.a FROM (SELECT {'id': 5} AS u, 1 AS a) x ANTI JOIN t u ON x.a = u.z WHERE u.id + 0 = 5;
SELECT x.a FROM (SELECT {'id': 5} AS u, 1 AS a) x SEMI JOIN t u ON x.a = u.z WHERE u.id = 5;
SELECT a.id FROM t a SEMI JOIN (SELECT 1 AS z, 9 AS id) b USING (z) WHERE id = 1;
SELECT a.id FROM t a ANTI JOIN t b ON b.id = 7 WHERE _deleted IN (true, false) ORDER BY 1;
SELECT a.id FROM t a JOIN t b ON a.id = b.id SEMI JOIN t c ON c.z = b.z WHERE a.id = 5 AND b.id >= 5;
