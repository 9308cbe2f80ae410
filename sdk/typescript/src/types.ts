// types.ts — the public types: options, values, results, events.
// SPDX-License-Identifier: Apache-2.0
import type { KalamError } from './error.js';

export type TokenProvider = () => string | Promise<string>;

/** Who calls. A token provider is asked again when its token has expired. */
export type Auth =
  | { token: string | TokenProvider; refreshToken?: string }
  | { user: string; password: string }
  | { apiKey: string }
  | 'none';

/** The global `WebSocket`, or the one of npm `ws` where there is none (Node 18 to 20). */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => object;

/** How values of the server become values of JavaScript. */
export interface ValueOptions {
  /** BIGINT and every other 64-bit integer. Default `string`. */
  bigint?: 'string' | 'bigint';
  /** TIMESTAMP. `date` (default) keeps milliseconds; `number` is microseconds since 1970 UTC. */
  timestamp?: 'date' | 'number';
  /** JSON. `parsed` (default), or the text as it was stored. */
  json?: 'parsed' | 'text';
}

export interface ClientOptions extends ValueOptions {
  /** `http://host:port`, perhaps with a path in front of the routes. */
  url: string;
  auth?: Auth;
  /**
   * For unqualified tables of query() and batch(). Live queries name their namespace themselves.
   */
  namespace?: string;
  fetch?: typeof fetch;
  WebSocket?: WebSocketConstructor;
  /** Per request, 1 to 2 147 483 647 or Infinity; default 60 000. */
  timeoutMs?: number;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** One value of a row: DECIMAL, UUID, DATE and TIME are text. */
export type Value = null | boolean | number | string | bigint | Date | Uint8Array | Json;
export type Row = Record<string, Value>;
/** Objects and arrays are sent as JSON text, Dates as ISO 8601, Uint8Arrays as hex. */
export type Param =
  | null
  | boolean
  | number
  | string
  | bigint
  | Date
  | Uint8Array
  | readonly unknown[]
  | object;

export type ColumnType =
  | 'Boolean'
  | 'SmallInt'
  | 'Int'
  | 'BigInt'
  | 'Float'
  | 'Double'
  | 'Decimal'
  | 'Text'
  | 'Uuid'
  | 'Json'
  | 'Timestamp'
  | 'Date'
  | 'Time'
  | 'Bytes';

export interface Column {
  name: string;
  /** A ColumnType; text, so that a newer server's types do not break anything. */
  type: ColumnType | (string & {});
  /** Of a Decimal. */
  precision?: number;
  scale?: number;
  primaryKey: boolean;
  notNull: boolean;
  unique: boolean;
}

export interface QueryResult<T = Row> {
  rows: T[];
  /** Empty for statements that return no rows. */
  columns: Column[];
  /** Rows returned or affected. */
  rowCount: number;
  /** Not for SELECT: `Inserted 1 row(s)` and the like. */
  message: string | undefined;
  asUser: string;
  /** Milliseconds the whole request took on the server. */
  took: number;
  /** Only for DESCRIBE: what the server says about the table. */
  table?: Record<string, Json>;
}

export interface RequestOptions {
  namespace?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface QueryOptions extends RequestOptions {
  /**
   * `object` (default) or `array`, in the order of `columns`. In objects names that repeat get
   * numbers: see uniqueNames().
   */
  rows?: 'object' | 'array';
}

export interface SubscribeOptions {
  params?: readonly Param[];
  /**
   * Snapshot first: the n newest rows, or `all`. Left out: changes only, or what a SUBSCRIBE text
   * says.
   */
  lastRows?: number | 'all';
  /** Rows per batch of the snapshot; default 1000. */
  batchSize?: number;
  /** Go on from this position (`subscription.position`), instead of a snapshot. */
  from?: string | bigint;
  /** Rows that may wait for a slow consumer before the server is asked to stop; default 10 000. */
  queueRows?: number;
  /**
   * After an ALTER TABLE: `resume` (default) goes on at the position, where rows that do not change
   * stay without the new columns; `resync` begins anew with the snapshot of `lastRows`.
   */
  newColumns?: 'resume' | 'resync';
}

/** What a subscription tells, in this order: ack, rows …, ready, then changes. */
export type LiveEvent<T = Row> =
  | { type: 'ack'; columns: Column[]; totalRows: number }
  /**
   * Snapshot, or after a lost connection the rows that changed meanwhile: they replace those of the
   * same key.
   */
  | { type: 'rows'; rows: T[]; keys: string[] }
  | { type: 'ready' }
  | { type: 'insert'; row: T; key: string; seq: string }
  | { type: 'update'; row: T; old: Partial<T>; key: string; seq: string }
  /** The row is gone (`deleted`) or left the filter. One of an unknown key is to be ignored. */
  | { type: 'delete'; old: Partial<T>; key: string; seq: string; deleted: boolean }
  /** Forget all rows: they come anew. */
  | { type: 'resync' }
  /** The last event. */
  | { type: 'error'; error: KalamError };

/** May return a promise: the next event waits for it. */
export type LiveHandler<T> = (event: LiveEvent<T>) => void | Promise<void>;

export interface Subscription<T = Row> extends AsyncIterable<LiveEvent<T>> {
  readonly id: string;
  readonly sql: string;
  readonly active: boolean;
  /**
   * Everything up to here has been handed over: `from` of another subscription. Undefined until the
   * first `ready` event and from `resync` to the next.
   */
  readonly position: string | undefined;
  /** The first `ready`; rejects if the subscription ends before. */
  readonly ready: Promise<void>;
  /** Resolves when the server has confirmed it, or cannot be asked any more. */
  close(): Promise<void>;
}

export interface LiveOptions<T = Row> extends Omit<SubscribeOptions, 'from'> {
  /** Order of the rows handed over; without it in order of arrival. */
  compare?: (a: T, b: T) => number;
  /** Keep only this many rows, the oldest by `_seq` go. */
  maxRows?: number;
  /** The live query has ended. Without it the error is thrown uncaught. */
  onError?: (error: KalamError) => void;
}

export interface LiveRows<T = Row> {
  readonly rows: readonly T[];
  readonly ready: Promise<void>;
  readonly subscription: Subscription<T>;
  close(): Promise<void>;
}

export interface Account {
  id: string;
  role: string;
  email: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface Session {
  user: Account;
  adminUiAccess: boolean;
  accessToken: string;
  refreshToken: string;
  expiresAt: Date;
  refreshExpiresAt: Date;
}

export interface SetupOptions {
  rootPassword: string;
  /** Name and password of the first dba. */
  user: string;
  password: string;
  email?: string;
}

export interface Health {
  status: string;
  version: string;
  apiVersion: string;
  buildDate: string;
  uptimeSeconds: number;
  timestamp: string;
  metrics: Record<string, number>;
}

export interface ClientEvents {
  /** The live connection is there (again). */
  online: { user: string; role: string };
  /** It is lost; the client connects again by itself. */
  offline: { error: KalamError };
  /**
   * The rows of this live query are loaded anew, since the server could not go on from where it
   * was.
   */
  resync: { id: string; sql: string };
}
