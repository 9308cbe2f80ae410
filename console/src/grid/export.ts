// export.ts — results as CSV (RFC 4180) and JSON, saved as a file by the browser.
import type { Column, Value } from 'kalamdb';
import { uniqueNames } from 'kalamdb';
import { fullText } from './cells';
import { compactJson } from './json';

function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** As `kalam` writes and reads it: NULL is empty, an empty text is `""`. */
function csvValue(value: Value, type: string): string {
  return value === null ? '' : csvField(fullText(value, type));
}

export function toCsv(columns: readonly Column[], rows: readonly (readonly Value[])[]): string {
  const lines = [columns.map((column) => csvField(column.name)).join(',')];
  for (const row of rows)
    lines.push(columns.map((column, i) => csvValue(row[i] ?? null, column.type)).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function jsonText(value: Value, type: string): string {
  if (type === 'Json' && typeof value === 'string')
    return compactJson(value) ?? JSON.stringify(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && type !== 'Timestamp') return JSON.stringify(value);
  return JSON.stringify(fullText(value, type));
}

export function toJson(columns: readonly Column[], rows: readonly (readonly Value[])[]): string {
  const heads = uniqueNames(columns).map((name) => JSON.stringify(name));
  const objects = rows.map((row) =>
    columns.map((column, i) => `${heads[i]}:${jsonText(row[i] ?? null, column.type)}`).join(),
  );
  return `[\n${objects.map((object) => `  {${object}}`).join(',\n')}\n]\n`;
}

export function save(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
