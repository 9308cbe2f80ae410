CREATE NAMESPACE app;
CREATE SHARED TABLE app.w (id INT PRIMARY KEY, s SMALLINT, s2 SMALLINT, i INT, i2 INT, b BIGINT, d DECIMAL(5,2), f FLOAT, v VARCHAR(4), v2 VARCHAR(4), day DATE, j JSON, u UUID, missing SMALLINT DEFAULT 3);
INSERT INTO app.w VALUES (1, 32767, -32768, 2147483647, -2147483648, 9223372036854775807, 999.99, 0.1, 'abcd', 'äöü', '9999-12-31', '{"a": [1]}', '0190163D-8694-739B-AEA5-966C26F8AD91', 1);
INSERT INTO app.w (id) VALUES (2);
--@ cold
INSERT INTO app.w VALUES (3, 1, 2, 3, 4, 5, 6.5, 7.5, 'x', 'y', '0001-01-01', 'null', '00000000-0000-0000-0000-000000000000', NULL);
INSERT INTO app.w (id) VALUES (4);
ALTER TABLE app.w ADD COLUMN n SMALLINT DEFAULT 5;
ALTER TABLE app.w MODIFY s INT, MODIFY COLUMN s2 DECIMAL(5,0), ALTER COLUMN i SET DATA TYPE DOUBLE, ALTER i2 TYPE BIGINT, MODIFY b DECIMAL(21,2), MODIFY d DECIMAL(38,10), MODIFY f DOUBLE, MODIFY v TEXT, MODIFY v2 VARCHAR(10), MODIFY day TIMESTAMP, MODIFY j TEXT, MODIFY u TEXT, MODIFY n DECIMAL(7,2);
DESCRIBE app.w;
SELECT * EXCLUDE (_updated) FROM app.w ORDER BY id;
INSERT INTO app.w (id, s, s2, i, b, v, v2, day, j, u) VALUES (5, 40000, 12345, 1.5, 12345678901234567.25, 'longer text', '0123456789', '2024-02-29 12:00:00', 'no json', 'no uuid');
SELECT id, s, s2, i, b, v, v2, day, j, u, missing, n FROM app.w WHERE id >= 3;
SELECT sum(s), sum(s2), sum(b), max(day), min(u), sum(n) FROM app.w;
SELECT a.id, b.id FROM app.w a JOIN app.w b ON a.s2 = b.s2 ORDER BY 1, 2;
SELECT id FROM app.w WHERE u = '0190163d-8694-739b-aea5-966c26f8ad91';
SELECT id FROM app.w WHERE day = '9999-12-31';
SELECT id FROM app.w WHERE i > 2147483646.5;
UPDATE app.w SET s = s + 1 WHERE s IS NOT NULL;
SELECT id, s FROM app.w;
--@ cold
SELECT id, s, s2, i, i2, b, d, f, v, v2, day, j, u, n FROM app.w;
-- step by step is the same as at once
ALTER TABLE app.w MODIFY s BIGINT;
ALTER TABLE app.w MODIFY s DECIMAL(20,1);
SELECT id, s FROM app.w;
-- nothing narrower, nothing else
ALTER TABLE app.w MODIFY s INT;
ALTER TABLE app.w MODIFY i INT;
ALTER TABLE app.w MODIFY i2 DOUBLE;
ALTER TABLE app.w MODIFY i2 DECIMAL(19,1);
ALTER TABLE app.w MODIFY d DECIMAL(38,11);
ALTER TABLE app.w MODIFY v VARCHAR(100);
ALTER TABLE app.w MODIFY v2 VARCHAR(9);
ALTER TABLE app.w MODIFY day DATE;
ALTER TABLE app.w MODIFY v JSON;
ALTER TABLE app.w MODIFY missing BOOLEAN;
ALTER TABLE app.w MODIFY missing FLOAT;
ALTER TABLE app.w MODIFY missing TINYINT;
ALTER TABLE app.w MODIFY missing SERIAL;
-- what is not given stays; the default goes along
ALTER TABLE app.w MODIFY missing INT;
INSERT INTO app.w (id) VALUES (6);
SELECT id, missing, n FROM app.w WHERE id = 6;
ALTER TABLE app.w MODIFY missing BIGINT DEFAULT 9;
INSERT INTO app.w (id) VALUES (7);
SELECT id, missing FROM app.w WHERE id > 5;
SELECT version, changes FROM system.table_schemas WHERE namespace_id = 'app' ORDER BY version;
-- a function that does not fit the new type
CREATE SHARED TABLE app.f (id INT PRIMARY KEY, k BIGINT DEFAULT SNOWFLAKE_ID(), at DATE DEFAULT NOW(), u UUID DEFAULT UUID_V7());
ALTER TABLE app.f MODIFY k DECIMAL(20,0);
ALTER TABLE app.f MODIFY k DECIMAL(20,0) DEFAULT 0, MODIFY at TIMESTAMP, MODIFY u TEXT;
INSERT INTO app.f (id) VALUES (1);
SELECT id, k, length(u) FROM app.f;
