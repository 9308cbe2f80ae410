// The views of operators: overview, live queries, jobs, users, storages, backups, logs, settings.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialog, open, runSql, Server, shut, waitUntil } from './support';
import type { Watched } from './support';

const server = new Server();
let at: Watched;

beforeAll(async () => {
  await server.start();
  await server.sql(
    'CREATE NAMESPACE shop; CREATE SHARED TABLE shop.items (id BIGINT PRIMARY KEY, title TEXT)',
  );
  await server.sql(
    "INSERT INTO shop.items SELECT i, 'row ' || i FROM generate_series(1, 300) AS s(i)",
  );
  at = await open(server);
});
afterAll(async () => {
  await shut();
  await server.close();
});

const view = async (name: string): Promise<void> => {
  await at.page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await at.page.getByRole('heading', { name, level: 1 }).waitFor();
};
const button = (name: string) => at.page.getByRole('button', { name, exact: true });

test('overview: health, rates that move, rows of both tiers, failed jobs', async () => {
  await at.page.getByText('Loopback mode').waitFor();
  await at.page.getByText('healthy').waitFor();
  const requests = at.page.locator('.tile').filter({ hasText: 'Requests' }).locator('.value');
  await waitUntil(
    'requests per second',
    async () => !(await requests.textContent())?.startsWith('0'),
    15_000,
  );
  await at.page
    .locator('.tile')
    .filter({ hasText: 'Hot rows' })
    .getByText('300', { exact: true })
    .waitFor();
  await at.page.getByText('No job has failed').waitFor();
});

test('backups: start, watch, look into, restore under another name with the name typed', async () => {
  const path = join(server.data, 'backup');
  await view('Backups');
  await button('New backup').click();
  await dialog(at.page, 'New backup').getByLabel('Namespace').selectOption('shop');
  await dialog(at.page, 'New backup').getByLabel('To').fill(path);
  await dialog(at.page, 'New backup').getByRole('button', { name: 'Start' }).click();
  await at.page.getByRole('cell', { name: 'completed' }).waitFor();
  await at.page.getByRole('cell').getByRole('button', { name: 'Restore…' }).click();
  const form = dialog(at.page, 'Restore a backup');
  await form.getByRole('cell', { name: 'items' }).waitFor();
  await form.getByLabel('As namespace').fill('shop2');
  await form.getByRole('button', { name: 'Restore…' }).click();
  await dialog(at.page, 'Restore').getByLabel('Type shop2 to confirm').fill('shop2');
  await dialog(at.page, 'Restore').getByRole('button', { name: 'Restore' }).click();
  await waitUntil(
    'both done',
    async () => (await at.page.getByRole('cell', { name: 'completed' }).count()) === 2,
  );
  expect(await server.sql('SELECT COUNT(*) FROM shop2.items')).toEqual([['300']]);
});

test('jobs come by themselves, one opens, filters narrow', async () => {
  await view('Jobs');
  await server.sql('STORAGE FLUSH TABLE shop.items');
  await at.page.getByRole('button', { name: 'flush' }).click();
  const detail = at.page.getByLabel(/^Job flush-items/);
  await detail.getByText(/^300 rows.*location/).waitFor();
  await detail.getByText('Trace').waitFor();
  await at.page.getByLabel('Status').selectOption('failed');
  await at.page.getByText('No jobs').waitFor();
});

test('a failed job is told in the overview', async () => {
  await server.post("BACKUP DATABASE shop TO '/proc/none/backup' ASYNC");
  await view('Overview');
  await at.page.getByLabel('Failed jobs').getByRole('link', { name: 'backup' }).waitFor();
});

test('live queries are listed with user and query, one is ended', async () => {
  const other = await open(server, 'sql');
  await other.page.locator('.cm-content').click();
  await other.page.keyboard.insertText('SELECT * FROM shop.items WHERE id < 5');
  await other.page.getByRole('button', { name: 'Live', exact: true }).click();
  await other.page.getByTestId('live-bar').getByText('4 rows').waitFor();
  await view('Live queries');
  const row = at.page.getByRole('row').filter({ hasText: 'WHERE id < 5' });
  await row.getByRole('button', { name: 'End' }).click();
  await dialog(at.page, 'End live query').getByRole('button', { name: 'End it' }).click();
  await other.page.getByText('LIVE_QUERY_KILLED').waitFor();
  await waitUntil('gone', async () => (await row.count()) === 0);
  await other.close();
});

test('users: create, role, password, API key shown once, act as, delete and restore', async () => {
  await view('Users');
  await button('New user').click();
  const form = dialog(at.page, 'New user');
  await form.getByLabel('User id').fill('lena');
  await form.getByLabel('Password').fill('lena has a secret');
  expect(await form.getByLabel('SQL', { exact: true }).textContent()).toBe(
    "CREATE USER 'lena' WITH PASSWORD '••••••••' ROLE user",
  );
  await form.getByRole('button', { name: 'Create user' }).click();
  const row = at.page.getByRole('row').filter({ hasText: 'lena' });
  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog(at.page, 'lena').getByLabel('Role').selectOption('service');
  await dialog(at.page, 'Role of lena').getByRole('button', { name: 'Change role' }).click();
  await row.getByText('service').waitFor();
  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog(at.page, 'lena').getByRole('button', { name: 'Generate API key…' }).click();
  await dialog(at.page, 'Generate API key').getByRole('button', { name: 'Generate' }).click();
  const key = (await at.page.getByTestId('api-key').textContent()) ?? '';
  expect(await server.sql('SELECT CURRENT_USER()', { 'X-API-Key': key })).toEqual([['lena']]);
  // As by plain http from another machine.
  await at.page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await button('Copy').click();
  await at.page.getByText('Copied').waitFor();
  await button('I have kept it').click();
  await row.getByText('API key').waitFor();
  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog(at.page, 'lena').getByRole('button', { name: 'Password…' }).click();
  const password = dialog(at.page, 'Password of lena').getByLabel('New password');
  await password.press('ControlOrMeta+v');
  expect(await password.inputValue()).toBe(key);
  await password.fill('another secret 99');
  await dialog(at.page, 'Password of lena').getByRole('button', { name: 'Change' }).click();
  await row.getByRole('button', { name: 'Act as' }).click();
  await runSql(at.page, 'SELECT CURRENT_USER() AS me');
  await at.page.getByRole('gridcell', { name: 'lena' }).waitFor();
  expect(await button('Live').isDisabled()).toBe(true);
  await button('Stop').click();
  await view('Users');
  await row.getByRole('button', { name: 'Edit' }).click();
  await dialog(at.page, 'lena').getByRole('button', { name: 'Delete…' }).click();
  await dialog(at.page, 'Delete user').getByRole('button', { name: 'Delete' }).click();
  await waitUntil('gone', async () => (await row.count()) === 0);
  await at.page.getByText('deleted ones too').click();
  await row.getByRole('button', { name: 'Restore' }).click();
  await dialog(at.page, 'Restore user').getByRole('button', { name: 'Restore' }).click();
  await row.getByRole('button', { name: 'Edit' }).waitFor();
});

test('storages: create with a check, drop', async () => {
  await view('Storages');
  await button('New storage').click();
  await dialog(at.page, 'New storage').getByLabel('Id').fill('archive');
  await dialog(at.page, 'New storage')
    .getByLabel('Folder on the server')
    .fill(join(server.data, 'archive'));
  await dialog(at.page, 'New storage').getByRole('button', { name: 'Create and check' }).click();
  const check = dialog(at.page, 'Check of archive');
  await waitUntil('four operations', async () => (await check.getByText('healthy').count()) === 4);
  await check.getByRole('button', { name: 'Close' }).last().click();
  await button('Drop archive').click();
  await dialog(at.page, 'Drop storage').getByRole('button', { name: 'Drop' }).click();
  await waitUntil(
    'gone',
    async () => (await at.page.getByRole('row').filter({ hasText: 'archive' }).count()) === 0,
  );
});

test('logs follow, settings are found and hold no secret', async () => {
  await view('Logs');
  await at.page.getByText(/serving on 127.0.0.1/).waitFor();
  await server.post('SELECT no_such_column FROM shop.items');
  await at.page
    .getByText(/COLUMN_NOT_FOUND/)
    .last()
    .waitFor();
  await view('Settings');
  await at.page.getByLabel('Find a setting').fill('jwt_secret');
  await at.page.getByRole('cell', { name: 'auth.jwt_secret' }).waitFor();
  expect(
    await at.page.getByRole('row').filter({ hasText: 'auth.jwt_secret' }).textContent(),
  ).not.toMatch(/[0-9a-f]{32}/);
});

test('the page has thrown nothing, broken no rule and asked nobody else', async () => {
  expect(at.problems).toEqual([]);
  expect(at.foreign).toEqual([]);
});
