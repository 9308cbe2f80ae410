// live.test.ts — what live queries do when things go wrong, or slowly. The regular course:
// scenarios.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type ClientOptions,
  createClient,
  type KalamClient,
  type KalamError,
  type LiveEvent,
} from 'kalamdb';
import WebSocket from 'ws';
import { Relay } from './support/relay.js';
import { ROOT, Server, signToken } from './support/server.js';
import { until, within } from './support/wait.js';

let server: Server;
let relay: Relay;
let root: KalamClient;
const opened: KalamClient[] = [];
let tables = 0;

before(async () => {
  server = await Server.start();
  relay = await Relay.open(server.port);
  root = createClient({ url: server.url, auth: ROOT });
  await root.batch(
    "CREATE NAMESPACE app; CREATE USER omar WITH PASSWORD 'a password of omar' ROLE service",
  );
});
after(async () => {
  await Promise.all(opened.map((client) => client.close()));
  await relay.close();
  await server.end();
});

function connect(options: Partial<ClientOptions> = {}): KalamClient {
  const client = createClient({ url: relay.url, auth: ROOT, WebSocket, ...options });
  opened.push(client);
  return client;
}

async function newTable(columns = 'id BIGINT PRIMARY KEY, t TEXT'): Promise<string> {
  const table = `app.t${++tables}`;
  await root.query(`CREATE SHARED TABLE ${table} (${columns})`);
  return table;
}

const fill = (table: string, from: number, to: number): Promise<unknown> =>
  root.query(
    `INSERT INTO ${table} (id, t) SELECT i, 'row ' || i FROM range(${from}, ${to}) AS r(i)`,
  );
const liveQueries = async (table: string): Promise<number> =>
  Number(
    (
      await root.query<{ n: string }>(
        'SELECT count(*) AS n FROM system.live_queries WHERE query LIKE $1',
        [`%${table}%`],
      )
    ).rows[0]?.n,
  );

test('without a WebSocket the error says what to do', { skip: 'WebSocket' in globalThis }, () => {
  const client = createClient({ url: server.url });
  assert.throws(
    () => client.subscribe('SELECT 1'),
    (error: KalamError) => error.code === 'INVALID_OPTIONS' && /npm install ws/.test(error.message),
  );
});

test('close() returns when the server has confirmed; leaving a loop closes too', async () => {
  const table = await newTable();
  await fill(table, 0, 3);
  const client = connect();
  const subscription = client.subscribe(`SELECT * FROM ${table}`);
  await within(subscription.ready, 'ready');
  assert.equal(await liveQueries(table), 1);
  await subscription.close();
  assert.equal(await liveQueries(table), 0);
  assert.equal(subscription.active, false);

  const types: string[] = [];
  for await (const event of client.subscribe(`SELECT * FROM ${table}`, { lastRows: 'all' })) {
    types.push(event.type);
    if (event.type === 'ready') break;
  }
  assert.deepEqual(types, ['ack', 'rows', 'ready']);
  assert.equal(await liveQueries(table), 0);
});

test('closed before it began: nothing reaches the server, ready rejects', async () => {
  const subscription = connect().subscribe('SELECT 1');
  await subscription.close();
  await assert.rejects(subscription.ready, { code: 'CLOSED' });
  const handled = connect().subscribe('SELECT 1', {}, () => undefined);
  assert.throws(() => handled[Symbol.asyncIterator](), { code: 'INVALID_OPTIONS' });
  await handled.close();
});

test('an iterator gets the error as its end', async () => {
  const subscription = connect().subscribe('SELECT nope FROM app.absent', { lastRows: 'all' });
  await assert.rejects(
    async () => {
      for await (const event of subscription) assert.fail(event.type);
    },
    { code: 'NOT_FOUND' },
  );
  await assert.rejects(subscription.ready, { code: 'NOT_FOUND' });
});

test('a slow handler stops the server, and gets the rest when it is ready: nothing is lost', async () => {
  const table = await newTable();
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const rows = new Map<string, string>();
  let changes = 0;
  const handler = async (event: LiveEvent<{ id: string; t: string }>): Promise<void> => {
    if (event.type === 'insert' || event.type === 'update') {
      rows.set(event.key, event.row.t);
      if (changes++ === 0) await released;
    }
    if (event.type === 'rows') event.rows.forEach((row, i) => rows.set(event.keys[i] ?? '', row.t));
    if (event.type === 'delete') rows.delete(event.key);
  };
  const subscription = connect().subscribe<{ id: string; t: string }>(
    `SELECT id, t FROM ${table}`,
    { queueRows: 20 },
    handler,
  );
  await within(subscription.ready, 'ready');
  await fill(table, 0, 30);
  await until(async () => (await liveQueries(table)) === 0, 'pause');
  for (let i = 0; i < 10; i++) await root.query(`UPDATE ${table} SET t = t || '!' WHERE id < 25`);
  await root.query(`DELETE FROM ${table} WHERE id >= 28`);
  release();
  await until(
    () => rows.size === 28 && rows.get('3') === `row 3${'!'.repeat(10)}`,
    'the newest rows',
  );
  assert.ok(changes < 60, `${changes} changes were told one by one`);
  await root.query(`DELETE FROM ${table} WHERE id = 0`);
  await until(() => rows.size === 27, 'changes after the pause');
  await subscription.close();
});

test('a snapshot is fetched no faster than it is read', async () => {
  const table = await newTable();
  await fill(table, 0, 100);
  const subscription = connect().subscribe(`SELECT id FROM ${table}`, {
    lastRows: 'all',
    batchSize: 10,
    queueRows: 10,
  });
  const ids: unknown[] = [];
  for await (const event of subscription) {
    if (event.type === 'rows') {
      assert.ok(event.rows.length <= 10);
      ids.push(...event.rows.map((row) => row['id']));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (event.type === 'ready') break;
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 100 }, (_, i) => String(i)),
  );
});

test('a token that expires is renewed, and the live query goes on', async () => {
  const table = await newTable();
  let asked = 0;
  // The server grants 60 s: the first token ends two seconds from now.
  const client = connect({
    auth: { token: () => signToken('root', 'system', asked++ === 0 ? -58 : 600) },
  });
  let rows: readonly unknown[] = [];
  const reasons: string[] = [];
  client.on('offline', ({ error }) => reasons.push(error.code));
  const live = client.live(`SELECT * FROM ${table}`, {}, (now) => (rows = now));
  await within(live.ready, 'ready');
  await until(() => asked === 2 && client.online, 'another token');
  await fill(table, 0, 5);
  await until(() => rows.length === 5, 'rows after it');
  assert.deepEqual(reasons, ['TOKEN_EXPIRED']);
  await live.close();
});

test('a token that expires for good ends the live query', async () => {
  const table = await newTable();
  const subscription = connect({ auth: { token: signToken('root', 'system', -58) } }).subscribe(
    `SELECT * FROM ${table}`,
  );
  await within(subscription.ready, 'ready');
  await within(
    assert.rejects(
      async () => {
        for await (const _ of subscription);
      },
      { code: 'TOKEN_EXPIRED' },
    ),
    'the end',
  );
});

test('credentials that are refused end the live query', async () => {
  const cases: [ClientOptions['auth'], string][] = [
    [{ token: 'no.token.atall' }, 'INVALID_CREDENTIALS'],
    [{ user: 'root', password: 'wrong password' }, 'UNAUTHORIZED'],
  ];
  for (const [auth, code] of cases) {
    const subscription = connect({ auth: auth ?? 'none' }).subscribe('SELECT * FROM app.t1');
    await within(assert.rejects(subscription.ready, { code }), 'refusal');
    assert.equal(subscription.active, false);
  }
});

test('an API key opens live queries in Node', async () => {
  const table = await newTable();
  const { rows } = await root.query<{ api_key: string }>('ALTER USER omar GENERATE API KEY');
  const client = connect({ auth: { apiKey: rows[0]?.api_key ?? '' } });
  let user = '';
  client.on('online', (event) => (user = event.user));
  await within(client.subscribe(`SELECT * FROM ${table}`).ready, 'ready');
  assert.equal(user, 'omar');
});

test('a changed role closes the connection; a new log-in goes on', async () => {
  const table = await newTable();
  const client = connect({ auth: { user: 'omar', password: 'a password of omar' } });
  const roles: string[] = [];
  client.on('online', ({ role }) => roles.push(role));
  const live = client.live(`SELECT * FROM ${table}`);
  await within(live.ready, 'ready');
  await root.query('ALTER USER omar SET ROLE dba');
  await until(() => roles.length === 2, 'another connection');
  await fill(table, 0, 2);
  await until(() => live.rows.length === 2, 'rows');
  assert.deepEqual(roles, ['service', 'dba']);
  await live.close();
});

test('rights that are taken away end the live query, once it is asked for again', async () => {
  const table = await newTable();
  await root.query("CREATE USER vera WITH PASSWORD 'a password of vera' ROLE user");
  let error: KalamError | undefined;
  const client = connect({ auth: { user: 'vera', password: 'a password of vera' } });
  const live = client.live(`SELECT * FROM ${table}`, { onError: (told) => (error = told) });
  await within(live.ready, 'ready');
  await root.query(`ALTER TABLE ${table} SET ACCESS PRIVATE`);
  await until(() => error !== undefined, 'the end');
  assert.equal(error?.code, 'UNAUTHORIZED');
});

test('KILL LIVE QUERY is told', async () => {
  const table = await newTable();
  let error: KalamError | undefined;
  const live = connect().live(`SELECT * FROM ${table}`, { onError: (told) => (error = told) });
  await within(live.ready, 'ready');
  const { rows } = await root.query<{ live_id: string }>(
    'SELECT live_id FROM system.live_queries WHERE query LIKE $1',
    [`%${table}%`],
  );
  await root.query(`KILL LIVE QUERY '${rows[0]?.live_id}'`);
  await until(() => error !== undefined, 'the error');
  assert.equal(error?.code, 'LIVE_QUERY_KILLED');
});

test('after an ALTER the new column is told with its type', async () => {
  const table = await newTable();
  const events: LiveEvent[] = [];
  const subscription = connect().subscribe(
    `SELECT * FROM ${table}`,
    { lastRows: 'all' },
    (event) => void events.push(event),
  );
  await within(subscription.ready, 'ready');
  await root.query(`ALTER TABLE ${table} ADD COLUMN made TIMESTAMP`);
  await root.query(`INSERT INTO ${table} (id, made) VALUES (1, '2026-02-01T00:00:00Z')`);
  const row = await until(
    () =>
      events.flatMap((event) =>
        event.type === 'rows' ? event.rows : event.type === 'insert' ? [event.row] : [],
      )[0],
    'row',
  );
  assert.deepEqual(row['made'], new Date('2026-02-01T00:00:00Z'));
  const acks = events.flatMap((event) =>
    event.type === 'ack' ? [event.columns.map((column) => column.name)] : [],
  );
  assert.equal(acks.at(-1)?.includes('made'), true);
  await subscription.close();
});

test('live rows have the default of a column that is added, also where nothing else changed', async () => {
  const table = await newTable();
  await fill(table, 0, 2);
  const live = connect().live(`SELECT * FROM ${table}`);
  await within(live.ready, 'ready');
  await root.query(`ALTER TABLE ${table} ADD COLUMN stock INT DEFAULT 7`);
  await fill(table, 2, 3);
  await until(() => live.rows.length === 3, 'rows');
  assert.deepEqual(
    live.rows.map((row) => row['stock']),
    [7, 7, 7],
  );
  await live.close();
});

test('seventy live queries come back after a lost connection, without running into the limit of messages', async () => {
  const table = await newTable();
  await fill(table, 0, 70);
  const client = connect();
  const reasons: string[] = [];
  client.on('offline', ({ error }) => reasons.push(error.code));
  const lives = Array.from({ length: 70 }, (_, i) =>
    client.live(`SELECT * FROM ${table} WHERE id = $1`, { params: [i] }),
  );
  await within(Promise.all(lives.map((live) => live.ready)), 'all ready', 30_000);
  relay.link(false);
  await until(() => !client.online, 'offline');
  await root.query(`UPDATE ${table} SET t = 'new'`);
  relay.link(true);
  await until(() => lives.every((live) => live.rows[0]?.['t'] === 'new'), 'all changed', 30_000);
  assert.deepEqual(reasons, ['CONNECTION_FAILED']);
  await Promise.all(lives.map((live) => live.close()));
});

test('live queries beyond what a connection may have are told so', async () => {
  const table = await newTable();
  const client = connect();
  const codes = async (from: KalamClient, count: number): Promise<string[]> => {
    const lives = Array.from({ length: count }, () => from.subscribe(`SELECT * FROM ${table}`));
    const found = lives.map((live) =>
      live.ready.then(
        () => 'ready',
        (e: KalamError) => e.code,
      ),
    );
    const all = await within(Promise.all(found), 'an answer for each', 30_000);
    await Promise.all(lives.map((live) => live.close()));
    return all;
  };
  const many = await codes(client, 101);
  assert.equal(many.filter((code) => code === 'ready').length, 100);
  assert.ok(many.includes('SUBSCRIPTION_LIMIT_EXCEEDED'));
  const small = await Server.start({
    config: '[rate_limit]\nmax_subscriptions_per_connection = 10\n',
  });
  const other = createClient({ url: small.url, auth: ROOT, WebSocket });
  await other.batch(`CREATE NAMESPACE app; CREATE SHARED TABLE ${table} (id INT PRIMARY KEY)`);
  assert.deepEqual(await codes(other, 11), Array(11).fill('SUBSCRIPTION_LIMIT_EXCEEDED'));
  assert.deepEqual(await codes(other, 10), Array(10).fill('ready'));
  await other.close();
  await small.end();
});

test('a server that is not there yet: one offline event, then rows', async () => {
  const late = await Server.start();
  await late.stop();
  const told: string[] = [];
  const client = connect({ url: late.url });
  client.on('offline', () => told.push('offline'));
  client.on('online', () => told.push('online'));
  const live = client.live('SELECT * FROM system.users');
  await until(() => told.length > 0, 'offline');
  await late.start();
  await within(live.ready, 'ready', 30_000);
  assert.deepEqual(told, ['offline', 'online']);
  assert.equal(live.rows[0]?.['user_id'], 'root');
  await live.close();
  await late.end();
});

test('live rows: order, at most maxRows, keys that differ by a microsecond', async () => {
  const table = await newTable('at TIMESTAMP PRIMARY KEY, n INT');
  await root.query(
    `INSERT INTO ${table} VALUES ('2026-02-01T00:00:00.000001Z', 1), ('2026-02-01T00:00:00.000002Z', 2), ('2026-02-01T00:00:01Z', 3)`,
  );
  const live = connect().live<{ n: number }>(`SELECT * FROM ${table}`, {
    compare: (a, b) => b.n - a.n,
  });
  const newest = connect().live<{ n: number }>(`SELECT * FROM ${table}`, { maxRows: 2 });
  await within(Promise.all([live.ready, newest.ready]), 'ready');
  assert.deepEqual(
    live.rows.map((row) => row.n),
    [3, 2, 1],
  );
  assert.deepEqual(
    newest.rows.map((row) => row.n),
    [2, 3],
  );
  await root.query(`UPDATE ${table} SET n = 9 WHERE n = 2`);
  await root.query(`INSERT INTO ${table} VALUES ('2026-02-02', 4)`);
  await until(() => live.rows.length === 4, 'rows');
  assert.deepEqual(
    live.rows.map((row) => row.n),
    [9, 4, 3, 1],
  );
  await until(() => newest.rows.map((row) => row.n).join() === '9,4', 'newest rows');
});

test('another log-in and a log-out end live queries', async () => {
  const table = await newTable();
  const client = connect();
  const first = client.subscribe(`SELECT * FROM ${table}`);
  await within(first.ready, 'ready');
  await client.login('omar', 'a password of omar');
  await assert.rejects(
    async () => {
      for await (const _ of first);
    },
    { code: 'CLOSED' },
  );
  const second = client.subscribe(`SELECT * FROM ${table}`);
  await within(second.ready, 'ready');
  await client.logout();
  assert.equal(second.active, false);
  await until(async () => (await liveQueries(table)) === 0, 'the end at the server');
});
