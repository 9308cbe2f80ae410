// session.ts — who uses the console: finds out at start, signs in and out, tells when that ends.
//
//   starting ─► ready            refresh cookie of an earlier visit, or loopback mode
//            ├► setup ─► signIn  root has no password yet
//            ├► signIn ─► ready
//            └► unreachable      tried again by a button
//
// The access token lives inside the client, that is in memory; only the refresh cookie, which no
// script can read, outlives the page.
import { batch, computed, effect, signal } from '@preact/signals';
import { createClient, KalamError } from 'kalamdb';
import type { KalamClient, Session, SetupOptions } from 'kalamdb';
import { endVisit } from './visit';

export type Phase = 'starting' | 'unreachable' | 'setup' | 'signIn' | 'ready';
export interface Me {
  id: string;
  role: string;
}

export const phase = signal<Phase>('starting');
export const me = signal<Me | null>(null);
/** Entered without credentials, as loopback mode allows on this machine. */
export const loopback = signal(false);
/** Why the sign-in form shows, when not because of a first visit. */
export const reason = signal('');
/** The last request found no server; cleared by the next answer. */
export const offline = signal(false);
/** Statements of the SQL studio and of table rows run as this user. */
export const actAs = signal<string | null>(null);
export const effectiveUser = computed(() => actAs.value ?? me.value?.id ?? '');

/** dba and system; everybody else has the API. */
export function mayUse(role: string): boolean {
  return role === 'dba' || role === 'system';
}

function refusal(user: Me): string {
  return `The console is for roles dba and system; ${user.id} has role ${user.role}.`;
}

/** Effective user of the next statements; a browser's WebSocket can carry no such header. */
const actingFetch: typeof fetch = (input, init) => {
  const user = actAs.peek();
  if (user === null || !String(input).endsWith('/api/sql')) return fetch(input, init);
  return fetch(input, {
    ...init,
    headers: { ...(init?.headers as Record<string, string>), 'X-User-Id': user },
  });
};

function connect(as?: typeof fetch, session?: Session): KalamClient {
  return createClient({
    url: location.origin,
    auth:
      session === undefined
        ? 'none'
        : { token: session.accessToken, refreshToken: session.refreshToken },
    timestamp: 'number',
    json: 'text',
    ...(as === undefined ? {} : { fetch: as }),
    timeoutMs: 10 * 60_000,
  });
}

/** The live connection says by itself when it is lost; statements only when there are some. */
function connectAndWatch(): KalamClient {
  const connected = connect();
  connected.on('offline', () => {
    if (phase.peek() === 'ready') offline.value = true;
  });
  connected.on('online', () => {
    offline.value = false;
  });
  return connected;
}

/** As the signed-in user. */
export let client = connectAndWatch();
/** As the user of `actAs`; the same tokens. */
export let actingClient = connect(actingFetch);

function enter(user: Me, session?: Session): void {
  if (session !== undefined) actingClient = connect(actingFetch, session);
  batch(() => {
    me.value = user;
    loopback.value = session === undefined;
    reason.value = '';
    offline.value = false;
    phase.value = 'ready';
  });
}

function toSignIn(why: string): void {
  endVisit();
  client.close().catch(() => undefined);
  actingClient.close().catch(() => undefined);
  client = connectAndWatch();
  actingClient = connect(actingFetch);
  batch(() => {
    me.value = null;
    actAs.value = null;
    offline.value = false;
    reason.value = why;
    phase.value = 'signIn';
  });
}

const NO_ANSWER = new Set(['CONNECTION_FAILED', 'TIMEOUT', 'SHUTTING_DOWN']);

async function whoAmI(): Promise<Me> {
  const { rows } = await client.query<{ id: string; role: string }>(
    'SELECT CURRENT_USER() AS id, CURRENT_ROLE() AS role',
  );
  const row = rows[0];
  if (row === undefined)
    throw new KalamError('INVALID_RESPONSE', 'the server does not say who is signed in');
  return row;
}

async function resumeByCookie(): Promise<Session | null> {
  try {
    return await client.refresh();
  } catch (thrown) {
    if (thrown instanceof KalamError && thrown.code !== 'CONNECTION_FAILED') return null;
    throw thrown;
  }
}

/** Said by this browser's last user, and not yet heard by the server, which alone can take the refresh cookie away. */
const SIGNED_OUT = 'kalamdb.signedOut';

function noteSignedOut(on: boolean): void {
  try {
    if (on) localStorage.setItem(SIGNED_OUT, '1');
    else localStorage.removeItem(SIGNED_OUT);
  } catch {
    // Forbidden: then it is not remembered over a reload.
  }
}

function isSignedOut(): boolean {
  try {
    return localStorage.getItem(SIGNED_OUT) !== null;
  } catch {
    return false;
  }
}

/** Tells the server; false if it could not be reached, and start() has to do it. */
async function logOut(): Promise<boolean> {
  noteSignedOut(true);
  try {
    await client.logout();
  } catch (thrown) {
    if (!(thrown instanceof KalamError) || NO_ANSWER.has(thrown.code)) return false;
  }
  noteSignedOut(false);
  return true;
}

export async function start(): Promise<void> {
  phase.value = 'starting';
  try {
    if (isSignedOut() && !(await logOut())) {
      phase.value = 'unreachable';
      return;
    }
    const known = await resumeByCookie();
    if (known !== null) {
      if (mayUse(known.user.role)) enter(known.user, known);
      else await signOut(refusal(known.user));
      return;
    }
    const user = await whoAmI();
    if (mayUse(user.role)) enter(user);
    else toSignIn('');
  } catch (thrown) {
    const code = thrown instanceof KalamError ? thrown.code : '';
    if (code === 'SETUP_REQUIRED') phase.value = 'setup';
    else if (NO_ANSWER.has(code)) phase.value = 'unreachable';
    else phase.value = 'signIn';
  }
}

export async function signIn(user: string, password: string): Promise<void> {
  const session = await client.login(user, password);
  if (!mayUse(session.user.role)) {
    await logOut();
    throw new KalamError('FORBIDDEN', refusal(session.user));
  }
  noteSignedOut(false);
  enter(session.user, session);
}

export async function signOut(why = ''): Promise<void> {
  const told = await logOut();
  toSignIn(
    told
      ? why
      : 'You are signed out here, but the server did not answer: it hears of it when this page is opened again.',
  );
}

export async function setUp(options: SetupOptions): Promise<void> {
  await client.setup(options);
  reason.value = '';
  phase.value = 'signIn';
}

const ENDS_SESSION = new Set([
  'TOKEN_EXPIRED',
  'INVALID_CREDENTIALS',
  'MISSING_AUTHORIZATION',
  'SETUP_REQUIRED',
]);

/** Every error of a statement passes here before it is shown; `asked` is the client it came by. */
export function noteError(thrown: unknown, asked: KalamClient): void {
  if (asked !== client && asked !== actingClient) return; // of a session that is over
  if (!(thrown instanceof KalamError) || phase.peek() !== 'ready') return;
  offline.value = thrown.code === 'CONNECTION_FAILED';
  if (ENDS_SESSION.has(thrown.code)) toSignIn('Your session has ended. Sign in again.');
}

export function noteAnswer(): void {
  if (offline.peek()) offline.value = false;
}

const RETRY_MS = 2_000;

// Not every view asks again by itself, so this does until there is an answer, whatever it says.
effect(() => {
  if (!offline.value) return undefined;
  const timer = setInterval(() => {
    client.health().then(isBack, (thrown: unknown) => {
      if (!(thrown instanceof KalamError && NO_ANSWER.has(thrown.code))) isBack();
    });
  }, RETRY_MS);
  return () => clearInterval(timer);
});

function isBack(): void {
  noteAnswer();
  dispatchEvent(new Event('online')); // live connections wait for it, or for up to half a minute
}

export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
