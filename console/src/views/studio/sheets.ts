// sheets.ts — what the studio remembers: open sheets, history, saved queries. All of it stays in this browser.
import { computed, effect, signal } from '@preact/signals';
import type { Rows } from '../../api/sql';
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
const KEY = 'kalamdb.studio.';

function stored<T>(name: string, fallback: T): T {
  try {
    const text = localStorage.getItem(KEY + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback; // unreadable or forbidden: start afresh
  }
}

function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(KEY + name, JSON.stringify(value));
  } catch {
    // Full or forbidden: the studio works without memory.
  }
}

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

export const sheets = signal<readonly Sheet[]>(stored('sheets', [newSheet()]));
export const currentId = signal(stored('current', sheets.value[0]?.id ?? ''));
export const history = signal<readonly Ran[]>(
  stored<Ran[]>('history', []).filter(({ sql }) => !holdsSecret(sql)),
);
export const saved = signal<readonly Saved[]>(stored('saved', []));
/** Results live as long as the page. */
export const outcomes = signal<ReadonlyMap<string, Outcome>>(new Map());

effect(() => keep('sheets', sheets.value.map(withoutSecret)));
effect(() => keep('current', currentId.value));
effect(() => keep('history', history.value));
effect(() => keep('saved', saved.value));

export const current = computed<Sheet>(
  () => sheets.value.find(({ id }) => id === currentId.value) ?? sheets.value[0] ?? newSheet(),
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
