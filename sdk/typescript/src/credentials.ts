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

export class Credentials {
  readonly #http: Http;
  #auth: Auth;
  /** The access token in use; undefined until asked for, and without log-in. */
  #token: string | undefined;
  #refreshToken: string | undefined;
  #pending: Promise<boolean> | undefined;

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

  async headers(): Promise<{ headers: Record<string, string>; token: string | undefined }> {
    const apiKey = this.apiKey;
    if (apiKey !== undefined) return { headers: { 'X-API-Key': apiKey }, token: undefined };
    const token = await this.token();
    return { headers: token === undefined ? {} : { Authorization: `Bearer ${token}` }, token };
  }

  /**
   * Replaces `stale`. False if there is no other token to be had; throws if the server cannot be
   * reached.
   */
  async renew(stale: string | undefined): Promise<boolean> {
    // Somebody else has done it.
    if (this.#token !== stale && this.#token !== undefined) return true;
    return this.#once(async () => {
      if (this.#refreshToken !== undefined && (await this.#tryRefresh(this.#refreshToken)))
        return true;
      return this.#canObtain() && (await this.#obtain()) && this.#token !== stale;
    });
  }

  /** From now on this session counts, whatever `auth` was. */
  adopt(session: Session): void {
    this.#auth = 'none';
    this.#token = session.accessToken;
    this.#refreshToken = session.refreshToken;
  }

  /** The same user with fresh tokens; `auth` stays, for when they cannot be renewed. */
  replace(session: Session): void {
    this.#take(session);
  }

  forget(): void {
    this.#auth = 'none';
    this.#token = undefined;
    this.#refreshToken = undefined;
  }

  get refreshToken(): string | undefined {
    return this.#refreshToken;
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
      this.#take(await account.login(this.#http, auth.user, auth.password));
    } else if ('token' in auth && typeof auth.token === 'function') {
      this.#token = await askProvider(auth.token);
    }
    return true;
  }

  /** False if the refresh token is refused: then only a new log-in helps. */
  async #tryRefresh(refreshToken: string): Promise<boolean> {
    try {
      this.#take(await account.refresh(this.#http, refreshToken));
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

  #once(work: () => Promise<boolean>): Promise<boolean> {
    this.#pending ??= work().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }
}

async function askProvider(provider: TokenProvider): Promise<string> {
  const token: unknown = await provider();
  if (typeof token !== 'string' || token === '') {
    throw new KalamError('INVALID_OPTIONS', 'the token provider returned no token');
  }
  return token;
}
