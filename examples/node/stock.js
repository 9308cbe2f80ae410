// stock.js — statements, parameters, a batch and a live query from Node.js; see README.md.
// SPDX-License-Identifier: Apache-2.0
import { createClient, KalamError } from 'kalamdb';
import WebSocket from 'ws'; // Node 22 and later have one of their own

const { KALAM_URL = 'http://localhost:8080', KALAM_USER, KALAM_PASSWORD = '' } = process.env;

const client = createClient({
  url: KALAM_URL,
  auth: KALAM_USER === undefined ? 'none' : { user: KALAM_USER, password: KALAM_PASSWORD },
  namespace: 'stock',
  WebSocket,
});

async function prepare() {
  await client.query('CREATE NAMESPACE IF NOT EXISTS stock');
  await client.batch(`
    CREATE SHARED TABLE IF NOT EXISTS items (id BIGINT PRIMARY KEY, name TEXT NOT NULL, price DECIMAL(10,2), left_over INT NOT NULL);
    INSERT INTO items VALUES (1, 'Tea', 3.50, 6), (2, 'Čaj', 12.00, 40)
      ON CONFLICT (id) DO UPDATE SET left_over = EXCLUDED.left_over`);
}

/** The first row that enters the filter. Leaving the loop unsubscribes. */
async function firstInsert(subscription) {
  for await (const event of subscription) {
    if (event.type === 'insert') return event.row;
  }
  return undefined;
}

async function sell(id) {
  const { rows } = await client.query(
    'UPDATE items SET left_over = left_over - 1 WHERE id = $1 RETURNING name, left_over',
    [id],
  );
  console.log(`sold one ${rows[0].name}, ${rows[0].left_over} left`);
}

try {
  await prepare();
  // Live queries name their namespace. Without lastRows: only what changes from now on.
  const low = client.subscribe('SELECT id, name, left_over FROM stock.items WHERE left_over < $1', {
    params: [5],
  });
  await low.ready;
  await sell(1);
  await sell(1);
  const row = await firstInsert(low);
  console.log(`running low: ${row.name} (${row.left_over})`);
  const { rows } = await client.query(
    'SELECT name, price * left_over AS worth FROM items ORDER BY id',
  );
  console.table(rows);
} catch (error) {
  console.error(error instanceof KalamError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
} finally {
  await client.close();
}
