// credentials.test.ts — whose token goes along when log-ins, log-outs and renewals overlap.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, type KalamError } from 'kalamdb';
import { fakeHttp } from './support/fake_http.js';
import { until } from './support/wait.js';

test('a renewal that a log-in or a log-out overtakes changes nothing', async () => {
  let reply = (): void => {};
  const asked = (): Promise<void> =>
    new Promise((done) => {
      asking = done;
    });
  let asking = (): void => {};
  const used: (string | undefined)[] = [];
  const account = (id: string): object => ({
    access_token: `access of ${id}`,
    refresh_token: `refresh of ${id}`,
    expires_at: '2026-01-01',
    refresh_expires_at: '2026-01-01',
    user: { id, role: 'user', created_at: '2026-01-01', updated_at: '2026-01-01' },
  });
  const fake = await fakeHttp((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url === '/v1/api/auth/refresh') {
      reply = () => answer(200, account('old'));
      asking();
    } else if (request.url === '/v1/api/auth/login') {
      answer(200, account('new'));
    } else if (request.url === '/v1/api/sql') {
      used.push(request.headers.authorization);
      const error = { code: 'TOKEN_EXPIRED', message: 'expired' };
      if (used.length === 1) answer(401, { status: 'error', results: [], took: 1, error });
      else answer(200, { status: 'success', results: [], took: 1 });
    } else {
      answer(200, {});
    }
  });
  for (const leave of ['login', 'logout'] as const) {
    used.length = 0;
    const client = createClient({
      url: fake.url,
      auth: { token: 'access of old', refreshToken: 'refresh of old' },
    });
    const reached = asked();
    const query = client.batch('SELECT 1').catch((error: KalamError) => error.code);
    await reached;
    if (leave === 'login') await client.login('new', 'password');
    else await client.logout();
    reply();
    assert.equal(await query, 'CLOSED');
    await client.batch('SELECT 1');
    assert.deepEqual(used, [
      'Bearer access of old',
      leave === 'login' ? 'Bearer access of new' : undefined,
    ]);
  }
  fake.close();
});

test('the log-in or log-out asked for last counts, whichever answer comes last', async (t) => {
  const replies = new Map<string, () => void>();
  const used: (string | undefined)[] = [];
  const fake = await fakeHttp((request, response) => {
    const answer = (body: object): void => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url === '/v1/api/auth/login') {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        const { user: id } = JSON.parse(text) as { user: string };
        const day = '2026-01-01';
        const account = { id, role: 'user', created_at: day, updated_at: day };
        replies.set(id, () =>
          answer({
            access_token: `access of ${id}`,
            refresh_token: `refresh of ${id}`,
            expires_at: day,
            refresh_expires_at: day,
            user: account,
          }),
        );
      });
    } else {
      if (request.url === '/v1/api/sql') used.push(request.headers.authorization);
      answer({ status: 'success', results: [], took: 1 });
    }
  });
  t.after(() => fake.close());
  const client = createClient({ url: fake.url });
  const login = (id: string): Promise<string> =>
    client.login(id, 'password').then(
      (session) => session.user.id,
      (error: KalamError) => error.code,
    );
  const [ann, bob] = [login('ann'), login('bob')];
  await until(() => replies.size === 2, 'both log-ins');
  replies.get('ann')?.();
  assert.equal(await ann, 'CLOSED');
  replies.get('bob')?.();
  assert.equal(await bob, 'bob');
  const cleo = login('cleo');
  await until(() => replies.size === 3, 'another log-in');
  await client.logout();
  replies.get('cleo')?.();
  assert.equal(await cleo, 'CLOSED');
  await client.batch('SELECT 1');
  assert.deepEqual(used, [undefined]);
});

test('a refused password is not tried again, a locked name is', async (t) => {
  let logins = 0;
  const fake = await fakeHttp((request, response) => {
    const error = logins++ === 0 ? 'account_locked' : 'unauthorized';
    assert.equal(request.url, '/v1/api/auth/login');
    response.writeHead(401, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ error, message: 'no' }));
  });
  t.after(() => fake.close());
  const client = createClient({ url: fake.url, auth: { user: 'lena', password: 'old' } });
  const codes: string[] = [];
  for (let i = 0; i < 5; i++) {
    codes.push(
      await client.batch('SELECT 1').then(
        () => '',
        (thrown: KalamError) => thrown.code,
      ),
    );
  }
  assert.deepEqual(codes, ['ACCOUNT_LOCKED', ...Array<string>(4).fill('UNAUTHORIZED')]);
  assert.equal(logins, 2);
});
