// wire.ts — reads what the server sends: unknown JSON in, checked types out, or INVALID_RESPONSE.
// SPDX-License-Identifier: Apache-2.0
import { KalamError } from './error.js';
import type { Column, Json } from './types.js';

export type Fields = Record<string, Json>;

export interface WireResult {
  columns: Column[];
  rows: Json[][];
  rowCount: number;
  message: string | undefined;
  asUser: string;
  table: Fields | undefined;
}

export interface WireError {
  code: string;
  message: string;
  statementIndex: number | undefined;
}

export interface WireAnswer {
  results: WireResult[];
  took: number;
  /** Undefined on success. */
  error: WireError | undefined;
}

interface BatchControl {
  hasMore: boolean;
  ready: boolean;
  lastSeq: bigint | undefined;
}

export type ServerMessage =
  | { type: 'auth_success'; user: string; role: string }
  | { type: 'auth_error'; message: string }
  | {
      type: 'subscription_ack';
      id: string;
      totalRows: number;
      control: BatchControl;
      columns: Column[];
    }
  | { type: 'initial_data_batch'; id: string; rows: Fields[]; control: BatchControl }
  | {
      type: 'change';
      id: string;
      change: 'insert' | 'update' | 'delete';
      rows: Fields[];
      old: Fields[];
    }
  | { type: 'unsubscribed'; id: string }
  | { type: 'error'; id: string; code: string; message: string; lastSeq: bigint | undefined };

function malformed(what: string): KalamError {
  return new KalamError('INVALID_RESPONSE', `the server's answer is not understood: ${what}`);
}

export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new KalamError(
      'INVALID_RESPONSE',
      "the server's answer is no JSON, or ended in the middle",
      { cause },
    );
  }
}

export function isFields(json: Json | undefined): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function fields(json: Json | undefined, what: string): Fields {
  if (!isFields(json)) throw malformed(what);
  return json;
}

function list(json: Json | undefined, what: string): Json[] {
  if (!Array.isArray(json)) throw malformed(what);
  return json;
}

function optionalList(json: Json | undefined, what: string): Json[] {
  return json === undefined || json === null ? [] : list(json, what);
}

export function text(json: Json | undefined, what: string): string {
  if (typeof json !== 'string') throw malformed(what);
  return json;
}

function optionalText(json: Json | undefined): string | undefined {
  return typeof json === 'string' ? json : undefined;
}

export function number(json: Json | undefined, what: string): number {
  if (typeof json !== 'number') throw malformed(what);
  return json;
}

function readColumn(json: Json): Column {
  const raw = fields(json, 'schema');
  const flags = optionalList(raw['flags'], 'flags');
  const type = raw['data_type'];
  const column: Column = {
    name: text(raw['name'], 'column name'),
    type: typeof type === 'string' ? type : 'Decimal',
    primaryKey: flags.includes('pk'),
    notNull: flags.includes('nn'),
    unique: flags.includes('uq'),
  };
  if (typeof type === 'string') return column;
  const decimal = fields(fields(type, 'data_type')['Decimal'], 'data_type');
  return {
    ...column,
    precision: number(decimal['precision'], 'precision'),
    scale: number(decimal['scale'], 'scale'),
  };
}

function readResult(json: Json): WireResult {
  const raw = fields(json, 'result');
  return {
    columns: optionalList(raw['schema'], 'schema').map(readColumn),
    rows: optionalList(raw['rows'], 'rows').map((row) => list(row, 'row')),
    rowCount: number(raw['row_count'], 'row_count'),
    message: optionalText(raw['message']),
    asUser: optionalText(raw['as_user']) ?? '',
    table: isFields(raw['table']) ? raw['table'] : undefined,
  };
}

/** The answer of `/sql`. Its `status` counts, not the HTTP status: large answers are streamed. */
export function readAnswer(json: Json): WireAnswer {
  const raw = fields(json, 'answer');
  const status = text(raw['status'], 'status');
  const answer: WireAnswer = {
    results: optionalList(raw['results'], 'results').map(readResult),
    took: typeof raw['took'] === 'number' ? raw['took'] : 0,
    error: undefined,
  };
  if (status === 'success') return answer;
  const error = fields(raw['error'], 'error');
  const index = error['statement_index'];
  answer.error = {
    code: text(error['code'], 'error code'),
    message: text(error['message'], 'error message'),
    statementIndex: typeof index === 'number' ? index : undefined,
  };
  return answer;
}

function position(json: Json | undefined): bigint | undefined {
  return typeof json === 'number' || typeof json === 'string' ? BigInt(json) : undefined;
}

function readControl(json: Json | undefined): BatchControl {
  const raw = fields(json, 'batch_control');
  return {
    hasMore: raw['has_more'] === true,
    ready: raw['status'] === 'ready',
    lastSeq: position(raw['last_seq_id']),
  };
}

function rows(json: Json | undefined): Fields[] {
  return optionalList(json, 'rows').map((row) => fields(row, 'row'));
}

function readChange(raw: Fields, id: string): ServerMessage {
  const change = raw['change_type'];
  if (change !== 'insert' && change !== 'update' && change !== 'delete')
    throw malformed('change_type');
  const message = {
    type: 'change',
    id,
    change,
    rows: rows(raw['rows']),
    old: rows(raw['old_values']),
  } as const;
  if (change === 'update' && message.rows.length !== message.old.length)
    throw malformed('old_values');
  return message;
}

/** Undefined for a type that this version does not know: a newer server may have more. */
export function readMessage(json: Json): ServerMessage | undefined {
  const raw = fields(json, 'message');
  const id = optionalText(raw['subscription_id']) ?? '';
  switch (raw['type']) {
    case 'auth_success':
      return {
        type: 'auth_success',
        user: text(raw['user'], 'user'),
        role: text(raw['role'], 'role'),
      };
    case 'auth_error':
      return { type: 'auth_error', message: text(raw['message'], 'message') };
    case 'subscription_ack':
      return {
        type: 'subscription_ack',
        id,
        totalRows: number(raw['total_rows'], 'total_rows'),
        control: readControl(raw['batch_control']),
        columns: list(raw['schema'], 'schema').map(readColumn),
      };
    case 'initial_data_batch':
      return {
        type: 'initial_data_batch',
        id,
        rows: rows(raw['rows']),
        control: readControl(raw['batch_control']),
      };
    case 'change':
      return readChange(raw, id);
    case 'unsubscribed':
      return { type: 'unsubscribed', id };
    case 'error':
      return {
        type: 'error',
        id,
        code: text(raw['code'], 'code'),
        message: text(raw['message'], 'message'),
        lastSeq: position(raw['last_seq_id']),
      };
    default:
      return undefined;
  }
}
