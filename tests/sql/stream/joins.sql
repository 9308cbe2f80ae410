-- Streams beside other tables in one statement.

CREATE NAMESPACE app;
CREATE STREAM TABLE app.typing (id BIGINT PRIMARY KEY, who TEXT, room INT) TTL '1h';
CREATE SHARED TABLE app.rooms (id INT PRIMARY KEY, title TEXT) ACCESS PUBLIC;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, room INT, text TEXT);
INSERT INTO app.rooms VALUES (1, 'hall'), (2, 'attic'), (3, 'cellar');
INSERT INTO app.typing VALUES (1, 'ann', 1), (2, 'bob', 1), (3, 'ann', 2);
--@ cold
INSERT INTO app.notes VALUES (1, 1, 'hot');

SELECT r.title, t.who FROM app.typing AS t JOIN app.rooms AS r ON r.id = t.room ORDER BY r.title, t.who;
SELECT r.title, count(t.id) AS typing FROM app.rooms AS r LEFT JOIN app.typing AS t ON t.room = r.id GROUP BY r.title ORDER BY r.title;
SELECT n.text, t.who FROM app.notes AS n JOIN app.typing AS t ON t.room = n.room ORDER BY t.who;
SELECT a.who FROM app.typing AS a JOIN app.typing AS b ON a.who = b.who AND a.id < b.id;
SELECT who, row_number() OVER (ORDER BY id DESC) AS place FROM app.typing WHERE id >= 2 ORDER BY place;
SELECT title FROM app.rooms WHERE id IN (SELECT room FROM app.typing WHERE who = 'ann') ORDER BY title;
INSERT INTO app.notes SELECT t.id + 10, t.room, t.who FROM app.typing AS t JOIN app.rooms AS r ON r.id = t.room WHERE r.title = 'attic';
SELECT * FROM app.notes ORDER BY id LIMIT 0;
SELECT id, text FROM app.notes ORDER BY id;
DELETE FROM app.typing WHERE room IN (SELECT id FROM app.rooms WHERE title = 'hall');
SELECT id FROM app.typing;

-- Everybody writes and reads the same events; system columns of both kinds.

--@ user ann user app
INSERT INTO typing VALUES (9, 'ann', 3);
SELECT id FROM typing ORDER BY id;
--@ user bob user app
SELECT id, who FROM typing ORDER BY id;
--@ user root system app
CREATE USER 'ann' WITH PASSWORD 'Str0ng-Pass!' ROLE user;
EXECUTE AS USER 'ann' (INSERT INTO app.typing VALUES (10, 'as ann', 3));
EXECUTE AS USER 'ann' (SELECT id, who FROM app.typing WHERE id = 10);
EXPLAIN SELECT id FROM typing WHERE id = 9;
