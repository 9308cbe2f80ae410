// sheets.ts — what the studio remembers: open sheets, history, saved queries. All of it stays in this browser.
import { computed, effect, signal } from '@preact/signals';
import type { Rows } from '../../api/sql';
import { atEnd } from '../../api/visit';
import { keep, keptList, stored } from './kept';
import type { LiveRun } from './liveRun';

export interface Sheet {
  id: string;
  title: string;
  sql: string;
  params: string[];
}
export interface Ran {
  sql: string;
  at: number;
  ms: number;
  rows: number;
  error: string;
}
export interface Saved {
  name: string;
  sql: string;
}

export interface Failure {
  code: string;
  message: string;
}
export type Outcome =
  | { kind: 'running'; since: number; abort: AbortController }
  | { kind: 'done'; results: Rows[]; ms: number; failure: Failure | null }
  | { kind: 'live'; run: LiveRun };

const HISTORY_MAX = 200;

/** As the terminal client does: a statement that sets a password is not written down anywhere. */
function holdsSecret(sql: string): boolean {
  return /password|token|secret|credentials/i.test(sql);
}

/** What may be written down of a sheet. */
function withoutSecret(sheet: Sheet): Sheet {
  return holdsSecret(sheet.sql) ? { ...sheet, sql: '', params: [] } : sheet;
}

function newSheet(sql = '', title = ''): Sheet {
  return { id: Math.random().toString(36).slice(2), title, sql, params: [] };
}

const first = newSheet();
/** Never empty. */
export const sheets = keptList<Sheet>('sheets', {
  idOf: ({ id }) => id,
  begin: [first],
  written: withoutSecret,
});
const lastId = stored('current', '');
/** Of a sheet that is there: another tab may have closed the last one. */
export const currentId = signal(
  (sheets.value.find(({ id }) => id === lastId) ?? sheets.value[0] ?? first).id,
);
export const history = keptList<Ran>('history', {
  idOf: ({ sql }) => sql,
  begin: [],
  order: (a, b) => b.at - a.at,
  follows: true,
  max: HISTORY_MAX,
});
history.value = history.value.filter(({ sql }) => !holdsSecret(sql));
export const saved = keptList<Saved>('saved', {
  idOf: ({ name }) => name,
  begin: [],
  order: (a, b) => a.name.localeCompare(b.name),
  follows: true,
});
/** Results live as long as the session. */
export const outcomes = signal<ReadonlyMap<string, Outcome>>(new Map());

effect(() => keep('current', currentId.value));
atEnd(() => {
  for (const id of outcomes.value.keys()) setOutcome(id, null);
  sheets.value = sheets.value.map(withoutSecret);
});

export const current = computed<Sheet>(
  () => sheets.value.find(({ id }) => id === currentId.value) ?? sheets.value[0] ?? first,
);

export function update(id: string, change: Partial<Sheet>): void {
  sheets.value = sheets.value.map((sheet) => (sheet.id === id ? { ...sheet, ...change } : sheet));
}

/** Its title, or the beginning of what it says. */
export function titleOf(sheet: Sheet): string {
  return (
    sheet.title ||
    sheet.sql
      .trim()
      .replace(/^--\s*/, '')
      .replace(/\s+/g, ' ')
      .slice(0, 28) ||
    'New query'
  );
}

export function open(sql = '', title = ''): void {
  const blank = current.value.sql.trim() === '' && sql !== '' ? current.value : undefined;
  const sheet = { ...newSheet(sql, title) };
  sheets.value = blank
    ? sheets.value.map((old) => (old === blank ? sheet : old))
    : [...sheets.value, sheet];
  currentId.value = sheet.id;
}

export function close(id: string): void {
  const at = sheets.value.findIndex((sheet) => sheet.id === id);
  setOutcome(id, null);
  const rest = sheets.value.filter((sheet) => sheet.id !== id);
  sheets.value = rest.length > 0 ? rest : [newSheet()];
  if (currentId.value === id)
    currentId.value = (sheets.value[Math.max(0, at - 1)] ?? sheets.value[0])?.id ?? '';
}

/** What came of a run, unless something else has taken its place. */
export function finish(id: string, abort: AbortController, outcome: Outcome): void {
  const running = outcomes.value.get(id);
  if (running?.kind === 'running' && running.abort === abort) setOutcome(id, outcome);
}

/** What was there before ends: a statement that still runs, a live query. */
export function setOutcome(id: string, outcome: Outcome | null): void {
  const before = outcomes.value.get(id);
  if (before?.kind === 'live' && (outcome?.kind !== 'live' || outcome.run !== before.run))
    before.run.close();
  if (before?.kind === 'running' && outcome?.kind !== 'done') before.abort.abort();
  const next = new Map(outcomes.value);
  if (outcome === null) next.delete(id);
  else next.set(id, outcome);
  outcomes.value = next;
}

export function remember(ran: Ran): void {
  if (holdsSecret(ran.sql)) return;
  history.value = [ran, ...history.value.filter(({ sql }) => sql !== ran.sql)].slice(
    0,
    HISTORY_MAX,
  );
}

export function saveQuery(name: string, sql: string): void {
  saved.value = [...saved.value.filter((old) => old.name !== name), { name, sql }].sort((a, b) =>
    a.name.localeCompare(b.name),
  );
}

export function forgetSaved(name: string): void {
  saved.value = saved.value.filter((old) => old.name !== name);
}

export function clearHistory(): void {
  history.value = [];
}
