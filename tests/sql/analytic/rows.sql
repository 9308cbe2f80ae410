-- Row values: the parts are compared one after the other, and NULL is no value, as in PostgreSQL.
CREATE SHARED TABLE g (id INT PRIMARY KEY, a INT, b INT);
CREATE SHARED TABLE k (a INT, b INT, t TIMESTAMP, d DECIMAL(10,2), PRIMARY KEY (a, b));
INSERT INTO g VALUES (1, 1, 1), (2, 3, NULL), (3, NULL, 5), (4, NULL, NULL), (5, 3, 3);
INSERT INTO k VALUES (1, 1, '2024-01-01', 1.5), (3, 3, '2024-01-02 10:00:00', 2.25), (3, 4, '2024-01-02 10:00:00', 2.25);
SELECT id, (a, b) > (2, 0), (a, b) >= (3, 3), (a, b) < (3, 3), (a, b) <= (3, 3) FROM g ORDER BY id;
SELECT id, (a, b) = (3, NULL), (a, b) <> (1, 1), NOT (a, b) = (1, 1), (a, b) != ROW(3, 3), ROW (a) = ROW(b) FROM g ORDER BY id;
SELECT id, (a, b) IN ((1, 1), (3, NULL)), (a, b) NOT IN ((1, 1), (3, NULL)), NOT (a, b) IN ((1, 1), ROW(3, 3)), (a, b) IN ((b, a)) FROM g ORDER BY id;
SELECT id, (a, b) BETWEEN (1, 1) AND (3, 3), (a, b) NOT BETWEEN (1, 1) AND (3, 2), NOT (a, b) BETWEEN (1, 1) AND (3, 2) FROM g ORDER BY id;
SELECT id, (a, b) IS NULL, (a, b) IS NOT NULL, NOT (a, b) IS NULL, (coalesce(a, 1), b) ISNULL, ([a, b][1], b) NOTNULL FROM g ORDER BY id;
SELECT id, (a, b) IS DISTINCT FROM (3, NULL), (a, b, id) > (1, 1, 0), (a + 1, b * 2) > (id, -id) FROM g ORDER BY id;
SELECT x.id, y.id FROM g x JOIN g y ON (x.a, x.b) = (y.a, y.b) ORDER BY 1;
SELECT max(id) FROM g GROUP BY a HAVING (a, max(id)) > (1, 1);
SELECT id FROM g WHERE (a, b) IN (SELECT 3, NULL UNION ALL SELECT 1, 1) OR id = 4 ORDER BY id;
SELECT id FROM g WHERE ((SELECT max(k.a) FROM k), b) IN ((3, 3), (3, 1)) ORDER BY id;
SELECT id FROM g WHERE (id, a) IN ((1, 1), (5, (SELECT max(k.a) FROM k))) ORDER BY id;
SELECT id FROM g WHERE ((id, a) IN ((1, 1), (5, 3)), b) IN ((true, 1), (true, 3)) ORDER BY id;
SELECT id FROM g WHERE EXISTS (SELECT 1 FROM k WHERE (k.a, k.b) < (g.a, g.b)) ORDER BY id;
SELECT k.a, k.b FROM k WHERE (k.a, b) NOT IN (SELECT a, b FROM k WHERE b > 3) ORDER BY a, b;
SELECT a, b FROM k WHERE (current_user, a) = ('root', 3) ORDER BY a, b;
SELECT a, b FROM k WHERE (t, d) IN (('2024-01-02 11:00:00+01', '2.25'), ('2024-01-01', 1.5)) ORDER BY a, b;
SELECT a, b FROM k WHERE (t, a) > ('2024-01-01', 1) ORDER BY a, b;
--@ params 1 1
SELECT a, b FROM k WHERE (a, b) > ($1, $2) ORDER BY a, b;
--@ params '2024-01-01' 1
SELECT a, b FROM k WHERE (t, a) > ($1, $2) ORDER BY a, b;
--@ params 3 NULL
SELECT id FROM g WHERE (a, b) IN ((1, 1), ($1, $2)) ORDER BY id;
SELECT count(*) FROM k WHERE (a, b) IN ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10), (11, 11), (12, 12), (13, 13), (14, 14), (15, 15), (16, 16));
SELECT count(*) FROM g WHERE (a, b) NOT IN ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10), (11, 11), (12, 12), (13, 13), (14, 14), (15, 15), (16, 16));
SELECT count(*) FROM k WHERE (t, a) IN (('2024-01-01 01:00:00+01', 1), ('x', 1), (NULL, 2), (NULL, 3), (NULL, 4), (NULL, 5), (NULL, 6), (NULL, 7), (NULL, 8), (NULL, 9), (NULL, 10), (NULL, 11), (NULL, 12), (NULL, 13), (NULL, 14), (NULL, 15), (NULL, 16));
DELETE FROM g WHERE id IN (SELECT id FROM g WHERE (a, b) > (2, 0)) RETURNING id;
-- refused
SELECT id FROM g WHERE (a, b) = (1, 1, 1);
SELECT id FROM g WHERE (a, b) NOT IN (SELECT 1, 1);
SELECT (a, b) IN (SELECT 1, 1) FROM g;
SELECT id FROM g LEFT JOIN k ON k.a = g.id WHERE (k.a, k.b) NOT IN (SELECT 1, 1);
SELECT id FROM g WHERE (a, b) IN (SELECT (1, 1));
SELECT id FROM g WHERE (a, b) = (SELECT 1, 1);
SELECT id FROM g WHERE (a, b) > ALL (SELECT 1, 1);
SELECT id FROM g WHERE ((a, b)) = (1, 1);
SELECT id FROM g WHERE (a, (b, 1)) = (1, (1, 1));
SELECT id FROM g WHERE (a, b) IN ((1, 1), NULL);
SELECT CASE (a, b) WHEN (1, 1) THEN 1 END FROM g;
SELECT 1 FROM g WHERE (a, a, a, a, a, a, a, a, a) = (b, b, b, b, b, b, b, b, b);
SELECT row_eq(a, b) FROM g;
