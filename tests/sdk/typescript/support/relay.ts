// relay.ts — a TCP relay in front of the server: the network that fails when a test wants it to.
// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';

export class Relay {
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();
  #up = true;
  port = 0;

  private constructor(target: number) {
    this.#server = createServer((near) => this.#accept(near, target));
  }

  static async open(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((done) => relay.#server.listen(0, '127.0.0.1', done));
    const address = relay.#server.address();
    relay.port = typeof address === 'object' && address ? address.port : 0;
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Down: all connections are cut and new ones refused. */
  link(up: boolean): void {
    this.#up = up;
    if (!up) this.#cut();
  }

  /** The network swallows everything from now on, and tells nobody. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    this.#cut();
    await new Promise((done) => this.#server.close(done));
  }

  #accept(near: Socket, target: number): void {
    if (!this.#up) {
      near.destroy();
      return;
    }
    const far = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
