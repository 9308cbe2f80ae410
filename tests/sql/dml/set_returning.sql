-- An expression of a change gives one value: unnest and COLUMNS would make rows or columns of it.
CREATE SHARED TABLE m (id BIGINT PRIMARY KEY, s TEXT, n INT, k SMALLINT);
INSERT INTO m VALUES (1, 'a', 1, 2), (2, 'b', 2, 3);
UPDATE m SET s = COLUMNS('s|n') WHERE id = 1;
UPDATE m SET s = COLUMNS('^s$') WHERE id = 1;
UPDATE m SET n = n + COLUMNS('n|k') WHERE id = 1;
UPDATE m SET s = unnest(row('a', 'b')) WHERE id = 1;
UPDATE m SET s = UNNEST(string_split('a,b', ',')) WHERE id = 1;
UPDATE m SET n = generate_subscripts(string_split('a,b', ','), 1) WHERE id = 1;
DELETE FROM m WHERE COLUMNS('n|id') = 1;
DELETE FROM m WHERE unnest(string_split('a,b', ',')) = 'a';
INSERT INTO m (id, s, n) VALUES (3, unnest(row('x', '77')), bit_count(7));
INSERT INTO m (id, s) VALUES (3, unnest(string_split('a', ',')));
INSERT INTO m (id, s) VALUES (3, COLUMNS('x'));
SELECT * FROM m ORDER BY id;
-- a subquery, FROM and INSERT … SELECT are SELECTs of their own
UPDATE m SET s = (SELECT max(x) FROM (SELECT unnest(['p', 'q']) AS x) q) WHERE id = 1;
UPDATE m SET s = u.x FROM (SELECT unnest([1, 2]) AS id, unnest(['one', 'two']) AS x) u WHERE u.id = m.id;
UPDATE m SET n = u.x FROM unnest([5]) u(x) WHERE m.id = 2;
DELETE FROM m WHERE id IN (SELECT unnest([2, 9]));
INSERT INTO m (id, s) SELECT unnest([5, 6]), 'new';
INSERT INTO m (id, n) SELECT id + 100, COLUMNS('n') FROM m WHERE id = 1;
INSERT INTO m (id, n) SELECT id + 200, COLUMNS('n|k') FROM m WHERE id = 1;
SELECT * FROM m ORDER BY id;
