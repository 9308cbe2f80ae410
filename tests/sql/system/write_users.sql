-- INSERT, UPDATE and DELETE of system.users follow the rules of CREATE, ALTER and DROP USER.
INSERT INTO system.users (user_id, username) VALUES ('ann', 'Ann A.') RETURNING user_id, username, role, storage_mode, auth_type, failed_login_attempts, deleted_at;
INSERT INTO system.users (user_id, username, role, email, metadata, storage_mode, storage_id) VALUES ('bob', 'Bob', 'Developer', 'b@x', '{"team":7}', 'REGION', 'local'), ('eve', 'Eve', 'readonly', NULL, NULL, 'table', NULL);
SELECT user_id, username, role, email, metadata, storage_mode, storage_id, auth_type, password_hash, api_key, failed_login_attempts, created_at, updated_at, deleted_at FROM system.users;

-- required, non-empty, unique, valid
INSERT INTO system.users (user_id, username) VALUES ('ann', 'Again');
INSERT INTO system.users (user_id, username) VALUES ('new', 'New'), ('new', 'New');
INSERT INTO system.users (user_id, username) VALUES ('new', 'New'), ('bob', 'New');
INSERT INTO system.users (user_id) VALUES ('new');
INSERT INTO system.users (username) VALUES ('new');
INSERT INTO system.users (user_id, username) VALUES ('', 'New');
INSERT INTO system.users (user_id, username) VALUES ('new', '');
INSERT INTO system.users (user_id, username) VALUES ('new', NULL);
INSERT INTO system.users (user_id, username) VALUES ('a:b', 'New');
INSERT INTO system.users (user_id, username) VALUES ('a..b', 'New');
INSERT INTO system.users (user_id, username, metadata) VALUES ('new', 'New', '{');
INSERT INTO system.users (user_id, username, role) VALUES ('new', 'New', 'king');
INSERT INTO system.users (user_id, username, role) VALUES ('new', 'New', NULL);
INSERT INTO system.users (user_id, username, storage_mode) VALUES ('new', 'New', 'shelf');
INSERT INTO system.users (user_id, username, storage_id) VALUES ('new', 'New', 's3');
INSERT INTO system.users (user_id, username, password_hash) VALUES ('new', 'New', 'x');
INSERT INTO system.users (user_id, username, api_key) VALUES ('new', 'New', 'x');
INSERT INTO system.users (user_id, username, deleted_at) VALUES ('new', 'New', NOW());
INSERT INTO system.users (user_id, username, created_at) VALUES ('new', 'New', NOW());
SELECT user_id FROM system.users;

-- partial changes
UPDATE system.users SET email = 'ann@x', metadata = '{"a":1}' WHERE user_id = 'ann' RETURNING user_id, username, email, metadata;
UPDATE system.users SET username = upper(username), email = NULL WHERE user_id IN ('ann', 'bob') RETURNING username, email;
UPDATE system.users SET role = 'admin' WHERE user_id = 'ann' RETURNING role;
UPDATE system.users SET metadata = NULL WHERE role = 'Service' RETURNING user_id;
UPDATE system.users SET email = 'x' WHERE user_id = 'nobody';
UPDATE system.users SET email = 'x' WHERE user_id IN ('ann', 'nobody');
UPDATE system.users SET email = 'x' WHERE username = 'nobody';
UPDATE system.users SET username = '' WHERE user_id = 'ann';
UPDATE system.users SET username = NULL WHERE user_id = 'ann';
UPDATE system.users SET role = 'king' WHERE user_id = 'ann';
UPDATE system.users SET metadata = 'x' WHERE user_id = 'ann';
UPDATE system.users SET user_id = 'x' WHERE user_id = 'ann';
UPDATE system.users SET password_hash = 'x' WHERE user_id = 'ann';
UPDATE system.users SET apikey = 'x' WHERE user_id = 'ann';
UPDATE system.users SET auth_data = 'x' WHERE user_id = 'ann';
UPDATE system.users SET failed_login_attempts = 0 WHERE user_id = 'ann';
UPDATE system.users SET deleted_at = NOW() WHERE user_id = 'ann';
SELECT user_id, username, role, email, metadata FROM system.users;

-- soft deletion and return
DELETE FROM system.users WHERE user_id = 'ann' RETURNING user_id, username;
DELETE FROM system.users WHERE user_id = 'ann';
DELETE FROM system.users WHERE user_id = 'nobody';
DELETE FROM system.users WHERE user_id = 'root';
SELECT user_id FROM system.users;
SELECT user_id, deleted_at FROM system.users WHERE deleted_at IS NOT NULL;
SELECT user_id FROM system.users WHERE user_id = 'ann';
SELECT user_id FROM system.users WHERE user_id = 'ann' AND (deleted_at IS NULL OR deleted_at > '2020-01-01');
SELECT u.user_id FROM system.users u JOIN system.namespaces n ON true WHERE u.deleted_at IS NOT NULL;
SELECT u.user_id FROM system.users u JOIN system.namespaces n ON true ORDER BY 1;
INSERT INTO system.users (user_id, username) VALUES ('ann', 'Taken');
CREATE USER ann WITH INTERNAL;
CREATE USER IF NOT EXISTS ann WITH INTERNAL;
UPDATE system.users SET email = 'x' WHERE user_id = 'ann';
ALTER USER ann SET EMAIL 'x';
UPDATE system.users SET deleted_at = NULL, email = 'back@x' WHERE user_id = 'ann' RETURNING user_id, email, deleted_at;
SELECT user_id, email FROM system.users;
DELETE FROM system.users WHERE username = 'EVE' OR user_id = 'bob';
UPDATE system.users SET deleted_at = NULL WHERE deleted_at IS NOT NULL;
SELECT user_id FROM system.users;

-- who may
--@ user boss dba
INSERT INTO system.users (user_id, username, role) VALUES ('sys', 'Sys', 'system');
UPDATE system.users SET role = 'system' WHERE user_id = 'ann';
UPDATE system.users SET email = 'x' WHERE user_id = 'root';
DELETE FROM system.users WHERE user_id = 'root';
UPDATE system.users SET role = 'user' WHERE user_id = 'ann';
--@ user ann user
UPDATE system.users SET role = 'dba' WHERE user_id = 'ann';
DELETE FROM system.users WHERE user_id = 'bob';
INSERT INTO system.users (user_id, username) VALUES ('x', 'x');
SELECT user_id, role FROM system.users;
SELECT user_id FROM system.users WHERE user_id = 'root';
--@ user root system
UPDATE system.users SET role = 'system' WHERE user_id = 'ann' RETURNING role;
