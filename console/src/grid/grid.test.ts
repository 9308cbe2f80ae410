import type { Column, Value } from 'kalamdb';
import { expect, test, vi } from 'vitest';
import { cellText, columnWidths, fullText } from './cells';
import { toCsv, toJson } from './export';
import { compactJson, prettyJson } from './json';

vi.mock('../ui/controls', () => ({}));
vi.mock('../ui/copy', () => ({}));
const { hexDump } = await import('./detail');

const column = (name: string, type: string): Column => ({
  name,
  type,
  primaryKey: false,
  notNull: false,
  unique: false,
});

test.each<[Value, string, string]>([
  [null, 'Text', 'NULL'],
  ['a\n  b', 'Text', 'a ⏎ b'],
  [0.1, 'Double', '0.1'],
  [1767323045678901, 'Timestamp', '2026-01-02 03:04:05.678901'],
  [1767323045000000, 'Timestamp', '2026-01-02 03:04:05'],
  [1767323045678000, 'Timestamp', '2026-01-02 03:04:05.678'],
  [253402300800000000, 'Timestamp', '10000-01-01 00:00:00'],
  [-1, 'Timestamp', '1969-12-31 23:59:59.999999'],
  [new Uint8Array([0, 255]), 'Bytes', '0x00ff'],
  [true, 'Boolean', 'true'],
  ['9007199254740993', 'BigInt', '9007199254740993'],
])('%s of %s', (value, type, text) => {
  expect(cellText(value, type)).toBe(text);
});

test('long values are cut in the grid only', () => {
  expect(cellText('x'.repeat(1000), 'Text')).toHaveLength(401);
  expect(fullText('x'.repeat(1000), 'Text')).toHaveLength(1000);
  expect(cellText(new Uint8Array(100), 'Bytes')).toMatch(/^0x(00){32}…$/);
});

test('widths follow the content, within bounds', () => {
  const [narrow, wide] = columnWidths(
    [column('a', 'Int'), column('b', 'Text')],
    [[1, 'x'.repeat(900)]],
  );
  expect([narrow, wide]).toEqual([74, 380]);
});

test('CSV quotes what needs it; NULL is empty, an empty text is not', () => {
  expect(
    toCsv(
      [column('a', 'Text'), column('b"', 'Int')],
      [
        ['x,y', 1],
        ['say "hi"\n', null],
        ['', 2],
        [null, 3],
      ],
    ),
  ).toBe('a,"b"""\r\n"x,y",1\r\n"say ""hi""\n",\r\n"",2\r\n,3\r\n');
  expect(toCsv([column('a', 'Text')], [[null], ['']])).toBe('a\r\n\r\n""\r\n');
});

test('JSON keeps columns of one name apart, and JSON values as such', () => {
  const columns = [column('a', 'Int'), column('a', 'Json'), column('t', 'Timestamp')];
  expect(toJson([column('j', 'Json')], [['{"n": 9007199254740993}']])).toContain(
    '{"j":{"n":9007199254740993}}',
  );
  expect(
    JSON.parse(
      toJson(columns, [
        [1, '{"b":[1]}', 0],
        [null, 'broken', null],
      ]),
    ),
  ).toEqual([
    { a: 1, a_2: { b: [1] }, t: '1970-01-01 00:00:00' },
    { a: null, a_2: 'broken', t: null },
  ]);
});

test('JSON is set out as JSON.stringify does, with the digits that were written', () => {
  for (const value of [
    1,
    'x',
    [],
    {},
    { a: [1, { b: 'c, {"d": [e]} \\' }, [], {}], '': null },
    [[[true]], 'é\n'],
  ]) {
    expect(prettyJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    expect(compactJson(JSON.stringify(value, null, 2))).toBe(JSON.stringify(value));
  }
  expect(prettyJson('{"id": 9007199254740993, "x": 0.12345678901234567890}')).toBe(
    '{\n  "id": 9007199254740993,\n  "x": 0.12345678901234567890\n}',
  );
  expect(prettyJson('not json')).toBe('not json');
  expect(compactJson('{')).toBe(null);
});

test('details', () => {
  expect(hexDump(new TextEncoder().encode('KalamDB\n0123456789'))).toBe(
    '000000  4b 61 6c 61 6d 44 42 0a 30 31 32 33 34 35 36 37  KalamDB.01234567\n000010  38 39                                            89',
  );
  expect(hexDump(new Uint8Array(20), 16)).toContain('… 4 more bytes');
});
