-- The same over cold rows, over hot rows that hide cold ones, and in the columnar reader.
CREATE NAMESPACE app;
CREATE SHARED TABLE app.m (id BIGINT PRIMARY KEY, grp INT, v DOUBLE, note TEXT);
INSERT INTO app.m SELECT i, i % 10, i / 2.0, 'n' || i FROM range(30000) t(i);
--@ cold
SELECT count(*), sum(v), min(id), max(id) FROM app.m;
UPDATE app.m SET v = 0 WHERE id = 7;
BEGIN;
SELECT count(*) FROM app.m;
EXPLAIN SELECT grp, count(*) FROM app.m GROUP BY grp;
UPDATE app.m SET note = 'changed' WHERE id IN (7, 8, 29999);
DELETE FROM app.m WHERE id < 5;
INSERT INTO app.m VALUES (30000, 1, 1.5, 'new'), (-1, 2, 2.5, 'new');
SELECT count(*) FROM app.m;
SELECT count(*), sum(v), min(id), max(id) FROM app.m;
SELECT grp, count(*), sum(v) FROM app.m GROUP BY grp ORDER BY grp LIMIT 4;
EXPLAIN SELECT grp, count(*) FROM app.m GROUP BY grp;
SELECT id, note FROM app.m WHERE note NOT LIKE 'n%' OR note = 'new' ORDER BY id;
SELECT id, note FROM app.m WHERE id IN (3, 5, 7, 8);
SELECT id, v FROM app.m ORDER BY id DESC LIMIT 3;
SELECT id, v FROM app.m ORDER BY id LIMIT 3;
UPDATE app.m SET v = v + (SELECT max(id) FROM app.m) WHERE id = 8;
SELECT id, v, note FROM app.m WHERE id = 8;
COMMIT;
SELECT count(*), sum(v), min(id), max(id) FROM app.m;
SELECT id, note FROM app.m WHERE note NOT LIKE 'n%' OR note = 'new' ORDER BY id;
SELECT id FROM app.m WHERE id < 5 AND _deleted = true;
--@ cold
SELECT count(*), sum(v), min(id), max(id) FROM app.m;
SELECT id, note FROM app.m WHERE note NOT LIKE 'n%' OR note = 'new' ORDER BY id;
BEGIN;
DELETE FROM app.m WHERE id >= 100;
SELECT count(*), max(id) FROM app.m;
INSERT INTO app.m (id, grp) SELECT id, 99 FROM range(100, 200) t(id);
SELECT count(*), max(id) FROM app.m;
SELECT grp, count(*) FROM app.m GROUP BY grp ORDER BY grp DESC LIMIT 2;
ROLLBACK;
SELECT count(*), max(id) FROM app.m;
-- A transaction that begins on an instance without any row.
CREATE USER TABLE app.u (id BIGINT PRIMARY KEY, v INT);
BEGIN;
INSERT INTO app.u VALUES (1, 1), (2, 2);
SELECT v, count(*) FROM app.u GROUP BY v ORDER BY v;
SELECT count(*) FROM app.u;
COMMIT;
SELECT id, v FROM app.u;
