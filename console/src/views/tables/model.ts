// model.ts — what the tables view knows of a table, and the questions it asks.
import type { Column, Json, Value } from 'kalamdb';
import { client } from '../../api/session';
import { quoteText, select, tableName } from '../../api/sql';

export type Kind = 'USER' | 'SHARED' | 'STREAM' | 'SYSTEM';

export interface TableRef {
  namespace_id: string;
  table_name: string;
  table_type: Kind;
}

export interface ColumnInfo {
  column_name: string;
  ordinal_position: number;
  column_id: string;
  data_type: string;
  is_nullable: boolean;
  is_primary_key: boolean;
  column_default: string | null;
  is_system: boolean;
}

export interface Described {
  columns: ColumnInfo[];
  facts: Record<string, Json>;
}

export interface Stats {
  buffered_rows: string;
  flushed_rows: string;
  total_rows: string;
  storage_size: string;
  parquet_files: string;
  last_flush: number | null;
  flush_config: string | null;
}

export interface Version {
  version: number;
  changes: string | null;
  created_at: number;
  arrow_schema: string;
}

export async function describe(table: TableRef): Promise<Described> {
  const result = await client.query<ColumnInfo>(
    `DESCRIBE TABLE ${tableName(table.namespace_id, table.table_name)}`,
  );
  return { columns: result.rows, facts: result.table ?? {} };
}

export async function readStats(table: TableRef): Promise<Stats | null> {
  const [stats] = await select<Stats>(
    `SHOW STATS FOR TABLE ${tableName(table.namespace_id, table.table_name)}`,
  );
  return stats ?? null;
}

export function readVersions(table: TableRef): Promise<Version[]> {
  return select<Version>(
    'SELECT version, changes, created_at, arrow_schema FROM system.table_schemas WHERE table_id = $1 ORDER BY version DESC',
    [`${table.namespace_id}:${table.table_name}`],
  );
}

/** Whoever has rows in a user table, hot or cold. */
export async function readInstances(table: TableRef): Promise<string[]> {
  const where = `WHERE namespace_id = ${quoteText(table.namespace_id)} AND table_name = ${quoteText(table.table_name)} AND user_id <> ''`;
  const rows = await select<{ user_id: string }>(
    `SELECT DISTINCT user_id FROM (SELECT user_id FROM system.user_table_counters ${where} UNION ALL SELECT user_id FROM system.segments ${where}) AS owners ORDER BY user_id LIMIT 500`,
  );
  return rows.map((row) => row.user_id);
}

export function isSystemColumn(name: string): boolean {
  return name === '_seq' || name === '_updated' || name === '_deleted';
}

export type { Column, Value };
