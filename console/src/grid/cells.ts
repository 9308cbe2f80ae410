// cells.ts — one value as text: for the grid, for a file, for SQL.
import type { Column, Value } from 'kalamdb';
import { formatTimestamp } from '../format';

const CLIP = 400;

export function isNumeric(type: string): boolean {
  return /^(SmallInt|Int|BigInt|Float|Double|Decimal)$/.test(type);
}

/** `DECIMAL(10,2)`, `BIGINT`: the type's name in SQL. */
export function typeName(column: Column): string {
  return column.type === 'Decimal'
    ? `DECIMAL(${column.precision},${column.scale})`
    : column.type.toUpperCase();
}

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The whole value; null is the caller's. */
export function fullText(value: Value, type: string): string {
  if (value === null) return '';
  if (type === 'Timestamp' && typeof value === 'number') return formatTimestamp(value);
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

/** One line of bounded length. */
export function cellText(value: Value, type: string): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array)
    return `0x${hex(value.subarray(0, 32))}${value.length > 32 ? '…' : ''}`;
  if (typeof value === 'number' && type !== 'Timestamp') return String(value);
  const text = fullText(value, type);
  const clipped = text.length > CLIP ? `${text.slice(0, CLIP)}…` : text;
  return clipped.includes('\n') ? clipped.replace(/\s*\n\s*/g, ' ⏎ ') : clipped;
}

/** As a literal's text, null kept. */
export function sqlText(value: Value, column: Column): string | null {
  return value === null ? null : fullText(value, column.type);
}

const SAMPLE = 120;
const CHARACTER_PX = 7.6;

/** Widths that fit the heads and the first rows. */
export function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly Value[])[],
): number[] {
  return columns.map((column, i) => {
    let longest = Math.max(column.name.length + 1, typeName(column).length * 0.8);
    for (let r = 0; r < Math.min(SAMPLE, rows.length); r++)
      longest = Math.max(longest, cellText(rows[r]?.[i] ?? null, column.type).length);
    return Math.round(Math.min(380, Math.max(74, longest * CHARACTER_PX + 24)));
  });
}
