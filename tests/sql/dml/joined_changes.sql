-- UPDATE … FROM and DELETE … USING: other tables beside the one that is changed
CREATE NAMESPACE j;
--@ user root system j
CREATE USER TABLE t (id BIGINT PRIMARY KEY, grp INT, name TEXT, price DECIMAL(10,2) DEFAULT 9.5);
CREATE SHARED TABLE u (id BIGINT PRIMARY KEY, grp INT, label TEXT);
CREATE STREAM TABLE s (id BIGINT PRIMARY KEY, name TEXT) TTL 600;
INSERT INTO t VALUES (1, 1, 'a', 1), (2, 1, 'b', 2), (3, 2, 'c', 3), (4, NULL, 'd', 4);
INSERT INTO u VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 9, 'none'), (4, 2, 'again');

-- one row of u per row of t; the target's alias, literals, expressions, parameters
UPDATE t SET name = u.label FROM u WHERE u.grp = t.grp AND u.id < 3;
SELECT id, name FROM t;
UPDATE t AS x SET name = x.name || '-' || label, price = DEFAULT FROM u WHERE u.id = x.id AND x.id > 2 RETURNING id, name, x.price;
--@ params 2 'given'
UPDATE t SET name = $2 FROM u WHERE u.id = $1 AND u.id = t.id RETURNING id, name;
-- any FROM of a SELECT: subqueries, joins, the same table again
UPDATE t SET price = q.n FROM (SELECT grp, count(*) * 10 AS n FROM u GROUP BY grp) q WHERE q.grp = t.grp;
UPDATE t SET grp = o.grp FROM u JOIN t o ON o.id = u.id WHERE t.id = o.id + 1 AND u.label <> 'none';
SELECT id, grp, name, price FROM t;
-- joined to several rows, a row is changed once
UPDATE t SET price = 7 FROM u;
SELECT id, price FROM t;
DELETE FROM t USING u WHERE u.grp = t.grp AND u.id IN (1, 4) AND t.id = 2 RETURNING *, t.name IS NULL AS unnamed;

-- the same over cold rows and with rows that hide them
--@ cold
UPDATE t SET name = 'cold ' || u.label FROM u WHERE u.id = t.id;
SELECT id, name FROM t;
INSERT INTO t VALUES (2, 3, 'new', 1), (6, 6, 'six', 1);
DELETE FROM t USING t o WHERE o.id < t.id AND o.id IN (1, 3);
SELECT id, grp, name FROM t;
DELETE FROM s USING t WHERE s.id = t.id;
INSERT INTO s VALUES (1, 'x'), (2, 'y'), (1, 'z');
DELETE FROM s USING t WHERE s.id = t.id AND t.id = 1;
SELECT id, name FROM s;

-- inside a transaction they see what it wrote
BEGIN;
INSERT INTO t VALUES (7, 1, 'seven', 1);
UPDATE t SET name = u.label FROM u WHERE u.grp = t.grp AND u.id = 1;
SELECT id, name FROM t;
COMMIT;

-- whose rows: only those of the caller change
--@ user bob user j
UPDATE t SET name = 'mine' FROM u WHERE u.id = t.id;
INSERT INTO t VALUES (1, 1, 'bob''s', 1);
UPDATE t SET name = t.name || u.label FROM u WHERE u.id = t.id RETURNING id, name;
UPDATE u SET label = t.name FROM t WHERE t.id = u.id AND u.id = 3;
--@ user root system j
SELECT id, name FROM t;

-- refused
UPDATE t SET id = u.id FROM u WHERE u.id = t.id;
UPDATE t SET grp = id FROM u WHERE u.id = t.id;
UPDATE t SET nope = 1 FROM u;
UPDATE t SET name = u.nope FROM u;
UPDATE t SET name = u.label FROM u WHERE u.id = t.id RETURNING u.label;
UPDATE t SET name = NULL FROM nowhere;
UPDATE t SET price = 1 FROM u LIMIT 1;
UPDATE t SET price = 1 FROM u ORDER BY id;
UPDATE t SET price = 1 FROM u, WHERE u.id = 1;
UPDATE t SET price = 1 FROM;
UPDATE t SET price = 1 FROM u) WHERE true;
DELETE FROM t USING WHERE t.id = 1;
DELETE FROM t USING u UNION SELECT 1;
UPDATE s SET name = 'q' FROM t;
UPDATE system.users SET email = name FROM t;
DELETE FROM system.namespaces USING t WHERE name = 'j';
EXPLAIN UPDATE t SET name = u.label FROM u WHERE u.id = t.id;

-- other forms of INSERT and SET
INSERT INTO t AS old VALUES (1, 5, 'x', 1) ON CONFLICT (id) DO UPDATE SET price = old.price + EXCLUDED.price RETURNING old.id, price;
UPDATE t SET (grp, name) = (8, upper(name)), price = 2 WHERE id = 1 RETURNING grp, name, price;
UPDATE t SET (grp, name) = ROW (9, DEFAULT) WHERE j.t.id = 1 RETURNING j.t.grp, t.name;
UPDATE t SET (grp, name) = (1) WHERE id = 1;
UPDATE t SET (grp) = (1, 2) WHERE id = 1;
UPDATE t SET (grp, grp) = (1, 2) WHERE id = 1;
UPDATE t SET (grp, name) = (SELECT 1, 'a') WHERE id = 1;
UPDATE t AS x SET grp = 1 WHERE j.t.id = 1;
UPDATE t SET grp = 1 WHERE k.t.id = 1;
SELECT j.t.id FROM j.t WHERE j.t.id = 1;
SELECT j.t.id, j.u.label FROM j.t JOIN j.u ON j.u.id = j.t.id ORDER BY j.t.id;
