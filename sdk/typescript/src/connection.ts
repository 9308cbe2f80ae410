// connection.ts — the one WebSocket of a client: opens, authenticates, pings, and comes back when
// lost.
//
//            start                socket open, auth_success
//   idle ───────────► connecting ──────────────────────────► online
//    ▲                 ▲      │ failed, lost                   │ lost
//    │ stop            │      ▼                                │
//    └──────────── waiting ◄───────────────────────────────────┘
//                  1, 2, 4 … 30 s, jittered
//
// A refused token is renewed once and tried at once; refused again, or not renewable, ends in idle
// with refused(). What is subscribed is no matter of this file.
// SPDX-License-Identifier: Apache-2.0
import type { Credentials } from './credentials.js';
import { KalamError, toKalamError } from './error.js';
import { Pacer } from './pacer.js';
import { openSocket, type Socket, SOCKET_OPEN } from './socket.js';
import type { Json, WebSocketConstructor } from './types.js';
import { parseJson, readMessage, type ServerMessage } from './wire.js';

export interface ConnectionOwner {
  online(user: string, role: string): void;
  /** Lost, or an attempt failed; another one follows. */
  offline(error: KalamError): void;
  /** For good: no further attempt until start(). */
  refused(error: KalamError): void;
  message(message: ServerMessage): void;
}

export interface ConnectionOptions {
  base: string;
  WebSocket: WebSocketConstructor | undefined;
  credentials: Credentials;
}

type State = 'idle' | 'connecting' | 'online' | 'waiting';

const PING_MS = 5_000;
const CONNECT_LIMIT_MS = 10_000;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;
/** Lost sooner than this, a connection has been another failure. */
const SETTLED_MS = 5_000;
/** Pings have no answer, so after this much silence something is asked that has one … */
const SILENCE_MS = 15_000;
/** … and without it for this long the connection is dead, though nobody has told. */
const PROBE_LIMIT_MS = 10_000;
const PROBE_ID = 'life-sign';
const CLOSE_POLICY = 1008;
const CLOSE_TOO_BIG = 1009;
const CLOSE_TOKEN_EXPIRED = 4401;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  readonly #pacer: Pacer;
  #state: State = 'idle';
  #socket: Socket | undefined;
  #token: string | undefined;
  /** The connect() or renew() under way; another one when the state was left meanwhile. */
  #attempt: object | undefined;
  /** Failed attempts in a row: the exponent of the backoff. */
  #failures = 0;
  #onlineAt = 0;
  /** A token was renewed and has not proved itself yet. */
  #renewed = false;
  #reason: KalamError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #probedAt: number | undefined;

  constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#pacer = new Pacer((text) => {
      if (this.#socket?.readyState === SOCKET_OPEN) this.#socket.send(text);
    });
  }

  get isOnline(): boolean {
    return this.#state === 'online';
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#failures = 0;
    this.#renewed = false;
    void this.#connect();
  }

  stop(): void {
    this.#leave('idle');
  }

  /** Does not wait for the next attempt: the network is back. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    this.#failures = 0;
    void this.#connect();
  }

  /** Gives the connection up and opens another. */
  restart(error: KalamError): void {
    if (this.#state === 'online') this.#lost(error);
  }

  send(message: Json): void {
    if (this.#state === 'online') this.#pacer.send(JSON.stringify(message));
  }

  async #connect(): Promise<void> {
    this.#leave('connecting');
    this.#reason = undefined;
    const attempt = (this.#attempt = {});
    try {
      this.#token = await this.#options.credentials.token();
      if (this.#attempt !== attempt) return;
      this.#open();
    } catch (thrown) {
      if (this.#attempt !== attempt) return;
      this.#failed(toKalamError(thrown, 'CONNECTION_FAILED'));
    }
  }

  #open(): void {
    const { base, WebSocket, credentials } = this.#options;
    const socket = openSocket(base, WebSocket, this.#token, credentials.apiKey);
    this.#socket = socket;
    this.#timer = setTimeout(() => {
      this.#lost(new KalamError('TIMEOUT', `no WebSocket within ${CONNECT_LIMIT_MS} ms`));
    }, CONNECT_LIMIT_MS);
    socket.onmessage = (event) => this.#received(event.data);
    socket.onerror = (event) => {
      this.#reason ??= new KalamError('CONNECTION_FAILED', event.message ?? 'the WebSocket failed');
    };
    socket.onclose = (event) => this.#closed(event.code, event.reason);
  }

  #received(data: unknown): void {
    this.#heardAt = Date.now();
    this.#probedAt = undefined;
    let message: ServerMessage | undefined;
    try {
      if (typeof data !== 'string')
        throw new KalamError('INVALID_RESPONSE', 'a binary message, though JSON was agreed on');
      message = readMessage(parseJson(data));
    } catch (thrown) {
      this.#lost(toKalamError(thrown, 'INVALID_RESPONSE'));
      return;
    }
    if (message !== undefined) this.#dispatch(message);
  }

  #dispatch(message: ServerMessage): void {
    if (message.type === 'auth_success') {
      if (this.#state === 'connecting') this.#authenticated(message.user, message.role);
    } else if (message.type === 'auth_error') {
      void this.#renew(new KalamError('INVALID_CREDENTIALS', message.message));
    } else if (message.type === 'error' && message.id === 'protocol') {
      this.#reason = new KalamError(message.code, message.message);
      if (message.code === 'TOKEN_EXPIRED') void this.#renew(this.#reason);
    } else if (message.type === 'error' && message.code === 'RATE_LIMIT_EXCEEDED') {
      // One was dropped, nobody knows which.
      this.#pacer.slow();
      this.#lost(new KalamError(message.code, message.message));
    } else if (message.type !== 'error' || message.id !== PROBE_ID) {
      this.#owner.message(message);
    }
  }

  #authenticated(user: string, role: string): void {
    clearTimeout(this.#timer);
    this.#state = 'online';
    this.#onlineAt = Date.now();
    this.#renewed = false;
    this.#pingTimer = setInterval(() => this.#ping(), PING_MS);
    this.#owner.online(user, role);
  }

  #ping(): void {
    const now = Date.now();
    if (this.#probedAt !== undefined && now - this.#probedAt >= PROBE_LIMIT_MS) {
      this.#lost(new KalamError('TIMEOUT', 'the server does not answer any more'));
    } else if (this.#probedAt === undefined && now - this.#heardAt >= SILENCE_MS) {
      this.#probedAt = now;
      // Unknown to the server, which says so.
      this.send({ type: 'unsubscribe', subscription_id: PROBE_ID });
    } else {
      this.send({ type: 'ping' });
    }
  }

  #closed(code: number, reason: string): void {
    const error =
      this.#reason ??
      new KalamError(
        'CONNECTION_FAILED',
        `the connection was closed: ${code}${reason === '' ? '' : ` ${reason}`}`,
      );
    if (code === CLOSE_POLICY || code === CLOSE_TOKEN_EXPIRED) {
      void this.#renew(
        code === CLOSE_POLICY ? new KalamError('INVALID_CREDENTIALS', error.message) : error,
      );
    } else if (code === CLOSE_TOO_BIG) {
      this.#refuse(new KalamError('MESSAGE_TOO_LARGE', error.message)); // it would be so again
    } else {
      this.#lost(error);
    }
  }

  /** The server does not accept the token: another one, at once, or the end. */
  async #renew(error: KalamError): Promise<void> {
    const stale = this.#token;
    const wasOnline = this.#state === 'online';
    const again = !this.#renewed;
    this.#leave('connecting');
    const attempt = (this.#attempt = {});
    if (wasOnline) this.#owner.offline(error);
    try {
      const renewed = again && (await this.#options.credentials.renew(stale));
      if (this.#attempt !== attempt) return;
      if (!renewed) {
        this.#refuse(error);
        return;
      }
      this.#renewed = true;
      void this.#connect();
    } catch (thrown) {
      if (this.#attempt === attempt) this.#failed(toKalamError(thrown, 'CONNECTION_FAILED'));
    }
  }

  /** The attempt failed before there was a socket. */
  #failed(error: KalamError): void {
    const passing =
      error.code === 'CONNECTION_FAILED' ||
      error.code === 'TIMEOUT' ||
      (error.httpStatus ?? 0) >= 429;
    if (passing) this.#lost(error);
    else this.#refuse(error);
  }

  #refuse(error: KalamError): void {
    this.#leave('idle');
    this.#owner.refused(error);
  }

  #lost(error: KalamError): void {
    if (this.#state === 'online' && Date.now() - this.#onlineAt >= SETTLED_MS) this.#failures = 0;
    this.#leave('waiting');
    const base = Math.min(BACKOFF_FIRST_MS * 2 ** this.#failures, BACKOFF_MAX_MS);
    this.#failures++;
    // 75 % to 125 % of it: not all clients of a restarted server shall come in one moment.
    this.#timer = setTimeout(() => void this.#connect(), base * (0.75 + Math.random() / 2));
    this.#owner.offline(error);
  }

  /** Drops socket and timers of the state left behind. */
  #leave(next: State): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#attempt = undefined;
    this.#state = next;
    this.#probedAt = undefined;
    clearTimeout(this.#timer);
    clearInterval(this.#pingTimer);
    this.#pacer.clear();
    if (socket === undefined) return;
    socket.onmessage = socket.onclose = null;
    socket.onerror = () => undefined; // npm ws throws what nobody listens to
    socket.close();
  }
}
