CREATE NAMESPACE bank;
CREATE SHARED TABLE bank.accounts (id INT PRIMARY KEY, balance INT NOT NULL);
INSERT INTO bank.accounts VALUES (1, 100), (2, 50), (3, 10);

-- Somebody else changed a row that this transaction writes: the first to commit wins.
BEGIN;
UPDATE bank.accounts SET balance = balance - 1 WHERE id = 1;
UPDATE bank.accounts SET balance = balance - 1 WHERE id = 2;
--@ request 2
UPDATE bank.accounts SET balance = 0 WHERE id = 2;
--@ request 1
SELECT id, balance FROM bank.accounts;
COMMIT;
SELECT id, balance FROM bank.accounts;
COMMIT;

-- A row that it only read, or did not touch, is no conflict.
BEGIN;
SELECT balance FROM bank.accounts WHERE id = 3;
UPDATE bank.accounts SET balance = 101 WHERE id = 1;
--@ request 2
UPDATE bank.accounts SET balance = 11 WHERE id = 3;
--@ request 1
SELECT balance FROM bank.accounts WHERE id = 3;
COMMIT;
SELECT id, balance FROM bank.accounts;

-- A key that somebody else inserted.
BEGIN;
INSERT INTO bank.accounts VALUES (4, 1);
--@ request 2
INSERT INTO bank.accounts VALUES (4, 2);
--@ request 1
COMMIT;
SELECT id, balance FROM bank.accounts WHERE id = 4;

-- Two transactions: the second to commit loses, and may repeat.
BEGIN;
UPDATE bank.accounts SET balance = balance + 1 WHERE id = 1;
--@ request 2
BEGIN;
UPDATE bank.accounts SET balance = balance + 10 WHERE id = 1;
COMMIT;
--@ request 1
COMMIT;
BEGIN;
UPDATE bank.accounts SET balance = balance + 1 WHERE id = 1;
COMMIT;
SELECT balance FROM bank.accounts WHERE id = 1;

-- Deleted, or deleted and inserted again, is changed.
BEGIN;
UPDATE bank.accounts SET balance = 5 WHERE id = 3;
--@ request 2
DELETE FROM bank.accounts WHERE id = 3;
--@ request 1
COMMIT;
BEGIN;
DELETE FROM bank.accounts WHERE id = 2;
--@ request 2
DELETE FROM bank.accounts WHERE id = 2;
INSERT INTO bank.accounts VALUES (2, 77);
--@ request 1
COMMIT;
BEGIN;
INSERT INTO bank.accounts VALUES (3, 33);
--@ request 2
INSERT INTO bank.accounts VALUES (3, 34);
DELETE FROM bank.accounts WHERE id = 3;
--@ request 1
COMMIT;
SELECT id, balance FROM bank.accounts;

-- A flush between BEGIN and COMMIT moves rows; that is no change. One that somebody made still is.
BEGIN;
UPDATE bank.accounts SET balance = 500 WHERE id = 1;
DELETE FROM bank.accounts WHERE id = 2;
INSERT INTO bank.accounts VALUES (3, 333), (9, 9);
--@ cold
SELECT id, balance FROM bank.accounts;
COMMIT;
SELECT id, balance FROM bank.accounts;
--@ cold
BEGIN;
UPDATE bank.accounts SET balance = 501 WHERE id = 1;
--@ request 2
UPDATE bank.accounts SET balance = 502 WHERE id = 1;
--@ cold
--@ request 1
COMMIT;
SELECT id, balance FROM bank.accounts;

-- ALTER or DROP of the table meanwhile.
BEGIN;
UPDATE bank.accounts SET balance = 1 WHERE id = 1;
--@ request 2
ALTER TABLE bank.accounts ADD COLUMN note TEXT DEFAULT 'none';
ALTER TABLE bank.accounts DROP COLUMN note;
ALTER TABLE bank.accounts ADD COLUMN note TEXT DEFAULT 'new';
INSERT INTO bank.accounts VALUES (20, 20, 'after');
--@ request 1
SELECT * EXCLUDE (_seq, _updated, _deleted) FROM bank.accounts ORDER BY id;
UPDATE bank.accounts SET balance = balance + 1 WHERE id = 4 RETURNING balance;
INSERT INTO bank.accounts VALUES (30, 30);
SELECT id, balance FROM bank.accounts WHERE id IN (4, 20, 30);
COMMIT;
SELECT id, balance, note FROM bank.accounts;
-- Rows of the old layout, hot and cold, in a transaction of the new one.
BEGIN;
UPDATE bank.accounts SET balance = balance + 1 WHERE id < 9;
DELETE FROM bank.accounts WHERE id = 9;
SELECT id, balance, note FROM bank.accounts;
SELECT note, count(*) AS n FROM bank.accounts GROUP BY note ORDER BY note;
SELECT id, note FROM bank.accounts WHERE id = 9 AND _deleted = true;
COMMIT;
SELECT id, balance, note FROM bank.accounts;
SELECT id, note FROM bank.accounts WHERE id = 9 AND _deleted = true;
BEGIN;
UPDATE bank.accounts SET balance = 1 WHERE id = 1;
--@ request 2
DROP TABLE bank.accounts;
--@ request 1
SELECT balance FROM bank.accounts WHERE id = 1;
COMMIT;

-- Nothing written: nothing can conflict.
CREATE SHARED TABLE bank.accounts (id INT PRIMARY KEY, balance INT NOT NULL);
BEGIN;
SELECT count(*) FROM bank.accounts;
--@ request 2
INSERT INTO bank.accounts VALUES (1, 1);
--@ request 1
SELECT count(*) FROM bank.accounts;
COMMIT;
SELECT count(*) FROM bank.accounts;
