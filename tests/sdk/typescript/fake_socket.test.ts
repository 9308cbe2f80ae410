// fake_socket.test.ts — what no real server can be brought to do in a test's time: silence,
// nonsense, late answers.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { createClient, type KalamClient, type LiveEvent, type Subscription } from 'kalamdb';
import { until } from './support/wait.js';

/** Does what the test tells it to. */
class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 1;
  sent: Record<string, unknown>[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor() {
    FakeSocket.all.push(this);
    queueMicrotask(() =>
      this.say({ type: 'auth_success', user: 'root', role: 'system', protocol: {} }),
    );
  }

  static get last(): FakeSocket {
    return FakeSocket.all.at(-1) as FakeSocket;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  subscribed(): { id: string; options?: Record<string, unknown> }[] {
    return this.sent
      .filter((message) => message['type'] === 'subscribe')
      .map((message) => message['subscription'] as { id: string });
  }
}

const realInterval = globalThis.setInterval;
const realTimeout = globalThis.setTimeout;
const realNow = Date.now;
let tick = (): void => undefined;
let client: KalamClient;

beforeEach(() => {
  FakeSocket.all = [];
  globalThis.setInterval = ((callback: () => void) => {
    tick = callback;
    return 0;
  }) as unknown as typeof setInterval;
  client = createClient({ url: 'http://127.0.0.1:1', WebSocket: FakeSocket });
});
afterEach(async () => {
  globalThis.setInterval = realInterval;
  globalThis.setTimeout = realTimeout;
  Date.now = realNow;
  // Without a connection close() has nobody to wait for.
  for (const socket of FakeSocket.all) socket.onclose?.({ code: 1006, reason: '' });
  await client.close();
});

async function subscribed(
  options = {},
): Promise<{ subscription: Subscription; events: LiveEvent[]; socket: FakeSocket; id: string }> {
  const events: LiveEvent[] = [];
  const subscription = client.subscribe(
    'SELECT * FROM a.t',
    options,
    (event) => void events.push(event),
  );
  await until(() => FakeSocket.all.at(-1)?.subscribed().length === 1, 'subscribe');
  return {
    subscription,
    events,
    socket: FakeSocket.last,
    id: FakeSocket.last.subscribed()[0]?.id ?? '',
  };
}

const SCHEMA = [
  { name: 'id', data_type: 'BigInt', index: 0, flags: ['pk'] },
  { name: '_seq', data_type: 'BigInt', index: 1 },
];
const control = (status: string, last: number | null): object => ({
  batch_num: 0,
  has_more: status !== 'ready',
  status,
  last_seq_id: last,
});
const ack = (id: string, status: string, last: number | null): object => ({
  type: 'subscription_ack',
  subscription_id: id,
  total_rows: 0,
  schema: SCHEMA,
  batch_control: control(status, last),
});
const batch = (id: string, ids: string[], status: string, last: number | null): object => ({
  type: 'initial_data_batch',
  subscription_id: id,
  rows: ids.map((row) => ({ id: row, _seq: row })),
  batch_control: control(status, last),
});
const change = (id: string, seq: number): object => ({
  type: 'change',
  subscription_id: id,
  change_type: 'insert',
  rows: [{ id: String(seq), _seq: String(seq) }],
});

test('a connection that is dead without a word is noticed, and replaced', async () => {
  let now = realNow();
  Date.now = () => now;
  const { socket, id } = await subscribed();
  socket.say(ack(id, 'ready', 5));
  const errors: string[] = [];
  client.on('offline', ({ error }) => errors.push(error.code));
  const pass = (ms: number): void => {
    now += ms;
    tick();
  };
  pass(5_000);
  assert.equal(socket.sent.at(-1)?.['type'], 'ping');
  pass(10_000);
  assert.deepEqual(socket.sent.at(-1), { type: 'unsubscribe', subscription_id: 'life-sign' });
  socket.say({
    type: 'error',
    subscription_id: 'life-sign',
    code: 'INVALID_SUBSCRIPTION_ID',
    message: 'no subscription of this id',
  });
  pass(5_000);
  pass(10_000);
  pass(5_000);
  assert.deepEqual(errors, []);
  pass(5_000);
  assert.deepEqual(errors, ['TIMEOUT']);
  Date.now = realNow;
  await until(
    () => FakeSocket.all.length === 2 && FakeSocket.last.subscribed().length === 1,
    'another connection',
  );
  assert.deepEqual(FakeSocket.last.subscribed()[0]?.options, { from: '5' });
});

test('the resume point does not move before ready; what a second attempt repeats replaces rows', async () => {
  const { events, socket, id } = await subscribed({ from: '10' });
  assert.deepEqual(socket.subscribed()[0]?.options, { from: '10' });
  socket.say(ack(id, 'loading', null));
  socket.say(batch(id, ['11', '12'], 'loading_batch', 12));
  assert.equal(socket.sent.at(-1)?.['type'], 'next_batch');
  socket.onclose?.({ code: 1006, reason: '' });
  await until(
    () => FakeSocket.all.length === 2 && FakeSocket.last.subscribed().length === 1,
    'another connection',
  );
  assert.deepEqual(FakeSocket.last.subscribed()[0]?.options, { from: '10' });
  assert.deepEqual(
    events.map((event) => event.type),
    ['ack', 'rows'],
  );
});

test('each change after ready moves the resume point', async () => {
  const { socket, id } = await subscribed();
  socket.say(ack(id, 'ready', 5));
  socket.say(change(id, 8));
  socket.onclose?.({ code: 1006, reason: '' });
  await until(
    () => FakeSocket.all.length === 2 && FakeSocket.last.subscribed().length === 1,
    'another connection',
  );
  assert.deepEqual(FakeSocket.last.subscribed()[0]?.options, { from: '8' });
});

test('position is behind what was handed over, not behind what waits', async () => {
  const subscription = client.subscribe('SELECT * FROM a.t', { lastRows: 'all' });
  await until(() => FakeSocket.all.at(-1)?.subscribed().length === 1, 'subscribe');
  const { id } = subscription;
  FakeSocket.last.say(ack(id, 'loading', null));
  FakeSocket.last.say(batch(id, ['4', '5'], 'ready', 5));
  for (const seq of [8, 9]) FakeSocket.last.say(change(id, seq));
  const seen: [string, string | undefined][] = [];
  const events = subscription[Symbol.asyncIterator]();
  while (seen.length < 4) {
    const { value } = await events.next();
    seen.push([value?.type ?? '', subscription.position]);
  }
  void subscription.close();
  assert.deepEqual(seen, [
    ['ack', undefined],
    ['rows', undefined],
    ['ready', '5'],
    ['insert', '8'],
  ]);
  assert.equal(subscription.position, '8');
});

test('position waits for a handler that takes its time; resync takes it away', async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const seen: [string, string | undefined][] = [];
  const subscription = client.subscribe('SELECT * FROM a.t', { from: '10' }, (event) => {
    seen.push([event.type, subscription.position]);
    return event.type === 'insert' ? released : undefined;
  });
  assert.equal(subscription.position, '10');
  await until(() => FakeSocket.all.at(-1)?.subscribed().length === 1, 'subscribe');
  const socket = FakeSocket.last;
  socket.say(ack(subscription.id, 'ready', 12));
  for (const seq of [13, 14]) socket.say(change(subscription.id, seq));
  socket.onclose?.({ code: 1006, reason: '' });
  await until(
    () => FakeSocket.all.length === 2 && FakeSocket.last.subscribed().length === 1,
    'another connection',
  );
  const again = FakeSocket.last.subscribed()[0];
  assert.deepEqual(again?.options, { from: '14' }); // what waits here is not asked for again
  assert.equal(subscription.position, '13');
  FakeSocket.last.say({
    type: 'error',
    subscription_id: again.id,
    code: 'RESUME_FAILED',
    message: 'no',
  });
  assert.equal(subscription.position, '13');
  release();
  await until(() => seen.at(-1)?.[0] === 'resync', 'resync');
  assert.deepEqual(seen, [
    ['ack', '10'],
    ['ready', '12'],
    ['insert', '13'],
    ['insert', '14'],
    ['resync', undefined],
  ]);
});

test('a lost connection in the first snapshot makes what was told void', async () => {
  const { events, socket, id } = await subscribed({ lastRows: 'all' });
  socket.say(ack(id, 'loading', null));
  socket.say(batch(id, ['1'], 'loading_batch', 1));
  socket.onclose?.({ code: 1006, reason: '' });
  await until(
    () => FakeSocket.all.length === 2 && FakeSocket.last.subscribed().length === 1,
    'another connection',
  );
  assert.deepEqual(
    events.map((event) => event.type),
    ['ack', 'rows', 'resync'],
  );
  assert.deepEqual(FakeSocket.last.subscribed()[0]?.options, {});
});

test('changes up to the resume point are dropped, late messages of an earlier attempt too', async () => {
  const { events, socket, id } = await subscribed({ from: '10' });
  socket.say(ack(id, 'ready', 12));
  for (const seq of [9, 10, 13, 14]) socket.say(change(id, seq));
  assert.deepEqual(
    events.map((event) => (event.type === 'insert' ? event.seq : event.type)),
    ['ack', 'ready', '13', '14'],
  );
  socket.say({
    type: 'error',
    subscription_id: id,
    code: 'SLOW_CONSUMER',
    message: 'slow',
    last_seq_id: 14,
  });
  await until(() => socket.subscribed().length === 2, 'another attempt');
  const second = socket.subscribed()[1];
  assert.deepEqual(second?.options, { from: '14' });
  assert.notEqual(second?.id, id);
  socket.say(change(id, 15)); // of the attempt that is over
  assert.equal(events.length, 4);
});

test('SLOW_CONSUMER while loading starts the snapshot again', async () => {
  const { events, socket, id } = await subscribed({ lastRows: 2 });
  socket.say(ack(id, 'loading', null));
  socket.say(batch(id, ['1'], 'loading_batch', 1));
  socket.say({ type: 'error', subscription_id: id, code: 'SLOW_CONSUMER', message: 'slow' });
  await until(() => socket.subscribed().length === 2, 'another attempt');
  assert.deepEqual(socket.subscribed()[1]?.options, { last_rows: 2 });
  assert.equal(events.at(-1)?.type, 'resync');
});

test('RESUME_FAILED: resync is told to the subscription and to the client', async () => {
  const { events, socket, id } = await subscribed({ from: 99n, lastRows: 7 });
  const told: string[] = [];
  client.on('resync', ({ sql }) => told.push(sql));
  socket.say({ type: 'error', subscription_id: id, code: 'RESUME_FAILED', message: 'no' });
  assert.deepEqual(
    events.map((event) => event.type),
    ['resync'],
  );
  await until(() => socket.subscribed().length === 2, 'another attempt');
  assert.deepEqual(socket.subscribed()[1]?.options, { last_rows: 7 });
  assert.deepEqual(told, ['SELECT * FROM a.t']);
});

test('nonsense from the server ends the connection, not the program', async () => {
  const errors: string[] = [];
  client.on('offline', ({ error }) => errors.push(error.code));
  for (const nonsense of [
    '{',
    '[]',
    '{"type":"change","subscription_id":"s1","change_type":"?"}',
    '{"type":"error","subscription_id":"x"}',
  ]) {
    const { socket } = await subscribed();
    socket.say(nonsense);
    assert.equal(socket.readyState, 3);
    await client.close();
    client = createClient({ url: 'http://127.0.0.1:1', WebSocket: FakeSocket });
    client.on('offline', ({ error }) => errors.push(error.code));
  }
  assert.deepEqual(errors, Array(4).fill('INVALID_RESPONSE'));
});

test('messages of a type that is not known are passed over', async () => {
  const { socket, events, id } = await subscribed();
  socket.say({ type: 'news', subscription_id: id });
  socket.say(ack(id, 'ready', 1));
  assert.deepEqual(
    events.map((event) => event.type),
    ['ack', 'ready'],
  );
});

test('attempts wait 1, 2, 4 … 30 s, each a quarter more or less', async () => {
  class Refused extends FakeSocket {
    constructor() {
      super();
      this.onmessage = null;
    }
    override say(): void {
      this.onclose?.({ code: 1006, reason: '' });
    }
  }
  const waits: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    if (ms === 10_000) return 0; // the limit of an attempt
    waits.push(ms);
    return realTimeout(callback, 0);
  }) as unknown as typeof setTimeout;
  const refused = createClient({ url: 'http://127.0.0.1:1', WebSocket: Refused });
  refused.subscribe('SELECT 1', {}, () => undefined);
  while (waits.length < 8) await new Promise((resolve) => setImmediate(resolve));
  globalThis.setTimeout = realTimeout;
  await refused.close();
  waits.slice(0, 8).forEach((ms, i) => {
    const base = Math.min(1000 * 2 ** i, 30_000);
    assert.ok(ms >= base * 0.75 && ms <= base * 1.25, `wait ${i}: ${ms}`);
  });
});

test('a connection that is lost as soon as it is there waits longer each time', async () => {
  class Brief extends FakeSocket {
    override say(message: unknown): void {
      super.say(message);
      this.onclose?.({ code: 1011, reason: 'malformed JSON' });
    }
  }
  const waits: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    if (ms === 10_000) return 0;
    waits.push(ms);
    return realTimeout(callback, 0);
  }) as unknown as typeof setTimeout;
  const brief = createClient({ url: 'http://127.0.0.1:1', WebSocket: Brief });
  brief.subscribe('SELECT 1', {}, () => undefined);
  while (waits.length < 4) await new Promise((resolve) => setImmediate(resolve));
  globalThis.setTimeout = realTimeout;
  await brief.close();
  waits.slice(0, 4).forEach((ms, i) => {
    assert.ok(ms >= 750 * 2 ** i && ms <= 1250 * 2 ** i, `wait ${i}: ${ms}`);
  });
});

test('live rows: many changes of one message are laid out and told once', async () => {
  let sorted = 0;
  const told: number[] = [];
  const live = client.live(
    'SELECT * FROM a.t',
    { compare: () => (sorted++, 0) },
    (rows) => void told.push(rows.length),
  );
  await until(() => FakeSocket.all.at(-1)?.subscribed().length === 1, 'subscribe');
  const { id } = live.subscription;
  FakeSocket.last.say(ack(id, 'ready', 5));
  await live.ready;
  FakeSocket.last.say({
    ...change(id, 6),
    rows: Array.from({ length: 500 }, (_, i) => ({ id: String(i), _seq: String(6 + i) })),
  });
  assert.equal(live.rows.length, 500); // whoever looks sees them at once
  await Promise.resolve();
  assert.deepEqual(told, [0, 500]);
  assert.ok(sorted < 10_000, `${sorted} comparisons`);
});

test('live rows begin anew when there are new columns: told by a row, or by the ack', async () => {
  const live = client.live('SELECT * FROM a.t');
  await until(() => FakeSocket.all.at(-1)?.subscribed().length === 1, 'subscribe');
  const socket = FakeSocket.last;
  const attempt = async (n: number): Promise<{ id: string; options?: unknown }> => {
    await until(() => socket.subscribed().length === n, `attempt ${n}`);
    return socket.subscribed()[n - 1] as { id: string };
  };
  const complete = (id: string, columns: string[]): void => {
    const added = columns.map((name, i) => ({ name, data_type: 'Int', index: 2 + i }));
    socket.say({ ...ack(id, 'loading', null), schema: [...SCHEMA, ...added] });
    socket.say(batch(id, ['1'], 'ready', 5));
  };
  complete((await attempt(1)).id, []);
  socket.say({ ...change(live.subscription.id, 6), rows: [{ id: '2', _seq: '6', stock: 7 }] });
  const second = await attempt(2);
  assert.deepEqual(second.options, {});
  assert.equal(live.rows.length, 1); // the old ones, until the new ones are complete
  complete(second.id, ['stock']);
  socket.say({ type: 'error', subscription_id: second.id, code: 'SLOW_CONSUMER', message: 'slow' });
  const third = await attempt(3);
  assert.deepEqual(third.options, { from: '5' });
  socket.say({
    ...ack(third.id, 'ready', 5),
    schema: [...SCHEMA, { name: 'price', data_type: 'Int', index: 2 }],
  });
  assert.deepEqual((await attempt(4)).options, {});
});

test('closed in the moment it begins: the server is asked to end it after it has begun', async () => {
  const { id } = await subscribed();
  const second = client.subscribe('SELECT * FROM a.t', {}, () => undefined);
  await Promise.resolve(); // it has begun, its message is not out
  const closed = second.close();
  await until(() => FakeSocket.last.sent.some((message) => message['query_ids']), 'unsubscribe');
  const types = FakeSocket.last.sent.map((message) => message['type']);
  assert.deepEqual(types, ['subscribe', 'subscribe', 'unsubscribe']);
  FakeSocket.last.say({ type: 'unsubscribed', subscription_id: second.id });
  await closed;
  assert.notEqual(second.id, id);
});

test('many at once are one message, and each is told its own', async () => {
  const told: string[] = [];
  for (const name of ['a', 'b', 'c'])
    client.subscribe(`SELECT * FROM ${name}.t`, {}, (event) => void told.push(name + event.type));
  await until(() => FakeSocket.last?.sent.length === 1, 'one message');
  const requests = FakeSocket.last.sent[0]?.['subscriptions'] as {
    query_id: string;
    sql: string;
  }[];
  assert.deepEqual(
    requests.map((request) => request.sql),
    ['a', 'b', 'c'].map((name) => `SELECT * FROM ${name}.t`),
  );
  FakeSocket.last.say({
    type: 'error',
    subscription_id: requests[1]?.query_id,
    code: 'NOT_FOUND',
    message: 'no b',
  });
  FakeSocket.last.say(ack(requests[2]?.query_id ?? '', 'ready', 1));
  assert.deepEqual(told, ['berror', 'cack', 'cready']);
});

test('after a message that the server dropped, fewer go out in a second', async () => {
  const { socket } = await subscribed();
  globalThis.setTimeout = ((callback: () => void, ms: number) =>
    ms === 10_000 ? 0 : realTimeout(callback, 0)) as unknown as typeof setTimeout;
  socket.say({
    type: 'error',
    subscription_id: 'rate_limit',
    code: 'RATE_LIMIT_EXCEEDED',
    message: 'too many',
  });
  await until(() => FakeSocket.all.length === 2, 'connected again');
  globalThis.setTimeout = realTimeout;
  for (let i = 0; i < 30; i++)
    client.subscribe(`SELECT * FROM a.t${i}`, { lastRows: 'all' }, () => undefined);
  const wanted = (): { query_id: string }[] =>
    FakeSocket.last.sent.flatMap(
      (message) => (message['subscriptions'] as { query_id: string }[] | undefined) ?? [],
    );
  await until(() => wanted().length >= 30, 'subscribe');
  for (const { query_id } of wanted()) {
    FakeSocket.last.say(ack(query_id, 'loading', null));
    FakeSocket.last.say(batch(query_id, ['1'], 'loading_batch', 1));
  }
  const nextBatches = FakeSocket.last.sent.filter((message) => message['type'] === 'next_batch');
  assert.ok(nextBatches.length <= 20, `${nextBatches.length} of 30 at once`);
});

test('a message that is too big for the server ends the live queries, not in a circle', async () => {
  const { socket, events } = await subscribed();
  socket.onclose?.({ code: 1009, reason: 'message too big' });
  assert.deepEqual(
    events.map((event) => (event.type === 'error' ? event.error.code : event.type)),
    ['MESSAGE_TOO_LARGE'],
  );
  assert.equal(FakeSocket.all.length, 1);
});

test('a value that cannot be read ends its live query, not the program', async () => {
  const { subscription, socket, events, id } = await subscribed();
  const schema = [...SCHEMA, { name: 'j', data_type: 'Json', index: 2 }];
  socket.say({ ...ack(id, 'ready', 1), schema });
  socket.say({ ...change(id, 2), rows: [{ id: '1', _seq: '2', j: '{' }] });
  assert.equal(events.at(-1)?.type, 'error');
  assert.equal(subscription.position, '1'); // what goes on there is told the row again
});

test('options that make no sense are refused at once', () => {
  const cases: [string, object, string][] = [
    ['SELECT 1', { lastRows: -1 }, 'INVALID_OPTIONS'],
    ['SELECT 1', { lastRows: 1.5 }, 'INVALID_OPTIONS'],
    ['SELECT 1', { batchSize: 0 }, 'INVALID_OPTIONS'],
    ['SELECT 1', { queueRows: 0 }, 'INVALID_OPTIONS'],
    ['SELECT 1', { from: 'x' }, 'INVALID_OPTIONS'],
    ['SELECT 1', { from: '' }, 'INVALID_OPTIONS'],
    [' ', {}, 'EMPTY_SQL'],
    ['SELECT 1', { params: ['x'.repeat(1_100_000)] }, 'INVALID_OPTIONS'],
    ['SELECT 1', { params: [undefined] }, 'INVALID_PARAMETER'],
    // Half an emoji: no server could read the message, nor tell whose it is.
    ['SELECT 1', { params: ['tea \ud83d'] }, 'INVALID_PARAMETER'],
    ["SELECT '\ude00'", {}, 'INVALID_INPUT'],
    ['SELECT 1', { newColumns: 'x' }, 'INVALID_OPTIONS'],
  ];
  for (const [sql, options, code] of cases)
    assert.throws(
      () => client.subscribe(sql, options),
      { code },
      JSON.stringify(options).slice(0, 60),
    );
});
