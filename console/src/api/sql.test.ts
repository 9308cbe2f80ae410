import { expect, test, vi } from 'vitest';

vi.mock('./session', () => ({}));
const { literal, quoteName, quoteText, tableName } = await import('./sql');

test('names are quoted: any of them may be a word of the server', () => {
  expect([
    quoteName('items'),
    quoteName('Items'),
    quoteName('current_role'),
    quoteName('a"b'),
    quoteName('a@b.c'),
  ]).toEqual(['"items"', '"Items"', '"current_role"', '"a""b"', '"a@b.c"']);
  expect(tableName('shop', 'items', 'lena')).toBe('"shop"."lena"."items"');
});

test.each<[string | null, string, string]>([
  [null, 'Text', 'NULL'],
  ["it's", 'Text', "'it''s'"],
  ['12', 'Int', '12'],
  [' -1.5 ', 'Decimal', '-1.5'],
  ['1; DROP', 'Int', "'1; DROP'"],
  ['true', 'Boolean', 'TRUE'],
  ['maybe', 'Boolean', "'maybe'"],
  ['12', 'Text', "'12'"],
  ['0xff', 'Bytes', "'0xff'"],
  ['', 'Int', "''"],
])('%s as %s', (text, type, sql) => {
  expect(literal(text, type)).toBe(sql);
});

test('text', () => {
  expect(quoteText("a'b")).toBe("'a''b'");
});
