// http.ts — one HTTP exchange: JSON in, JSON out, with a time limit. Knows no credentials.
// SPDX-License-Identifier: Apache-2.0
import { KalamError } from './error.js';
import type { Json } from './types.js';
import { parseJson } from './wire.js';

export interface HttpRequest {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: Json;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  /** Only the account routes look at cookies. */
  cookies?: boolean;
}

export interface HttpAnswer {
  status: number;
  json: Json;
}

const TIMEOUT_MS = 60_000;
/** What setTimeout can wait; it takes more for 1. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

function checkTimeout(timeoutMs: number): number {
  if (
    timeoutMs === Infinity ||
    (typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MAX_MS)
  )
    return timeoutMs;
  throw new KalamError(
    'INVALID_OPTIONS',
    `timeoutMs must be 1 to ${TIMEOUT_MAX_MS}, or Infinity, not ${String(timeoutMs)}`,
  );
}

export function checkUrl(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new KalamError('INVALID_OPTIONS', `url is not valid: ${url}`, { cause });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new KalamError(
      'INVALID_OPTIONS',
      `url must be http:// or https://, not ${parsed.protocol}`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new KalamError('INVALID_OPTIONS', 'url must not hold credentials: use auth');
  }
  return parsed.origin + parsed.pathname.replace(/\/+$/, '');
}

export class Http {
  readonly base: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;

  constructor(url: string, fetchOption: typeof fetch | undefined, timeoutMs: number | undefined) {
    this.base = checkUrl(url);
    // Browsers refuse a fetch that is called as a method of something else.
    this.#fetch = fetchOption ?? ((input, init) => globalThis.fetch(input, init));
    this.#timeoutMs = checkTimeout(timeoutMs ?? TIMEOUT_MS);
  }

  async exchange(request: HttpRequest): Promise<HttpAnswer> {
    const timeoutMs = checkTimeout(request.timeoutMs ?? this.#timeoutMs);
    const abort = new AbortController();
    const onTimeout = (): void =>
      abort.abort(new KalamError('TIMEOUT', `no answer within ${timeoutMs} ms`));
    const timer = timeoutMs === Infinity ? undefined : setTimeout(onTimeout, timeoutMs);
    const onAbort = (): void => abort.abort(new KalamError('ABORTED', 'the request was aborted'));
    request.signal?.addEventListener('abort', onAbort);
    try {
      if (request.signal?.aborted) onAbort();
      return await this.#send(request, abort.signal);
    } catch (thrown) {
      if (thrown instanceof KalamError) throw thrown;
      if (abort.signal.reason instanceof KalamError) throw abort.signal.reason;
      throw new KalamError('CONNECTION_FAILED', `cannot reach ${this.base}: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const headers: Record<string, string> = { ...request.headers };
    const init: RequestInit = {
      method: request.method,
      headers,
      signal,
      redirect: 'error', // credentials go to the server that was named, nowhere else
      cache: 'no-store',
      credentials: request.cookies ? 'same-origin' : 'omit',
    };
    if (request.body !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(request.body);
    }
    const answer = await this.#fetch(this.base + request.path, init);
    const body = await answer.text();
    try {
      return { status: answer.status, json: parseJson(body) };
    } catch (cause) {
      throw new KalamError(
        'INVALID_RESPONSE',
        `HTTP ${answer.status} with an answer that is no JSON, or ended in the middle`,
        { httpStatus: answer.status, cause },
      );
    }
  }
}

/** Node's fetch hides why it failed in `cause`. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error && thrown.cause.message !== ''
    ? thrown.cause.message
    : thrown.message;
}
