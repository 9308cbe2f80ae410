// detail.tsx — one cell at full length: JSON laid out, bytes as a hex dump, times in several forms.
import type { Column, Value } from 'kalamdb';
import type { JSX } from 'preact';
import { Button } from '../ui/controls';
import { copy } from '../ui/copy';
import { fullText, hex, typeName } from './cells';
import { prettyJson } from './json';

export function hexDump(bytes: Uint8Array, limit = 4096): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(limit, bytes.length); at += 16) {
    const part = bytes.subarray(at, Math.min(at + 16, limit));
    const pairs = (hex(part).match(/../g) ?? []).join(' ').padEnd(47);
    const text = [...part]
      .map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.'))
      .join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${pairs}  ${text}`);
  }
  if (bytes.length > limit) lines.push(`… ${bytes.length - limit} more bytes`);
  return lines.join('\n');
}

function body(value: Value, column: Column): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return hexDump(value);
  if (column.type === 'Json' || (column.type === 'Text' && /^\s*[[{]/.test(String(value))))
    return prettyJson(String(value));
  return fullText(value, column.type);
}

function size(value: Value, column: Column): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'string' && column.type !== 'BigInt')
    return `${[...value].length} characters`;
  return column.type === 'Timestamp' && value !== null ? `${String(value)} µs since 1970` : '';
}

export function CellDetail({
  column,
  value,
  onClose,
}: {
  column: Column;
  value: Value;
  onClose: () => void;
}): JSX.Element {
  return (
    <aside
      class="detail"
      aria-label={`Value of ${column.name}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <header class="row">
        <strong class="grow clip">{column.name}</strong>
        <Button
          kind="plain"
          small
          icon="copy"
          label="Copy"
          onClick={() => void copy(fullText(value, column.type))}
        />
        <Button kind="plain" small icon="close" label="Close" onClick={onClose} />
      </header>
      <p class="muted small">
        {[typeName(column), size(value, column)].filter(Boolean).join(' · ')}
      </p>
      <pre class="mono" tabIndex={0}>
        {body(value, column)}
      </pre>
    </aside>
  );
}
