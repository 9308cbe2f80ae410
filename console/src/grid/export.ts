// export.ts — results as CSV (RFC 4180) and JSON, saved as a file by the browser.
import type { Column, Json, Value } from 'kalamdb';
import { fullText } from './cells';

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv(columns: readonly Column[], rows: readonly (readonly Value[])[]): string {
  const lines = [columns.map((column) => csvField(column.name)).join(',')];
  for (const row of rows)
    lines.push(
      columns.map((column, i) => csvField(fullText(row[i] ?? null, column.type))).join(','),
    );
  return `${lines.join('\r\n')}\r\n`;
}

function jsonValue(value: Value, type: string): Json {
  if (value === null || typeof value === 'boolean') return value;
  if (type === 'Json' && typeof value === 'string') {
    try {
      return JSON.parse(value) as Json;
    } catch {
      return value;
    }
  }
  if (typeof value === 'number' && type !== 'Timestamp') return value;
  return fullText(value, type);
}

/** Names that repeat get a number, or the later would hide the earlier. */
export function uniqueNames(columns: readonly Column[]): string[] {
  const seen = new Map<string, number>();
  return columns.map(({ name }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  });
}

export function toJson(columns: readonly Column[], rows: readonly (readonly Value[])[]): string {
  const names = uniqueNames(columns);
  const objects = rows.map((row) =>
    Object.fromEntries(
      columns.map((column, i) => [names[i], jsonValue(row[i] ?? null, column.type)]),
    ),
  );
  return `[\n${objects.map((object) => `  ${JSON.stringify(object)}`).join(',\n')}\n]\n`;
}

export function save(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
