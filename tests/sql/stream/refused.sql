-- What a stream table does not do.

CREATE NAMESPACE app;
CREATE STREAM TABLE app.s (id BIGINT PRIMARY KEY, n INT) TTL '1h';
INSERT INTO app.s VALUES (1, 1);

UPDATE app.s SET n = 2;
UPDATE app.s SET n = 2 WHERE id = 1 RETURNING n;
INSERT INTO app.s VALUES (1, 2) ON CONFLICT DO NOTHING;
INSERT INTO app.s VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n;
ALTER TABLE app.s ADD COLUMN x INT;
ALTER TABLE app.s SET FLUSH POLICY ROWS 10;
ALTER STREAM TABLE app.s ADD COLUMN x INT;
STORAGE FLUSH TABLE app.s;
STORAGE FLUSH ALL IN app;
DROP USER TABLE app.s;
SELECT * FROM app.ann.s;
SELECT n FROM app.s;

-- In a transaction.

--@ request 2
BEGIN;
INSERT INTO app.s VALUES (2, 2);
--@ request 3
BEGIN;
SELECT n FROM app.s;
--@ request 1

DROP STREAM TABLE app.s;
SELECT n FROM app.s;

-- Dropped and made anew: no old event.

CREATE STREAM TABLE app.s (id BIGINT PRIMARY KEY, n INT) TTL '1h';
SELECT n FROM app.s;

-- Not while somebody listens.

--@ live
DROP STREAM TABLE app.s;
