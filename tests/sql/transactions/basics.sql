CREATE NAMESPACE bank;
CREATE SHARED TABLE bank.accounts (id INT PRIMARY KEY, owner TEXT NOT NULL, balance INT NOT NULL);
CREATE SHARED TABLE bank.log (id INT PRIMARY KEY, text TEXT);
INSERT INTO bank.accounts VALUES (1, 'ann', 100), (2, 'bob', 50), (3, 'eve', 10);

-- One commit, over two tables; everything inside sees it, the numbers come at COMMIT.
BEGIN;
UPDATE bank.accounts SET balance = balance - 30 WHERE id = 1;
UPDATE bank.accounts SET balance = balance + 30 WHERE id = 2 RETURNING id, balance;
INSERT INTO bank.log VALUES (1, 'ann to bob: 30');
SELECT id, owner, balance FROM bank.accounts ORDER BY id;
SELECT id, _seq, _updated, _deleted FROM bank.accounts WHERE _seq IS NULL;
SELECT sum(balance), count(*) FROM bank.accounts;
SELECT count(*) FROM bank.accounts;
SELECT a.owner, l.text FROM bank.accounts a JOIN bank.log l ON l.text LIKE a.owner || '%';
--@ request 2
SELECT id, balance FROM bank.accounts ORDER BY id DESC;
SELECT * FROM bank.log;
--@ request 1
COMMIT;
SELECT id, balance FROM bank.accounts;
SELECT text FROM bank.log;
SELECT count(DISTINCT _updated) AS times, max(_seq) - min(_seq) AS span
  FROM (SELECT _seq, _updated FROM bank.accounts WHERE id < 3 UNION ALL SELECT _seq, _updated FROM bank.log);

-- The spellings.
START TRANSACTION;
END;
BEGIN WORK;
COMMIT WORK;
BEGIN TRANSACTION;
ROLLBACK TRANSACTION;
start transaction;
end transaction;
BEGIN;
ROLLBACK WORK;

-- ROLLBACK forgets.
BEGIN;
DELETE FROM bank.accounts;
SELECT count(*) FROM bank.accounts;
INSERT INTO bank.accounts VALUES (9, 'new', 1);
SELECT * FROM bank.accounts WHERE id = 9;
ROLLBACK;
SELECT id, owner FROM bank.accounts;

-- A row through all its states; the last one counts.
BEGIN;
INSERT INTO bank.accounts VALUES (4, 'joe', 1);
UPDATE bank.accounts SET balance = balance * 10 WHERE id = 4;
UPDATE bank.accounts SET balance = balance + 1 WHERE owner = 'joe';
DELETE FROM bank.accounts WHERE id = 4 RETURNING balance, _deleted;
SELECT count(*) FROM bank.accounts WHERE id = 4;
SELECT balance FROM bank.accounts WHERE id = 4 AND _deleted = true;
UPDATE bank.accounts SET balance = 0 WHERE id = 4;
INSERT INTO bank.accounts VALUES (4, 'joe', 7) RETURNING id, balance;
COMMIT;
SELECT balance FROM bank.accounts WHERE id = 4;

-- Inserted and deleted: what is left is a deleted row, as without a transaction.
BEGIN;
INSERT INTO bank.accounts VALUES (5, 'gone', 1);
DELETE FROM bank.accounts WHERE id = 5;
COMMIT;
SELECT id FROM bank.accounts WHERE id = 5;
SELECT id, _deleted FROM bank.accounts WHERE id = 5 AND _deleted = true;

-- Key checks and ON CONFLICT meet the transaction's own rows.
BEGIN;
INSERT INTO bank.log VALUES (2, 'two');
INSERT INTO bank.log VALUES (2, 'again') ON CONFLICT DO NOTHING;
INSERT INTO bank.log VALUES (2, 'up') ON CONFLICT (id) DO UPDATE SET text = log.text || ' ' || EXCLUDED.text RETURNING text;
INSERT INTO bank.log SELECT id + 10, 'copy of ' || text FROM bank.log;
SELECT id, text, _seq IS NULL AS own FROM bank.log ORDER BY id DESC;
COMMIT;
SELECT id, text FROM bank.log;
BEGIN;
INSERT INTO bank.log VALUES (3, 'three');
INSERT INTO bank.log VALUES (3, 'three again');
SELECT id FROM bank.log WHERE id = 3;
COMMIT;

-- What only DuckDB evaluates.
BEGIN;
INSERT INTO bank.accounts VALUES (6, 'max', 1000);
UPDATE bank.accounts SET balance = (SELECT max(balance) FROM bank.accounts) WHERE id = 3;
UPDATE bank.accounts SET balance = balance + 1 WHERE id IN (SELECT id FROM bank.accounts WHERE balance = 1000);
SELECT id, balance, row_number() OVER (ORDER BY balance, id) AS n FROM bank.accounts ORDER BY n;
DELETE FROM bank.accounts WHERE balance > (SELECT avg(balance) FROM bank.accounts);
WITH t AS (SELECT * FROM bank.accounts) SELECT id, balance FROM t ORDER BY id;
COMMIT;
SELECT id, balance FROM bank.accounts;

-- Ranges, orders and limits over both kinds of rows.
BEGIN;
INSERT INTO bank.accounts VALUES (0, 'zero', 0), (10, 'ten', 10);
SELECT id FROM bank.accounts WHERE id >= 1 LIMIT 2;
SELECT id FROM bank.accounts ORDER BY id DESC LIMIT 2;
SELECT id FROM bank.accounts WHERE id IN (10, 1, 0, 7);
SELECT id FROM bank.accounts WHERE id > 2 AND id < 11 ORDER BY id DESC;
SELECT id FROM bank.accounts WHERE _seq > 0;
SELECT id FROM bank.accounts ORDER BY _seq, id;
EXPLAIN SELECT * FROM bank.accounts WHERE id = 10;
COMMIT;
