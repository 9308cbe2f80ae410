-- Events of a stream table: written, read in the order of their time, deleted for good.

CREATE NAMESPACE app;
CREATE STREAM TABLE app.events (id BIGINT PRIMARY KEY, kind TEXT NOT NULL, n INT DEFAULT 7) TTL '1h';

INSERT INTO app.events (id, kind) VALUES (3, 'join'), (1, 'leave'), (2, 'join');
INSERT INTO app.events VALUES (9, 'join', 1) RETURNING id, kind, n, _seq > 0 AS numbered;
INSERT INTO app.events VALUES (4, NULL, 1);

-- The only system column is _seq.

SELECT id, kind, n FROM app.events ORDER BY id;
SELECT id FROM app.events ORDER BY id DESC LIMIT 2;
SELECT id FROM app.events WHERE id = 2;
SELECT id FROM app.events WHERE id IN (1, 9, 77) ORDER BY id;
SELECT id FROM app.events WHERE id > 2 ORDER BY id;
SELECT id FROM app.events WHERE id BETWEEN 1 AND 2 AND kind = 'join';
SELECT id FROM app.events WHERE _seq > (SELECT min(_seq) FROM app.events) AND id <> 9 ORDER BY id;
SELECT _updated FROM app.events;
SELECT _deleted FROM app.events;
SELECT count(*), min(id), max(n) FROM app.events;
SELECT kind, count(*) AS events FROM app.events GROUP BY kind ORDER BY kind;
SELECT count(*) FROM (SELECT * FROM app.events) AS e;

-- A key may repeat: events are told apart by their time.

INSERT INTO app.events VALUES (9, 'again', 2);
SELECT id, kind FROM app.events WHERE id = 9 ORDER BY _seq;
SELECT count(*) FROM app.events WHERE id = 9;

-- Within one statement, which is one millisecond, the later one replaces the earlier.

INSERT INTO app.events VALUES (50, 'first', 1), (50, 'second', 2);
SELECT id, kind, n FROM app.events WHERE id = 50;

-- DELETE is physical, and without WHERE takes all.

DELETE FROM app.events WHERE id = 50 RETURNING id, kind, n;
DELETE FROM app.events WHERE id = 50;
DELETE FROM app.events WHERE kind = 'again' OR id = 3;
SELECT id, kind FROM app.events ORDER BY id;
DELETE FROM app.events WHERE id IN (SELECT max(id) FROM app.events);
SELECT id FROM app.events ORDER BY id;
DELETE FROM app.events;
SELECT count(*) FROM app.events;

-- Parameters and INSERT … SELECT.

--@ params 5 'p'
INSERT INTO app.events (id, kind) VALUES ($1, $2);
INSERT INTO app.events (id, kind, n) SELECT id + 1, upper(kind), n + 1 FROM app.events;
SELECT id, kind, n FROM app.events ORDER BY id;
INSERT INTO app.events (id, kind, _seq) VALUES (1, 'x', 1);

-- Without a key: one is added; text keys, composite keys.

CREATE STREAM TABLE app.plain (text TEXT) TTL '1h';
INSERT INTO app.plain (text) VALUES ('a'), ('b');
SELECT text, id IS NOT NULL AS has_id FROM app.plain ORDER BY id;
CREATE STREAM TABLE app.keys (room TEXT, who TEXT, x INT, PRIMARY KEY (room, who)) TTL '1h';
INSERT INTO app.keys VALUES ('r1', 'ann', 1), ('r1', 'bob', 2), ('r2', 'ann', 3);
SELECT who, x FROM app.keys WHERE room = 'r1' ORDER BY who;
SELECT x FROM app.keys WHERE room = 'r2' AND who = 'ann';
DELETE FROM app.keys WHERE room = 'r1' AND who = 'ann';
SELECT room, who FROM app.keys ORDER BY room, who;
