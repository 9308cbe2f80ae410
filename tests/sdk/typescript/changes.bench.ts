// changes.bench.ts — 10,000 changes into one client: how long until the last is there, in Node and in Chromium.
//
// Usage: tests/sdk/bench [changes]. Figures, no test: nothing here fails for being slow.
// SPDX-License-Identifier: Apache-2.0
import { createClient, type KalamClient } from 'kalamdb';
import WebSocket from 'ws';
import type { PageGlobals } from './page.js';
import { Files, launchBrowser } from './support/browser.js';
import { ROOT, Server } from './support/server.js';
import { within } from './support/wait.js';

const CHANGES = Number(process.argv[2] ?? 10_000);
const ROWS_PER_STATEMENT = 10;
const LIMIT_MS = 120_000;

function report(what: string, startedAt: number): void {
  const seconds = (performance.now() - startedAt) / 1000;
  const rate = Math.round(CHANGES / seconds).toLocaleString('en');
  console.log(
    `${what.padEnd(44)} ${seconds.toFixed(2).padStart(7)} s ${rate.padStart(10)} changes/s`,
  );
}

async function write(client: KalamClient): Promise<void> {
  for (let i = 0; i < CHANGES; i += ROWS_PER_STATEMENT) {
    const rows = Array.from({ length: ROWS_PER_STATEMENT }, (_, n) => `(${i + n}, 'row ${i + n}')`);
    await client.query(`INSERT INTO bench.t VALUES ${rows.join(',')}`);
  }
}

async function eventsInNode(root: KalamClient, url: string): Promise<void> {
  const client = createClient({ url, auth: ROOT, WebSocket });
  let told = 0;
  let done = (): void => undefined;
  const finished = new Promise<void>((resolve) => (done = resolve));
  const subscription = client.subscribe('SELECT id, t FROM bench.t', {}, (event) => {
    if (event.type === 'insert' && ++told === CHANGES) done();
  });
  await subscription.ready;
  const startedAt = performance.now();
  await write(root);
  report('written over HTTP, one client', startedAt);
  await within(finished, 'the last event', LIMIT_MS);
  report('every one told to a handler in Node', startedAt);
  await client.close();
}

async function snapshotInNode(url: string): Promise<void> {
  const client = createClient({ url, auth: ROOT, WebSocket });
  const startedAt = performance.now();
  const live = client.live('SELECT id, t FROM bench.t');
  await within(live.ready, 'the snapshot', LIMIT_MS);
  if (live.rows.length !== CHANGES)
    throw new Error(`${live.rows.length} rows instead of ${CHANGES}`);
  report('the same as a snapshot', startedAt);
  await client.close();
}

/** Every change makes a new array of all rows, as a user interface would take it. */
async function rowsInChromium(root: KalamClient, url: string): Promise<void> {
  const [files, browser] = await Promise.all([Files.open(), launchBrowser()]);
  const page = await browser.newPage();
  await page.goto(`${files.url}/tests/sdk/typescript/page.html`);
  await page.waitForFunction(() => 'createClient' in globalThis);
  await page.evaluate(
    async ([to, auth]) => {
      const globals = globalThis as unknown as PageGlobals;
      const client = globals.createClient({ url: to, auth });
      const live = client.live(
        'SELECT id, t FROM bench.t',
        {},
        (rows) => (globals.changes = rows.length),
      );
      await live.ready;
    },
    [url, ROOT] as const,
  );
  const startedAt = performance.now();
  await write(root);
  await page.waitForFunction(
    (wanted) => (globalThis as unknown as PageGlobals).changes === wanted,
    CHANGES,
    { timeout: LIMIT_MS },
  );
  report('kept as rows in Chromium', startedAt);
  await browser.close();
  files.close();
}

const server = await Server.start();
try {
  const root = createClient({ url: server.url, auth: ROOT });
  await root.batch(
    'CREATE NAMESPACE bench; CREATE SHARED TABLE bench.t (id BIGINT PRIMARY KEY, t TEXT)',
  );
  await eventsInNode(root, server.url);
  await snapshotInNode(server.url);
  await root.query('DELETE FROM bench.t');
  await rowsInChromium(root, server.url);
} finally {
  await server.end();
}
