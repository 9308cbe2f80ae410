// What the studio writes down, and what it must not.
import { expect, test, vi } from 'vitest';

const written = new Map<string, string>();
vi.stubGlobal('localStorage', {
  getItem: (key: string) => written.get(key) ?? null,
  setItem: (key: string, text: string) => written.set(key, text),
});
const { current, history, remember, sheets, update } = await import('./sheets');

const ran = (sql: string): Parameters<typeof remember>[0] => ({
  sql,
  at: 0,
  ms: 1,
  rows: 0,
  error: '',
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
