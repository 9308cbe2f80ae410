import { expect, test, vi } from 'vitest';

vi.mock('../api/session', () => ({}));
const { namespaceAt, onlyStatement, withNamespace } = await import('./namespace');

test.each<[string, string | undefined]>([
  ['', undefined],
  ['SELECT 1; ', undefined],
  ['USE shop; ', 'shop'],
  ['use Shop;', 'shop'],
  ['USE NAMESPACE shop;', 'shop'],
  ['USE namespace;', 'namespace'],
  ['SET NAMESPACE "shop";', 'shop'],
  ['Set Namespace `shop`;', 'shop'],
  ['-- USE a;\n/* USE b; */ USE /* c */ NAMESPACE -- d\n shop;', 'shop'],
  ['USE a; SELECT 1; USE b; SELECT 2;', 'b'],
  ["SELECT 'USE a;'; ", undefined],
  ['USE a b c; USE; SET x = 1; used shop;', undefined],
])('namespace behind %s', (text, namespace) => {
  expect(namespaceAt(`${text}\nSELECT 3; USE later`, text.length + 1)).toBe(namespace);
});

test.each<[string, string | undefined]>([
  ['', undefined],
  ['SELECT 1;', 'SELECT 1'],
  ['USE a; SET NAMESPACE b;\n-- c\nSELECT $1; ', 'SELECT $1'],
  ['USE a', 'USE a'],
  ['USE a; SELECT 1; SELECT 2', undefined],
])('the only statement of %s', (text, statement) => {
  const piece = onlyStatement(text);
  expect(piece && text.slice(piece.from, piece.to)).toBe(statement);
});

test.each<[string, string]>([
  ['SELECT * FROM items', 'SELECT * FROM "shop".items'],
  ['SELECT * from "It ems" WHERE a IN (1)', 'SELECT * from "shop"."It ems" WHERE a IN (1)'],
  ['SELECT * FROM /* a /* b */ c */ `items`', 'SELECT * FROM /* a /* b */ c */ "shop".`items`'],
  [
    'SELECT extract(year FROM t), \'FROM x\', "from" FROM t',
    'SELECT extract(year FROM t), \'FROM x\', "from" FROM "shop".t',
  ],
  ['SUBSCRIBE TO items LAST 5', 'SUBSCRIBE TO "shop".items LAST 5'],
  ['SELECT * FROM other.items', 'SELECT * FROM other.items'],
  ['SELECT * FROM other . items', 'SELECT * FROM other . items'],
  ['SELECT * FROM (SELECT 1)', 'SELECT * FROM (SELECT 1)'],
  ['SELECT 1', 'SELECT 1'],
])('%s', (sql, named) => {
  expect(withNamespace(sql, 'shop')).toBe(named);
  expect(withNamespace(sql, undefined)).toBe(sql);
});
