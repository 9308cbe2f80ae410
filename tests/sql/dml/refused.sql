-- INSERT, UPDATE, DELETE that are refused: wrong types by literal, parameter and expression, lists that do not fit, unknown names.
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, g INT, s SMALLINT, name VARCHAR(5), j JSON, d DATE DEFAULT NOW(), tm TIME DEFAULT NOW(), ts TIMESTAMP DEFAULT NOW(), p DECIMAL(4,1), u UUID, b BYTES, f DOUBLE, o BOOLEAN);
CREATE USER TABLE mine (id BIGINT PRIMARY KEY, v TEXT);
CREATE STREAM TABLE events (id BIGINT PRIMARY KEY, v TEXT) TTL '1h';
INSERT INTO t (id, g) VALUES (1, 10), (2, 20);
SELECT d = CAST(ts AS DATE) AS same_day, d IS NULL, tm IS NULL, ts FROM t WHERE id = 1;
INSERT INTO t VALUES (3, 1, 1, 'toolong');
INSERT INTO t (id, name) VALUES (3, $1);
--@ params 'toolong'
INSERT INTO t (id, name) VALUES (3, $1);
--@ params 'x'
INSERT INTO t (id, g) VALUES (3, $1);
--@ params 1.5
INSERT INTO t (id, g) VALUES (3, $1);
--@ params 40000
INSERT INTO t (id, s) VALUES (3, $1);
--@ params true
UPDATE t SET g = $1;
--@ params 'x'
UPDATE t SET g = $1 WHERE id = 1;
--@ params '12345.6'
UPDATE t SET p = $1 WHERE id = 1;
--@ params 'nope'
UPDATE t SET j = $1 WHERE id = 1;
--@ params 'nope'
UPDATE t SET u = $1 WHERE id = 1;
--@ params '0xzz'
UPDATE t SET b = $1 WHERE id = 1;
--@ params '2024-02-30'
UPDATE t SET d = $1 WHERE id = 1;
--@ params '25:00:00'
UPDATE t SET tm = $1 WHERE id = 1;
--@ params NULL
UPDATE t SET id = $1 WHERE id = 1;
INSERT INTO t (id, g) VALUES (3, 2147483648);
INSERT INTO t (id, s) VALUES (3, 32768);
INSERT INTO t (id, p) VALUES (3, 999.95);
INSERT INTO t (id, p) VALUES (4, 999.94) RETURNING p;
INSERT INTO t (id, f) VALUES (4, 1e400);
INSERT INTO t (id, o) VALUES (4, 'maybe');
INSERT INTO t (id, g, g) VALUES (4, 1, 2);
INSERT INTO t (id, g) VALUES (4);
INSERT INTO t (id, g) VALUES (4, 1, 2);
INSERT INTO t (id, g) VALUES (4, 1), (5);
INSERT INTO t (id, none) VALUES (4, 1);
INSERT INTO t (id, _seq) VALUES (4, 1);
INSERT INTO t (g) VALUES (4 + name);
INSERT INTO t (id, g) VALUES (NULL, 1);
INSERT INTO t SELECT 1;
INSERT INTO t SELECT 'x', 1, 2, 'y', 5, 6, 7, 8, 9, 10, 11, 12, 13;
INSERT INTO t (id, name) SELECT 9, 'toolong';
INSERT INTO t (id, g) SELECT 9, 3000000000;
INSERT INTO t (id) VALUES (1) ON CONFLICT DO UPDATE SET g = 1;
INSERT INTO t (id) VALUES (1) ON CONFLICT (g) DO NOTHING;
INSERT INTO t (id) VALUES (1) ON CONFLICT (none) DO NOTHING;
INSERT INTO t (id) VALUES (1) ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING;
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2;
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET g = 1, g = 2;
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET _seq = 2;
INSERT INTO t (id, g) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET g = EXCLUDED.none;
INSERT INTO t (id, g) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET g = t.g + EXCLUDED.g WHERE EXCLUDED.g > 100 RETURNING id, g;
INSERT INTO t (id, g) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET g = t.g + EXCLUDED.g RETURNING id, g;
INSERT INTO t (id, g) VALUES (1, 2147483647) ON CONFLICT (id) DO UPDATE SET g = t.g + EXCLUDED.g;
INSERT INTO t (id, g) VALUES (1, 1), (1, 2) ON CONFLICT (id) DO UPDATE SET g = 5;
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO SOMETHING;
INSERT INTO t (id) VALUES (1) RETURNING none;
INSERT INTO t (id) VALUES (1) RETURNING x.*;
INSERT INTO t (id) VALUES (1) RETURNING count(*);
INSERT INTO t DEFAULT;
INSERT INTO t (id) 5;
INSERT INTO none VALUES (1);
INSERT INTO events (id) VALUES (1) ON CONFLICT (id) DO NOTHING;
UPDATE events SET v = 'x';
UPDATE t SET g = 1, g = 2;
UPDATE t SET none = 1;
UPDATE t SET _deleted = true;
UPDATE t SET id = 5;
UPDATE t SET g = name;
UPDATE t SET g = count(*);
UPDATE t SET g = g / 0;
UPDATE t SET g = 2147483647 + g;
UPDATE t SET s = g * 10000;
UPDATE t SET p = 1000000;
UPDATE t SET name = 'toolong' WHERE id = 1;
UPDATE t SET name = upper('toolong') WHERE id = 1;
UPDATE t SET j = 'nope';
UPDATE t SET j = '[1]' || 'x' WHERE id = 1;
UPDATE t SET g;
UPDATE t SET;
UPDATE t g = 1;
UPDATE t SET g = 1 WHERE;
UPDATE t SET g = 1 WHERE g;
UPDATE t SET g = 1 WHERE name;
UPDATE t SET g = 1 WHERE name = 5;
UPDATE t SET g = 1 WHERE none = 5;
UPDATE t SET g = 1 WHERE id = 'x';
UPDATE t SET g = 1 WHERE id = 1 LIMIT 1;
UPDATE t SET g = 1 RETURNING;
UPDATE t SET g = DEFAULT WHERE id = 2 RETURNING g;
UPDATE t SET d = DEFAULT, tm = DEFAULT WHERE id = 2 RETURNING d >= CAST(ts AS DATE) AS set, tm IS NULL AS none;
UPDATE mine SET v = 'x' RETURNING v;
UPDATE default.ann.t SET g = 1;
UPDATE default."user".t SET g = 1;
UPDATE a.b.c.d SET g = 1;
UPDATE a.b.c.d.e SET g = 1;
UPDATE default.t.x SET g = 1;
DELETE FROM t WHERE g = 1 RETURNING none;
DELETE FROM t WHERE id = 99 RETURNING *;
DELETE t;
DELETE FROM none;
DELETE FROM t WHERE EXISTS (SELECT none);
DELETE FROM t WHERE id IN (SELECT id, g FROM t);
WITH w AS (SELECT 1 AS id) INSERT INTO t (id) SELECT id FROM w;
WITH w (a) AS (SELECT 1), v AS MATERIALIZED (SELECT 2) UPDATE t SET g = 1 WHERE id IN (SELECT a FROM w);
WITH RECURSIVE w AS (SELECT 1 AS id) DELETE FROM t WHERE id IN (SELECT id FROM w);
WITH w AS (SELECT 1 AS id) SELECT id AS insert FROM w WHERE (id) IS NOT NULL;
SELECT id, g, s, name, p FROM t ORDER BY id;
