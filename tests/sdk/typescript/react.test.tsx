// react.test.tsx — useLiveQuery() in React's own test renderer.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient, type KalamClient } from 'kalamdb';
import { type LiveQueryState, useLiveQuery } from 'kalamdb/react';
import { createElement, StrictMode } from 'react';
import { act, create } from 'react-test-renderer';
import WebSocket from 'ws';
import { ROOT, Server } from './support/server.js';
import { until } from './support/wait.js';

interface Item {
  id: number;
  t: string;
}
interface Props {
  sql: string | null;
  above: number;
}

let server: Server;
let client: KalamClient;
let state: LiveQueryState<Item>;
const statuses = new Set<string>();

before(async () => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  server = await Server.start();
  client = createClient({ url: server.url, auth: ROOT, WebSocket });
  await client.batch(
    "CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, t TEXT); INSERT INTO app.t VALUES (1, 'a'), (2, 'b')",
  );
});
after(async () => {
  await client.close();
  await server.end();
});

function View({ sql, above }: Props): null {
  state = useLiveQuery<Item>(client, sql, { params: [above], compare: (a, b) => a.id - b.id });
  statuses.add(state.status);
  return null;
}

/** React wants to know when its state changes from outside. */
const comes = (condition: () => boolean, what: string): Promise<void> =>
  act(async () => void (await until(condition, what)));
const ids = (): string => state.rows.map((row) => row.id).join();
const SQL = 'SELECT id, t FROM app.t WHERE id > $1';

test('rows, changes, other parameters, no query, an error, unmount', async () => {
  const view = (props: Props) => createElement(StrictMode, null, createElement(View, props));
  const root = create(view({ sql: SQL, above: 0 }));
  await act(async () => root.update(view({ sql: SQL, above: 0 })));
  await comes(() => state.status === 'ready' && ids() === '1,2', 'rows');
  assert.ok(statuses.has('loading'));

  await client.query("INSERT INTO app.t VALUES (3, 'c')");
  await comes(() => ids() === '1,2,3', 'insert');

  await act(async () => root.update(view({ sql: SQL, above: 2 })));
  await comes(() => state.status === 'ready' && ids() === '3', 'other parameters');
  const count = async (): Promise<string> =>
    String((await client.query('SELECT count(*) AS n FROM system.live_queries')).rows[0]?.['n']);
  await until(async () => (await count()) === '1', 'the old live query ends');

  await act(async () => root.update(view({ sql: null, above: 2 })));
  assert.deepEqual({ ...state }, { rows: [], status: 'idle', error: undefined });

  await act(async () =>
    root.update(view({ sql: 'SELECT id FROM app.absent WHERE id > $1', above: 2 })),
  );
  await comes(() => state.status === 'error', 'error');
  assert.equal(state.error?.code, 'NOT_FOUND');

  await act(async () => root.update(view({ sql: SQL, above: 0 })));
  await comes(() => ids() === '1,2,3', 'rows again');
  await act(async () => root.unmount());
  await until(async () => (await count()) === '0', 'unmount ends the live query');
});
