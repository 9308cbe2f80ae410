-- Literals mean the same in changes that DuckDB evaluates as in a SELECT.
CREATE SHARED TABLE r (id BIGINT PRIMARY KEY, s SMALLINT, z BIGINT);
INSERT INTO r VALUES (1, 32767, 0), (2, 32767, 0);
SELECT round(s, -2) + len('a') - 1 AS z FROM r WHERE id = 1;
UPDATE r SET z = round(s, -2) + len('a') - 1 WHERE id = 1 RETURNING z;
UPDATE r SET z = len(range(5)) WHERE len(list_resize(range(1), 3)) = 3 RETURNING id, z;
UPDATE r SET z = len(range(100000000)) WHERE id = 1;
INSERT INTO r VALUES (3, 1, len(range(5))), (4, 1, round((SELECT max(s) FROM r), -2)) RETURNING id, z;
INSERT INTO r SELECT 5, 1, round(s, -2) + len('a') - 1 FROM r WHERE id = 1 RETURNING z;
DELETE FROM r WHERE len(range(id)) = 1;
DELETE FROM r WHERE len(range(4)) = id RETURNING id;
