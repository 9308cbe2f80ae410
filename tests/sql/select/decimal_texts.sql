-- A text beside a DECIMAL keeps all of its digits, as in PostgreSQL, in our executor and in DuckDB.
CREATE SHARED TABLE d (id INT PRIMARY KEY, x DECIMAL(10,2), y DECIMAL(12,4));
CREATE SHARED TABLE h (id INT PRIMARY KEY, v INT);
INSERT INTO d VALUES (1, 0.10, 0.1), (2, 0.11, 0.105), (3, 1.00, 7), (4, NULL, NULL);
INSERT INTO h VALUES (1, 1);
SELECT id FROM d WHERE x > '0.105' AND x < '0.114' ORDER BY id;
SELECT id FROM (SELECT id FROM d WHERE x > '0.105' AND x < '0.114') f ORDER BY id;
--@ params '0.105' '0.114'
SELECT id FROM d WHERE x > $1 AND x < $2 ORDER BY id;
--@ params '0.105' '0.114'
SELECT id FROM (SELECT id FROM d WHERE x > $1 AND x < $2) f ORDER BY id;
SELECT count(*) FROM d WHERE x = '0.105' OR '0.105' = x;
SELECT count(*) FROM (SELECT id FROM d WHERE x = '0.105' OR '0.105' = x) f;
SELECT count(*) FROM (SELECT id FROM d WHERE x < '123456789012') f;
SELECT count(*) FROM (SELECT id FROM d WHERE x > '-1e-3' AND x < ' 1e2 ') f;
SELECT id FROM (SELECT id FROM d WHERE x BETWEEN '0.105' AND '0.114' OR x IN ('0.105', '0.104')) f;
SELECT count(*) FROM (SELECT id FROM d WHERE x NOT IN ('0.105', '1')) f;
SELECT id FROM (SELECT id FROM d WHERE abs(x) < '0.1001' OR x * 2 = '0.225' OR round(x, 1) = '0.105') f;
SELECT a.id, greatest(a.x, '1.005'), least('0.105', a.x), coalesce(a.x, '1.005'), nullif(a.x, '0.105'), a.x + '0.005', CASE WHEN a.id > 3 THEN '1.005' ELSE a.x END FROM d a JOIN d b USING (id) ORDER BY id;
SELECT id, greatest(x, '1.005'), least('0.105', x), coalesce(x, '1.005'), nullif(x, '0.105'), x + '0.005', CASE WHEN id > 3 THEN '1.005' ELSE x END FROM (SELECT * FROM d) d ORDER BY id;
SELECT q.id FROM (SELECT id, x * 2 AS twice FROM d) q, h WHERE q.twice > '0.205' AND twice < '0.225';
SELECT id FROM (SELECT * EXCLUDE (x), 'none' AS x FROM d) q WHERE x < 'no' OR x = '0.1';
SELECT id FROM (SELECT * REPLACE (id::TEXT AS x) FROM d) q WHERE x = '1' OR x = 'none';
SELECT id FROM (SELECT a.* FROM (SELECT id, 'none' AS x FROM d) a JOIN d b ON a.id = b.id) q WHERE x < 'no' OR x = '0.1';
WITH w AS (SELECT id, max(x) AS m FROM d GROUP BY id) SELECT w.id FROM w JOIN (SELECT 1 AS one) o ON w.m < '0.105';
SELECT d.id FROM d, (SELECT 1 AS one) o WHERE x > '0.105' AND x < '0.114';
SELECT id FROM d a JOIN d b USING (id) WHERE CASE WHEN id = 4 THEN '0.105' ELSE a.x END > '0.1049' ORDER BY id;
SELECT max(x) FROM d GROUP BY id HAVING max(x) < '1.001' AND min(x) > '0.999';
SELECT sum(x) FROM d HAVING sum(x) < '1.2101';
SELECT id FROM d WHERE EXISTS (SELECT 1 FROM h WHERE x > '0.105') ORDER BY id;
SELECT id FROM d WHERE EXISTS (SELECT 1 FROM h WHERE d.x > '0.105' AND h.id = '1') ORDER BY id;
--@ params '0.105'
SELECT id FROM d WHERE (x = $1 OR y = $1) AND id IN (SELECT id FROM d) ORDER BY id;
--@ params '1.005'
SELECT a.id, greatest(a.x, $1) FROM d a JOIN d b USING (id) ORDER BY id;
--@ params '1.005'
SELECT a.id FROM d a JOIN d b USING (id) WHERE a.x = $1 OR a.id::TEXT = $1;
--@ params 'nothing'
SELECT a.id FROM d a JOIN d b USING (id) WHERE a.x = $1;
--@ params 'nothing'
SELECT greatest(a.x, $1) FROM d a JOIN d b USING (id);
SELECT a.id FROM d a JOIN d b USING (id) WHERE a.x = 'nothing';
SELECT '1.005'::DECIMAL(10,2), a.id FROM d a JOIN d b USING (id) WHERE a.x = CAST('0.105' AS DECIMAL(10,2));
DELETE FROM d WHERE x = '0.105' AND id IN (SELECT 1 UNION SELECT 2) RETURNING id;
UPDATE d SET x = '0.105' WHERE id IN (SELECT 1 UNION SELECT 2) RETURNING id, x;
