-- CREATE, ALTER, DROP STORAGE, SHOW STORAGES (docs/sql.md).
SHOW STORAGES;

CREATE STORAGE archive TYPE filesystem PATH '/tmp/kalam-sql-storages/archive/';
CREATE STORAGE archive TYPE filesystem PATH '/tmp/kalam-sql-storages/archive';
CREATE STORAGE IF NOT EXISTS archive TYPE filesystem PATH '/tmp/kalam-sql-storages/archive';
CREATE STORAGE "Disk-2" TYPE 'FileSystem' NAME 'A disk' DESCRIPTION 'second' URI 'file:///tmp/kalam-sql-storages//disk2/./x/' SHARED_TABLES_TEMPLATE 's/{namespace}/{tableName}' USER_TABLES_TEMPLATE 'u/{userId}';
CREATE STORAGE d3 TYPE filesystem BASE_DIRECTORY = '/tmp/kalam-sql-storages/d3', NAME = 'Third';
CREATE STORAGE s3_prod TYPE s3 BUCKET 'my-bucket' REGION 'eu-central-1' CREDENTIALS '{"access_key_id":"AKIDEXAMPLE","secret_access_key":"s3cr3t","endpoint":"https://s3.example.org/","path_style":true}';
CREATE STORAGE s3_two TYPE s3 URI 's3://other.bucket/a/b' CREDENTIALS '{"access_key":"K","secret_key":"S","session_token":"T"}';
CREATE STORAGE s3_env TYPE s3 URI 's3://env.bucket';
SHOW STORAGES;
SELECT storage_id, storage_name, storage_type, description, uri, credentials, config_json, shared_tables_template, user_tables_template, usage_count FROM system.storages;
SELECT storage_id, base_directory, path, table_count FROM system.storages WHERE storage_type = 'S3';
SELECT * FROM system.storages WHERE credentials LIKE '%s3cr3t%';
SELECT location_name, location_type, path, credentials_ref, usage_count FROM system.storage_locations;

-- two storages never share a place
CREATE STORAGE x TYPE filesystem PATH '/tmp/kalam-sql-storages/archive';
CREATE STORAGE x TYPE filesystem PATH '/tmp/kalam-sql-storages/archive/deeper';
CREATE STORAGE x TYPE filesystem PATH '/tmp/kalam-sql-storages';
CREATE STORAGE x TYPE s3 URI 's3://other.bucket';
ALTER STORAGE d3 SET PATH '/tmp/kalam-sql-storages/archive';

-- refused
CREATE STORAGE;
CREATE STORAGE x;
CREATE STORAGE x TYPE tape PATH '/tmp/x';
CREATE STORAGE x TYPE azure PATH '/tmp/x';
CREATE STORAGE x TYPE 'GCS' PATH '/tmp/x';
CREATE STORAGE x TYPE filesystem;
CREATE STORAGE x TYPE s3;
CREATE STORAGE x TYPE filesystem BUCKET 'my-bucket';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' URI '/tmp/y';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' PATH '/tmp/y';
CREATE STORAGE x TYPE filesystem PATH '/tmp/../etc';
CREATE STORAGE x TYPE filesystem PATH '/';
CREATE STORAGE x TYPE filesystem PATH '';
CREATE STORAGE x TYPE filesystem PATH 's3://bucket/';
CREATE STORAGE x TYPE filesystem PATH '/tmp/{namespace}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' REGION 'eu';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' CREDENTIALS '{"access_key":"K","secret_key":"S"}';
CREATE STORAGE x TYPE filesystem PATH '/proc/x';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' SHARED_TABLES_TEMPLATE '{namespace}/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz{tableName}';
CREATE STORAGE x TYPE s3 URI '/tmp/x';
CREATE STORAGE x TYPE s3 BUCKET 'AB';
CREATE STORAGE x TYPE s3 URI 's3://bucket/../x/';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"access_key":"K"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"session_token":"K"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"s3cr3t":"s3cr3t"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"access_key":"K","secret_key":"s3cr3t"';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS 's3cr3t';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS s3cr3t;
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"access_key":"a b","secret_key":"S"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"access_key":1,"secret_key":"S"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"ftp://x"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://user@x"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"path_style":"perhaps"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' REGION 'eu central';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' COLOUR 'red';
CREATE STORAGE "a b" TYPE filesystem PATH '/tmp/x';
CREATE STORAGE "a@b" TYPE filesystem PATH '/tmp/x';

CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"access_key":"K","secret_key":"S","secret_access_key":"T"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://[::1]:99999"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://host:0"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://host:"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://[::1"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://a:b:1"}';
CREATE STORAGE x TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://:1"}';
CREATE STORAGE v6 TYPE s3 BUCKET 'bucket' CREDENTIALS '{"endpoint":"http://[::1]:9000/"}';
DROP STORAGE v6;

-- templates
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' SHARED_TABLES_TEMPLATE 'longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '{namespace}/{tableName}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '{userId}/{namespace}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '{namespace}/{nope}/{userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '/{userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '../{userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE 'a//{userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '{userId';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE 'userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' USER_TABLES_TEMPLATE '$x/{userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' SHARED_TABLES_TEMPLATE '{namespace}/{userId}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' SHARED_TABLES_TEMPLATE '{namespace}/{shard}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' SHARED_TABLES_TEMPLATE '{tableName}/{namespace}';
CREATE STORAGE x TYPE filesystem PATH '/tmp/x' SHARED_TABLES_TEMPLATE '';

-- ALTER: what is not named stays
ALTER STORAGE archive SET NAME 'The archive', DESCRIPTION = 'old things';
ALTER STORAGE archive SET PATH '/tmp/kalam-sql-storages/archive2' SET USER_TABLES_TEMPLATE '{userId}/{nope}';
ALTER STORAGE archive SET PATH '/tmp/kalam-sql-storages/archive2', SET SHARED_TABLES_TEMPLATE '{namespace}-{tableName}';
ALTER STORAGE s3_prod SET CREDENTIALS '{"access_key":"N","secret_key":"t0ps3cret"}';
ALTER STORAGE s3_two SET CREDENTIALS '{"region":"us-west-2"}';
SELECT credentials, config_json FROM system.storages WHERE storage_id = 's3_two';
ALTER STORAGE s3_two SET CREDENTIALS '{}';
SELECT storage_id, storage_name, description, uri, credentials, config_json, shared_tables_template FROM system.storages;
ALTER STORAGE nope SET NAME 'x';
ALTER STORAGE archive SET TYPE 's3';
ALTER STORAGE archive SET NAME;
ALTER STORAGE archive SET;
ALTER STORAGE archive SET NAME '';
ALTER STORAGE archive SET PATH '';
ALTER STORAGE local SET NAME 'Here', DESCRIPTION 'default';
ALTER STORAGE local SET URI '';
SELECT storage_name, uri FROM system.storages WHERE storage_id = 'local';

-- existing tables keep what they were made with
CREATE NAMESPACE app;
CREATE SHARED TABLE app.one (id BIGINT PRIMARY KEY) STORAGE archive;
CREATE USER TABLE app.two (id BIGINT PRIMARY KEY) WITH (storage = 'Disk-2');
CREATE USER TABLE app.three (id BIGINT PRIMARY KEY) LOCATION REFERENCE 'archive' USE_USER_STORAGE;
CREATE USER TABLE app.four (id BIGINT PRIMARY KEY) LOCATION 'own/${user_id}/{tableName}';
ALTER STORAGE archive SET PATH '/tmp/kalam-sql-storages/archive3', SHARED_TABLES_TEMPLATE 'x/{tableName}';
CREATE SHARED TABLE app.five (id BIGINT PRIMARY KEY) STORAGE archive;
SELECT table_name, storage_id, storage_location, use_user_storage FROM system.tables WHERE namespace_id = 'app';
CREATE SHARED TABLE app.six (id BIGINT PRIMARY KEY) STORAGE nowhere;
CREATE SHARED TABLE app.six (id BIGINT PRIMARY KEY) USE_USER_STORAGE;
CREATE SHARED TABLE app.six (id BIGINT PRIMARY KEY) LOCATION 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy';
CREATE USER TABLE app.six (id BIGINT PRIMARY KEY) LOCATION '${namespace}-${table_name}-{shard}-${user_id}/x';
CREATE SHARED TABLE app.six (id BIGINT PRIMARY KEY) STORAGE archive LOCATION 'x';

-- DROP is refused while something needs the storage
DROP STORAGE archive;
CREATE USER kim WITH INTERNAL STORAGE_MODE region STORAGE d3;
CREATE USER lee WITH INTERNAL STORAGE nowhere;
ALTER USER kim SET STORAGE nowhere;
DROP STORAGE d3;
ALTER USER kim SET STORAGE_MODE table;
DROP STORAGE d3;
ALTER USER kim SET STORAGE_MODE region;
ALTER USER kim SET STORAGE local, STORAGE_MODE region;
CREATE STORAGE d4 TYPE filesystem PATH '/tmp/kalam-sql-storages/d4';
CREATE USER mo WITH INTERNAL STORAGE_MODE region STORAGE d4;
DROP USER mo;
DROP STORAGE d4;
UPDATE system.users SET deleted_at = NULL WHERE user_id = 'mo' RETURNING user_id, storage_id;
ALTER USER mo SET STORAGE_MODE table;
DROP STORAGE d4;
DROP STORAGE local;
DROP STORAGE nowhere;
DROP STORAGE IF EXISTS nowhere;
DROP TABLE app.one;
DROP TABLE app.three;
DROP STORAGE archive;
DROP TABLE app.five;
DROP STORAGE archive;
DELETE FROM system.storages WHERE storage_id = 'Disk-2';
DROP TABLE app.two;
DELETE FROM system.storages WHERE storage_id = 'Disk-2';
DELETE FROM system.storages WHERE storage_id = 'local';
SELECT storage_id FROM system.storages;
BEGIN; DROP STORAGE s3_env; COMMIT;
DROP STORAGE s3_env; DROP STORAGE s3_two; DROP STORAGE s3_prod;
SHOW STORAGES;
