// requests.ts — gathers what is subscribed and unsubscribed in one moment into few messages.
//
// The server counts messages and drops those beyond 50 per second: a hundred live queries that come
// back after a lost connection are one message, not a hundred.
// SPDX-License-Identifier: Apache-2.0
import type { Json } from './types.js';
import type { Fields } from './wire.js';

/** Well below the 1 MiB of a message. */
const MESSAGE_CHARS = 250_000;

export class Requests {
  readonly #send: (message: Json) => void;
  #subscribe: Fields[] = [];
  #unsubscribe: string[] = [];
  #scheduled = false;

  constructor(send: (message: Json) => void) {
    this.#send = send;
  }

  /** `request`: id, sql, params, options. */
  subscribe(request: Fields): void {
    this.#subscribe.push(request);
    this.#schedule();
  }

  unsubscribe(id: string): void {
    this.#unsubscribe.push(id);
    this.#schedule();
  }

  /** The connection is lost: with it what was subscribed. */
  clear(): void {
    this.#subscribe = [];
    this.#unsubscribe = [];
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const [gone, wanted] = [this.#unsubscribe, this.#subscribe];
    this.clear();
    // Those that end come first, for they count against the limit of subscriptions; but none ends
    // before it has begun.
    const beginning = new Set(wanted.map((request) => request['id']));
    this.#end(gone.filter((id) => !beginning.has(id)));
    inParts(wanted).forEach((part) => this.#begin(part));
    this.#end(gone.filter((id) => beginning.has(id)));
  }

  #begin(part: Fields[]): void {
    const [first] = part;
    if (part.length === 1 && first !== undefined) {
      this.#send({ type: 'subscribe', subscription: first });
      return;
    }
    const subscriptions = part.map(({ id, ...request }) => ({ query_id: id ?? '', ...request }));
    this.#send({ type: 'subscribe', subscriptions });
  }

  #end(ids: string[]): void {
    if (ids.length > 0) this.#send({ type: 'unsubscribe', query_ids: ids });
  }
}

function inParts(requests: Fields[]): Fields[][] {
  const parts: Fields[][] = [];
  let chars = MESSAGE_CHARS;
  for (const request of requests) {
    const size = JSON.stringify(request).length;
    if (chars + size > MESSAGE_CHARS) {
      parts.push([]);
      chars = 0;
    }
    parts.at(-1)?.push(request);
    chars += size;
  }
  return parts;
}
