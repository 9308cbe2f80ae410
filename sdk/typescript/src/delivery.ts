// delivery.ts — hands the events of one subscription to its handler, or to whoever iterates.
//
// A handler that returns nothing is called at once. One that returns a promise, and an iterator,
// make events wait here; `drained` tells the subscription when it may ask the server for more.
// SPDX-License-Identifier: Apache-2.0
import { KalamError, throwLater } from './error.js';
import type { LiveEvent, LiveHandler } from './types.js';

/** An event and the position of who has got it. */
interface Queued<T> {
  event: LiveEvent<T>;
  position: bigint | undefined;
}

interface Waiting<T> {
  resolve(result: IteratorResult<LiveEvent<T>, undefined>): void;
  reject(error: KalamError): void;
}

function rowsOf<T>(event: LiveEvent<T>): number {
  return event.type === 'rows' ? event.rows.length : 1;
}

export class Delivery<T> implements AsyncIterator<LiveEvent<T>, undefined> {
  readonly #handler: LiveHandler<T> | undefined;
  readonly #drained: () => void;
  readonly #limit: number;
  #position: bigint | undefined;
  #queue: Queued<T>[] = [];
  #rows = 0;
  #busy = false;
  #ended = false;
  #waiting: Waiting<T>[] = [];

  constructor(
    handler: LiveHandler<T> | undefined,
    limit: number,
    position: bigint | undefined,
    drained: () => void,
  ) {
    this.#handler = handler;
    this.#limit = limit;
    this.#position = position;
    this.#drained = drained;
  }

  get hasHandler(): boolean {
    return this.#handler !== undefined;
  }

  get isFull(): boolean {
    return this.#rows >= this.#limit;
  }

  /** Behind the event handed over last. */
  get position(): bigint | undefined {
    return this.#position;
  }

  push(event: LiveEvent<T>, position: bigint | undefined): void {
    if (this.#ended) return;
    this.#queue.push({ event, position });
    this.#rows += rowsOf(event);
    if (this.#handler !== undefined) this.#pump(this.#handler);
    else this.#serve();
  }

  /** Nothing follows. What waits is still handed over, unless `drop`. */
  end(drop: boolean): void {
    this.#ended = true;
    if (drop) {
      this.#queue = [];
      this.#rows = 0;
    }
    this.#serve();
  }

  next(): Promise<IteratorResult<LiveEvent<T>, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  #take(): LiveEvent<T> | undefined {
    const wasFull = this.isFull;
    const queued = this.#queue.shift();
    if (queued === undefined) return undefined;
    const { event } = queued;
    this.#position = queued.position;
    this.#rows -= rowsOf(event);
    if (wasFull && !this.isFull) queueMicrotask(this.#drained);
    return event;
  }

  #serve(): void {
    if (this.#handler !== undefined) return;
    while (this.#waiting.length > 0) {
      const event = this.#take();
      if (event === undefined && !this.#ended) return;
      const waiting = this.#waiting.shift();
      if (event === undefined) waiting?.resolve({ done: true, value: undefined });
      else if (event.type === 'error') waiting?.reject(event.error);
      else waiting?.resolve({ done: false, value: event });
    }
  }

  #pump(handler: LiveHandler<T>): void {
    while (!this.#busy) {
      const event = this.#take();
      if (event === undefined) return;
      this.#busy = true; // also while it runs: an event it causes waits its turn
      try {
        const result = handler(event);
        if (result !== undefined) {
          void this.#wait(handler, result);
          return;
        }
      } catch (thrown) {
        throwLater(thrown); // a fault of the caller: it is heard of, and the next event comes
      }
      this.#busy = false;
    }
  }

  async #wait(handler: LiveHandler<T>, result: Promise<void>): Promise<void> {
    try {
      await result;
    } catch (thrown) {
      throwLater(thrown);
    }
    this.#busy = false;
    this.#pump(handler);
  }
}
