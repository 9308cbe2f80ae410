// catalogue.ts — tables and columns for completion, read once and again after statements that change them.
import { signal } from '@preact/signals';
import { select } from '../api/sql';
import { atEnd } from '../api/visit';
import type { Catalogue } from './language';

export const catalogue = signal<Catalogue>({});
atEnd(() => {
  catalogue.value = {};
});

const QUERY =
  'SELECT table_schema, table_name, column_name FROM information_schema.columns ORDER BY table_schema, table_name, ordinal_position';

interface Line {
  table_schema: string;
  table_name: string;
  column_name: string;
}

export async function loadCatalogue(): Promise<void> {
  const found: Catalogue = {};
  for (const line of await select<Line>(QUERY)) {
    const tables = (found[line.table_schema] ??= {});
    (tables[line.table_name] ??= []).push(line.column_name);
  }
  catalogue.value = found;
}

export function changesCatalogue(sql: string): boolean {
  return /\b(create|alter|drop|restore)\b/i.test(sql);
}
