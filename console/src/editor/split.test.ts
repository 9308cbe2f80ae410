import { describe, expect, test } from 'vitest';
import { parameterCount, parameterValue, splitStatements, statementAt } from './split';

const texts = (sql: string): string[] =>
  splitStatements(sql).map(({ from, to }) => sql.slice(from, to));

describe('splitStatements', () => {
  test.each<[string, string[]]>([
    ['', []],
    [' ; ;; ', []],
    ['SELECT 1', ['SELECT 1']],
    ['SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
    ['SELECT \';\'; SELECT "a;b", `c;d`', ["SELECT ';'", 'SELECT "a;b", `c;d`']],
    ["SELECT 'it''s; fine'; x", ["SELECT 'it''s; fine'", 'x']],
    ["SELECT E'a\\'; b'; x", ["SELECT E'a\\'; b'", 'x']],
    ['SELECT $$a;b$$, $t$c;$$;d$t$; x', ['SELECT $$a;b$$, $t$c;$$;d$t$', 'x']],
    ['-- a; b\nSELECT 1 -- c;\n; x', ['SELECT 1 -- c;', 'x']],
    ['/* a; /* b; */ c; */ SELECT 1; x', ['SELECT 1', 'x']],
    ['SELECT $1; SELECT $2', ['SELECT $1', 'SELECT $2']],
    ["SELECT 'open; x", ["SELECT 'open; x"]],
  ])('%s', (sql, expected) => {
    expect(texts(sql)).toEqual(expected);
  });

  test('the statement at the cursor, also just behind its semicolon and behind the last', () => {
    const sql = 'SELECT 1;\n\nSELECT 2;\n';
    const at = (offset: number): string => {
      const piece = statementAt(sql, offset);
      return piece ? sql.slice(piece.from, piece.to) : '';
    };
    expect([at(0), at(9), at(11), at(20), at(21)]).toEqual([
      'SELECT 1',
      'SELECT 1',
      'SELECT 2',
      'SELECT 2',
      'SELECT 2',
    ]);
    expect(statementAt('  -- nothing', 3)).toBeNull();
  });
});

describe('parameters', () => {
  test.each<[string, number]>([
    ['SELECT 1', 0],
    ['x = $1 AND y = $3', 3],
    ["'$9' -- $8\n/* $7 */ $2", 2],
    ['a$1 $$ $5 $$', 0],
  ])('%s', (sql, count) => {
    expect(parameterCount(sql)).toBe(count);
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['TRUE', true],
    ['12', 12],
    ['-1.5e3', -1500],
    ["'12'", '12'],
    ["'it''s'", "it's"],
    ['tea', 'tea'],
    ['', ''],
    ['9007199254740993', '9007199254740993'],
    ['9007199254740991', 9007199254740991],
    ['123456789012345.678901', '123456789012345.678901'],
    ['0.50', 0.5],
    ['-0.0001', -0.0001],
    ['007', '007'],
    ['1e999', '1e999'],
    ['1e-999', '1e-999'],
    ['0.0', 0],
    ['1 2', '1 2'],
  ])('%s', (typed, value) => {
    expect(parameterValue(typed)).toBe(value);
  });
});
