-- User ids in names are checked before any key is built of them; ways to write a table.
CREATE NAMESPACE s;
CREATE USER TABLE s.u (id TEXT PRIMARY KEY);
SELECT * FROM s."a:b".u;
SELECT * FROM s."a/b".u;
SELECT * FROM s."..".u;
SELECT * FROM s."a
b".u;
SELECT count(*) FROM s."a:b".u GROUP BY id;
INSERT INTO s."a:b".u VALUES ('x');
UPDATE s."a:b".u SET id = 'x';
DELETE FROM s."a:b".u;
SHOW STATS FOR TABLE s.u FOR USER 'a:b';
EXECUTE AS USER 'a:b' (SELECT 1);
DESCRIBE s."a:b".u;
SUBSCRIBE TO s."a:b".u;
SELECT * FROM s."root".u;
SELECT * FROM s.user.u;
SELECT * FROM kalamdb.s.u;
SELECT * FROM kalamdb.s.root.u;
SELECT * FROM S.U;
SELECT * FROM `s`.`u`;
SELECT * FROM "S".u;
