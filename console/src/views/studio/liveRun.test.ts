// A live query's rows and log, from the events a subscription hands over.
import type { Column, LiveEvent } from 'kalamdb';
import { KalamError } from 'kalamdb';
import { beforeEach, expect, test, vi } from 'vitest';

let push: (event: LiveEvent) => void | Promise<void> = () => undefined;
const close = vi.fn(() => Promise.resolve());
vi.mock('../../api/session', () => ({
  noteError: () => undefined,
  client: {
    subscribe: (_sql: string, _options: unknown, handler: typeof push) => {
      push = handler;
      return { ready: Promise.resolve(), close };
    },
  },
}));
vi.stubGlobal('requestAnimationFrame', (work: () => void) => {
  work();
  return 0;
});
vi.stubGlobal('cancelAnimationFrame', () => undefined);
const { LiveRun } = await import('./liveRun');

const column = (name: string, type: string): Column => ({
  name,
  type,
  primaryKey: name === 'id',
  notNull: false,
  unique: false,
});
const columns = [column('id', 'BigInt'), column('title', 'Text')];
let run: InstanceType<typeof LiveRun>;

beforeEach(() => {
  vi.useFakeTimers();
  run = new LiveRun('SELECT id, title FROM t', [], 'all');
  push({ type: 'ack', columns, totalRows: 1 });
  push({ type: 'rows', rows: [{ id: '1', title: 'Tea' }], keys: ['1'] });
  push({ type: 'ready' });
});

const cells = (): unknown[][] => run.rows.map((row) => run.cells(row));

test('snapshot, then changes in place; a deleted row goes after a moment', () => {
  expect([run.state.value, run.count]).toEqual(['live', 1]);
  push({ type: 'insert', row: { id: '2', title: 'Mug' }, key: '2', seq: '5' });
  push({
    type: 'update',
    row: { id: '1', title: 'Cup' },
    old: { id: '1', title: 'Tea' },
    key: '1',
    seq: '6',
  });
  expect(cells()).toEqual([
    ['1', 'Cup'],
    ['2', 'Mug'],
  ]);
  push({ type: 'delete', old: { id: '2', title: 'Mug' }, key: '2', seq: '7', deleted: true });
  expect([run.count, run.rows.length, run.rowClass(1)]).toEqual([1, 2, 'delete']);
  vi.runAllTimers();
  expect(cells()).toEqual([['1', 'Cup']]);
  expect(run.log.map((change) => `${change.kind} ${change.text}`)).toEqual([
    'delete id=2, title=Mug',
    'update 1 · title: Tea → Cup',
    'insert id=2, title=Mug',
  ]);
  expect(run.counts).toEqual({ insert: 1, update: 1, delete: 1 });
});

test('a key that is deleted and comes again is there once in the end', () => {
  push({ type: 'delete', old: { id: '1' }, key: '1', seq: '5', deleted: true });
  push({ type: 'insert', row: { id: '1', title: 'New' }, key: '1', seq: '6' });
  vi.runAllTimers();
  expect(cells()).toEqual([['1', 'New']]);
});

test('paused, changes wait in order', () => {
  run.pause(true);
  push({ type: 'insert', row: { id: '2', title: 'Mug' }, key: '2', seq: '5' });
  push({ type: 'delete', old: { id: '2' }, key: '2', seq: '6', deleted: false });
  push({
    type: 'update',
    row: { id: '1', title: 'Cup' },
    old: { title: 'Tea' },
    key: '1',
    seq: '7',
  });
  expect([cells(), run.held.value]).toEqual([[['1', 'Tea']], 3]);
  run.pause(false);
  vi.runAllTimers();
  expect([cells(), run.held.value]).toEqual([[['1', 'Cup']], 0]);
});

test('paused, a snapshot that comes anew waits too, behind what changed before it', async () => {
  run.pause(true);
  push({ type: 'update', row: { id: '1', title: 'Cup' }, old: {}, key: '1', seq: '5' });
  push({ type: 'resync' });
  push({ type: 'ack', columns, totalRows: 2 });
  push({
    type: 'rows',
    rows: [
      { id: '1', title: 'Mug' },
      { id: '2', title: 'Can' },
    ],
    keys: ['1', '2'],
  });
  push({ type: 'ready' });
  expect([cells(), run.held.value]).toEqual([[['1', 'Tea']], 3]);
  // Many: the client has to wait, until it goes on.
  const rows = Array.from({ length: 10_000 }, (_, i) => ({ id: String(i), title: '' }));
  const wait = push({ type: 'rows', rows, keys: rows.map(({ id }) => id) });
  expect(run.isHeldUp).toBe(true);
  push({ type: 'delete', old: {}, key: '9999', seq: '9', deleted: true });
  run.pause(false);
  await wait;
  expect([run.isHeldUp, run.held.value, run.count]).toEqual([false, 0, 9_999]);
  run.pause(true);
  push({ type: 'delete', old: {}, key: '9998', seq: '10', deleted: true });
  push({ type: 'error', error: new KalamError('KILLED', 'no more') });
  expect([run.paused.value, run.count, run.state.value]).toEqual([false, 9_998, 'ended']);
});

test('columns that come later: each value stays under its own', () => {
  const wider = [columns[0]!, column('stock', 'Int'), columns[1]!];
  push({ type: 'ack', columns: wider, totalRows: 1 });
  push({ type: 'insert', row: { id: '2', stock: 7, title: 'Mug' }, key: '2', seq: '5' });
  expect(cells()).toEqual([
    ['1', null, 'Tea'],
    ['2', 7, 'Mug'],
  ]);
});

test('many deleted rows go in one sweep', () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => ({ id: String(i), title: '' }));
  push({ type: 'rows', rows, keys: rows.map(({ id }) => id) });
  const before = vi.getTimerCount();
  for (const { id } of rows) push({ type: 'delete', old: {}, key: id, seq: '9', deleted: true });
  expect([vi.getTimerCount() - before, run.rows.length]).toEqual([1, 2_000]);
  vi.runAllTimers();
  expect(run.rows).toEqual([]);
});

test('resync begins anew, an error ends, a closed run hears nothing more', () => {
  push({ type: 'resync' });
  push({ type: 'rows', rows: [{ id: '9', title: 'Nine' }], keys: ['9'] });
  expect(cells()).toEqual([['9', 'Nine']]);
  run.close();
  push({ type: 'insert', row: { id: '2', title: 'Mug' }, key: '2', seq: '5' });
  expect(cells()).toEqual([['9', 'Nine']]);
  expect(close).toHaveBeenCalled();
});

test('latency is the time since the commit, where the row tells it', () => {
  push({
    type: 'insert',
    row: { id: '2', title: 'Mug', _updated: (Date.now() - 8) * 1000 },
    key: '2',
    seq: '5',
  });
  push({ type: 'insert', row: { id: '3', title: 'Mug' }, key: '3', seq: '6' });
  expect(run.log.map((change) => change.latencyMs)).toEqual([null, 8]);
  expect(run.medianLatency()).toBe(8);
});
