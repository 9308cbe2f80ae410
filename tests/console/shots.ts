// shots.ts — the pictures of docs/console.md, from a server with some life in it: KALAM_SHOTS=1 tests/console/run.
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shrink } from './png';
import { dialog, open, runSql, Server, shut, type } from './support';
import type { Watched } from './support';

const IMAGES = fileURLToPath(new URL('../../docs/img', import.meta.url));
const server = new Server();
let at: Watched;
let writing = true;

async function fill(): Promise<void> {
  await server.sql('CREATE NAMESPACE shop; CREATE NAMESPACE chat');
  await server.sql(
    'CREATE SHARED TABLE shop.products (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price DECIMAL(10,2), tags JSON, photo BYTES, available BOOLEAN, added TIMESTAMP DEFAULT NOW())',
  );
  await server.sql(
    "CREATE USER TABLE chat.messages (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), room TEXT, body TEXT, sent TIMESTAMP DEFAULT NOW()); CREATE STREAM TABLE chat.typing (id BIGINT PRIMARY KEY, room TEXT) TTL '10s'",
  );
  await server.sql(`INSERT INTO shop.products (id, title, price, tags, photo, available) SELECT i,
    CASE i % 5 WHEN 0 THEN 'Green tea' WHEN 1 THEN 'Mug, large' WHEN 2 THEN 'Kettle' WHEN 3 THEN 'Strainer' ELSE 'Honey' END || ' ' || i,
    CAST((i * 37) % 90 AS DECIMAL(10,2)) + 0.9, '{"colour":"' || CASE i % 3 WHEN 0 THEN 'green' WHEN 1 THEN 'blue' ELSE 'red' END || '","stars":' || (i % 5 + 1) || '}', '0xcafe', i % 4 <> 0 FROM generate_series(1, 5000) AS s(i)`);
  await server.sql('STORAGE FLUSH TABLE shop.products');
  await server.sql(
    'ALTER TABLE shop.products ADD COLUMN weight DOUBLE; ALTER TABLE shop.products RENAME COLUMN available TO in_stock',
  );
  for (const user of ['lena', 'omar', 'ines']) {
    await server.sql(
      `CREATE USER '${user}' WITH PASSWORD 'a secret of ${user}' ROLE ${user === 'omar' ? 'dba' : user === 'ines' ? 'service' : 'user'} EMAIL '${user}@example.org'`,
    );
    await server.sql(
      "INSERT INTO chat.messages (room, body) SELECT 'tea', 'message ' || i FROM generate_series(1, 400) AS s(i)",
      { 'X-User-Id': user },
    );
  }
  await server.sql('STORAGE FLUSH TABLE chat.messages');
  await server.sql(`BACKUP DATABASE shop TO '${join(server.data, 'shop-monday')}'`);
  await server.post("BACKUP DATABASE shop TO '/proc/backups/shop' ASYNC");
  await server.sql(`CREATE STORAGE archive TYPE filesystem URI '${join(server.data, 'archive')}'`);
}

/** Some traffic, so that figures move. */
async function write(): Promise<void> {
  for (let i = 0; writing; i++) {
    await server
      .post(
        `UPDATE shop.products SET price = price + 0.1 WHERE id IN (${((i * 7) % 12) + 1}, ${((i * 5) % 12) + 1})`,
      )
      .catch(() => undefined);
    if (i % 9 === 4)
      await server
        .post(
          `INSERT INTO shop.products (id, title, price) VALUES (${100_000 + i}, 'New arrival', 1)`,
        )
        .catch(() => undefined);
    await new Promise((wake) => setTimeout(wake, 60 + 50 * Math.sin(i / 9)));
  }
}

beforeAll(async () => {
  mkdirSync(IMAGES, { recursive: true });
  await server.start();
  await fill();
  at = await open(server, 'overview', {
    colorScheme: 'light',
    viewport: { width: 1200, height: 750 },
  });
}, 120_000);
afterAll(async () => {
  writing = false;
  await shut();
  await server.close();
});

async function shot(name: string): Promise<void> {
  const path = join(IMAGES, `console-${name}.png`);
  await at.page.waitForTimeout(300);
  writeFileSync(path, shrink(await at.page.screenshot()));
  expect(statSync(path).size).toBeLessThan(100_000);
}
const view = (name: string) =>
  at.page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
const button = (name: string) => at.page.getByRole('button', { name, exact: true });

test('every view', async () => {
  const traffic = write();
  await at.page.waitForTimeout(45_000);
  await shot('overview');
  await view('SQL');
  await runSql(
    at.page,
    "-- what sells\nSELECT id, title, price, tags, in_stock\nFROM shop.products\nWHERE price > 50 AND tags->>'colour' = 'green'\nORDER BY price DESC;",
  );
  await at.page.locator('[role="gridcell"]').nth(3).dblclick();
  await shot('sql');
  await button('Dark colours').click();
  await button('New query').last().click();
  await type(
    at.page,
    'SELECT id, title, price, in_stock, _updated FROM shop.products WHERE id <= 12',
  );
  await button('Live').click();
  await at.page.waitForTimeout(2500);
  await shot('live-rows');
  await button('Stop').click();
  await button('Light colours').click();
  await view('Tables');
  await at.page.getByRole('link', { name: 'products' }).click();
  await at.page.getByRole('gridcell').nth(9).click();
  await shot('tables');
  await button('Edit').click();
  await dialog(at.page, 'Edit row').getByLabel('title · TEXT').fill('Green tea, loose');
  await shot('edit-row');
  await at.page.keyboard.press('Escape');
  await at.page.getByRole('tab', { name: 'Schema history' }).click();
  await shot('schema-history');
  await button('New table in shop').click();
  await dialog(at.page, 'New table in shop').getByLabel('Name', { exact: true }).fill('orders');
  await dialog(at.page, 'New table in shop').getByLabel('Column name').nth(1).fill('total');
  await shot('create-table');
  await at.page.keyboard.press('Escape');
  const other = await open(server, 'sql');
  await type(other.page, 'SELECT * FROM shop.products WHERE price > 20');
  await other.page.getByRole('button', { name: 'Live', exact: true }).click();
  await view('Live queries');
  await at.page.waitForTimeout(2500);
  await shot('live-queries');
  await other.close();
  await view('Jobs');
  await at.page.getByRole('button', { name: 'backup' }).first().click();
  await shot('jobs');
  await view('Users');
  await shot('users');
  await view('Storages');
  await at.page.getByRole('button', { name: 'Check' }).first().click();
  await at.page.getByText('healthy').nth(3).waitFor();
  await shot('storages');
  await at.page.keyboard.press('Escape');
  await view('Backups');
  await at.page.getByRole('cell').getByRole('button', { name: 'Restore…' }).click();
  await at.page.getByLabel('As namespace').fill('shop_monday');
  await shot('backups');
  await at.page.keyboard.press('Escape');
  await view('Logs');
  await shot('logs');
  await view('Settings');
  await shot('settings');
  await at.page.setViewportSize({ width: 390, height: 720 });
  await at.page.goto(`${server.ui}tables/shop/products`);
  await at.page.getByRole('gridcell').first().waitFor();
  await shot('phone');
  writing = false;
  await traffic;
}, 300_000);

test('first start', async () => {
  const fresh = await new Server({ dev: false }).start();
  const before = at;
  at = await open(fresh, '', { viewport: { width: 1200, height: 750 } });
  await at.page.getByRole('heading', { name: 'First start' }).waitFor();
  await shot('setup');
  await at.close();
  await fresh.close();
  at = before;
}, 60_000);
