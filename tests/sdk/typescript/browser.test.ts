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
import { ROOT, Server } from './support/server.js';
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
