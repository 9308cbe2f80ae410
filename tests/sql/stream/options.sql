-- Options of stream tables: defaults, spellings, where they are shown.

CREATE NAMESPACE app;
CREATE STREAM TABLE app.a (id BIGINT PRIMARY KEY);
CREATE STREAM TABLE app.b (id BIGINT PRIMARY KEY) RETENTION '1m' EPHEMERAL MAX_BUFFER 3;
CREATE TABLE app.c (id BIGINT PRIMARY KEY) WITH (TYPE = 'STREAM', ttl = '2h', ephemeral = false, max_buffer = 5);
CREATE STREAM TABLE IF NOT EXISTS app.c (id BIGINT PRIMARY KEY) TTL 1;

SELECT table_name, table_type, storage_id, stream_config FROM system.tables WHERE namespace_id = 'app' ORDER BY table_name;
SHOW TABLES IN app;
DESCRIBE app.b;
SELECT * FROM system.table_options WHERE table_name = 'b' ORDER BY 1, 2, 3, 4;
SHOW STATS FOR TABLE app.b;

-- max_buffer: the oldest go first, also within one statement, whatever the order of their keys.

INSERT INTO app.c VALUES (50), (10), (40), (20), (30), (5), (60);
SELECT id FROM app.c ORDER BY _seq;
INSERT INTO app.c VALUES (1);
SELECT id FROM app.c ORDER BY _seq;
SHOW STATS FOR TABLE app.c;
DELETE FROM app.c WHERE id = 1;
SHOW TABLE STATS app.c;

-- An ephemeral table keeps nothing while nobody listens; the INSERT is answered all the same.

INSERT INTO app.b VALUES (1), (2) RETURNING id;
SELECT count(*) FROM app.b;
SHOW STATS FOR TABLE app.b;
