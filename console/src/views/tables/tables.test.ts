import type { Column } from 'kalamdb';
import { describe, expect, test, vi } from 'vitest';

vi.mock('../../api/session', () => ({}));
const { browseSql, conditionOf, deleteEventSql, deleteSql, insertSql, keyIsExact, updateSql } =
  await import('./rowSql');
const { createTableSql } = await import('./createSql');
const { schemaDiff } = await import('./schemaDiff');

const column = (name: string, type: string, primaryKey = false): Column => ({
  name,
  type,
  primaryKey,
  notNull: primaryKey,
  unique: primaryKey,
});
const COLUMNS = [
  column('id', 'BigInt', true),
  column('day', 'Date', true),
  column('title', 'Text'),
  column('at', 'Timestamp'),
];
const ROW = ['9007199254740993', '2026-01-02', 'Tea', 1767323045678901];

describe('rows', () => {
  test('browse', () => {
    expect(browseSql('s.t', { filter: '', order: undefined, page: 0 })).toBe(
      'SELECT * FROM s.t LIMIT 201',
    );
    expect(
      browseSql('s.t', { filter: 'a > 1', order: { column: 'Order', down: true }, page: 2 }),
    ).toBe('SELECT * FROM s.t WHERE (\na > 1\n) ORDER BY "Order" DESC LIMIT 201 OFFSET 400');
  });
  test.each<[string, string | null]>([
    [' ', ''],
    ['-- nothing', ''],
    [' id < 5 ; ', 'id < 5'],
    ["title = ';' -- low; ones", "title = ';' -- low; ones"],
    ['true; DELETE FROM s.t --', null],
  ])('filter %s', (typed, condition) => {
    expect(conditionOf(typed)).toBe(condition);
  });
  test('insert takes what was given and leaves the rest to defaults', () => {
    expect(
      insertSql(
        's.t',
        COLUMNS,
        new Map([
          ['title', "it's"],
          ['id', '5'],
        ]),
      ),
    ).toBe(`INSERT INTO s.t ("id", "title") VALUES (5, 'it''s')`);
    expect(insertSql('s.t', COLUMNS, new Map([['title', null]]))).toBe(
      'INSERT INTO s.t ("title") VALUES (NULL)',
    );
    expect(insertSql('s.t', COLUMNS, new Map())).toBe('INSERT INTO s.t DEFAULT VALUES');
  });
  test('update sets only what differs, by the whole key', () => {
    const typed = new Map([
      ['id', '9007199254740993'],
      ['day', '2026-01-02'],
      ['title', 'Mug'],
      ['at', '2026-01-02 03:04:05.678901'],
    ]);
    expect(updateSql('s.t', COLUMNS, ROW, typed)).toBe(
      `UPDATE s.t SET "title" = 'Mug' WHERE "id" = 9007199254740993 AND "day" = '2026-01-02'`,
    );
    expect(updateSql('s.t', COLUMNS, ROW, new Map([['title', 'Tea']]))).toBe('');
    expect(updateSql('s.t', COLUMNS, ROW, new Map([['title', null]]))).toContain(
      'SET "title" = NULL',
    );
  });
  test('a key that lost digits is none', () => {
    const columns = [column('at', 'Timestamp', true), column('end', 'Timestamp')];
    expect(keyIsExact(columns, [1767323045678901, 253402300800000000])).toBe(true);
    expect(keyIsExact(columns, [253402300800000000, 0])).toBe(false);
  });
  test('delete', () => {
    expect(deleteSql('s.t', COLUMNS, ROW)).toBe(
      `DELETE FROM s.t WHERE "id" = 9007199254740993 AND "day" = '2026-01-02'`,
    );
  });
  test('delete of an event: others may have its key', () => {
    const columns = [column('id', 'Int', true), column('x', 'Text'), column('_seq', 'BigInt')];
    expect(deleteEventSql('s.t', columns, [7, 'two', '9007199254740993'])).toBe(
      'DELETE FROM s.t WHERE "id" = 7 AND "_seq" = 9007199254740993',
    );
  });
});

describe('create', () => {
  const base = {
    namespace: 'shop',
    name: 'items',
    storage: '',
    flushRows: '',
    flushSeconds: '',
    access: '',
    ttl: '',
    maxBuffer: '',
    ephemeral: false,
    columns: [
      { name: 'id', type: 'BIGINT', notNull: false, key: true, default: '' },
      { name: 'Title', type: 'TEXT', notNull: true, key: false, default: "'none'" },
      { name: '', type: 'TEXT', notNull: false, key: false, default: '' },
    ],
  };
  test('shared, with its clauses', () => {
    expect(
      createTableSql({
        ...base,
        kind: 'SHARED',
        storage: 's3',
        flushRows: '10',
        flushSeconds: '60',
        access: 'PUBLIC',
        ttl: '9s',
      }),
    ).toBe(
      `CREATE SHARED TABLE "shop"."items" (\n  "id" BIGINT,\n  "Title" TEXT NOT NULL DEFAULT 'none',\n  PRIMARY KEY ("id")\n)\nSTORAGE 's3'\nFLUSH POLICY ROWS 10 INTERVAL '60s'\nACCESS PUBLIC`,
    );
  });
  test('stream, with its own', () => {
    expect(
      createTableSql({
        ...base,
        kind: 'STREAM',
        storage: 's3',
        ttl: '10s',
        maxBuffer: '5',
        ephemeral: true,
      }),
    ).toMatch(/\)\nTTL '10s'\nMAX_BUFFER 5\nEPHEMERAL$/);
  });
});

describe('schemaDiff', () => {
  const field = (id: number, name: string, more: object = {}) => ({
    id,
    name,
    type: 'TEXT',
    nullable: true,
    default: null,
    metadata: {},
    ...more,
  });
  const schema = (...fields: object[]): string =>
    JSON.stringify({
      fields: [...fields, field(99, '_seq', { metadata: { system_column: true } })],
    });
  test('by id: renamed is one column, dropped and re-created are two', () => {
    const before = schema(
      field(1, 'a'),
      field(2, 'b'),
      field(3, 'c', { type: 'DECIMAL', precision: 10, scale: 2 }),
    );
    const after = schema(
      field(1, 'x'),
      field(3, 'c', {
        type: 'DECIMAL',
        precision: 12,
        scale: 2,
        nullable: false,
        default: { kind: 'literal', value: '1' },
      }),
      field(4, 'b'),
    );
    expect(schemaDiff(before, after)).toEqual([
      { kind: 'changed', text: 'a renamed to x' },
      { kind: 'changed', text: 'c: DECIMAL(10,2) → DECIMAL(12,2)' },
      { kind: 'changed', text: 'c: NOT NULL' },
      { kind: 'changed', text: 'c: default none → "1"' },
      { kind: 'added', text: 'b TEXT' },
      { kind: 'dropped', text: 'b TEXT' },
    ]);
  });
  test('the first version adds all, the same changes nothing', () => {
    expect(schemaDiff(undefined, schema(field(1, 'a', { nullable: false })))).toEqual([
      { kind: 'added', text: 'a TEXT NOT NULL' },
    ]);
    expect(schemaDiff(schema(field(1, 'a')), schema(field(1, 'a')))).toEqual([]);
  });
});
