// client.test.ts — statements, values, credentials and account against a real server.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient, type KalamClient, type KalamError, type Param, uniqueNames } from 'kalamdb';
import { fakeHttp } from './support/fake_http.js';
import { ROOT, Server, signToken } from './support/server.js';

let server: Server;

before(async () => {
  server = await Server.start();
  const client = createClient({ url: server.url, auth: ROOT });
  await client.batch(`CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, a TEXT, ts TIMESTAMP, j JSON, x BYTES,
    d DATE, tm TIME, n DECIMAL(10,2)); CREATE USER lena WITH PASSWORD 'a password of lena' ROLE dba`);
});
after(() => server.end());

const rejectsWith = (
  promise: Promise<unknown>,
  code: string,
  message: RegExp = /./,
): Promise<void> =>
  assert.rejects(promise, (error: KalamError) => {
    assert.equal(error.name, 'KalamError', String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });

test('values become those of JavaScript, and go back as parameters', async () => {
  const client = createClient({ url: server.url, auth: ROOT, namespace: 'app' });
  const at = new Date('1969-07-20T20:17:40.123Z');
  const params: Param[] = [
    2n ** 63n - 1n,
    'ß 🐎 \u0000'.replace('\u0000', ''),
    at,
    { deep: [1, null, 'ü'] },
    new Uint8Array([0, 255]),
    '2000-02-29',
    '01:02:03.004',
    '-0.5',
  ];
  await client.query('INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', params);
  const result = await client.query('SELECT id, a, ts, j, x, d, tm, n FROM t WHERE id = $1', [
    2n ** 63n - 1n,
  ]);
  assert.deepEqual(result.rows, [
    {
      id: '9223372036854775807',
      a: 'ß 🐎 ',
      ts: at,
      j: { deep: [1, null, 'ü'] },
      x: new Uint8Array([0, 255]),
      d: '2000-02-29',
      tm: '01:02:03.004',
      n: '-0.50',
    },
  ]);
  assert.deepEqual([result.rowCount, result.message, result.asUser], [1, undefined, 'root']);
  assert.ok(result.took >= 0);
  assert.deepEqual(result.columns[0], {
    name: 'id',
    type: 'BigInt',
    primaryKey: true,
    notNull: true,
    unique: true,
  });
  assert.deepEqual(result.columns[7], {
    name: 'n',
    type: 'Decimal',
    precision: 10,
    scale: 2,
    primaryKey: false,
    notNull: false,
    unique: false,
  });
});

test('options: bigint, microseconds, text of JSON, rows as arrays', async () => {
  const client = createClient({
    url: server.url,
    auth: ROOT,
    bigint: 'bigint',
    timestamp: 'number',
    json: 'text',
  });
  const sql = `SELECT 9007199254740993, TIMESTAMP '2026-02-01 00:00:00.000001', '{"a":  1}'::JSON, count(*), NULL::BIGINT FROM app.t WHERE false`;
  const { rows } = await client.query(sql, undefined, { rows: 'array' });
  assert.deepEqual(rows, [[9007199254740993n, 1769904000000001, '{"a":  1}', 0n, null]]);
});

test('a column that occurs twice is in the row twice, by names of its own', async () => {
  const client = createClient({ url: server.url, auth: ROOT });
  const sql = 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a';
  const { rows, columns } = await client.query(sql);
  assert.deepEqual(rows, [{ a: 1, a_3: 2, a_2: 3, a_4: 4 }]);
  assert.deepEqual(uniqueNames(columns), ['a', 'a_3', 'a_2', 'a_4']);
  assert.deepEqual((await client.query(sql, [], { rows: 'array' })).rows, [[1, 2, 3, 4]]);
});

test('what a batch has written is told, whatever names RETURNING gives', async () => {
  const client = createClient({ url: server.url, auth: ROOT, namespace: 'app' });
  const results = await client.batch(`CREATE SHARED TABLE twice (id INT PRIMARY KEY, n INT);
    INSERT INTO twice VALUES (1, 5) RETURNING id, n AS id; UPDATE twice SET n = 6`);
  assert.deepEqual(
    results.map(({ rowCount, rows }) => [rowCount, rows]),
    [
      [0, []],
      [1, [{ id: 1, id_2: 5 }]],
      [1, []],
    ],
  );
});

test('a value that cannot be read hides neither what was done nor which statement it was', async () => {
  const result = (value: string): string =>
    `{"schema":[{"name":"n","data_type":"BigInt","index":0}],"rows":[["${value}"]],"row_count":1}`;
  const fake = await fakeHttp((_, response) =>
    response.end(`{"status":"success","took":1,"results":[${result('7')},${result('no number')}]}`),
  );
  const client = createClient({ url: fake.url, bigint: 'bigint' });
  await assert.rejects(client.batch('SELECT 7; SELECT 8'), (error: KalamError) => {
    assert.equal(error.code, 'INVALID_RESPONSE');
    assert.match(error.message, /^statement 2 was done, but its rows cannot be read: /);
    assert.deepEqual([error.statementIndex, error.httpStatus], [2, 200]);
    assert.deepEqual(
      error.results.map(({ rows }) => rows),
      [[{ n: 7n }]],
    );
    return true;
  });
  fake.close();
});

test('a column called __proto__ is a column', async () => {
  const { rows } = await createClient({ url: server.url, auth: ROOT }).query(
    'SELECT 1 AS "__proto__"',
  );
  assert.deepEqual(Object.entries(rows[0] ?? {}), [['__proto__', 1]]);
  assert.equal(Object.getPrototypeOf(rows[0]), Object.prototype);
});

test('values that no parameter can be are refused before they are sent', async () => {
  const client = createClient({ url: 'http://127.0.0.1:1' });
  for (const param of [
    'half \ude00',
    undefined,
    NaN,
    Infinity,
    () => 1,
    Symbol('x'),
    new Date(NaN),
    { n: 1n },
  ]) {
    await rejectsWith(
      client.query('SELECT $1', [1, param as Param]),
      'INVALID_PARAMETER',
      /^parameter \$2 is /,
    );
  }
});

test('errors carry code, statement, status and what was finished', async () => {
  const client = createClient({ url: server.url, auth: ROOT });
  await assert.rejects(
    client.batch('SELECT 1 AS one; SELECT * FROM app.nope; SELECT 2'),
    (error: KalamError) => {
      assert.deepEqual(
        [error.code, error.statementIndex, error.httpStatus],
        ['TABLE_NOT_FOUND', 2, 400],
      );
      assert.deepEqual(
        error.results.map((result) => result.rows),
        [[{ one: 1 }]],
      );
      return true;
    },
  );
});

test('a large result is read whole; one that fails in the middle is an error', async () => {
  const client = createClient({ url: server.url, auth: ROOT });
  const { rows } = await client.query<{ i: string }>(
    "SELECT i, repeat('x', 20) AS t FROM range(100000) AS r(i)",
  );
  assert.equal(rows.length, 100_000);
  assert.equal(rows.at(-1)?.i, '99999');
  const body =
    '{"results":[{"schema":[],"rows":[],"row_count":0}],"took":1,"status":"error","error":{"code":"QUERY_TIMEOUT","message":"late"}}';
  const fake = await fakeHttp((_, response) => response.end(body));
  await rejectsWith(createClient({ url: fake.url }).query('SELECT 1'), 'QUERY_TIMEOUT', /late/);
  fake.close();
});

test('answers that are none: cut off, HTML, another shape, a redirect, no server, silence', async () => {
  const bodies: Record<string, string> = {
    '/cut': '{"results":[{"rows":[[1],',
    '/html': '<html>',
    '/shape': '{"ok":true}',
    '/list': '[]',
  };
  const fake = await fakeHttp((request, response) => {
    const name = `/${request.url?.split('/')[1]}`;
    if (name === '/silent') return;
    if (name === '/redirect') response.writeHead(302, { Location: server.url });
    response.end(bodies[name]);
  });
  for (const name of ['/cut', '/html', '/shape', '/list']) {
    await rejectsWith(createClient({ url: fake.url + name }).query('SELECT 1'), 'INVALID_RESPONSE');
  }
  await rejectsWith(
    createClient({ url: `${fake.url}/redirect` }).query('SELECT 1'),
    'CONNECTION_FAILED',
    /redirect/,
  );
  await rejectsWith(
    createClient({ url: `${fake.url}/silent`, timeoutMs: 50 }).query('SELECT 1'),
    'TIMEOUT',
    /50 ms/,
  );
  const abort = new AbortController();
  const aborted = createClient({ url: `${fake.url}/silent` }).query('SELECT 1', [], {
    signal: abort.signal,
  });
  abort.abort();
  await rejectsWith(aborted, 'ABORTED');
  fake.close();
  await rejectsWith(
    createClient({ url: 'http://127.0.0.1:1' }).query('SELECT 1'),
    'CONNECTION_FAILED',
    /127\.0\.0\.1:1/,
  );
});

test('options that are wrong are refused when the client is made', () => {
  for (const url of ['nonsense', 'ftp://host', 'http://user:secret@host']) {
    assert.throws(() => createClient({ url }), { code: 'INVALID_OPTIONS' });
  }
  assert.throws(() => createClient({ url: 'http://host', auth: {} as 'none' }), {
    code: 'INVALID_OPTIONS',
  });
});

test('a time limit is one that a timer can keep, or Infinity: none', async () => {
  for (const timeoutMs of [0, -1, 0.5, 2 ** 31, NaN, '60000' as unknown as number]) {
    assert.throws(() => createClient({ url: server.url, timeoutMs }), {
      code: 'INVALID_OPTIONS',
      message: /^timeoutMs must be 1 to 2147483647, or Infinity, not /,
    });
    await rejectsWith(
      createClient({ url: server.url, auth: ROOT }).query('SELECT 1', [], { timeoutMs }),
      'INVALID_OPTIONS',
      /^timeoutMs must be /,
    );
  }
  for (const timeoutMs of [2 ** 31 - 1, Infinity]) {
    const { rows } = await createClient({ url: server.url, auth: ROOT, timeoutMs }).query(
      'SELECT 1 AS one',
    );
    assert.deepEqual(rows, [{ one: 1 }]);
  }
});

/** Counts the requests to each route. */
function counting(): { fetch: typeof fetch; calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  return {
    calls,
    fetch: (input, init) => {
      const name = String(input).split('/').at(-1) ?? '';
      calls[name] = (calls[name] ?? 0) + 1;
      return fetch(input, init);
    },
  };
}

const whoAmI = async (client: ReturnType<typeof createClient>): Promise<string> =>
  (await client.query('SELECT 1')).asUser;

test('an expired token is renewed once, for all requests that noticed', async () => {
  const session = await createClient({ url: server.url }).login('lena', 'a password of lena');
  const { fetch, calls } = counting();
  const client = createClient({
    url: server.url,
    auth: { token: signToken('lena', 'dba', -120), refreshToken: session.refreshToken },
    fetch,
  });
  assert.deepEqual(await Promise.all([whoAmI(client), whoAmI(client), whoAmI(client)]), [
    'lena',
    'lena',
    'lena',
  ]);
  assert.deepEqual(calls, { sql: 6, refresh: 1 });
});

test('a token that cannot be renewed is told; a provider is asked again, once', async () => {
  const expired = signToken('lena', 'dba', -120);
  await rejectsWith(
    createClient({ url: server.url, auth: { token: expired } }).query('SELECT 1'),
    'TOKEN_EXPIRED',
  );
  await rejectsWith(
    createClient({ url: server.url, auth: { token: expired, refreshToken: expired } }).query(
      'SELECT 1',
    ),
    'TOKEN_EXPIRED',
  );
  const tokens = [expired, signToken('lena', 'dba', 600)];
  let asked = 0;
  const client = createClient({
    url: server.url,
    auth: { token: async () => tokens[asked++] ?? 'too often' },
  });
  assert.equal(await whoAmI(client), 'lena');
  assert.equal(await whoAmI(client), 'lena');
  assert.equal(asked, 2);
  const stuck = createClient({ url: server.url, auth: { token: () => expired } });
  await rejectsWith(stuck.query('SELECT 1'), 'TOKEN_EXPIRED');
});

test('after a changed role the log-in, or the provider, is asked for another token', async () => {
  const root = createClient({ url: server.url, auth: ROOT });
  await root.query("CREATE USER rosa WITH PASSWORD 'a password of rosa' ROLE service");
  const role = async (client: KalamClient): Promise<unknown> =>
    (await client.query('SELECT CURRENT_ROLE() AS r')).rows[0]?.['r'];
  const auth = { user: 'rosa', password: 'a password of rosa' };
  const client = createClient({ url: server.url, auth });
  let asked = 0;
  const provided = createClient({
    url: server.url,
    auth: {
      token: async () => {
        asked++;
        return (await createClient({ url: server.url }).login(auth.user, auth.password))
          .accessToken;
      },
    },
  });
  assert.deepEqual([await role(client), await role(provided)], ['service', 'service']);
  const stale = (await createClient({ url: server.url }).login(auth.user, auth.password))
    .accessToken;
  await root.query('ALTER USER rosa SET ROLE dba');
  assert.deepEqual([await role(client), await role(provided)], ['dba', 'dba']);
  assert.equal(asked, 2);
  await rejectsWith(
    createClient({ url: server.url, auth: { token: stale } }).query('SELECT 1'),
    'INVALID_CREDENTIALS',
  );
});

test('user and password: one log-in for requests at once; a wrong password is an error', async () => {
  const { fetch, calls } = counting();
  const client = createClient({
    url: server.url,
    auth: { user: 'lena', password: 'a password of lena' },
    fetch,
  });
  await Promise.all([whoAmI(client), whoAmI(client)]);
  assert.deepEqual(calls, { sql: 2, login: 1 });
  await rejectsWith(
    createClient({ url: server.url, auth: { user: 'lena', password: 'wrong password' } }).query(
      'SELECT 1',
    ),
    'UNAUTHORIZED',
  );
  await rejectsWith(createClient({ url: server.url }).query('SELECT 1'), 'MISSING_AUTHORIZATION');
});

test('an API key', async () => {
  const root = createClient({ url: server.url, auth: ROOT });
  const { rows } = await root.query<{ api_key: string }>('ALTER USER lena GENERATE API KEY');
  assert.equal(
    await whoAmI(createClient({ url: server.url, auth: { apiKey: rows[0]?.api_key ?? '' } })),
    'lena',
  );
  await rejectsWith(
    createClient({ url: server.url, auth: { apiKey: 'wrong' } }).query('SELECT 1'),
    'INVALID_CREDENTIALS',
  );
});

test('setup, health, log-in, refresh, log-out', async () => {
  const fresh = await Server.start({ rootPassword: undefined });
  try {
    const client = createClient({ url: fresh.url });
    assert.equal(await client.needsSetup(), true);
    await rejectsWith(client.query('SELECT 1'), 'SETUP_REQUIRED');
    await rejectsWith(
      client.setup({ rootPassword: 'short', user: 'ann', password: 'a password of ann' }),
      'WEAK_PASSWORD',
    );
    const account = await client.setup({
      rootPassword: ROOT.password,
      user: 'ann',
      password: 'a password of ann',
      email: 'ann@example.org',
    });
    assert.deepEqual([account.id, account.role, account.email], ['ann', 'dba', 'ann@example.org']);
    assert.equal(await client.needsSetup(), false);
    await rejectsWith(
      client.setup({ rootPassword: ROOT.password, user: 'ben', password: 'a password of ben' }),
      'ALREADY_CONFIGURED',
    );

    const health = await client.health();
    assert.equal(health.status, 'healthy');
    assert.ok(health.uptimeSeconds >= 0 && health.version !== '');

    const session = await client.login('ann', 'a password of ann');
    assert.equal(session.user.id, 'ann');
    assert.ok(session.expiresAt.getTime() > Date.now());
    assert.equal(await whoAmI(client), 'ann');
    assert.equal((await client.refresh()).user.id, 'ann');
    assert.equal(await whoAmI(client), 'ann');
    await client.logout();
    await rejectsWith(client.query('SELECT 1'), 'MISSING_AUTHORIZATION');
    await client.close();
    await rejectsWith(client.query('SELECT 1'), 'CLOSED');
  } finally {
    await fresh.end();
  }
});
