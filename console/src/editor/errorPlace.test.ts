import { expect, test } from 'vitest';
import { errorPlace } from './errorPlace';

function marked(sql: string, message: string, statement?: number): string {
  const place = errorPlace(sql, message, statement);
  return place ? sql.slice(place.from, place.to) : '';
}

test("line and column count from the statement's own beginning", () => {
  expect(
    marked('SELECT 1;\n SELECT 2\n FRM x', 'syntax error at or near "FRM" at line 2, column 2', 2),
  ).toBe('FRM');
  expect(marked('SELEC 1', 'syntax error at or near "SELEC" at line 1, column 1', 1)).toBe('SELEC');
  expect(marked('SELECT (1', 'syntax error at end of input at line 1, column 10', 1)).toBe('1');
});

test('without a position the thing that is named is marked, else the statement', () => {
  expect(
    marked(
      'SELECT 1; SELECT a, titel FROM t',
      'column not found: column "titel" does not exist',
      2,
    ),
  ).toBe('titel');
  expect(marked('SELECT * FROM shop.itms', 'relation "shop.itms" does not exist', 1)).toBe('itms');
  expect(marked('SELECT 1 / 0', 'division by zero', 1)).toBe('SELECT 1 / 0');
  expect(marked('', 'no SQL statement')).toBe('');
});
