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

/** What somebody typed, as the effective user: every statement's result, rows as arrays. */
export async function run(
  sql: string,
  params: readonly Param[],
  signal?: AbortSignal,
): Promise<Rows[]> {
  const options = { rows: 'array' as const, ...(signal === undefined ? {} : { signal }) };
  if (params.length > 0)
    return [(await noted(actingClient, (by) => by.query<Cells>(sql, params, options))) as Rows];
  return (await noted(actingClient, (by) => by.batch(sql, options))) as unknown as Rows[];
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** As SQL wants it: bare when it folds to itself and is no likely keyword. */
export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name)
    ? name
    : `"${name.replaceAll('"', '""')}"`;
}

const RESERVED = new Set(
  (
    'all and any as asc between by case cast check column constraint create cross current_date current_user default delete desc ' +
    'distinct else end except exists false fetch for foreign from full grant group having in inner insert intersect interval into ' +
    'is join key lateral left like limit natural not null offset on or order outer primary references returning right select set ' +
    'table then to true union unique update user using values when where window with'
  ).split(' '),
);

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

/** Statement of what the console changes; the same text is shown before it runs. */
export function whereKey(
  columns: readonly Column[],
  row: Cells,
  text: (value: Value, column: Column) => string | null,
): string {
  return columns
    .map((column, i) => ({ column, value: row[i] ?? null }))
    .filter(({ column }) => column.primaryKey)
    .map(
      ({ column, value }) =>
        `${quoteName(column.name)} = ${literal(text(value, column), column.type)}`,
    )
    .join(' AND ');
}
