// pacer.ts — sends at most so many messages in any second, the rest in order a little later.
//
// The server drops messages beyond 50 per second and says only that it did: the next_batch of many
// snapshots at once must not run into that. A server may allow fewer: then slow() is called.
// SPDX-License-Identifier: Apache-2.0

const MESSAGES_PER_SECOND = 40;
const WINDOW_MS = 1000;

export class Pacer {
  readonly #write: (text: string) => void;
  readonly #waiting: string[] = [];
  /** When the latest messages went out, oldest first. */
  readonly #sent: number[] = [];
  #perSecond = MESSAGES_PER_SECOND;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  send(text: string): void {
    this.#waiting.push(text);
    if (this.#timer === undefined) this.#flush();
  }

  /** Half as many from now on. */
  slow(): void {
    this.#perSecond = Math.max(1, Math.floor(this.#perSecond / 2));
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
    this.#sent.length = 0;
  }

  #flush(): void {
    this.#timer = undefined;
    const now = Date.now();
    while (this.#sent.length > 0 && (this.#sent[0] ?? 0) <= now - WINDOW_MS) this.#sent.shift();
    while (this.#waiting.length > 0 && this.#sent.length < this.#perSecond) {
      this.#sent.push(now);
      this.#write(this.#waiting.shift() ?? '');
    }
    const oldest = this.#sent[0];
    if (this.#waiting.length > 0 && oldest !== undefined) {
      this.#timer = setTimeout(() => this.#flush(), Math.max(1, oldest + WINDOW_MS - now));
    }
  }
}
