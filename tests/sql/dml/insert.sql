CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT DEFAULT 5, s VARCHAR(3), j JSON, req TEXT NOT NULL DEFAULT 'r');
INSERT INTO t (id) VALUES (1), (2);
INSERT INTO t VALUES (3, 7, 'abc', '{"a":1}', 'x');
SELECT id, n, s, j, req FROM t;
INSERT INTO t (id) VALUES (4), (1);
INSERT INTO t (id) VALUES (5), (5);
INSERT INTO t (id, s) VALUES (6, 'abcd');
INSERT INTO t (id, n) VALUES (6, 3000000000);
INSERT INTO t (id, n) VALUES (6, 'x');
INSERT INTO t (id, j) VALUES (6, '{');
INSERT INTO t (id, req) VALUES (6, NULL);
INSERT INTO t (id, nope) VALUES (6, 1);
INSERT INTO t (id, _seq) VALUES (6, 1);
INSERT INTO t (id, id) VALUES (6, 1);
INSERT INTO t (id, n) VALUES (6);
INSERT INTO t (id) VALUES (6, 7);
INSERT INTO nope VALUES (1);
INSERT INTO t (id, n) VALUES (6, DEFAULT);
INSERT INTO t (id, n) VALUES (3 + 4, 2 * 3 - 1);
SELECT count(*) FROM t;
INSERT INTO t (id, n) VALUES (1, 9) ON CONFLICT DO NOTHING;
INSERT INTO t (id, n) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING id, n;
INSERT INTO t (id, n) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET n = 0 WHERE t.n < 10 RETURNING id, n;
INSERT INTO t (id, n) VALUES (70, 1), (1, 9) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n RETURNING id, n;
INSERT INTO t (id, n) VALUES (71, 1), (71, 9) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n;
INSERT INTO t (id) VALUES (1) ON CONFLICT (n) DO NOTHING;
INSERT INTO t (id) VALUES (1) ON CONFLICT DO UPDATE SET n = 1;
INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2;
INSERT INTO t (id) VALUES (80), (81) RETURNING id, n, req, id + 1 AS next, _deleted;
--@ params 90 'abc'
INSERT INTO t (id, s) VALUES ($1, $2) RETURNING id, s;
--@ params 91 'abcd'
INSERT INTO t (id, s) VALUES ($1, $2);
--@ params 'x'
INSERT INTO t (id) VALUES ($1);
--@ params 1
INSERT INTO t (id, n) VALUES ($1, $2);
--@ params 1 2
INSERT INTO t (id) VALUES ($1);
