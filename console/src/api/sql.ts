// sql.ts — how views ask the server: one statement, rows as objects or as arrays; and how SQL text is put together.
import type { Column, KalamClient, Param, QueryResult, Value } from 'kalamdb';
import { actingClient, client, noteAnswer, noteError } from './session';

export type Cells = Value[];
export type Rows = QueryResult<Cells>;

async function noted<T>(asked: KalamClient, work: (by: KalamClient) => Promise<T>): Promise<T> {
  try {
    const result = await work(asked);
    noteAnswer();
    return result;
  } catch (thrown) {
    noteError(thrown, asked);
    throw thrown;
  }
}

/** Rows of the console's own questions, as the signed-in user. */
export async function select<T>(sql: string, params: readonly Param[] = []): Promise<T[]> {
  return (await noted(client, (by) => by.query<T>(sql, params))).rows;
}

export function execute(sql: string): Promise<QueryResult> {
  return noted(client, (by) => by.query(sql));
}

export interface RunOptions {
  signal?: AbortSignal;
  /** Of names without one; else that of the server. */
  namespace?: string | undefined;
}

/** What somebody typed, as the effective user: every statement's result, rows as arrays. */
export async function run(
  sql: string,
  params: readonly Param[],
  how: RunOptions = {},
): Promise<Rows[]> {
  const options = { ...how, rows: 'array' as const };
  if (params.length > 0)
    return [(await noted(actingClient, (by) => by.query<Cells>(sql, params, options))) as Rows];
  return (await noted(actingClient, (by) => by.batch(sql, options))) as unknown as Rows[];
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Always quoted: as a bare word `current_role` or `similar` would be a function or a keyword of the server. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function tableName(namespace: string, table: string, user?: string): string {
  const parts = user ? [namespace, user, table] : [namespace, table];
  return parts.map(quoteName).join('.');
}

/** A typed-in text as a literal of the column's type; NULL for null. */
export function literal(text: string | null, type: string): string {
  if (text === null) return 'NULL';
  if (
    /^(SmallInt|Int|BigInt|Float|Double|Decimal)$/.test(type) &&
    /^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text.trim())
  )
    return text.trim();
  if (type === 'Boolean' && /^(true|false)$/i.test(text.trim())) return text.trim().toUpperCase();
  return quoteText(text);
}

/** The condition that names `row` by those of its columns that `names` says; it is shown before it runs. */
export function whereRow(
  columns: readonly Column[],
  row: Cells,
  text: (value: Value, column: Column) => string | null,
  names: (column: Column) => boolean,
): string {
  return columns
    .map((column, i) => ({ column, value: row[i] ?? null }))
    .filter(({ column }) => names(column))
    .map(
      ({ column, value }) =>
        `${quoteName(column.name)} = ${literal(text(value, column), column.type)}`,
    )
    .join(' AND ');
}
