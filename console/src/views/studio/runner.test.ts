// Where an error is marked, and where it must not be.
import { expect, test, vi } from 'vitest';

vi.stubGlobal('addEventListener', () => undefined);
let answer: (error: Error) => void = () => undefined;
vi.mock('../../api/session', () => ({ client: {}, errorText: String }));
const ran: unknown[] = [];
vi.mock('../../api/sql', () => ({
  quoteName: (name: string) => `"${name}"`,
  run: (sql: string, _: unknown, { namespace }: { namespace?: string }) => {
    ran.push([sql, namespace]);
    return new Promise((_, fail) => (answer = fail));
  },
}));
const { KalamError } = await import('kalamdb');
const { explainSheet, runSheet } = await import('./runner');
const { current, currentId, history, open, outcomes, update } = await import('./sheets');

const marks: string[] = [];
const editor = {
  chosen: () => ({ text: '', from: 0 }),
  current: () => ({ text: '', from: 0 }),
  markError: (from: number, to: number) => marks.push(`${from}-${to}`),
  clearError: () => marks.splice(0),
  setText: () => undefined,
  focus: () => undefined,
};

async function failing(
  work: typeof runSheet,
  meanwhile: () => void,
  message: string,
): Promise<string[]> {
  open('SELECT nosuch FROM shop.items', 'the sheet');
  const sheet = current.value;
  const ended = work(sheet, { text: sheet.sql, from: 0 }, editor);
  meanwhile();
  answer(new KalamError('COLUMN_NOT_FOUND', message));
  await ended;
  return marks.splice(0);
}

test('an error is marked where the text stands that was run, and nowhere else', async () => {
  const message = 'column "nosuch" does not exist';
  expect(await failing(runSheet, () => undefined, message)).toEqual(['7-13']);
  expect(await failing(runSheet, () => open('SELECT 1 AS nosuch', 'another'), message)).toEqual([]);
  expect(
    await failing(runSheet, () => update(currentId.value, { sql: 'SELECT 1' }), message),
  ).toEqual([]);
});

test('of EXPLAIN the words in front are not in the editor', async () => {
  const nothing = (): void => undefined;
  const message = 'column "nosuch" does not exist';
  expect(await failing(explainSheet, nothing, message)).toEqual(['7-13']);
  expect(await failing(explainSheet, nothing, 'cannot reach the server')).toEqual(['0-29']);
  expect(await failing(explainSheet, nothing, 'syntax error at line 1, column 2')).toEqual([]);
});

test('a part of a sheet runs in the namespace chosen in front of it, and is remembered with it', async () => {
  ran.splice(0);
  const part = { text: 'DELETE FROM items', from: 10, namespace: 'shop' };
  for (const work of [runSheet, explainSheet]) {
    const ended = work(current.value, part, editor);
    answer(new KalamError('NOT_FOUND', 'no'));
    await ended;
  }
  expect(ran).toEqual([
    ['DELETE FROM items', 'shop'],
    ['EXPLAIN DELETE FROM items', 'shop'],
  ]);
  expect(history.value[1]?.sql).toBe('USE "shop";\nDELETE FROM items');
});

test('with parameters a USE goes beside the statement, and an error is marked in that', async () => {
  ran.splice(0);
  const message = 'column "nosuch" does not exist';
  open('USE shop; SELECT nosuch, $1', 'with a parameter');
  const sheet = current.value;
  const ended = runSheet(sheet, { text: sheet.sql, from: 0 }, editor);
  answer(new KalamError('COLUMN_NOT_FOUND', message));
  await ended;
  expect(ran).toEqual([['SELECT nosuch, $1', 'shop']]);
  expect(marks.splice(0)).toEqual(['17-23']);
  const part = { text: 'SELECT nosuch, $1', from: 10, namespace: 'shop' };
  const explained = explainSheet(sheet, part, editor);
  answer(new KalamError('INVALID_SQL', 'syntax error at line 1, column 2'));
  await explained;
  expect(marks.splice(0)).toEqual([]); // in a word that is not in the editor
  expect(history.value[1]?.sql).toBe(sheet.sql);
});

test('a run that another one took the place of files nothing', async () => {
  const sheet = current.value;
  const first = runSheet(sheet, { text: 'SELECT 1', from: 0 }, editor);
  const abortFirst = answer;
  const second = runSheet(sheet, { text: 'SELECT 2', from: 0 }, editor);
  abortFirst(new KalamError('ABORTED', 'aborted'));
  await first;
  expect(outcomes.value.get(sheet.id)?.kind).toBe('running');
  answer(new KalamError('NOT_FOUND', 'no'));
  await second;
  expect(outcomes.value.get(sheet.id)?.kind).toBe('done');
});
