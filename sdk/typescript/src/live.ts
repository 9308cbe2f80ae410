// live.ts — keeps the current rows of a live query by key and hands them over after changes: once
// for all that came together, since laying out all rows for each of many takes too long.
//
// While rows come anew (resync, or after a lost connection) the old ones stay visible until the new
// ones are complete.
// SPDX-License-Identifier: Apache-2.0
import { KalamError, throwLater } from './error.js';
import type {
  LiveEvent,
  LiveHandler,
  LiveOptions,
  LiveRows,
  Row,
  SubscribeOptions,
  Subscription,
} from './types.js';

type Subscribe<T> = (
  sql: string,
  options: SubscribeOptions,
  handler: LiveHandler<T>,
) => Subscription<T>;

export class RowSet<T = Row> implements LiveRows<T> {
  readonly subscription: Subscription<T>;
  readonly #options: LiveOptions<T>;
  readonly #onRows: ((rows: T[]) => void) | undefined;
  #byKey = new Map<string, T>();
  #isReady = false;
  /** As of the last show(); `#isStale` says that changes wait for another. */
  #shown: T[] = [];
  #isStale = false;
  #isDue = false;

  constructor(
    subscribe: Subscribe<T>,
    sql: string,
    options: LiveOptions<T>,
    onRows: ((rows: T[]) => void) | undefined,
  ) {
    this.#options = options;
    this.#onRows = onRows;
    const { params, lastRows, batchSize, queueRows } = options;
    const wanted: SubscribeOptions = { newColumns: 'resync' };
    if (params !== undefined) wanted.params = params;
    if (batchSize !== undefined) wanted.batchSize = batchSize;
    if (queueRows !== undefined) wanted.queueRows = queueRows;
    if (lastRows !== undefined) wanted.lastRows = lastRows;
    // A SUBSCRIBE says LAST n itself.
    else if (!/^\s*SUBSCRIBE\b/i.test(sql)) wanted.lastRows = 'all';
    this.subscription = subscribe(sql, wanted, (event) => this.#handle(event));
  }

  get rows(): readonly T[] {
    if (this.#isStale) this.#layOut();
    return this.#shown;
  }

  get ready(): Promise<void> {
    return this.subscription.ready;
  }

  close(): Promise<void> {
    return this.subscription.close();
  }

  #handle(event: LiveEvent<T>): void {
    switch (event.type) {
      case 'ack':
        this.#pause();
        return;
      case 'resync':
        this.#pause();
        this.#byKey = new Map();
        return;
      case 'rows':
        event.rows.forEach((row, i) => this.#byKey.set(event.keys[i] ?? '', row));
        return;
      case 'ready':
        this.#isReady = true;
        break;
      case 'insert':
      case 'update':
        this.#byKey.set(event.key, event.row);
        break;
      case 'delete':
        this.#byKey.delete(event.key);
        break;
      case 'error':
        this.#fail(event.error);
        return;
    }
    if (this.#isReady) this.#changed();
  }

  /** The events of one message come in one go: they are shown behind the last of them. */
  #changed(): void {
    this.#isStale = true;
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      if (this.#isDue && this.subscription.active) this.#show();
    });
  }

  #show(): void {
    this.#isDue = false;
    if (this.#isStale) this.#layOut();
    try {
      this.#onRows?.(this.#shown);
    } catch (thrown) {
      throwLater(thrown); // a fault of the caller
    }
  }

  /** What has been told so far is shown, the rest once it is complete. */
  #pause(): void {
    if (this.#isDue) this.#show();
    this.#isReady = false;
  }

  #layOut(): void {
    this.#isStale = false;
    this.#trim();
    this.#shown = [...this.#byKey.values()];
    if (this.#options.compare !== undefined) this.#shown.sort(this.#options.compare);
  }

  #trim(): void {
    const max = this.#options.maxRows;
    if (max === undefined || this.#byKey.size <= max) return;
    const oldestFirst = [...this.#byKey].sort(([, a], [, b]) => bySeq(a, b));
    for (const [key] of oldestFirst.slice(0, this.#byKey.size - max)) this.#byKey.delete(key);
  }

  #fail(error: KalamError): void {
    if (this.#isDue) this.#show(); // nothing follows the error
    if (this.#options.onError !== undefined) this.#options.onError(error);
    else if (error.code !== 'CLOSED') throwLater(error); // what the program did itself is no news
  }
}

/** Every live row has `_seq`, though T need not say so. */
function bySeq(a: unknown, b: unknown): number {
  const left = BigInt((a as { _seq: string | bigint })._seq);
  const right = BigInt((b as { _seq: string | bigint })._seq);
  return left < right ? -1 : left > right ? 1 : 0;
}
