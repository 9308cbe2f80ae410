// kept.ts — lists that stay in this browser, though several of its tabs write them: each tab writes only what it
// has changed itself.
import { effect, signal } from '@preact/signals';
import type { Signal } from '@preact/signals';

const KEY = 'kalamdb.studio.';

export function stored<T>(name: string, fallback: T): T {
  try {
    const text = localStorage.getItem(KEY + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback; // unreadable or forbidden: start afresh
  }
}

export function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(KEY + name, JSON.stringify(value));
  } catch {
    // Full or forbidden: the studio works without memory.
  }
}

/** `theirs` with what this tab did between `before` and `now`. Items are replaced, never changed in place. */
export function merged<T>(
  theirs: readonly T[],
  before: readonly T[],
  now: readonly T[],
  idOf: (item: T) => string,
): T[] {
  const there = new Map(theirs.map((item) => [idOf(item), item]));
  const old = new Map(before.map((item) => [idOf(item), item]));
  const mine = new Set(now.map(idOf));
  return [
    ...now.flatMap((item) => {
      if (old.get(idOf(item)) !== item) return [item];
      return there.get(idOf(item)) ?? []; // gone there: closed or forgotten in another tab
    }),
    ...theirs.filter((item) => !mine.has(idOf(item)) && !old.has(idOf(item))),
  ];
}

export interface KeptOptions<T> {
  idOf: (item: T) => string;
  /** Where nothing is written down, or what tabs have removed together has left nothing. */
  begin: readonly T[];
  /** What may be written down of it. */
  written?: (item: T) => T;
  order?: (a: T, b: T) => number;
  /** Takes over at once what other tabs write. */
  follows?: boolean;
  max?: number;
}

export function keptList<T>(name: string, options: KeptOptions<T>): Signal<readonly T[]> {
  const { idOf, begin, order, max } = options;
  const written = options.written ?? ((item: T) => item);
  const arranged = (items: T[]): readonly T[] =>
    (order === undefined ? items : items.sort(order)).slice(0, max);
  const found = stored<readonly T[]>(name, []).map(written);
  const list = signal<readonly T[]>(found.length > 0 ? found : begin);
  let before: readonly T[] = found;
  effect(() => {
    const now = list.value;
    const theirs = stored<readonly T[]>(name, now);
    keep(name, arranged(merged(theirs, before, now, idOf).map(written)));
    before = now;
  });
  if (options.follows)
    addEventListener('storage', (event) => {
      if (event.key !== KEY + name) return;
      before = stored<readonly T[]>(name, []);
      list.value = before;
    });
  return list;
}
