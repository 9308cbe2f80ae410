// liveRun.ts — one live query on screen: its current rows, what changed, and how long changes took to arrive.
//
// Events come faster than a screen shows; they are applied at once and shown once per frame. While paused all of
// them wait, in order, so that nothing is lost; when many do, the client is told to wait as well, which in the end
// makes the server stop. A deleted row stays for a moment so that one sees it go.
import { signal } from '@preact/signals';
import type { Column, LiveEvent, Param, Row, Subscription, Value } from 'kalamdb';
import { KalamError } from 'kalamdb';
import { client, noteError } from '../../api/session';
import type { Cells } from '../../api/sql';

export type ChangeKind = 'insert' | 'update' | 'delete';
export interface Change {
  kind: ChangeKind;
  at: number;
  text: string;
  latencyMs: number | null;
  number: number;
}
export type LiveState = 'connecting' | 'loading' | 'live' | 'ended';
interface LiveRow {
  key: string;
  row: Row;
  /** Of `row` in the order of `columns`; made when they are looked at. */
  cells: Cells;
  columns: readonly Column[] | null;
  mark: ChangeKind | null;
  markedAt: number;
  times: number;
}

const LOG_MAX = 400;
const GONE_MS = 1200;
const FLASH_MS = 1600;
/** Sweeps of rows that are gone come no closer than this. */
const SWEEP_MS = 100;
/** Rows and changes that wait here while paused. */
const HELD_MAX = 10_000;

type ChangeEvent = Extract<LiveEvent, { type: ChangeKind }>;

export class LiveRun {
  readonly sql: string;
  readonly state = signal<LiveState>('connecting');
  readonly columns = signal<readonly Column[]>([]);
  readonly error = signal('');
  readonly paused = signal(false);
  readonly held = signal(0);
  /** Moves on whenever rows or log are to be drawn anew. */
  readonly version = signal(0);
  readonly counts = { insert: 0, update: 0, delete: 0 };
  rows: LiveRow[] = [];
  log: Change[] = [];
  #places = new Map<string, LiveRow>();
  #waiting: LiveEvent[] = [];
  #continued: { promise: Promise<void>; resolve: () => void } | null = null;
  #sweep: ReturnType<typeof setTimeout> | undefined;
  #subscription: Subscription | null = null;
  #frame = 0;
  #closed = false;

  readonly #client = client;

  constructor(sql: string, params: readonly Param[], lastRows: number | 'all' | undefined) {
    this.sql = sql;
    try {
      this.#subscription = this.#client.subscribe(
        sql,
        { params, newColumns: 'resync', ...(lastRows === undefined ? {} : { lastRows }) },
        (event) => this.#take(event),
      );
      // The handler hears of errors as well.
      this.#subscription.ready.catch(() => undefined);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  close(): void {
    this.#closed = true;
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#sweep);
    this.#subscription?.close().catch(() => undefined);
    this.state.value = 'ended';
  }

  pause(on: boolean): void {
    this.paused.value = on;
    if (on) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.held.value = 0;
    for (const event of waiting) this.#apply(event);
    this.#continued?.resolve();
    this.#continued = null;
    this.#draw();
  }

  /** More wait than are counted. */
  get isHeldUp(): boolean {
    return this.#continued !== null;
  }

  cells(row: LiveRow): Cells {
    const columns = this.columns.peek();
    if (row.columns !== columns) {
      row.columns = columns;
      row.cells = columns.map((column): Value => row.row[column.name] ?? null);
    }
    return row.cells;
  }

  /** Rows that are there: those on their way out do not count. */
  get count(): number {
    return this.#places.size;
  }

  /** Middle of the latest latencies. */
  medianLatency(): number | null {
    const known = this.log
      .map((change) => change.latencyMs)
      .filter((ms): ms is number => ms !== null)
      .sort((a, b) => a - b);
    return known[Math.floor(known.length / 2)] ?? null;
  }

  rowClass(index: number): string {
    const row = this.rows[index];
    if (!row?.mark) return '';
    if (row.mark !== 'delete' && Date.now() - row.markedAt > FLASH_MS) return '';
    return row.times % 2 === 0 ? row.mark : `${row.mark} odd`;
  }

  #take(event: LiveEvent): void | Promise<void> {
    if (this.#closed) return undefined;
    if (this.paused.peek() && event.type !== 'error') return this.#hold(event);
    if (this.paused.peek()) this.pause(false); // the last event: nothing follows that one could wait for
    this.#apply(event);
    this.#draw();
    return undefined;
  }

  #hold(event: LiveEvent): void | Promise<void> {
    this.#waiting.push(event);
    if (event.type === 'rows') this.held.value += event.rows.length;
    else if (event.type === 'insert' || event.type === 'update' || event.type === 'delete')
      this.held.value++;
    if (this.held.peek() < HELD_MAX) return undefined;
    let resolve = (): void => undefined;
    this.#continued ??= { promise: new Promise((done) => (resolve = done)), resolve };
    return this.#continued.promise;
  }

  #apply(event: LiveEvent): void {
    switch (event.type) {
      case 'ack':
        this.columns.value = event.columns;
        this.state.value = 'loading';
        break;
      case 'rows':
        event.rows.forEach((row, i) => this.#put(event.keys[i] ?? '', row, null));
        break;
      case 'ready':
        this.state.value = 'live';
        break;
      case 'resync':
        this.rows = [];
        this.#places.clear();
        this.state.value = 'loading';
        break;
      case 'error':
        this.#fail(event.error);
        break;
      default:
        this.#change(event);
    }
  }

  #change(event: ChangeEvent): void {
    this.counts[event.type]++;
    if (event.type === 'delete') this.#remove(event.key);
    else this.#put(event.key, event.row, event.type);
    const row: Partial<Row> = event.type === 'delete' ? event.old : event.row;
    const updated = row['_updated'];
    const latencyMs =
      typeof updated === 'number' && event.type !== 'delete'
        ? Math.max(0, Date.now() - updated / 1000)
        : null;
    const number = (this.log[0]?.number ?? 0) + 1;
    this.log.unshift({
      kind: event.type,
      at: Date.now(),
      latencyMs,
      number,
      text: describe(event),
    });
    if (this.log.length > LOG_MAX) this.log.length = LOG_MAX;
  }

  #put(key: string, row: Row, mark: ChangeKind | null): void {
    const known = this.#places.get(key);
    const fresh = { row, cells: [], columns: null, mark, markedAt: Date.now() };
    if (known) {
      Object.assign(known, { ...fresh, times: known.times + 1 });
      return;
    }
    const added: LiveRow = { key, ...fresh, times: 0 };
    this.#places.set(key, added);
    this.rows.push(added);
  }

  #remove(key: string): void {
    const row = this.#places.get(key);
    if (!row) return;
    this.#places.delete(key);
    row.mark = 'delete';
    row.markedAt = Date.now();
    this.#sweep ??= setTimeout(() => this.#sweepGone(), GONE_MS);
  }

  /** One pass for all rows whose time is over. */
  #sweepGone(): void {
    const now = Date.now();
    let next = Infinity;
    this.rows = this.rows.filter((row) => {
      if (row.mark !== 'delete') return true;
      const left = row.markedAt + GONE_MS - now;
      if (left > 0) next = Math.min(next, left);
      return left > 0;
    });
    this.#sweep =
      next === Infinity ? undefined : setTimeout(() => this.#sweepGone(), Math.max(SWEEP_MS, next));
    this.#draw();
  }

  #fail(thrown: unknown): void {
    if (this.#closed) return;
    noteError(thrown, this.#client);
    const error =
      thrown instanceof KalamError ? `${thrown.code}: ${thrown.message}` : String(thrown);
    this.error.value = error;
    this.state.value = 'ended';
  }

  #draw(): void {
    if (this.#frame !== 0 || this.#closed) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.version.value++;
    });
  }
}

function short(value: unknown): string {
  const text =
    value === null || value === undefined
      ? 'NULL'
      : value instanceof Uint8Array
        ? `${value.length} bytes`
        : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** `id=2, title=Tea`; of an update what changed: `price: 3 → 4`. */
export function describe(event: ChangeEvent): string {
  if (event.type === 'update') {
    const changed = Object.keys(event.old).filter(
      (name) => !name.startsWith('_') && short(event.old[name]) !== short(event.row[name]),
    );
    const parts = changed.map(
      (name) => `${name}: ${short(event.old[name])} → ${short(event.row[name])}`,
    );
    return `${event.key} · ${parts.join(', ') || 'no visible column changed'}`;
  }
  const row: Partial<Row> = event.type === 'insert' ? event.row : event.old;
  return Object.entries(row)
    .filter(([name]) => !name.startsWith('_'))
    .slice(0, 4)
    .map(([name, value]) => `${name}=${short(value)}`)
    .join(', ');
}
