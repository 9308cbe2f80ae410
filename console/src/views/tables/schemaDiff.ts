// schemaDiff.ts — what one schema version changed against the one before. Columns are told apart by id, so that a
// renamed column is one, and a dropped and re-created name are two.

interface Field {
  name: string;
  id: number;
  type: string;
  precision?: number;
  scale?: number;
  length?: number;
  nullable: boolean;
  default: unknown;
  metadata?: { system_column?: boolean };
}

export interface Difference {
  kind: 'added' | 'dropped' | 'changed';
  text: string;
}

function fields(schema: string): Map<number, Field> {
  const parsed = JSON.parse(schema) as { fields?: Field[] };
  return new Map(
    (parsed.fields ?? [])
      .filter((field) => !field.metadata?.system_column)
      .map((field) => [field.id, field]),
  );
}

export function typeText(field: Field): string {
  if (field.precision !== undefined) return `${field.type}(${field.precision},${field.scale ?? 0})`;
  return field.length === undefined ? field.type : `${field.type}(${field.length})`;
}

function defaultText(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  const { kind, value: given } = value as { kind?: string; value?: unknown };
  return kind === 'literal' ? JSON.stringify(given) : `${String(kind).toUpperCase()}()`;
}

function changesOf(before: Field, after: Field): string[] {
  const texts: string[] = [];
  if (before.name !== after.name) texts.push(`${before.name} renamed to ${after.name}`);
  if (typeText(before) !== typeText(after))
    texts.push(`${after.name}: ${typeText(before)} → ${typeText(after)}`);
  if (before.nullable !== after.nullable)
    texts.push(`${after.name}: ${after.nullable ? 'may be NULL' : 'NOT NULL'}`);
  if (defaultText(before.default) !== defaultText(after.default))
    texts.push(
      `${after.name}: default ${defaultText(before.default)} → ${defaultText(after.default)}`,
    );
  return texts;
}

export function schemaDiff(before: string | undefined, after: string): Difference[] {
  const old = before === undefined ? new Map<number, Field>() : fields(before);
  const now = fields(after);
  const differences: Difference[] = [];
  for (const [id, field] of now) {
    const known = old.get(id);
    if (!known)
      differences.push({
        kind: 'added',
        text: `${field.name} ${typeText(field)}${field.nullable ? '' : ' NOT NULL'}`,
      });
    else for (const text of changesOf(known, field)) differences.push({ kind: 'changed', text });
  }
  for (const [id, field] of old)
    if (!now.has(id))
      differences.push({ kind: 'dropped', text: `${field.name} ${typeText(field)}` });
  return differences;
}
