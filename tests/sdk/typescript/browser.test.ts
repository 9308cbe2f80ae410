// browser.test.ts — every shared scenario, and the chat example, in headless Chromium.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { createClient } from 'kalamdb';
import type { Browser, Page } from 'playwright-core';
import type { PageGlobals, PageRun } from './page.js';
import type { Scenario } from './scenario.js';
import { Files, launchBrowser } from './support/browser.js';
import { worldControl } from './support/control.js';
import { Relay } from './support/relay.js';
import { ROOT, Server, signToken } from './support/server.js';
import { until } from './support/wait.js';

const FOLDER = resolve('tests/sdk/scenarios');
let server: Server;
let relay: Relay;
let files: Files;
let browser: Browser;
/** Of all scenarios: what one leaves behind is no matter of the next. */
let page: Page;

before(async () => {
  [server, files, browser] = await Promise.all([Server.start(), Files.open(), launchBrowser()]);
  relay = await Relay.open(server.port);
  page = await openPage('/tests/sdk/typescript/page.html');
  await page.exposeFunction('control', worldControl(server, relay));
  await page.waitForFunction(() => 'runScenario' in globalThis);
});
after(async () => {
  await browser?.close();
  files?.close();
  await relay?.close();
  await server?.end();
});

async function openPage(path: string): Promise<Page> {
  const context = await browser.newContext();
  const opened = await context.newPage();
  opened.on('pageerror', (error) => assert.fail(`error in the page: ${error.message}`));
  await opened.goto(files.url + path);
  return opened;
}

for (const file of readdirSync(FOLDER).sort()) {
  const scenario = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Scenario;
  test(`scenario ${scenario.name}`, async () => {
    const run = {
      direct: server.url,
      relayed: relay.url,
      auth: ROOT,
      namespace: `page_${file.replace(/\W.*/, '')}`,
      scenario,
    };
    try {
      await page.evaluate(
        (given) => (globalThis as unknown as PageGlobals).runScenario(JSON.parse(given) as PageRun),
        JSON.stringify(run),
      );
    } finally {
      relay.link(true);
    }
  });
}

test('an API key is refused for live queries, with what to do instead', async () => {
  const message = await page.evaluate(async (url) => {
    const client = (globalThis as unknown as PageGlobals).createClient({
      url,
      auth: { apiKey: 'k' },
    });
    return client.subscribe('SELECT 1').ready.then(
      () => 'ready',
      (error: Error) => error.message,
    );
  }, server.url);
  assert.match(message, /a browser cannot send an API key/);
});

test('a token that expires is renewed in the page, and the live query goes on', async () => {
  const root = createClient({ url: server.url, auth: ROOT });
  await root.batch('CREATE NAMESPACE expiry; CREATE SHARED TABLE expiry.t (id BIGINT PRIMARY KEY)');
  let asked = 0;
  // The server grants 60 s: the first token ends two seconds from now.
  await page.exposeFunction('nextToken', () =>
    signToken('root', 'system', asked++ === 0 ? -58 : 600),
  );
  const told = page.evaluate(async (url) => {
    const globals = globalThis as unknown as PageGlobals;
    const client = globals.createClient({ url, auth: { token: () => globals.nextToken() } });
    const codes: string[] = [];
    client.on('offline', ({ error }) => codes.push(error.code));
    const rows = await new Promise<number>((resolve) => {
      client.live('SELECT id FROM expiry.t', {}, (now) => now.length > 0 && resolve(now.length));
    });
    await client.close();
    return { codes, rows };
  }, relay.url);
  await until(() => asked === 2, 'another token');
  await root.query('INSERT INTO expiry.t VALUES (9007199254740993)');
  assert.deepEqual(await told, { codes: ['TOKEN_EXPIRED'], rows: 1 });
});

test('a slow page stops the server, and gets the rest when it is ready', async () => {
  const root = createClient({ url: server.url, auth: ROOT });
  await root.batch('CREATE NAMESPACE slow; CREATE SHARED TABLE slow.t (id INT PRIMARY KEY, n INT)');
  const live = async (): Promise<unknown> =>
    (
      await root.query(
        "SELECT count(*) AS n FROM system.live_queries WHERE query LIKE '%FROM slow.t%'",
      )
    ).rows[0]?.['n'];
  await page.evaluate(
    async ([url, auth]) => {
      const globals = globalThis as unknown as PageGlobals;
      globals.rows = new Map();
      globals.changes = 0;
      const released = new Promise<void>((resolve) => (globals.release = resolve));
      globals.client = globals.createClient({ url, auth });
      const subscription = globals.client.subscribe<{ n: number }>(
        'SELECT id, n FROM slow.t',
        { queueRows: 20 },
        async (event) => {
          if (event.type === 'rows')
            event.rows.forEach((row, i) => globals.rows.set(event.keys[i] ?? '', row.n));
          if (event.type !== 'insert' && event.type !== 'update') return;
          globals.rows.set(event.key, event.row.n);
          if (globals.changes++ === 0) await released;
        },
      );
      await subscription.ready;
    },
    [relay.url, ROOT] as const,
  );
  await root.query('INSERT INTO slow.t SELECT i, 0 FROM range(30) AS r(i)');
  await until(async () => (await live()) === '0', 'pause');
  for (let i = 0; i < 10; i++) await root.query('UPDATE slow.t SET n = n + 1');
  await page.evaluate(() => (globalThis as unknown as PageGlobals).release());
  const newest = (): Promise<{ size: number; sum: number; changes: number }> =>
    page.evaluate(() => {
      const { rows, changes } = globalThis as unknown as PageGlobals;
      return { size: rows.size, sum: [...rows.values()].reduce((a, b) => a + b, 0), changes };
    });
  await until(async () => (await newest()).sum === 300, 'the newest rows');
  const { size, changes } = await newest();
  assert.equal(size, 30);
  assert.ok(changes < 60, `${changes} changes were told one by one`);
  await page.evaluate(() => (globalThis as unknown as PageGlobals).client.close());
});

async function logIn(user: string): Promise<Page> {
  const chat = await openPage(`/examples/chat/index.html?server=${encodeURIComponent(relay.url)}`);
  await chat.getByLabel('User').fill(user);
  await chat.getByLabel('Password').fill('a password for chatting');
  await chat.getByRole('button', { name: 'Log in' }).click();
  await chat.locator('#state[data-online=true]').waitFor();
  return chat;
}

const lines = (chat: Page): Promise<string[]> =>
  chat.locator('#messages li span').allTextContents();

test('chat: two people write, one is offline meanwhile, one deletes', async () => {
  const admin = createClient({ url: server.url, auth: ROOT });
  await admin.batch(readFileSync('examples/chat/schema.sql', 'utf8'));
  for (const user of ['lena', 'omar'])
    await admin.query(`CREATE USER ${user} WITH PASSWORD 'a password for chatting'`);
  const [lena, omar] = [await logIn('lena'), await logIn('omar')];

  await lena.getByLabel('Message').pressSequentially('Hallo 👋 <b>Omar</b>');
  await omar.locator('#typing', { hasText: 'lena' }).waitFor();
  await lena.getByLabel('Message').press('Enter');
  await until(async () => (await lines(omar)).length === 1, 'message at omar');
  assert.deepEqual(await lines(omar), ['Hallo 👋 <b>Omar</b>']);

  relay.link(false);
  await omar.locator('#state[data-online=false]').waitFor();
  await admin.query("INSERT INTO chat.messages (author, body) VALUES ('root', 'nobody hears me')");
  relay.link(true);
  await until(
    async () => (await lines(omar)).length === 2 && (await lines(lena)).length === 2,
    'message after the pause',
  );

  await lena.getByTitle('delete').click();
  await until(async () => (await lines(omar)).length === 1, 'deletion at omar');
  assert.deepEqual(await lines(omar), ['nobody hears me']);
  await Promise.all([lena.context().close(), omar.context().close()]);
});
