// subscription.ts — one live query: keeps its place in the stream of changes across lost
// connections.
//
//   idle ──subscribe──► subscribing ──ack──► loading ──batch with `ready`──► ready ──► ended
//    ▲                      │                   │                              │
//    └──────────────────────┴───────────────────┴──── connection lost, ────────┘
//                                                     paused by a slow consumer, told to start again
//
// The position moves only with `ready` and the changes after it. Starting again asks for everything
// after it (`from`); without a position what was handed out so far is void, which `resync` says. It
// is ahead of the caller's `position` by the events that wait: each takes its own along.
// Each attempt has an id of its own on the wire, so that late messages of the one before are not
// taken for its own.
// SPDX-License-Identifier: Apache-2.0
import { Delivery } from './delivery.js';
import { KalamError, toKalamError } from './error.js';
import type {
  Json,
  LiveEvent,
  LiveHandler,
  Row,
  SubscribeOptions,
  Subscription,
  ValueOptions,
} from './types.js';
import { encodeParams, isWellFormed, RowDecoder } from './values.js';
import type { Fields, ServerMessage } from './wire.js';

/** What the owner of many subscriptions needs of each, whatever its rows are. */
export interface Member {
  readonly active: boolean;
  online(): void;
  offline(): void;
  /** Ends it with `error` as its last event. */
  fail(error: KalamError): void;
  message(message: ServerMessage): void;
  close(): Promise<void>;
}

export interface SubscriptionOwner {
  isOnline(): boolean;
  /** Subscribes; from now on messages of this wire id go to `subscription`. */
  request(wireId: string, request: Fields, subscription: Member): void;
  nextBatch(wireId: string): void;
  unsubscribe(wireId: string): void;
  unregister(wireId: string): void;
  resynced(id: string, sql: string): void;
  ended(subscription: Member): void;
}

type Phase = 'idle' | 'subscribing' | 'loading' | 'ready' | 'ended';
type Message<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>;

const QUEUE_ROWS = 10_000;
/** The server takes messages of 1 MiB. */
const REQUEST_BYTES = 1_000_000;
const CLOSE_LIMIT_MS = 5_000;
const LIMIT_RETRY_MS = 2_000;

export class LiveSubscription<T = Row> implements Subscription<T>, Member {
  readonly id: string;
  readonly sql: string;
  readonly ready: Promise<void>;
  readonly #owner: SubscriptionOwner;
  readonly #options: SubscribeOptions;
  readonly #params: Json[] | undefined;
  readonly #values: ValueOptions;
  readonly #delivery: Delivery<T>;
  #phase: Phase = 'idle';
  #attempts = 0;
  #wireId = '';
  /** Behind everything that has arrived. */
  #position: bigint | undefined;
  /** What this attempt said in `from`: changes up to it are known already. */
  #from: bigint | undefined;
  /** Rows were handed out since the last `resync`. */
  #handedOut = false;
  #wasReady = false;
  /** The consumer is behind: neither a batch nor a new start until `drained`. */
  #held: (() => void) | undefined;
  #decoder = new RowDecoder([], {});
  /** Names of the columns that rows were handed out with. */
  #columns = '';
  #settleReady: { resolve(): void; reject(error: KalamError): void } | undefined;
  #closing: { promise: Promise<void>; done(): void } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    owner: SubscriptionOwner,
    id: string,
    sql: string,
    options: SubscribeOptions,
    values: ValueOptions,
    handler: LiveHandler<T> | undefined,
  ) {
    this.id = id;
    this.sql = sql;
    this.#owner = owner;
    this.#options = options;
    this.#params = options.params === undefined ? undefined : encodeParams(options.params);
    checkRequest(sql, this.#params, options);
    this.#values = values;
    this.#position = options.from === undefined ? undefined : readFrom(options.from);
    this.#delivery = new Delivery(handler, options.queueRows ?? QUEUE_ROWS, this.#position, () =>
      this.#drained(),
    );
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => undefined); // who does not wait for it hears of the error elsewhere
  }

  get active(): boolean {
    return this.#phase !== 'ended' && this.#closing === undefined;
  }

  get position(): string | undefined {
    return this.#delivery.position?.toString();
  }

  [Symbol.asyncIterator](): AsyncIterator<LiveEvent<T>, undefined> {
    if (this.#delivery.hasHandler)
      throw new KalamError(
        'INVALID_OPTIONS',
        'this subscription has a handler: it cannot be iterated',
      );
    return {
      next: () => this.#delivery.next(),
      return: async () => {
        await this.close(); // `break` in a for-await loop
        return { done: true, value: undefined };
      },
    };
  }

  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    let done = (): void => undefined;
    const promise = new Promise<void>((resolve) => (done = resolve));
    this.#closing = { promise, done };
    this.#delivery.end(true);
    if (this.#phase === 'idle' || this.#phase === 'ended' || !this.#owner.isOnline()) {
      this.#finish(new KalamError('CLOSED', 'the subscription was closed'));
    } else {
      this.#owner.unsubscribe(this.#wireId);
      this.#timer = setTimeout(
        () => this.#finish(new KalamError('CLOSED', 'the subscription was closed')),
        CLOSE_LIMIT_MS,
      );
    }
    return promise;
  }

  // ---- what the client tells ----

  online(): void {
    this.#whenRoom(() => this.#tryStart());
  }

  offline(): void {
    if (this.#phase === 'ended') return;
    if (this.#closing !== undefined)
      this.#finish(new KalamError('CLOSED', 'the subscription was closed'));
    else this.#toIdle();
  }

  fail(error: KalamError): void {
    if (this.#phase === 'ended') return;
    this.#tell({ type: 'error', error });
    this.#delivery.end(false);
    this.#finish(error);
  }

  message(message: ServerMessage): void {
    try {
      this.#take(message);
    } catch (thrown) {
      this.fail(toKalamError(thrown, 'INVALID_RESPONSE')); // a row that cannot be read
    }
  }

  #take(message: ServerMessage): void {
    if (this.#closing !== undefined) {
      if (message.type === 'unsubscribed' || message.type === 'error')
        this.#finish(new KalamError('CLOSED', 'the subscription was closed'));
      return;
    }
    switch (message.type) {
      case 'subscription_ack':
        this.#onAck(message);
        break;
      case 'initial_data_batch':
        this.#onBatch(message);
        break;
      case 'change':
        this.#onChange(message);
        break;
      case 'error':
        this.#onError(message);
        break;
      case 'unsubscribed': // our own pause
      case 'auth_success':
      case 'auth_error':
        break;
    }
  }

  // ---- starting ----

  #tryStart(): void {
    if (this.#phase === 'idle' && this.active && this.#owner.isOnline()) this.#start();
  }

  #start(): void {
    if (this.#position === undefined && this.#handedOut) this.#resync(false);
    this.#attempts++;
    this.#wireId = this.#attempts === 1 ? this.id : `${this.id}.${this.#attempts}`;
    this.#from = this.#position;
    this.#phase = 'subscribing';
    const request: Fields = { sql: this.sql };
    if (this.#params !== undefined) request['params'] = this.#params;
    const options = this.#wireOptions();
    if (options !== undefined) request['options'] = options;
    this.#owner.request(this.#wireId, request, this);
  }

  /** Absent options mean: changes only, or what the text says. */
  #wireOptions(): Fields | undefined {
    const { lastRows, batchSize, from } = this.#options;
    const options: Fields = batchSize === undefined ? {} : { batch_size: batchSize };
    if (this.#from !== undefined) return { ...options, from: this.#from.toString() };
    if (typeof lastRows === 'number') return { ...options, last_rows: lastRows };
    return lastRows === 'all' || batchSize !== undefined || from !== undefined
      ? options
      : undefined;
  }

  #toIdle(): void {
    clearTimeout(this.#timer);
    this.#owner.unregister(this.#wireId);
    this.#held = undefined;
    this.#phase = 'idle';
  }

  /**
   * The server has ended this attempt, or is told to: another one, as soon as the consumer has
   * room.
   */
  #startAgain(delayMs = 0): void {
    this.#toIdle();
    const start = (): void => this.#whenRoom(() => this.#tryStart());
    if (delayMs === 0) start();
    else this.#timer = setTimeout(start, delayMs);
  }

  /** Forgets the position, and tells that all rows are void. */
  #resync(lost: boolean): void {
    this.#position = undefined;
    this.#handedOut = false;
    this.#tell({ type: 'resync' });
    if (lost) this.#owner.resynced(this.id, this.sql);
  }

  #whenRoom(next: () => void): void {
    if (this.#delivery.isFull) this.#held = next;
    else next();
  }

  #drained(): void {
    const next = this.#held;
    this.#held = undefined;
    if (this.active) next?.();
  }

  #tell(event: LiveEvent<T>): void {
    this.#delivery.push(event, this.#position);
  }

  // ---- what the server tells ----

  #onAck(message: Message<'subscription_ack'>): void {
    const columns = JSON.stringify(message.columns.map((column) => column.name));
    const before = this.#columns;
    this.#columns = columns;
    if (before !== columns && this.#handedOut && this.#wantsWhole) {
      this.#beginAnew(); // resumed, but those of before lack what is new
      return;
    }
    this.#decoder = new RowDecoder(message.columns, this.#values);
    this.#phase = 'loading';
    this.#tell({ type: 'ack', columns: message.columns, totalRows: message.totalRows });
    if (message.control.ready) this.#becomeReady(message.control.lastSeq);
  }

  #onBatch(message: Message<'initial_data_batch'>): void {
    if (!this.#knows(message.rows)) return;
    if (message.rows.length > 0) {
      this.#handedOut = true;
      const rows = message.rows.map((row) => this.#decoder.record(row) as T);
      this.#tell({ type: 'rows', rows, keys: message.rows.map((row) => this.#decoder.key(row)) });
    }
    if (message.control.ready) {
      this.#becomeReady(message.control.lastSeq);
    } else if (message.control.hasMore) {
      const id = this.#wireId;
      this.#whenRoom(() => this.#owner.nextBatch(id));
    }
  }

  #becomeReady(lastSeq: bigint | undefined): void {
    this.#phase = 'ready';
    this.#wasReady = true;
    this.#moveTo(lastSeq);
    this.#tell({ type: 'ready' });
    this.#settleReady?.resolve();
    this.#settleReady = undefined;
  }

  #moveTo(seq: bigint | undefined): void {
    if (seq !== undefined && (this.#position === undefined || seq > this.#position))
      this.#position = seq;
  }

  #onChange(message: Message<'change'>): void {
    if (!this.#knows(message.rows) || !this.#knows(message.old)) return;
    const news = message.change === 'delete' ? message.old : message.rows;
    news.forEach((row, i) => {
      const seq = typeof row['_seq'] === 'string' ? BigInt(row['_seq']) : undefined;
      if (seq !== undefined && this.#from !== undefined && seq <= this.#from) return;
      const event = this.#event(message.change, row, message.old[i] ?? {}, seq?.toString() ?? '');
      if (this.#phase === 'ready') this.#moveTo(seq); // not for a row that cannot be read
      this.#handedOut = true;
      this.#tell(event);
    });
    if (this.#phase === 'ready' && this.#delivery.isFull) this.#pause();
  }

  #event(
    change: 'insert' | 'update' | 'delete',
    row: Fields,
    old: Fields,
    seq: string,
  ): LiveEvent<T> {
    const key = this.#decoder.key(row);
    const decoded = this.#decoder.record(row);
    if (change === 'insert') return { type: 'insert', row: decoded as T, key, seq };
    if (change === 'update')
      return {
        type: 'update',
        row: decoded as T,
        old: this.#decoder.record(old) as Partial<T>,
        key,
        seq,
      };
    // Events of streams come without `_deleted`: what leaves a stream is gone.
    return {
      type: 'delete',
      old: decoded as Partial<T>,
      key,
      seq,
      deleted: row['_deleted'] !== false,
    };
  }

  /**
   * A row of a newer schema: subscribed again from here, the columns come anew and nothing is lost.
   */
  #knows(rows: Fields[]): boolean {
    if (rows.every((row) => this.#decoder.knows(row))) return true;
    if (this.#wantsWhole) {
      this.#beginAnew();
    } else {
      this.#owner.unsubscribe(this.#wireId);
      this.#startAgain();
    }
    return false;
  }

  /** Without a snapshot to come nothing may be forgotten. */
  get #wantsWhole(): boolean {
    const { newColumns, lastRows } = this.#options;
    return newColumns === 'resync' && lastRows !== undefined && lastRows !== 0;
  }

  #beginAnew(): void {
    this.#owner.unsubscribe(this.#wireId);
    this.#resync(false);
    this.#startAgain();
  }

  /**
   * The consumer does not keep up: the server is asked to stop, and for the rest once there is
   * room.
   */
  #pause(): void {
    this.#owner.unsubscribe(this.#wireId);
    this.#startAgain();
  }

  #onError(message: Message<'error'>): void {
    const error = new KalamError(message.code, message.message);
    switch (message.code) {
      case 'RESUME_FAILED':
        if (this.#from === undefined) {
          this.fail(error);
          return;
        }
        this.#resync(true);
        this.#startAgain();
        return;
      case 'SLOW_CONSUMER':
        if (this.#phase === 'ready') this.#moveTo(message.lastSeq);
        this.#startAgain();
        return;
      case 'BATCH_FETCH_FAILED':
        this.#startAgain();
        return;
      case 'SUBSCRIPTION_LIMIT_EXCEEDED': // the server may still hold those of the lost connection
        if (this.#wasReady) this.#startAgain(LIMIT_RETRY_MS);
        else this.fail(error);
        return;
      case 'UNAUTHORIZED':
        // Rights have changed, or the user: then the connection is closed too, and a new log-in may
        // go on. Refused before its ack, the live query is not allowed.
        if (this.#phase === 'subscribing') this.fail(error);
        else this.#startAgain();
        return;
      default:
        this.fail(error);
    }
  }

  #finish(error: KalamError): void {
    clearTimeout(this.#timer);
    this.#phase = 'ended';
    this.#held = undefined;
    this.#owner.unregister(this.#wireId);
    this.#settleReady?.reject(error);
    this.#settleReady = undefined;
    this.#closing?.done();
    this.#owner.ended(this);
  }
}

function readFrom(from: string | bigint): bigint {
  if (!/^\d+$/.test(String(from)))
    throw new KalamError('INVALID_OPTIONS', `from is no position: ${String(from)}`);
  return BigInt(from);
}

/** What the server could only answer without saying which subscription it means. */
function checkRequest(sql: string, params: Json[] | undefined, options: SubscribeOptions): void {
  const isCount = (value: unknown, least: number): boolean =>
    value === undefined || (Number.isSafeInteger(value) && Number(value) >= least);
  const { lastRows, batchSize, queueRows, newColumns } = options;
  if (lastRows !== 'all' && !isCount(lastRows, 0))
    throw new KalamError('INVALID_OPTIONS', `lastRows must be a number of rows or 'all'`);
  if (!isCount(batchSize, 1))
    throw new KalamError('INVALID_OPTIONS', 'batchSize must be 1 or more');
  if (!isCount(queueRows, 1))
    throw new KalamError('INVALID_OPTIONS', 'queueRows must be 1 or more');
  if (newColumns !== undefined && newColumns !== 'resume' && newColumns !== 'resync')
    throw new KalamError('INVALID_OPTIONS', "newColumns must be 'resume' or 'resync'");
  if (typeof sql !== 'string' || sql.trim() === '')
    throw new KalamError('EMPTY_SQL', 'no SQL statement');
  if (!isWellFormed(sql))
    throw new KalamError('INVALID_INPUT', 'the statement is cut through a character');
  const bytes = new TextEncoder().encode(JSON.stringify([sql, params])).length;
  if (bytes > REQUEST_BYTES)
    throw new KalamError(
      'INVALID_OPTIONS',
      `a live query of ${bytes} bytes: at most ${REQUEST_BYTES}`,
    );
}
