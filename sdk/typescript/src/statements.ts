// statements.ts — statements over HTTP: sends SQL, turns the answer into results or a KalamError.
// SPDX-License-Identifier: Apache-2.0
import type { Credentials, Sent } from './credentials.js';
import { KalamError } from './error.js';
import type { Http } from './http.js';
import type { Json, QueryOptions, QueryResult, Row, Value, ValueOptions } from './types.js';
import { RowDecoder } from './values.js';
import { readAnswer, type WireAnswer, type WireResult } from './wire.js';

export interface StatementContext {
  http: Http;
  credentials: Credentials;
  values: ValueOptions;
  namespace: string | undefined;
}

interface Sending {
  answer: WireAnswer;
  status: number;
  as: Sent;
}

async function post(
  context: StatementContext,
  body: Json,
  options: QueryOptions,
): Promise<Sending> {
  const as = await context.credentials.headers();
  const { status, json } = await context.http.exchange({
    method: 'POST',
    path: '/v1/api/sql',
    headers: as.headers,
    body,
    signal: options.signal,
    timeoutMs: options.timeoutMs,
  });
  return { answer: readAnswer(json), status, as };
}

function toResult(
  raw: WireResult,
  took: number,
  context: StatementContext,
  options: QueryOptions,
): QueryResult<Row | Value[]> {
  const decoder = new RowDecoder(raw.columns, context.values);
  const asArrays = options.rows === 'array';
  const result: QueryResult<Row | Value[]> = {
    rows: raw.rows.map((row) => (asArrays ? decoder.array(row) : decoder.object(row))),
    columns: raw.columns,
    rowCount: raw.rowCount,
    message: raw.message,
    asUser: raw.asUser,
    took,
  };
  if (raw.table !== undefined) result.table = raw.table;
  return result;
}

function toResults(
  { answer, status }: Sending,
  context: StatementContext,
  options: QueryOptions,
): QueryResult<Row | Value[]>[] {
  const results: QueryResult<Row | Value[]>[] = [];
  for (const raw of answer.results) {
    try {
      results.push(toResult(raw, answer.took, context, options));
    } catch (cause) {
      const statementIndex = results.length + 1;
      throw new KalamError(
        'INVALID_RESPONSE',
        `statement ${statementIndex} was done, but its rows cannot be read: ${String(cause)}`,
        { statementIndex, httpStatus: status, results: results as QueryResult<Row>[], cause },
      );
    }
  }
  return results;
}

/** The token has expired, or what it says of its user is no longer so (role, password). */
function isRefused({ answer, status, as }: Sending): boolean {
  const code = answer.error?.code;
  return (
    code === 'TOKEN_EXPIRED' ||
    (code === 'INVALID_CREDENTIALS' && status === 401 && as.token !== undefined)
  );
}

/** Sends `sql`; a refused token has run nothing, so the one repetition is safe. */
export async function execute(
  context: StatementContext,
  sql: string,
  params: Json[] | undefined,
  options: QueryOptions,
): Promise<QueryResult<Row | Value[]>[]> {
  const namespace = options.namespace ?? context.namespace;
  const body: Json = {
    sql,
    ...(params === undefined ? {} : { params }),
    ...(namespace === undefined ? {} : { namespace_id: namespace }),
  };
  let sent = await post(context, body, options);
  if (isRefused(sent) && (await context.credentials.renew(sent.as.token, sent.as.generation))) {
    sent = await post(context, body, options);
  }
  const results = toResults(sent, context, options);
  const { error } = sent.answer;
  if (error === undefined) return results;
  throw new KalamError(error.code, error.message, {
    statementIndex: error.statementIndex,
    httpStatus: sent.status,
    results: results as QueryResult<Row>[],
  });
}
