// hub.ts — the subscriptions of a client on its one connection: routes messages, opens the
// connection with the first subscription and closes it a moment after the last.
// SPDX-License-Identifier: Apache-2.0
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.js';
import type { Emitter } from './emitter.js';
import { KalamError } from './error.js';
import { Requests } from './requests.js';
import { LiveSubscription, type Member, type SubscriptionOwner } from './subscription.js';
import type { ClientEvents, LiveHandler, SubscribeOptions, ValueOptions } from './types.js';
import type { Fields, ServerMessage } from './wire.js';

/** A page that closes one view and opens the next keeps the connection. */
const LINGER_MS = 500;

interface NetworkEvents {
  addEventListener?(name: 'online', listener: () => void): void;
  removeEventListener?(name: 'online', listener: () => void): void;
}

export class Hub implements ConnectionOwner, SubscriptionOwner {
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #events: Emitter<ClientEvents>;
  readonly #all = new Set<Member>();
  readonly #byWireId = new Map<string, Member>();
  #count = 0;
  #toldOffline = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  readonly #networkIsBack = (): void => this.#connection.hurry();

  constructor(options: ConnectionOptions, events: Emitter<ClientEvents>) {
    this.#connection = new Connection(options, this);
    this.#requests = new Requests((message) => this.#connection.send(message));
    this.#events = events;
    (globalThis as NetworkEvents).addEventListener?.('online', this.#networkIsBack);
  }

  subscribe<T>(
    sql: string,
    options: SubscribeOptions,
    values: ValueOptions,
    handler: LiveHandler<T> | undefined,
  ): LiveSubscription<T> {
    this.#count++;
    const subscription = new LiveSubscription<T>(
      this,
      `s${this.#count}`,
      sql,
      options,
      values,
      handler,
    );
    this.#all.add(subscription);
    clearTimeout(this.#linger);
    // Not at once: the caller shall hold the subscription before its first event comes.
    queueMicrotask(() => {
      if (!subscription.active) return;
      if (this.#connection.isOnline) subscription.online();
      else this.#connection.start();
    });
    return subscription;
  }

  /** Ends all subscriptions with `error`, and the connection. */
  drop(error: KalamError): void {
    for (const subscription of [...this.#all]) subscription.fail(error);
    clearTimeout(this.#linger);
    this.#connection.stop();
  }

  async close(): Promise<void> {
    (globalThis as NetworkEvents).removeEventListener?.('online', this.#networkIsBack);
    await Promise.all([...this.#all].map((subscription) => subscription.close()));
    clearTimeout(this.#linger);
    this.#connection.stop();
  }

  // ---- of the connection ----

  online(user: string, role: string): void {
    this.#toldOffline = false;
    this.#events.emit('online', { user, role });
    for (const subscription of [...this.#all]) subscription.online();
  }

  offline(error: KalamError): void {
    this.#requests.clear();
    for (const subscription of [...this.#all]) subscription.offline();
    if (this.#toldOffline) return; // one event for many failed attempts
    this.#toldOffline = true;
    this.#events.emit('offline', { error });
  }

  refused(error: KalamError): void {
    this.drop(error);
  }

  message(message: ServerMessage): void {
    if (!('id' in message)) return;
    if (message.type === 'error' && message.id === 'subscribe') {
      for (const id of this.#requests.giveUp()) this.#byWireId.get(id)?.message({ ...message, id });
      return;
    }
    this.#requests.answered(message.id);
    this.#byWireId.get(message.id)?.message(message);
  }

  // ---- of the subscriptions ----

  isOnline(): boolean {
    return this.#connection.isOnline;
  }

  request(wireId: string, request: Fields, subscription: Member): void {
    this.#byWireId.set(wireId, subscription);
    this.#requests.subscribe({ id: wireId, ...request });
  }

  nextBatch(wireId: string): void {
    this.#connection.send({ type: 'next_batch', subscription_id: wireId });
  }

  unsubscribe(wireId: string): void {
    this.#requests.unsubscribe(wireId);
  }

  unregister(wireId: string): void {
    this.#byWireId.delete(wireId);
  }

  resynced(id: string, sql: string): void {
    this.#events.emit('resync', { id, sql });
  }

  ended(subscription: Member): void {
    this.#all.delete(subscription);
    if (this.#all.size > 0) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      if (this.#all.size === 0) this.#connection.stop();
    }, LINGER_MS);
  }
}
