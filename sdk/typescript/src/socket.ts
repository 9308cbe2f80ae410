// socket.ts — opens a WebSocket: which constructor, and how the credentials travel.
//
// A token goes along as the subprotocol `kalamdb.jwt.<token>`, the one way that browsers have too.
// An API key needs a header, which only Node can send.
// SPDX-License-Identifier: Apache-2.0
import { KalamError, toKalamError } from './error.js';
import type { WebSocketConstructor } from './types.js';

/** What is used of a WebSocket: the browser's, Node's and npm `ws` all have it. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
}

export const SOCKET_OPEN = 1;

type SocketConstructor = new (
  url: string,
  protocols: string[] | object,
  options?: object,
) => Socket;

interface NodeGlobals {
  process?: { versions?: { node?: string } };
}

function isNode(): boolean {
  return (globalThis as NodeGlobals).process?.versions?.node !== undefined;
}

export function socketUrl(base: string): string {
  return base.replace(/^http/, 'ws') + '/v1/ws';
}

/** The public type says only what is constructed with; this is the one place that says more. */
function constructorOf(option: WebSocketConstructor | undefined): SocketConstructor {
  const found = option ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (found === undefined) {
    throw new KalamError(
      'INVALID_OPTIONS',
      'live queries need a WebSocket, and this runtime has none: npm install ws, ' +
        "then import WebSocket from 'ws' and createClient({…, WebSocket})",
    );
  }
  return found as unknown as SocketConstructor;
}

export function checkSocket(option: WebSocketConstructor | undefined): void {
  constructorOf(option);
}

export function openSocket(
  base: string,
  option: WebSocketConstructor | undefined,
  token: string | undefined,
  apiKey: string | undefined,
): Socket {
  const Constructor = constructorOf(option);
  const protocols = token === undefined ? ['kalamdb.v1'] : ['kalamdb.v1', `kalamdb.jwt.${token}`];
  const url = socketUrl(base);
  if (apiKey === undefined) return construct(() => new Constructor(url, protocols));
  if (!isNode()) {
    throw new KalamError(
      'INVALID_OPTIONS',
      'a browser cannot send an API key with a WebSocket: log in for live queries',
    );
  }
  const headers = { 'X-API-Key': apiKey };
  // npm ws takes headers as third argument, Node's own WebSocket inside the second.
  return construct(() =>
    option === undefined
      ? new Constructor(url, { protocols, headers })
      : new Constructor(url, protocols, { headers }),
  );
}

/** What a constructor throws (a token with a blank, a page's policy) fails in every attempt. */
function construct(open: () => Socket): Socket {
  try {
    return open();
  } catch (thrown) {
    throw toKalamError(thrown, 'INVALID_OPTIONS');
  }
}
