// account.ts — the account routes: login, refresh, logout, setup, and health. Holds no state.
// SPDX-License-Identifier: Apache-2.0
import { KalamError } from './error.js';
import type { Http, HttpAnswer, HttpRequest } from './http.js';
import type { Account, Health, Json, Session, SetupOptions } from './types.js';
import { type Fields, isFields, number, text } from './wire.js';

/**
 * These routes answer `{"error":"…","message":"…"}`; their codes become upper case as all others.
 */
function failure(answer: HttpAnswer): KalamError {
  const raw = isFields(answer.json) ? answer.json : {};
  const error = raw['error'];
  if (isFields(error)) {
    return new KalamError(
      text(error['code'], 'error code'),
      text(error['message'], 'error message'),
      { httpStatus: answer.status },
    );
  }
  const code =
    typeof error === 'string' && /^\w+$/.test(error)
      ? error.toUpperCase()
      : answer.status === 403 // health, to others than the server's own machine
        ? 'REMOTE_ACCESS_DENIED'
        : 'INVALID_RESPONSE';
  const message = raw['message'] ?? error;
  return new KalamError(code, typeof message === 'string' ? message : `HTTP ${answer.status}`, {
    httpStatus: answer.status,
  });
}

async function call(http: Http, request: HttpRequest): Promise<Fields> {
  const answer = await http.exchange(request);
  if (answer.status !== 200 || !isFields(answer.json)) throw failure(answer);
  return answer.json;
}

function post(http: Http, name: string, body?: Json, bearer?: string): Promise<Fields> {
  const request: HttpRequest = { method: 'POST', path: `/v1/api/auth/${name}`, cookies: true };
  if (body !== undefined) request.body = body;
  if (bearer !== undefined) request.headers = { Authorization: `Bearer ${bearer}` };
  return call(http, request);
}

function readAccount(json: Json | undefined): Account {
  const raw = isFields(json) ? json : {};
  return {
    id: text(raw['id'], 'user id'),
    role: text(raw['role'], 'role'),
    email: typeof raw['email'] === 'string' ? raw['email'] : null,
    createdAt: new Date(text(raw['created_at'], 'created_at')),
    updatedAt: new Date(text(raw['updated_at'], 'updated_at')),
  };
}

function readSession(raw: Fields): Session {
  return {
    user: readAccount(raw['user']),
    adminUiAccess: raw['admin_ui_access'] === true,
    accessToken: text(raw['access_token'], 'access_token'),
    refreshToken: text(raw['refresh_token'], 'refresh_token'),
    expiresAt: new Date(text(raw['expires_at'], 'expires_at')),
    refreshExpiresAt: new Date(text(raw['refresh_expires_at'], 'refresh_expires_at')),
  };
}

export async function login(http: Http, user: string, password: string): Promise<Session> {
  return readSession(await post(http, 'login', { user, password }));
}

/** Without a token the cookie of an earlier log-in counts (browsers, same origin). */
export async function refresh(http: Http, refreshToken: string | undefined): Promise<Session> {
  return readSession(await post(http, 'refresh', undefined, refreshToken));
}

export async function logout(http: Http, accessToken: string | undefined): Promise<void> {
  await post(http, 'logout', undefined, accessToken);
}

export async function setup(http: Http, options: SetupOptions): Promise<Account> {
  const answer = await post(http, 'setup', {
    user: options.user,
    password: options.password,
    root_password: options.rootPassword,
    ...(options.email === undefined ? {} : { email: options.email }),
  });
  return readAccount(answer['user']);
}

export async function needsSetup(http: Http): Promise<boolean> {
  const answer = await call(http, { method: 'GET', path: '/v1/api/auth/status', cookies: true });
  return answer['needs_setup'] === true;
}

function metricsOf(json: Json | undefined): Record<string, number> {
  const numbers = Object.entries(isFields(json) ? json : {}).filter(
    ([, value]) => typeof value === 'number',
  );
  return Object.fromEntries(numbers) as Record<string, number>;
}

/** A server that is starting or stopping answers 503: its status is handed out, not thrown. */
export async function health(http: Http): Promise<Health> {
  const answer = await http.exchange({ method: 'GET', path: '/v1/health' });
  const raw = answer.json;
  if (!isFields(raw) || typeof raw['status'] !== 'string') throw failure(answer);
  return {
    status: raw['status'],
    version: text(raw['version'], 'version'),
    apiVersion: text(raw['api_version'], 'api_version'),
    buildDate: text(raw['build_date'], 'build_date'),
    uptimeSeconds: number(raw['uptime_seconds'], 'uptime_seconds'),
    timestamp: text(raw['timestamp'], 'timestamp'),
    metrics: metricsOf(raw['metrics']),
  };
}
