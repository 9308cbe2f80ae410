-- What DuckDB computes among the values of an INSERT changes nothing about the others.
CREATE SHARED TABLE i (id BIGINT PRIMARY KEY, n BIGINT, d DECIMAL(30,18), b BYTES, ts TIMESTAMP DEFAULT '2026-01-01', h TEXT);
INSERT INTO i VALUES (1, 9007199254740993, 0.123456789012345678, '\x00ff', '2026-01-01T13:00:00+02:00', md5('h')), (2, 1e0, 1e0, X'00ff', DEFAULT, md5('h')), (3, '7', NULL, 'AP8=', '2026-01-02', 'h');
SELECT * FROM i ORDER BY id;
INSERT INTO i (id, n, h) VALUES (4, (SELECT max(n) FROM i), 'x'), (5, -1, (SELECT min(h) FROM i)), (length('sixsix'), levenshtein('', 'seven'), reverse('xis')) RETURNING id, n, h, ts;
INSERT INTO i (id, n) VALUES (5, 5), (6, levenshtein('', 'four')) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n + 100 RETURNING id, n;
INSERT INTO i (id, n) VALUES (8, unnest(range(2))), (9, 1);
INSERT INTO i (id, n) VALUES (8, reverse('thgie')), (9, 1);
INSERT INTO i (id, n) VALUES (8, no_such_function(1)), (9, 1);
INSERT INTO i (id, n) VALUES (8, (SELECT nosuch FROM i)), (9, 1);
EXPLAIN INSERT INTO i (id, h) VALUES (8, 'x'), (9, md5('x'));
SELECT count(*) FROM i;
