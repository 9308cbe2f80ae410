// client.ts — createClient(): statements over HTTP, live queries over one WebSocket.
// SPDX-License-Identifier: Apache-2.0
import * as account from './account.js';
import { Credentials } from './credentials.js';
import { Emitter } from './emitter.js';
import { KalamError } from './error.js';
import { Http } from './http.js';
import { Hub } from './hub.js';
import { RowSet } from './live.js';
import { checkSocket } from './socket.js';
import { execute, type StatementContext } from './statements.js';
import type {
  Account,
  ClientEvents,
  ClientOptions,
  Health,
  LiveHandler,
  LiveOptions,
  LiveRows,
  Param,
  QueryOptions,
  QueryResult,
  RequestOptions,
  Row,
  Session,
  SetupOptions,
  SubscribeOptions,
  Subscription,
  Value,
  ValueOptions,
} from './types.js';
import { encodeParams } from './values.js';

export class KalamClient {
  readonly #options: ClientOptions;
  readonly #http: Http;
  readonly #credentials: Credentials;
  readonly #values: ValueOptions;
  readonly #events = new Emitter<ClientEvents>();
  readonly #hub: Hub;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#http = new Http(options.url, options.fetch, options.timeoutMs);
    this.#credentials = new Credentials(this.#http, options.auth);
    this.#values = options;
    this.#hub = new Hub(
      { base: this.#http.base, WebSocket: options.WebSocket, credentials: this.#credentials },
      this.#events,
    );
  }

  /**
   * Runs one statement, with parameters for `$1` …. Of several statements the result of the last.
   */
  query<T = Row>(
    sql: string,
    params?: readonly Param[],
    options?: QueryOptions & { rows?: 'object' },
  ): Promise<QueryResult<T>>;
  query<T extends readonly unknown[] = Value[]>(
    sql: string,
    params: readonly Param[] | undefined,
    options: QueryOptions & { rows: 'array' },
  ): Promise<QueryResult<T>>;
  async query(
    sql: string,
    params?: readonly Param[],
    options: QueryOptions = {},
  ): Promise<QueryResult<unknown>> {
    const encoded = params === undefined || params.length === 0 ? undefined : encodeParams(params);
    const results = await execute(this.#context(), sql, encoded, options);
    const last = results.at(-1);
    if (last === undefined) throw new KalamError('INVALID_RESPONSE', 'the server sent no result');
    return last;
  }

  /** Runs statements separated by `;` in order. A failure throws, with the results before it. */
  async batch(sql: string, options: RequestOptions = {}): Promise<QueryResult<Row>[]> {
    return (await execute(this.#context(), sql, undefined, options)) as QueryResult<Row>[];
  }

  /** A live query: its events go to `handler`, or to `for await (const event of subscription)`. */
  subscribe<T = Row>(
    sql: string,
    options: SubscribeOptions = {},
    handler?: LiveHandler<T>,
  ): Subscription<T> {
    this.#check();
    checkSocket(this.#options.WebSocket);
    return this.#hub.subscribe(sql, options, this.#values, handler);
  }

  /**
   * A live query that keeps its current rows; `onRows` gets them when they are complete and after
   * changes, once for all that came in one message.
   */
  live<T = Row>(
    sql: string,
    options: LiveOptions<T> = {},
    onRows?: (rows: T[]) => void,
  ): LiveRows<T> {
    return new RowSet<T>(
      (text, wanted, handler) => this.subscribe<T>(text, wanted, handler),
      sql,
      options,
      onRows,
    );
  }

  /** From now on the client is this user. Live queries of whoever it was before end. */
  async login(user: string, password: string): Promise<Session> {
    const session = await this.#credentials.login(user, password);
    this.#hub.drop(new KalamError('CLOSED', `logged in as ${session.user.id}`));
    this.#credentials.adopt(session);
    return session;
  }

  /**
   * A new access token, by the refresh token at hand or, in browsers, by the cookie of an earlier
   * log-in.
   */
  refresh(): Promise<Session> {
    return this.#credentials.refresh();
  }

  /** Forgets the credentials and ends the live queries. */
  async logout(): Promise<void> {
    const token = this.#credentials.accessToken;
    this.#credentials.forget();
    this.#hub.drop(new KalamError('CLOSED', 'logged out'));
    await account.logout(this.#http, token);
  }

  /** First start of a server: sets root's password and creates a dba. */
  setup(options: SetupOptions): Promise<Account> {
    return account.setup(this.#http, options);
  }

  /** Does this server wait for setup()? */
  needsSetup(): Promise<boolean> {
    return account.needsSetup(this.#http);
  }

  health(): Promise<Health> {
    return account.health(this.#http);
  }

  /** Returns what takes the listener off again. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (event: ClientEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** The live connection is there now. */
  get online(): boolean {
    return this.#hub.isOnline();
  }

  /** Closes all live queries and the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#hub.close();
  }

  #check(): void {
    if (this.#closed) throw new KalamError('CLOSED', 'the client was closed');
  }

  #context(): StatementContext {
    this.#check();
    return {
      http: this.#http,
      credentials: this.#credentials,
      values: this.#values,
      namespace: this.#options.namespace,
    };
  }
}

/** Checks the options; does not connect. */
export function createClient(options: ClientOptions): KalamClient {
  return new KalamClient(options);
}
