// What the studio writes down, what it must not, and what becomes of a run's outcome.
import { expect, test, vi } from 'vitest';
import { endVisit } from '../../api/visit';
import { merged } from './kept';
import type { Outcome } from './sheets';

/** As two tabs leave it that each have closed another sheet. */
const written = new Map([
  ['kalamdb.studio.sheets', '[]'],
  ['kalamdb.studio.current', '"closed"'],
]);
vi.stubGlobal('localStorage', {
  getItem: (key: string) => written.get(key) ?? null,
  setItem: (key: string, text: string) => written.set(key, text),
});
let heard: (event: { key: string }) => void = () => undefined;
vi.stubGlobal('addEventListener', (_: string, listener: typeof heard) => {
  const before = heard;
  heard = (event) => {
    before(event);
    listener(event);
  };
});
const {
  current,
  currentId,
  finish,
  history,
  open,
  outcomes,
  remember,
  saveQuery,
  saved,
  setOutcome,
  sheets,
  update,
} = await import('./sheets');

const ran = (sql: string): Parameters<typeof remember>[0] => ({
  sql,
  at: 0,
  ms: 1,
  rows: 0,
  error: '',
});

test('where no sheet is left there is one again, which keeps what is typed', () => {
  const id = currentId.value;
  update(id, { sql: 'SELECT 1' });
  update(id, { sql: 'SELECT 12' });
  expect([sheets.value.length, current.value.id, current.value.sql]).toEqual([1, id, 'SELECT 12']);
  expect(JSON.parse(written.get('kalamdb.studio.sheets') ?? '')).toEqual(sheets.value);
});

test('statements with secrets are neither remembered nor written down', () => {
  remember(ran('SELECT 1'));
  remember(ran("CREATE USER lena WITH PASSWORD 'hunter2'"));
  update(current.value.id, {
    title: 'people',
    sql: 'ALTER USER lena SET Password $1',
    params: ['hunter2'],
  });
  expect(history.value.map(({ sql }) => sql)).toEqual(['SELECT 1']);
  expect(sheets.value[0]?.params).toEqual(['hunter2']); // the open page has them
  const all = [...written.values()].join();
  expect(all).toContain('SELECT 1');
  expect(all).toContain('people');
  expect(all).not.toMatch(/hunter2|lena/);
});

const named = (name: string, sql = ''): { name: string; sql: string } => ({ name, sql });

test('of a list that several tabs write, each writes what it has changed itself', () => {
  const [a, b, c] = [named('a'), named('b'), named('c')];
  const changed = named('a', 'changed');
  const after = (theirs: (typeof a)[], now: (typeof a)[]): string =>
    merged(theirs, [a, b], now, ({ name }) => name)
      .map(({ name, sql }) => name + sql)
      .join(' ');
  expect(after([a, b], [a, b])).toBe('a b');
  expect(after([a, b, c], [changed, b])).toBe('achanged b c'); // c came there
  expect(after([b], [a, b, c])).toBe('b c'); // a went there, c came here
  expect(after([named('a', 'theirs'), b], [a])).toBe('atheirs'); // b went here
});

test("another tab's sheets and saved queries stay; what it saves is there at once", () => {
  const theirs = { id: 'x', title: 'of another tab', sql: 'SELECT 1', params: [] };
  written.set('kalamdb.studio.sheets', JSON.stringify([...sheets.value, theirs]));
  open('SELECT 2', 'mine');
  expect(written.get('kalamdb.studio.sheets')).toMatch(/mine.*of another tab/);
  written.set('kalamdb.studio.saved', JSON.stringify([named('theirs', 'SELECT 3')]));
  heard({ key: 'kalamdb.studio.saved' });
  saveQuery('also mine', 'SELECT 4');
  expect(saved.value.map(({ name }) => name)).toEqual(['also mine', 'theirs']);
  expect(written.get('kalamdb.studio.saved')).toMatch(/also mine.*theirs/);
});

test('a run that was replaced files nothing; the end of the session clears', () => {
  const first = new AbortController();
  const second = new AbortController();
  const { id } = current.value;
  const done: Outcome = { kind: 'done', results: [], ms: 1, failure: null };
  setOutcome(id, { kind: 'running', since: 0, abort: first });
  setOutcome(id, { kind: 'running', since: 0, abort: second });
  expect(first.signal.aborted).toBe(true);
  finish(id, first, done);
  expect(outcomes.value.get(id)?.kind).toBe('running');
  finish(id, second, done);
  expect([outcomes.value.get(id), second.signal.aborted]).toEqual([done, false]);
  update(id, { sql: "ALTER USER lena SET PASSWORD 'hunter2'" });
  endVisit();
  expect([outcomes.value.size, current.value.sql]).toEqual([0, '']);
});
