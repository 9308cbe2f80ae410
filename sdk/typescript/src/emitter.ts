// emitter.ts — typed events: on() returns what takes the listener off again.
// SPDX-License-Identifier: Apache-2.0
import { throwLater } from './error.js';

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const own = (event: Events[Name]): void => listener(event); // one listener given twice is two
    listeners.add(own);
    return () => listeners.delete(own);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (thrown) {
        throwLater(thrown); // a fault of one listener is no matter of the others
      }
    }
  }
}
