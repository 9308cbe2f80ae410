-- Parameters in both executors: gaps, too many, wrong types, NULL, as LIMIT.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, g INT, name TEXT, p DECIMAL(10,2));
INSERT INTO t VALUES (1, 10, 'tea', 1.25), (2, 20, 'ink', 2.5), (3, 20, 'oak', NULL);
--@ params 20
SELECT g, count(*) FROM t WHERE g = $1 GROUP BY g;
--@ params 20 'ink'
SELECT count(*) FROM (SELECT * FROM t WHERE g = $1) x JOIN t y ON x.id = y.id WHERE y.name = $2 AND $1 > 5;
--@ params 20
SELECT count(*) FROM t a, t b WHERE a.g = $2;
--@ params 20 30
SELECT count(*) FROM t a, t b WHERE a.g = $2;
--@ params 20 30
SELECT count(*) FROM t a, t b WHERE a.g = $1;
SELECT count(*) FROM t a, t b WHERE a.g = $1;
--@ params 20
SELECT count(*) FROM t a, t b WHERE a.g = $0;
--@ params 20
SELECT count(*) FROM t a, t b WHERE a.g = $99999999999;
--@ params 20
SELECT count(*) FROM t a, t b WHERE a.g = ?;
--@ params 'x'
SELECT count(*) FROM t a, t b WHERE a.g = $1;
--@ params 1.5
SELECT count(*) FROM t a, t b WHERE a.p > $1;
--@ params NULL
SELECT count(*) FROM t a, t b WHERE a.p > $1 OR $1 IS NULL;
--@ params '1.255'
SELECT round($1, 2), sum(p) FROM t WHERE p < $1;
--@ params true
SELECT count(*) FILTER (WHERE $1), count(DISTINCT g) FROM t;
--@ params 'ea'
SELECT name FROM t WHERE position($1 IN name) > 0 UNION ALL SELECT $1;
--@ params 2
SELECT id FROM t ORDER BY id LIMIT $1;
--@ params -1
SELECT id FROM t ORDER BY id LIMIT $1;
--@ params 'x'
SELECT id FROM t ORDER BY id LIMIT $1;
--@ params NULL
SELECT id FROM t ORDER BY id LIMIT $1;
--@ params 1 1
SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2;
--@ params 1 -5
SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2;
--@ params 1 2 3
SELECT id FROM t WHERE id = ANY (ARRAY[$1, $2]);
--@ params 1 3
SELECT id FROM t WHERE id IN ($1, $2) AND g > 5 ORDER BY 1;
--@ params 1
SELECT id FROM t WHERE id = $2;
--@ params 1 2
SELECT id FROM t WHERE id = $2;
--@ params 1 2
SELECT id FROM t WHERE id = $1;
--@ params 1
UPDATE t SET g = $1 WHERE id = $3;
--@ params 1
INSERT INTO t (id, g) VALUES ($1, $2);
--@ params 1
INSERT INTO t (id, g) VALUES (9, $2);
--@ params 5 7
INSERT INTO t (id, g) VALUES ($1, 50), (6, $2) RETURNING id, g;
--@ params 5 7
UPDATE t SET g = g + $2 WHERE id = $1 AND g = 50 RETURNING g;
--@ params 5
DELETE FROM t WHERE id = $1 AND g = 57 RETURNING g;
--@ params 1
CREATE NAMESPACE x;
--@ params 1
SHOW TABLES;
--@ params 'x'
EXPLAIN SELECT $1;
INSERT INTO t (id) VALUES ($1);
EXPLAIN INSERT INTO t (id) VALUES ($1);
INSERT INTO t (id, g) SELECT $1, 5;
--@ params 1
EXPLAIN INSERT INTO t (id, g) VALUES ($1, $2);
--@ params 1 2
INSERT INTO t (id, g) VALUES (70, $1), (71, $2) ON CONFLICT (id) DO UPDATE SET g = $3;
--@ params 1 2
INSERT INTO t (id, g) VALUES (70, $1), (71, $2) ON CONFLICT (id) DO UPDATE SET g = $2 RETURNING id, g, $1;
