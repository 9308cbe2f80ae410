CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, text TEXT, author TEXT DEFAULT CURRENT_USER());
CREATE USER ann WITH INTERNAL;
CREATE USER bob WITH INTERNAL;
--@ user ann
INSERT INTO app.notes (id, text) VALUES (1, 'of ann');
--@ user bob
INSERT INTO app.notes (id, text) VALUES (1, 'of bob');

-- The instance is in the key, inside a transaction too.
--@ user ann
BEGIN;
UPDATE app.notes SET text = text || '!';
INSERT INTO app.notes (id, text) VALUES (2, 'two');
SELECT id, text, author FROM app.notes;
SELECT upper(text) AS loud, count(*) OVER () AS n FROM app.notes ORDER BY id;
SELECT * FROM app.bob.notes;
SELECT id FROM app.notes;
COMMIT;

-- Another's rows in the same transaction.
--@ user root system
BEGIN;
INSERT INTO app.notes (id, text) VALUES (1, 'of root');
EXECUTE AS USER ann (INSERT INTO app.notes (id, text) VALUES (3, 'for ann'));
EXECUTE AS USER 'bob' (UPDATE app.notes SET text = 'changed' WHERE id = 1);
EXECUTE AS USER ann (SELECT id, text, author FROM app.notes);
SELECT id, text FROM app.notes;
SELECT id, text FROM app.bob.notes;
EXECUTE AS USER ann (SELECT count(*) FROM system.tables);
SELECT id, text FROM app.notes;
BEGIN;
INSERT INTO app.notes (id, text) VALUES (1, 'of root');
EXECUTE AS USER ann (INSERT INTO app.notes (id, text) VALUES (3, 'for ann'));
EXECUTE AS USER 'bob' (UPDATE app.notes SET text = 'changed' WHERE id = 1);
COMMIT;
SELECT id, text, author FROM app.notes;
--@ user ann
SELECT id, text, author FROM app.notes;
--@ user bob
SELECT id, text, author FROM app.notes;

-- user1 and user12: the prefix ends with its colon (a table of one and a transaction of the other).
--@ user user1
INSERT INTO app.notes (id, text) VALUES (1, 'user1');
BEGIN;
INSERT INTO app.notes (id, text) VALUES (5, 'five');
--@ request 2
--@ user user12
SELECT id FROM app.notes;
BEGIN;
INSERT INTO app.notes (id, text) VALUES (5, 'user12');
SELECT id, text FROM app.notes;
COMMIT;
--@ request 1
--@ user user1
SELECT id, text FROM app.notes ORDER BY id DESC;
COMMIT;
SELECT id, text FROM app.notes;
