// Every view in both colours and at the width of a phone: axe finds nothing serious, nothing overflows; and the
// whole console stays small.
import axe from 'axe-core';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIST, open, runSql, Server, shut } from './support';
import type { Watched } from './support';

const server = new Server();
const VIEWS = [
  'overview',
  'sql',
  'tables',
  'tables/shop/items',
  'live',
  'jobs',
  'users',
  'storages',
  'backups',
  'logs',
  'settings',
];
const PHONE = { width: 390, height: 780 };
let at: Watched;

beforeAll(async () => {
  await server.start();
  await server.sql(
    "CREATE NAMESPACE shop; CREATE SHARED TABLE shop.items (id BIGINT PRIMARY KEY, title TEXT); INSERT INTO shop.items VALUES (1, 'Tea'), (2, NULL)",
  );
  await server.sql('STORAGE FLUSH TABLE shop.items');
  at = await open(server, 'overview', { colorScheme: 'light' });
});
afterAll(async () => {
  await shut();
  await server.close();
});

interface Finding {
  id: string;
  impact: string;
  nodes: string[];
}

/** The page's policy keeps scripts out: axe comes through the debugger, as the tests themselves. */
async function serious(page: Page): Promise<Finding[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const found = await (window as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
    });
    return found.violations
      .filter((one) => one.impact === 'serious' || one.impact === 'critical')
      .map((one) => ({
        id: one.id,
        impact: one.impact ?? '',
        nodes: one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)),
      }));
  });
}

async function go(path: string): Promise<void> {
  await at.page.evaluate((to) => {
    history.pushState(null, '', `/ui/${to}`);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await at.page.getByRole('heading', { level: 1 }).waitFor();
  await at.page
    .locator('.empty .spinner')
    .waitFor({ state: 'detached' })
    .catch(() => undefined);
}

test.each(VIEWS)(
  '%s: no serious finding in light and dark, no overflow on a phone',
  async (path) => {
    await at.page.setViewportSize({ width: 1280, height: 800 });
    await go(path);
    if (path === 'sql') await runSql(at.page, 'SELECT id, title FROM shop.items -- a comment\n');
    expect(await serious(at.page)).toEqual([]);
    await at.page.getByRole('button', { name: 'Dark colours' }).click();
    expect(await serious(at.page)).toEqual([]);
    await at.page.getByRole('button', { name: 'Light colours' }).click();
    await at.page.setViewportSize(PHONE);
    const overflow = await at.page.evaluate(
      () => document.documentElement.scrollWidth - innerWidth,
    );
    expect(overflow).toBeLessThanOrEqual(0);
  },
);

test('dialogs have no serious finding', async () => {
  await at.page.setViewportSize({ width: 1280, height: 800 });
  for (const [path, name] of [
    ['users', 'New user'],
    ['backups', 'New backup'],
    ['storages', 'New storage'],
    ['tables', 'New table in shop'],
    ['tables/shop/items', 'Insert row'],
  ] as const) {
    await go(path);
    await at.page.getByRole('button', { name, exact: true }).click();
    expect(await serious(at.page)).toEqual([]);
    await at.page.keyboard.press('Escape');
  }
});

test('on a phone the menu opens and leads on', async () => {
  await at.page.setViewportSize(PHONE);
  await go('overview');
  await at.page.getByRole('button', { name: 'Menu' }).click();
  await at.page.getByRole('link', { name: 'Settings' }).click();
  await at.page.getByRole('heading', { name: 'Settings' }).waitFor();
  await go('tables/shop/items');
  await at.page.getByRole('gridcell', { name: 'Tea' }).waitFor();
});

test('everything together is less than 300 KB compressed', () => {
  const sizes = readdirSync(DIST, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.gz'))
    .map((name) => statSync(join(DIST, name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`share: ${sizes.length} files, ${(total / 1024).toFixed(0)} KiB compressed`);
  expect(sizes.length).toBeGreaterThan(3);
  expect(total).toBeLessThan(300_000);
});

test('the page has thrown nothing, broken no rule and asked nobody else', async () => {
  expect(at.problems).toEqual([]);
  expect(at.foreign).toEqual([]);
});
