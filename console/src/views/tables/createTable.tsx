// createTable.tsx — the form for a new table; what it will run is shown as it is filled in.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { usePoll } from '../../api/live';
import { errorText } from '../../api/session';
import { execute } from '../../api/sql';
import { go } from '../../router';
import { Button, Check, Field, Select } from '../../ui/controls';
import { Dialog } from '../../ui/dialog';
import { Notice, tell } from '../../ui/feedback';
import { createTableSql } from './createSql';
import type { NewColumn, NewTable } from './createSql';

const TYPES = [
  'BIGINT',
  'INT',
  'SMALLINT',
  'TEXT',
  'BOOLEAN',
  'DOUBLE',
  'FLOAT',
  'DECIMAL(18,4)',
  'UUID',
  'JSON',
  'BYTES',
  'DATE',
  'TIME',
  'TIMESTAMP',
].map((type) => [type, type] as const);
const KINDS = [
  ['USER', 'user – private rows for each user'],
  ['SHARED', 'shared – one for everybody'],
  ['STREAM', 'stream – events with a time to live'],
] as const;
const ACCESS = [
  ['', 'everybody reads and writes'],
  ['PUBLIC', 'public – everybody reads'],
  ['PRIVATE', 'private – service and above'],
  ['RESTRICTED', 'restricted – dba and system'],
] as const;
const COLUMN: NewColumn = { name: '', type: 'TEXT', notNull: false, key: false, default: '' };

function ColumnRow({
  column,
  index,
  onChange,
  onRemove,
}: {
  column: NewColumn;
  index: number;
  onChange: (column: NewColumn) => void;
  onRemove: () => void;
}): JSX.Element {
  return (
    <div class="row wrap" role="group" aria-label={`Column ${index + 1}`}>
      <input
        class="input small mono"
        style={{ flex: '1 1 130px' }}
        value={column.name}
        placeholder="name"
        aria-label="Column name"
        spellcheck={false}
        onInput={(event) => onChange({ ...column, name: event.currentTarget.value })}
      />
      <span style={{ flex: '0 0 130px' }}>
        <Select
          small
          hideLabel
          label="Type"
          value={column.type}
          options={TYPES}
          onChange={(type) => onChange({ ...column, type })}
        />
      </span>
      <input
        class="input small mono"
        style={{ flex: '1 1 110px' }}
        value={column.default}
        placeholder="default"
        aria-label="Default"
        spellcheck={false}
        onInput={(event) => onChange({ ...column, default: event.currentTarget.value })}
      />
      <Check label="key" checked={column.key} onChange={(key) => onChange({ ...column, key })} />
      <Check
        label="not null"
        checked={column.notNull || column.key}
        onChange={(notNull) => onChange({ ...column, notNull })}
      />
      <Button kind="plain" small icon="close" label="Remove column" onClick={onRemove} />
    </div>
  );
}

export function CreateTable({
  namespace,
  onClose,
}: {
  namespace: string;
  onClose: () => void;
}): JSX.Element {
  const storages = usePoll<{ storage_id: string }>('SELECT storage_id FROM system.storages', 0);
  const [table, setTable] = useState<NewTable>({
    namespace,
    name: '',
    kind: 'USER',
    columns: [
      { name: 'id', type: 'BIGINT', notNull: true, key: true, default: 'SNOWFLAKE_ID()' },
      COLUMN,
    ],
    storage: '',
    flushRows: '',
    flushSeconds: '',
    access: '',
    ttl: '',
    maxBuffer: '',
    ephemeral: false,
  });
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const change = (part: Partial<NewTable>): void => setTable((old) => ({ ...old, ...part }));
  const setColumn = (at: number, column: NewColumn): void =>
    change({ columns: table.columns.map((old, i) => (i === at ? column : old)) });
  const sql = createTableSql(table);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      tell((await execute(sql)).message ?? 'Created');
      onClose();
      go('tables', namespace, table.name);
    } catch (thrown) {
      setError(errorText(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`New table in ${namespace}`}
      wide
      onClose={onClose}
      onSubmit={() => void submit()}
      sql={sql}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" busy={busy} disabled={table.name.trim() === ''}>
            Create table
          </Button>
        </>
      }
    >
      <div class="two">
        <Field
          label="Name"
          value={table.name}
          onInput={(name) => change({ name })}
          required
          autofocus
        />
        <Select
          label="Kind"
          value={table.kind}
          options={KINDS}
          onChange={(kind) => change({ kind: kind as NewTable['kind'] })}
        />
      </div>
      <div class="stack" style={{ gap: 8 }}>
        <h3>Columns</h3>
        {table.columns.map((column, i) => (
          <ColumnRow
            key={i}
            index={i}
            column={column}
            onChange={(next) => setColumn(i, next)}
            onRemove={() => change({ columns: table.columns.filter((_, at) => at !== i) })}
          />
        ))}
        <div>
          <Button small icon="plus" onClick={() => change({ columns: [...table.columns, COLUMN] })}>
            Column
          </Button>
        </div>
      </div>
      {table.kind === 'STREAM' ? (
        <div class="two">
          <Field
            label="Time to live"
            value={table.ttl}
            placeholder="10s"
            onInput={(ttl) => change({ ttl })}
          />
          <Field
            label="Rows kept at most"
            value={table.maxBuffer}
            placeholder="10000"
            onInput={(maxBuffer) => change({ maxBuffer })}
          />
          <Check
            label="Ephemeral: discard events nobody listens to"
            checked={table.ephemeral}
            onChange={(ephemeral) => change({ ephemeral })}
          />
        </div>
      ) : (
        <div class="two">
          <Select
            label="Storage"
            value={table.storage}
            options={[
              ['', 'default'],
              ...storages.rows.map((row) => [row.storage_id, row.storage_id] as const),
            ]}
            onChange={(storage) => change({ storage })}
          />
          {table.kind === 'SHARED' && (
            <Select
              label="Access"
              value={table.access}
              options={ACCESS}
              onChange={(access) => change({ access })}
            />
          )}
          <Field
            label="Flush after rows"
            value={table.flushRows}
            placeholder="10000"
            onInput={(flushRows) => change({ flushRows })}
          />
          <Field
            label="Flush after seconds"
            value={table.flushSeconds}
            placeholder="300"
            onInput={(flushSeconds) => change({ flushSeconds })}
          />
        </div>
      )}
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}
