-- DROP TABLE: kind words, subscriptions, what is left behind.
CREATE NAMESPACE s;
CREATE USER TABLE s.u (id INT PRIMARY KEY, v TEXT);
CREATE SHARED TABLE s.h (id INT PRIMARY KEY, v TEXT);
INSERT INTO s.u VALUES (1, 'old'), (2, 'old');
INSERT INTO s.h VALUES (1, 'old');
DROP SHARED TABLE s.u;
DROP STREAM TABLE s.u;
DROP USER TABLE s.h;
DROP TABLE s.nope;
DROP USER TABLE s.nope;
DROP TABLE IF EXISTS s.nope;
DROP TABLE IF EXISTS nowhere.nope;
DROP TABLE nowhere.nope;
DROP SHARED TABLE IF EXISTS s.u;
DROP TABLE system.users;
DROP TABLE information_schema.tables;
DROP TABLE s.ann.u;
DROP TABLE s.u, s.h;
DROP TABLE s.u CASCADE;
DROP TABLE;
DROP TABLE IF s.u;

-- the schema history stays, the name is free at once, old rows do not come back
--@ cold
DROP USER TABLE s.u;
SELECT * FROM s.u;
SELECT table_id FROM system.tables WHERE table_id = 's:u';
SELECT schema_id, changes, dropped FROM system.table_schemas WHERE table_name = 'u';
SELECT schema_id, dropped FROM system.table_schemas WHERE schema_id = 's:u:1';
SELECT count(*) FROM system.segments WHERE table_name = 'u';
SELECT count(*) FROM system.user_table_counters WHERE table_name = 'u';
CREATE SHARED TABLE s.u (id INT PRIMARY KEY, v TEXT, w INT);
SELECT id, v, w FROM s.u;
INSERT INTO s.u VALUES (1, 'new', 1);
SELECT id, v, w FROM s.u;
SELECT schema_id, dropped FROM system.table_schemas WHERE table_name = 'u';
DESCRIBE s.u HISTORY;
DROP TABLE IF EXISTS s.u;

-- subscriptions are in the way
--@ live
DROP TABLE s.h;
DROP TABLE IF EXISTS s.h;
SELECT id FROM s.h;
