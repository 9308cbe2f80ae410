// From the first start to a session that ends: setup, sign-in, roles, expiry, a server that is gone.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { open, runSql, Server, shut, type, waitUntil } from './support';
import type { Watched } from './support';

const server = new Server({ dev: false });
const ROOT_PASSWORD = 'a long root secret 7',
  PASSWORD = 'another secret 8';
let at: Watched;

beforeAll(async () => {
  await server.start();
});
afterAll(async () => {
  await shut();
  await server.close();
});

async function signIn(user: string, password: string): Promise<void> {
  await at.page.getByLabel('User', { exact: true }).fill(user);
  await at.page.getByLabel('Password', { exact: true }).fill(password);
  await at.page.getByRole('button', { name: 'Sign in' }).click();
}

async function tokenOf(user: string, password: string): Promise<Record<string, string>> {
  const answer = await fetch(`${server.origin}/v1/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user, password }),
  });
  const body = (await answer.json()) as { access_token: string };
  return { Authorization: `Bearer ${body.access_token}` };
}

test('setup asks for two passwords, then sign-in opens the console', async () => {
  at = await open(server);
  await at.page.getByRole('heading', { name: 'First start' }).waitFor();
  await at.page.getByLabel('Root password', { exact: true }).fill(ROOT_PASSWORD);
  await at.page.getByLabel('Root password again').fill('something else');
  expect(await at.page.getByText('The two passwords differ').isVisible()).toBe(true);
  await at.page.getByLabel('Root password again').fill(ROOT_PASSWORD);
  await at.page.getByLabel('Your user name').fill('ada');
  await at.page.getByLabel('Your password').fill('short');
  await at.page.getByRole('button', { name: 'Set up' }).click();
  await at.page.getByRole('alert').waitFor(); // the server refuses a weak password
  await at.page.getByLabel('Your password').fill(PASSWORD);
  await at.page.getByRole('button', { name: 'Set up' }).click();
  await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await signIn('ada', 'wrong password');
  await at.page.getByRole('alert').waitFor();
  await signIn('ada', PASSWORD);
  await at.page.getByRole('heading', { name: 'Overview' }).waitFor();
  expect(await at.page.getByText('Loopback mode').count()).toBe(0);
});

test('the session outlives the page by the cookie, the token does not', async () => {
  await at.page.goto(`${server.ui}sql`);
  await at.page.getByRole('heading', { name: 'SQL' }).waitFor();
  const kept = await at.page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
  );
  expect(kept).not.toContain('eyJ');
  await runSql(at.page, 'SELECT CURRENT_USER() AS me, CURRENT_ROLE() AS role');
  await at.page.getByRole('gridcell', { name: 'ada' }).waitFor();
});

test('a token that has expired is renewed without anybody noticing', async () => {
  let refused = 0,
    renewed = 0;
  at.page.on('request', (request) => {
    if (request.url().endsWith('/auth/refresh')) renewed++;
  });
  await at.page.route('**/v1/api/sql', async (route) => {
    if (refused++ > 0) return route.continue();
    return route.fulfill({
      status: 401,
      json: {
        status: 'error',
        results: [],
        took: 0,
        error: { code: 'TOKEN_EXPIRED', message: 'the token has expired' },
      },
    });
  });
  await runSql(at.page, 'SELECT 40 + 2 AS answer');
  await at.page.getByRole('gridcell', { name: '42' }).waitFor();
  expect(renewed).toBe(1);
  await at.page.unroute('**/v1/api/sql');
});

test('a session that the server ended leads back to sign-in, and says why', async () => {
  let late: (() => void) | undefined;
  await at.page.route('**/v1/api/sql', async (route) => {
    if (late || !route.request().postData()?.includes('information_schema'))
      return route.continue();
    await new Promise<void>((go) => (late = go));
    const error = { code: 'INVALID_CREDENTIALS', message: 'of before' };
    return route.fulfill({ status: 401, json: { status: 'error', results: [], took: 0, error } });
  });
  await at.page.reload();
  await runSql(at.page, "SELECT 'of before' AS x");
  await waitUntil('the request that is late', () => late);
  // Tokens tell seconds: one of the second in which the password changes still counts.
  const second = Math.floor(Date.now() / 1000);
  await waitUntil('the next second', () => Math.floor(Date.now() / 1000) > second);
  await server.sql(
    `ALTER USER ada SET PASSWORD '${PASSWORD}x'`,
    await tokenOf('root', ROOT_PASSWORD),
  );
  await at.page.keyboard.press('Control+Enter');
  await at.page.getByText('Your session has ended').waitFor();
  await signIn('ada', `${PASSWORD}x`);
  await at.page.getByRole('heading', { name: 'SQL' }).waitFor();
  // What was on screen is not for whoever comes next, and late answers of before do not count.
  await at.page.getByText('Nothing has run yet').waitFor();
  late?.();
  await at.page.waitForTimeout(500);
  expect(await at.page.getByRole('heading', { name: 'SQL' }).isVisible()).toBe(true);
  await at.page.unroute('**/v1/api/sql');
});

test('a server that is gone is told and waited for', async () => {
  await server.stop();
  await type(at.page, 'SELECT 1');
  await at.page.getByRole('button', { name: 'Explain' }).click();
  await at.page.getByText('The server does not answer').first().waitFor();
  await at.page.getByText('CONNECTION_FAILED').waitFor();
  await server.start();
  await waitUntil(
    'no banner',
    async () => (await at.page.locator('.banner.offline').count()) === 0,
  );
  await runSql(at.page, 'SELECT 2 AS two');
  await at.page.getByRole('gridcell', { name: '2', exact: true }).waitFor();
});

test('sign-out forgets the session, though the server hears of it later', async () => {
  await server.stop();
  await at.page.getByRole('button', { name: 'Sign out' }).click();
  await at.page.getByText('You are signed out here, but the server did not answer').waitFor();
  await server.start();
  for (let i = 0; i < 2; i++) {
    await at.page.reload();
    await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }
  await signIn('ada', `${PASSWORD}x`);
  await at.page.getByRole('button', { name: 'Sign out' }).click();
  await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await at.page.reload();
  await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('role user gets nothing but sign-in', async () => {
  const admin = await tokenOf('root', ROOT_PASSWORD);
  await server.sql("CREATE USER 'lena' WITH PASSWORD 'lena has a secret' ROLE user", admin);
  await signIn('lena', 'lena has a secret');
  await at.page.getByRole('alert').filter({ hasText: 'roles dba and system' }).waitFor();
  await at.page.goto(`${server.ui}users`);
  await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await at.page.getByRole('navigation').count()).toBe(0);
});

test('the page has thrown nothing, broken no rule and asked nobody else', async () => {
  expect(at.problems).toEqual([]);
  expect(at.foreign).toEqual([]);
  await at.close();
});

test('a server that does not answer at all shows so', async () => {
  at = await open(server);
  await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await at.page.route('**/v1/**', (route) => route.abort());
  await at.page.evaluate(() => history.replaceState(null, '', '/ui/'));
  await at.page.reload();
  await at.page.getByRole('heading', { name: 'The server does not answer' }).waitFor();
  await at.page.unroute('**/v1/**');
  await at.page.getByRole('button', { name: 'Try again' }).click();
  await at.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await at.close();
});
