-- DISTINCT and ORDER BY: no order by what several rows that became one may differ in.
CREATE SHARED TABLE g (id INT PRIMARY KEY, grp INT, name TEXT);
INSERT INTO g VALUES (1, 2, 'B'), (2, 1, 'a'), (3, 2, 'b');
SELECT DISTINCT grp FROM g ORDER BY grp;
SELECT DISTINCT g.grp FROM g ORDER BY grp DESC;
SELECT DISTINCT grp AS x FROM g ORDER BY x;
SELECT DISTINCT grp AS x FROM g ORDER BY g.grp;
SELECT DISTINCT lower(name), grp + 1 AS n FROM g ORDER BY 2, lower(name);
SELECT DISTINCT lower(name) AS n FROM g ORDER BY LOWER( name );
SELECT DISTINCT * FROM (SELECT grp, 1 AS one FROM g) q ORDER BY grp;
SELECT DISTINCT ON (grp) grp, id FROM g ORDER BY grp, id DESC;
SELECT DISTINCT ON (lower(name)) lower(name) AS n, id FROM g ORDER BY n, id;
SELECT DISTINCT ON (grp, name) grp, name FROM g ORDER BY 2, grp, id;
SELECT DISTINCT ON (name) name FROM g ORDER BY name;
SELECT count(DISTINCT grp) FROM g ORDER BY max(id);
-- refused
SELECT DISTINCT grp FROM g ORDER BY id;
SELECT DISTINCT grp FROM g ORDER BY grp + 1;
SELECT DISTINCT grp AS x FROM g ORDER BY name;
SELECT DISTINCT ON (name) name, id FROM g ORDER BY id;
SELECT DISTINCT ON (grp, name) grp, name FROM g ORDER BY grp, id;
