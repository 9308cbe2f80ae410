// error.ts — the one error that every call of this library throws.
// SPDX-License-Identifier: Apache-2.0
import type { QueryResult, Row } from './types.js';

/** Codes of this library itself; all others come from the server (docs/protocol.md). */
export type ClientErrorCode =
  | 'ABORTED' // the caller's AbortSignal fired
  | 'CLOSED' // the client or subscription was closed meanwhile
  | 'CONNECTION_FAILED' // no answer: the server cannot be reached or went away
  | 'INVALID_OPTIONS' // a call of this library was wrong
  | 'INVALID_PARAMETER' // a value that no SQL parameter can be
  | 'INVALID_RESPONSE' // an answer that is no KalamDB answer
  | 'TIMEOUT'; // timeoutMs passed

export interface KalamErrorDetails {
  /** 1-based statement of a batch. */
  statementIndex?: number | undefined;
  httpStatus?: number | undefined;
  /** What a failed batch had finished: those statements stay committed. */
  results?: QueryResult<Row>[] | undefined;
  cause?: unknown;
}

export class KalamError extends Error {
  override readonly name = 'KalamError';
  readonly code: string;
  readonly statementIndex: number | undefined;
  readonly httpStatus: number | undefined;
  readonly results: QueryResult<Row>[];

  constructor(
    code: ClientErrorCode | (string & {}),
    message: string,
    details: KalamErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.statementIndex = details.statementIndex;
    this.httpStatus = details.httpStatus;
    this.results = details.results ?? [];
  }
}

/** What was thrown, as a KalamError. */
export function toKalamError(thrown: unknown, code: ClientErrorCode): KalamError {
  if (thrown instanceof KalamError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new KalamError(code, message, { cause: thrown });
}

/** For what nobody waits for: it must not vanish, so it ends where uncaught errors end. */
export function throwLater(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}
