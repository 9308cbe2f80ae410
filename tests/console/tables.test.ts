// The tables view: create, browse, filter, sort, page, change rows, versions, flush, segments, drop.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialog, gridRows, open, Server, shut, waitUntil } from './support';
import type { Watched } from './support';

const server = new Server();
let at: Watched;

beforeAll(async () => {
  await server.start();
  at = await open(server, 'tables');
});
afterAll(async () => {
  await shut();
  await server.close();
});

const button = (name: string | RegExp) =>
  at.page.getByRole('button', { name, exact: typeof name === 'string' });

test('a namespace and a table are made by forms that show their SQL', async () => {
  await button('Namespace').click();
  await dialog(at.page, 'New namespace').getByLabel('Name').fill('shop');
  await dialog(at.page, 'New namespace').getByRole('button', { name: 'Create' }).click();
  await button('New table in shop').click(); // the tree has heard of it by its live query
  const form = dialog(at.page, 'New table in shop');
  await form.getByLabel('Name', { exact: true }).fill('items');
  await form.getByLabel('Kind').selectOption('SHARED');
  await form.getByLabel('Column name').nth(1).fill('title');
  await form.getByLabel('Flush after rows').fill('5000');
  expect(await form.getByLabel('SQL', { exact: true }).textContent()).toBe(
    'CREATE SHARED TABLE "shop"."items" (\n  "id" BIGINT DEFAULT SNOWFLAKE_ID(),\n  "title" TEXT,\n  PRIMARY KEY ("id")\n)\nFLUSH POLICY ROWS 5000',
  );
  await form.getByRole('button', { name: 'Create table' }).click();
  await at.page.getByText('Insert the first one.').waitFor();
  expect(new URL(at.page.url()).pathname).toBe('/ui/tables/shop/items');
});

test('rows are inserted, edited and deleted by SQL that is seen first', async () => {
  await button('Insert row').click();
  await dialog(at.page, 'Insert row').getByLabel('id · BIGINT').fill('7');
  await dialog(at.page, 'Insert row').getByLabel('title · TEXT').fill("it's tea");
  expect(await at.page.getByLabel('SQL', { exact: true }).textContent()).toBe(
    `INSERT INTO "shop"."items" ("id", "title") VALUES (7, 'it''s tea')`,
  );
  await dialog(at.page, 'Insert row').getByRole('button', { name: 'Insert' }).click();
  await at.page.getByRole('gridcell', { name: "it's tea" }).waitFor();
  await button('Edit').click();
  await dialog(at.page, 'Edit row').getByText('NULL').click();
  expect(await at.page.getByLabel('SQL', { exact: true }).textContent()).toBe(
    'UPDATE "shop"."items" SET "title" = NULL WHERE "id" = 7',
  );
  await dialog(at.page, 'Edit row').getByRole('button', { name: 'Update' }).click();
  await at.page.getByRole('gridcell', { name: 'NULL' }).waitFor();
  expect(await server.sql('SELECT id, title FROM shop.items')).toEqual([['7', null]]);
  await button('Delete').click();
  expect(await at.page.getByLabel('SQL', { exact: true }).textContent()).toBe(
    'DELETE FROM "shop"."items" WHERE "id" = 7',
  );
  await dialog(at.page, 'Delete row').getByRole('button', { name: 'Delete' }).click();
  await at.page.getByText('Insert the first one.').waitFor();
});

test('an insert that is refused says why and keeps what was typed', async () => {
  await button('Insert row').click();
  await dialog(at.page, 'Insert row').getByLabel('id · BIGINT').fill('no number');
  await dialog(at.page, 'Insert row').getByRole('button', { name: 'Insert' }).click();
  await dialog(at.page, 'Insert row').getByRole('alert').waitFor();
  expect(await dialog(at.page, 'Insert row').getByLabel('id · BIGINT').inputValue()).toBe(
    'no number',
  );
  await at.page.keyboard.press('Escape');
  await waitUntil('no dialog', async () => (await at.page.getByRole('dialog').count()) === 0);
});

test('filter, order and pages', async () => {
  await server.sql(
    "INSERT INTO shop.items (id, title) SELECT i, 'row ' || i FROM generate_series(1, 450) AS s(i)",
  );
  await button('Read again').click();
  await at.page.getByText('Rows 1 – 200').waitFor();
  await button('Next page').click();
  await button('Next page').click();
  await at.page.getByText('Rows 401 – 450').waitFor();
  expect(await button('Next page').isDisabled()).toBe(true);
  await at.page.getByTitle('Sort by id').click();
  await at.page.getByTitle('Sort by id').click();
  await waitUntil('descending', async () => (await gridRows(at.page))[0]?.[0] === '450');
  await at.page.getByLabel('Filter (an SQL condition)').fill('id % 100 = 0');
  await button('Filter').click();
  await waitUntil(
    'filtered',
    async () => (await gridRows(at.page)).map((row) => row[0]).join() === '400,300,200,100',
  );
  await at.page.getByLabel('Filter (an SQL condition)').fill('nonsense >');
  await button('Filter').click();
  await at.page.getByRole('alert').waitFor();
  // One condition, and nothing but that: no second statement, no comment that hides what follows.
  await at.page.getByLabel('Filter (an SQL condition)').fill('true; DELETE FROM shop.items --');
  await button('Filter').click();
  await at.page.getByText('The filter has to be one condition').waitFor();
  await at.page.getByLabel('Filter (an SQL condition)').fill('id > 0 -- all');
  await button('Filter').click();
  await at.page.getByText('Rows 1 – 200').waitFor();
  expect(await server.sql('SELECT COUNT(*) FROM shop.items')).toEqual([['450']]);
  await at.page.getByLabel('Filter (an SQL condition)').fill('');
  await button('Filter').click();
});

test('a column called like a function of the server: one row goes, not all', async () => {
  await server.sql('CREATE SHARED TABLE shop.roles ("current_role" TEXT PRIMARY KEY, v INT)');
  await server.sql("INSERT INTO shop.roles VALUES ('dba', 1), ('system', 2), ('user', 3)");
  await at.page.getByRole('link', { name: 'roles' }).click();
  await at.page.getByRole('gridcell', { name: 'system' }).click();
  await button('Delete').click();
  await dialog(at.page, 'Delete row').getByRole('button', { name: 'Delete' }).click();
  await at.page.getByText('Deleted 1 row(s)').waitFor();
  expect(await server.sql('SELECT v FROM shop.roles ORDER BY v')).toEqual([[1], [3]]);
});

test('of the events that share a key one goes', async () => {
  await server.sql("CREATE STREAM TABLE shop.events (id INT PRIMARY KEY, x TEXT) TTL '1 hour'");
  for (const x of ['one', 'two', 'three']) {
    await server.sql(`INSERT INTO shop.events VALUES (7, '${x}')`);
    const now = Date.now(); // within a millisecond the next would take its place
    await waitUntil('another millisecond', () => Date.now() > now);
  }
  await at.page.getByRole('link', { name: 'events' }).click();
  await at.page.getByRole('gridcell', { name: 'two' }).click();
  await button('Delete').click();
  await dialog(at.page, 'Delete row').getByRole('button', { name: 'Delete' }).click();
  const left = (): Promise<unknown[][]> => server.sql('SELECT x FROM shop.events ORDER BY x');
  await waitUntil('an event to go', async () => (await left()).length < 3);
  expect(await left()).toEqual([['one'], ['three']]);
});

test('line breaks of a text survive its editing; the focus goes back when a dialog closes', async () => {
  await server.sql('CREATE SHARED TABLE shop.texts (id BIGINT PRIMARY KEY, body TEXT)');
  await server.sql("INSERT INTO shop.texts VALUES (1, E'one\\r\\ntwo\\nthree')");
  await at.page.getByRole('link', { name: 'texts' }).click();
  await at.page.getByRole('gridcell', { name: 'one' }).click();
  await button('Edit').click();
  const field = dialog(at.page, 'Edit row').getByLabel('body · TEXT');
  await field.press('Control+Home');
  await at.page.keyboard.type('at ');
  await dialog(at.page, 'Edit row').getByRole('button', { name: 'Update' }).click();
  await at.page.getByText('Updated 1 row(s)').waitFor();
  expect(await server.sql('SELECT body FROM shop.texts')).toEqual([['at one\r\ntwo\nthree']]);
  expect(await at.page.evaluate(() => document.activeElement?.textContent)).toBe('Edit');
  await at.page.getByRole('link', { name: 'items' }).click();
});

test('schema versions with their differences', async () => {
  await server.sql(
    'ALTER TABLE shop.items ADD COLUMN price DECIMAL(10,2), RENAME COLUMN title TO name',
  );
  await at.page.getByRole('tab', { name: 'Schema history' }).click();
  await at.page.getByText('+ price DECIMAL(10,2)').waitFor();
  expect(await at.page.getByText('~ title renamed to name').isVisible()).toBe(true);
  expect(await at.page.getByText('version 1').isVisible()).toBe(true);
});

test('flush shows its job, segments show files and key ranges, options the figures', async () => {
  await button('Flush').click();
  await at.page
    .getByRole('status')
    .getByText(/Flush completed: 450 rows/)
    .waitFor();
  await at.page.getByRole('tab', { name: 'Segments' }).click();
  await at.page.getByRole('cell', { name: '450', exact: true }).waitFor();
  await at.page.getByText('1 … 450').first().waitFor();
  await at.page.getByRole('tab', { name: 'Options' }).click();
  await at.page
    .locator('.tile')
    .filter({ hasText: 'Cold rows' })
    .getByText('450', { exact: true })
    .waitFor();
  await at.page.getByRole('tab', { name: 'Columns' }).click();
  await at.page.getByRole('cell', { name: 'DECIMAL(10,2)' }).waitFor();
});

test("rows of one user of a user table, as the console's user or as him", async () => {
  await server.sql('CREATE USER TABLE shop.notes (id BIGINT PRIMARY KEY, body TEXT)');
  await server.sql("INSERT INTO shop.notes VALUES (1, 'of lena')", { 'X-User-Id': 'lena' });
  await at.page.getByRole('link', { name: 'notes' }).click();
  await at.page.getByRole('tab', { name: 'Rows' }).click();
  await at.page.getByText('root has none in this table').waitFor();
  await at.page.getByLabel('Whose rows').selectOption('lena');
  await at.page.getByRole('gridcell', { name: 'of lena' }).waitFor();
  await button('Delete').click();
  expect(await at.page.getByLabel('SQL', { exact: true }).textContent()).toBe(
    'DELETE FROM "shop"."lena"."notes" WHERE "id" = 1',
  );
  await dialog(at.page, 'Delete row').getByRole('button', { name: 'Cancel' }).click();
  // The rows of omar do not come: those of lena must not stand there as his.
  await server.sql("INSERT INTO shop.notes VALUES (1, 'of omar')", { 'X-User-Id': 'omar' });
  await at.page.getByRole('tab', { name: 'Columns' }).click();
  await at.page.getByRole('tab', { name: 'Rows' }).click();
  await at.page.getByLabel('Whose rows').selectOption('lena');
  await at.page.getByRole('gridcell', { name: 'of lena' }).waitFor();
  await at.page.route('**/v1/api/sql', (route) =>
    /omar.*LIMIT/.test(route.request().postData() ?? '') ? route.abort() : route.continue(),
  );
  await at.page.getByLabel('Whose rows').selectOption('omar');
  await at.page.getByRole('alert').first().waitFor();
  expect(await gridRows(at.page)).toEqual([]);
  expect(await button('Delete').isDisabled()).toBe(true);
  await at.page.unroute('**/v1/api/sql');
  await button('Read again').click();
  await at.page.getByRole('gridcell', { name: 'of omar' }).waitFor();
});

test('a tab that was opened in the background has its lists', async () => {
  const page = await at.page.context().newPage();
  await page.addInitScript(() =>
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' }),
  );
  await page.goto(`${server.ui}tables`);
  await page.getByRole('button', { name: /^system\s*[1-9]/ }).waitFor();
  await page.close();
});

test('dropping a table wants its name', async () => {
  await button('Drop table').click();
  const ask = dialog(at.page, 'Drop table');
  expect(await ask.getByRole('button', { name: 'Drop' }).isDisabled()).toBe(true);
  await ask.getByLabel('Type notes to confirm').fill('notes');
  await ask.getByRole('button', { name: 'Drop' }).click();
  await waitUntil(
    'gone from the tree',
    async () => (await at.page.getByRole('link', { name: 'notes' }).count()) === 0,
  );
});

test('the page has thrown nothing, broken no rule and asked nobody else', async () => {
  expect(at.problems).toEqual([]);
  expect(at.foreign).toEqual([]);
});
