// requests.ts — gathers what is subscribed and unsubscribed in one moment into few messages.
//
// The server counts messages and drops those beyond 50 per second: a hundred live queries that come
// back after a lost connection are one message, not a hundred.
// SPDX-License-Identifier: Apache-2.0
import type { Json } from './types.js';
import type { Fields } from './wire.js';

/** Well below the 1 MiB of a message. */
const MESSAGE_CHARS = 250_000;
/** A message that names more live queries than a connection may have is refused whole. */
const MESSAGE_ENTRIES = 50;

export class Requests {
  readonly #send: (message: Json) => void;
  #subscribe: Fields[] = [];
  #unsubscribe: string[] = [];
  /** Sent beside others, without an answer as yet. */
  readonly #unanswered = new Set<string>();
  readonly #givenUp = new Set<string>();
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
    this.#unanswered.clear();
    this.#givenUp.clear();
  }

  /** Ends at the server what was given up and began all the same. */
  answered(id: string): void {
    this.#unanswered.delete(id);
    if (this.#givenUp.delete(id)) this.unsubscribe(id);
  }

  /** What an error for a whole message can be about. */
  giveUp(): string[] {
    const ids = [...this.#unanswered];
    for (const id of ids) this.#givenUp.add(id);
    this.#unanswered.clear();
    return ids;
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
    this.#subscribe = [];
    this.#unsubscribe = [];
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
    for (const { id } of part) if (typeof id === 'string') this.#unanswered.add(id);
    const subscriptions = part.map(({ id, ...request }) => ({ query_id: id ?? '', ...request }));
    this.#send({ type: 'subscribe', subscriptions });
  }

  #end(ids: string[]): void {
    for (let at = 0; at < ids.length; at += MESSAGE_ENTRIES)
      this.#send({ type: 'unsubscribe', query_ids: ids.slice(at, at + MESSAGE_ENTRIES) });
  }
}

function inParts(requests: Fields[]): Fields[][] {
  const parts: Fields[][] = [];
  let chars = MESSAGE_CHARS;
  for (const request of requests) {
    const size = JSON.stringify(request).length;
    if (chars + size > MESSAGE_CHARS || parts.at(-1)?.length === MESSAGE_ENTRIES) {
      parts.push([]);
      chars = 0;
    }
    parts.at(-1)?.push(request);
    chars += size;
  }
  return parts;
}
