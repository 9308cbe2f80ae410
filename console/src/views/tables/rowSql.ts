// rowSql.ts — the statements behind the row editor and the browser; shown before they run.
import type { Column } from 'kalamdb';
import { literal, quoteName, whereRow } from '../../api/sql';
import type { Cells } from '../../api/sql';
import { splitStatements } from '../../editor/split';
import { sqlText } from '../../grid/cells';

const isKey = ({ primaryKey }: Column): boolean => primaryKey;

/** Column → what was typed; null is NULL, an absent column is left out. */
export type Typed = ReadonlyMap<string, string | null>;

export interface Browse {
  filter: string;
  order: { column: string; down: boolean } | undefined;
  page: number;
}

export const PAGE_ROWS = 200;

/** What was typed as a filter, without a last `;`; null where it would be more than one statement. */
export function conditionOf(typed: string): string | null {
  const pieces = splitStatements(typed);
  const [first] = pieces;
  if (first === undefined) return '';
  return pieces.length === 1 ? typed.slice(first.from, first.to) : null;
}

/** One row more than a page: it tells whether there is another. */
export function browseSql(target: string, browse: Browse): string {
  // On lines of its own: a comment in the condition ends there.
  const where = browse.filter === '' ? '' : ` WHERE (\n${browse.filter}\n)`;
  const order = browse.order
    ? ` ORDER BY ${quoteName(browse.order.column)}${browse.order.down ? ' DESC' : ''}`
    : '';
  const offset = browse.page > 0 ? ` OFFSET ${browse.page * PAGE_ROWS}` : '';
  return `SELECT * FROM ${target}${where}${order} LIMIT ${PAGE_ROWS + 1}${offset}`;
}

export function insertSql(target: string, columns: readonly Column[], typed: Typed): string {
  const given = columns.filter((column) => typed.has(column.name));
  if (given.length === 0) return `INSERT INTO ${target} DEFAULT VALUES`;
  const names = given.map((column) => quoteName(column.name)).join(', ');
  const values = given
    .map((column) => literal(typed.get(column.name) ?? null, column.type))
    .join(', ');
  return `INSERT INTO ${target} (${names}) VALUES (${values})`;
}

/** Empty when nothing is changed. */
export function updateSql(
  target: string,
  columns: readonly Column[],
  row: Cells,
  typed: Typed,
): string {
  const changes = columns
    .map((column, i) => ({
      column,
      before: sqlText(row[i] ?? null, column),
      after: typed.get(column.name),
    }))
    .filter(({ before, after }) => after !== undefined && after !== before)
    .map(
      ({ column, after }) => `${quoteName(column.name)} = ${literal(after ?? null, column.type)}`,
    );
  return changes.length === 0
    ? ''
    : `UPDATE ${target} SET ${changes.join(', ')} WHERE ${whereRow(columns, row, sqlText, isKey)}`;
}

export function deleteSql(target: string, columns: readonly Column[], row: Cells): string {
  return `DELETE FROM ${target} WHERE ${whereRow(columns, row, sqlText, isKey)}`;
}

/** Of a stream: events may share a key, `_seq` is each one's own. */
export function deleteEventSql(target: string, columns: readonly Column[], row: Cells): string {
  const isKeyOrSeq = (column: Column): boolean => isKey(column) || column.name === '_seq';
  return `DELETE FROM ${target} WHERE ${whereRow(columns, row, sqlText, isKeyOrSeq)}`;
}

/** False where a number of the key lost digits on its way here (TIMESTAMP beyond 2255): it would name another row. */
export function keyIsExact(columns: readonly Column[], row: Cells): boolean {
  return columns.every(
    ({ primaryKey, type }, i) =>
      !primaryKey || type !== 'Timestamp' || row[i] === null || Number.isSafeInteger(row[i]),
  );
}
