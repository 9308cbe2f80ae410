// credentials.ts — who calls: holds the current token, logs in on first use, renews what has
// expired.
//
// Requests and the live connection share one Credentials. When a token has expired many of them
// notice at once: renew() is told which token failed, and does its work once for all of them.
// SPDX-License-Identifier: Apache-2.0
import * as account from './account.js';
import { KalamError } from './error.js';
import type { Http } from './http.js';
import type { Auth, Session, TokenProvider } from './types.js';

function checkAuth(auth: Auth): void {
  if (auth === 'none') return;
  const kinds = ['token', 'user', 'apiKey'].filter((kind) => kind in auth);
  if (kinds.length !== 1) {
    throw new KalamError(
      'INVALID_OPTIONS',
      "auth must be {token}, {user, password}, {apiKey} or 'none'",
    );
  }
}

/** What goes along with a request, and what renew() must know when it is refused. */
export interface Sent {
  headers: Record<string, string>;
  token: string | undefined;
  generation: number;
}

export class Credentials {
  readonly #http: Http;
  #auth: Auth;
  /** The access token in use; undefined until asked for, and without log-in. */
  #token: string | undefined;
  #refreshToken: string | undefined;
  #pending: Promise<boolean> | undefined;
  /** What log-in said to the password of `auth`: asking again would only lock the name. */
  #refusal: KalamError | undefined;
  /**
   * Counts log-ins and log-outs: what was asked for before one of them must neither bring the
   * former user back nor be sent as the new one.
   */
  #generation = 0;
  /** Counts what was asked for: the last log-in or log-out counts, whichever answer comes last. */
  #asked = 0;

  constructor(http: Http, auth: Auth | undefined) {
    this.#http = http;
    this.#auth = auth ?? 'none';
    checkAuth(this.#auth);
    if (this.#auth !== 'none' && 'token' in this.#auth) {
      if (typeof this.#auth.token === 'string') this.#token = this.#auth.token;
      this.#refreshToken = this.#auth.refreshToken;
    }
  }

  get apiKey(): string | undefined {
    return this.#auth !== 'none' && 'apiKey' in this.#auth ? this.#auth.apiKey : undefined;
  }

  /** The token to send; logs in or asks the provider if there is none yet. */
  async token(): Promise<string | undefined> {
    if (this.#token === undefined && this.#canObtain()) await this.#once(() => this.#obtain());
    return this.#token;
  }

  async headers(): Promise<Sent> {
    const { apiKey } = this;
    const generation = this.#generation;
    if (apiKey !== undefined) {
      return { headers: { 'X-API-Key': apiKey }, token: undefined, generation };
    }
    const token = await this.#current(this.token());
    const headers = token === undefined ? undefined : { Authorization: `Bearer ${token}` };
    return { headers: headers ?? {}, token, generation };
  }

  /**
   * Replaces `stale`. False if there is no other token to be had for the user of `generation`;
   * throws if the server cannot be reached.
   */
  async renew(stale: string | undefined, generation = this.#generation): Promise<boolean> {
    if (generation !== this.#generation) return false;
    // Somebody else has done it.
    if (this.#token !== stale && this.#token !== undefined) return true;
    return this.#once(async () => {
      if (this.#refreshToken !== undefined && (await this.#tryRefresh(this.#refreshToken)))
        return true;
      return this.#canObtain() && (await this.#obtain()) && this.#token !== stale;
    });
  }

  /** For adopt(); CLOSED if another log-in or a log-out was asked for meanwhile. */
  async login(user: string, password: string): Promise<Session> {
    const asked = ++this.#asked;
    const session = await account.login(this.#http, user, password);
    if (asked !== this.#asked) throw overtaken();
    return session;
  }

  /** From now on this session counts, whatever `auth` was. */
  adopt(session: Session): void {
    this.#leave();
    this.#take(session);
  }

  /** The same user with fresh tokens; `auth` stays, for when they cannot be renewed. */
  async refresh(): Promise<Session> {
    const session = await this.#current(account.refresh(this.#http, this.#refreshToken));
    this.#take(session);
    return session;
  }

  forget(): void {
    this.#asked++;
    this.#leave();
  }

  #leave(): void {
    this.#generation++;
    this.#pending = undefined;
    this.#auth = 'none';
    this.#token = undefined;
    this.#refreshToken = undefined;
  }

  get accessToken(): string | undefined {
    return this.#token;
  }

  #canObtain(): boolean {
    if (this.#auth === 'none') return false;
    return (
      'user' in this.#auth || ('token' in this.#auth && typeof this.#auth.token === 'function')
    );
  }

  async #obtain(): Promise<boolean> {
    const auth = this.#auth;
    if (auth === 'none') return false;
    if ('user' in auth) {
      this.#take(await this.#current(this.#loginAgain(auth.user, auth.password)));
    } else if ('token' in auth && typeof auth.token === 'function') {
      this.#token = await this.#current(askProvider(auth.token));
    }
    return true;
  }

  async #loginAgain(user: string, password: string): Promise<Session> {
    if (this.#refusal !== undefined) throw this.#refusal;
    try {
      return await account.login(this.#http, user, password);
    } catch (thrown) {
      if (thrown instanceof KalamError && thrown.code === 'UNAUTHORIZED') this.#refusal = thrown;
      throw thrown;
    }
  }

  /** False if the refresh token is refused: then only a new log-in helps. */
  async #tryRefresh(refreshToken: string): Promise<boolean> {
    try {
      this.#take(await this.#current(account.refresh(this.#http, refreshToken)));
      return true;
    } catch (thrown) {
      if (thrown instanceof KalamError && thrown.httpStatus === 401) {
        this.#refreshToken = undefined;
        return false;
      }
      throw thrown;
    }
  }

  #take(session: Session): void {
    this.#token = session.accessToken;
    this.#refreshToken = session.refreshToken;
  }

  /** What was asked for the user of now; CLOSED if he is no more when it comes, or fails. */
  async #current<T>(asked: Promise<T>): Promise<T> {
    const generation = this.#generation;
    const [outcome] = await Promise.allSettled([asked]);
    if (generation !== this.#generation) throw overtaken();
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  #once(work: () => Promise<boolean>): Promise<boolean> {
    if (this.#pending !== undefined) return this.#pending;
    const pending = work().finally(() => {
      if (this.#pending === pending) this.#pending = undefined;
    });
    this.#pending = pending;
    return pending;
  }
}

function overtaken(): KalamError {
  return new KalamError('CLOSED', 'another user has logged in, or this one out');
}

async function askProvider(provider: TokenProvider): Promise<string> {
  const token: unknown = await provider();
  if (typeof token !== 'string' || token === '') {
    throw new KalamError('INVALID_OPTIONS', 'the token provider returned no token');
  }
  return token;
}
