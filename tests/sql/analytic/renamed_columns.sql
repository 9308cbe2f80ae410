-- t(a, b) gives columns other names: what WHERE says about them is not said about the columns of the table
CREATE NAMESPACE r;
--@ user root system r
CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT, at TIMESTAMP, note TEXT);
INSERT INTO t VALUES (1, 99, '2021-01-01 00:00:00', '2031-01-01'), (2, 98, '2022-01-01 00:00:00', '2032-01-01');
--@ cold
SELECT x FROM t AS q(x, id) WHERE id > 50 ORDER BY x;
SELECT q.x FROM t AS q(x, id) WHERE q.id = 99 ORDER BY x;
SELECT x FROM t AS q(x, n, y, at) WHERE at > '2031-06-01' ORDER BY x;
SELECT q.x FROM t AS q(x, n, y, at) WHERE q.at BETWEEN '2031-01-01' AND '2031-06-01' ORDER BY x;
SELECT x FROM t AS q(x) WHERE n > 98 ORDER BY x;
UPDATE t AS u SET note = 'x' FROM t AS q(x, id) WHERE q.id > 98 AND u.id = q.x RETURNING id, note;
--@ params 1
SELECT x FROM t AS q(x, id) WHERE id > $1 ORDER BY x;
SELECT x FROM t AS q(x, id) JOIN t AS p ON p.n = q.id WHERE q.id > 50 AND p.id < 5 ORDER BY x;
