// createSql.ts — CREATE TABLE from the form's entries.
import { quoteName, quoteText, tableName } from '../../api/sql';

export interface NewColumn {
  name: string;
  type: string;
  notNull: boolean;
  key: boolean;
  default: string;
}
export interface NewTable {
  namespace: string;
  name: string;
  kind: 'USER' | 'SHARED' | 'STREAM';
  columns: readonly NewColumn[];
  storage: string;
  flushRows: string;
  flushSeconds: string;
  access: string;
  ttl: string;
  maxBuffer: string;
  ephemeral: boolean;
}

function columnSql(column: NewColumn): string {
  return [
    quoteName(column.name),
    column.type,
    column.notNull && !column.key && 'NOT NULL',
    column.default.trim() !== '' && `DEFAULT ${column.default.trim()}`,
  ]
    .filter(Boolean)
    .join(' ');
}

function flushClause(table: NewTable): string {
  const rows = table.flushRows.trim() && `ROWS ${table.flushRows.trim()}`;
  const interval =
    table.flushSeconds.trim() && `INTERVAL ${quoteText(`${table.flushSeconds.trim()}s`)}`;
  const parts = [rows, interval].filter(Boolean).join(' ');
  return parts && `FLUSH POLICY ${parts}`;
}

function clauses(table: NewTable): string[] {
  const all =
    table.kind === 'STREAM'
      ? [
          table.ttl.trim() && `TTL ${quoteText(table.ttl.trim())}`,
          table.maxBuffer.trim() && `MAX_BUFFER ${table.maxBuffer.trim()}`,
          table.ephemeral && 'EPHEMERAL',
        ]
      : [
          table.storage && `STORAGE ${quoteText(table.storage)}`,
          flushClause(table),
          table.kind === 'SHARED' && table.access && `ACCESS ${table.access}`,
        ];
  return all.filter((clause): clause is string => typeof clause === 'string' && clause !== '');
}

export function createTableSql(table: NewTable): string {
  const columns = table.columns.filter((column) => column.name.trim() !== '');
  const keys = columns.filter((column) => column.key).map((column) => quoteName(column.name));
  const lines = columns.map((column) => `  ${columnSql(column)}`);
  if (keys.length > 0) lines.push(`  PRIMARY KEY (${keys.join(', ')})`);
  const tail = clauses(table)
    .map((clause) => `\n${clause}`)
    .join('');
  return `CREATE ${table.kind} TABLE ${tableName(table.namespace, table.name || 'name')} (\n${lines.join(',\n')}\n)${tail}`;
}
