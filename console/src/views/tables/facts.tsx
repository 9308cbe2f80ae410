// facts.tsx — columns, options and figures, schema versions and segments of one table.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { usePoll } from '../../api/live';
import { errorText } from '../../api/session';
import { counted, formatAgo, formatBytes, formatCount, formatTimestamp } from '../../format';
import { Badge, Empty, Loading, Notice } from '../../ui/feedback';
import type { Tone } from '../../ui/feedback';
import { Await, Table } from '../../ui/table';
import { readStats, readVersions } from './model';
import type { Described, Stats, TableRef, Version } from './model';
import { schemaDiff } from './schemaDiff';
import type { Difference } from './schemaDiff';

export function Columns({ described }: { described: Described }): JSX.Element {
  return (
    <Table
      label="Columns"
      rows={described.columns}
      rowKey={(column) => column.column_name}
      empty={<Empty icon="tables" title="No columns" />}
      columns={[
        {
          head: 'Column',
          cell: (column) => (
            <span class={column.is_system ? 'mono muted' : 'mono'}>{column.column_name}</span>
          ),
        },
        { head: 'Type', cell: (column) => <span class="mono">{column.data_type}</span> },
        { head: 'NULL', cell: (column) => (column.is_nullable ? 'yes' : 'no') },
        {
          head: 'Default',
          cell: (column) =>
            column.column_default === null ? (
              <span class="muted">–</span>
            ) : (
              <span class="mono">{column.column_default}</span>
            ),
        },
        {
          head: 'Kind',
          cell: (column) => (
            <>
              {column.is_primary_key && <Badge tone="accent">primary key</Badge>}
              {column.is_system && <Badge>set by the server</Badge>}
            </>
          ),
        },
        {
          head: 'Id',
          kind: 'number',
          cell: (column) => <span class="muted">{column.is_system ? '–' : column.column_id}</span>,
        },
      ]}
    />
  );
}

/** Loads once per table. */
function useOnce<T>(load: () => Promise<T>, key: string): { value: T | null; error: string } {
  const [state, setState] = useState<{ value: T | null; error: string }>({
    value: null,
    error: '',
  });
  useEffect(() => {
    let gone = false;
    setState({ value: null, error: '' });
    load().then(
      (value) => {
        if (!gone) setState({ value, error: '' });
      },
      (thrown: unknown) => {
        if (!gone) setState({ value: null, error: errorText(thrown) });
      },
    );
    return () => {
      gone = true;
    };
  }, [key]);
  return state;
}

function factText(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '–';
  if (/_at$/.test(name) && typeof value === 'number') return formatTimestamp(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function Figures({ stats }: { stats: Stats }): JSX.Element {
  const tiles: [string, string, string][] = [
    ['Hot rows', formatCount(stats.buffered_rows), 'in RocksDB, not flushed yet'],
    ['Cold rows', formatCount(stats.flushed_rows), 'in Parquet files'],
    [
      'Cold size',
      formatBytes(Number(stats.storage_size)),
      counted(Number(stats.parquet_files), 'file', 'files'),
    ],
    ['Last flush', formatAgo(stats.last_flush), stats.flush_config ?? ''],
  ];
  return (
    <div class="tiles">
      {tiles.map(([label, value, note]) => (
        <div key={label} class="card tile">
          <span class="label">{label}</span>
          <span class="value">{value}</span>
          <span class="note">{note}</span>
        </div>
      ))}
    </div>
  );
}

export function Facts({
  table,
  described,
}: {
  table: TableRef;
  described: Described;
}): JSX.Element {
  const { value, error } = useOnce(
    () => (table.table_type === 'SYSTEM' ? Promise.resolve(null) : readStats(table)),
    `${table.namespace_id}:${table.table_name}`,
  );
  const shown = Object.entries(described.facts).filter(
    ([name]) => !['history', 'history_query', 'namespace', 'table_name'].includes(name),
  );
  return (
    <div class="stack">
      {value && <Figures stats={value} />}
      {error && <Notice tone="danger">{error}</Notice>}
      <section class="card">
        <header>
          <h2>Options</h2>
        </header>
        <dl class="facts" style={{ padding: '12px 14px', margin: 0 }}>
          {shown.map(([name, fact]) => (
            <>
              <dt>{name.replaceAll('_', ' ')}</dt>
              <dd class="mono">{factText(name, fact)}</dd>
            </>
          ))}
        </dl>
      </section>
    </div>
  );
}

const TONES: Record<Difference['kind'], Tone> = { added: 'ok', dropped: 'danger', changed: 'warn' };
const SIGNS: Record<Difference['kind'], string> = { added: '+', dropped: '−', changed: '~' };

function VersionCard({
  version,
  before,
}: {
  version: Version;
  before: Version | undefined;
}): JSX.Element {
  const differences = schemaDiff(before?.arrow_schema, version.arrow_schema);
  return (
    <section class="card" style={{ padding: '12px 14px' }}>
      <div class="row">
        <Badge tone="accent">{`version ${version.version}`}</Badge>
        <strong class="grow">{version.changes ?? ''}</strong>
        <span class="muted small">{formatTimestamp(version.created_at)}</span>
      </div>
      <div class="diff">
        {differences.length === 0 && <span class="muted small">No column changed.</span>}
        {differences.map((difference) => (
          <Badge key={difference.text} tone={TONES[difference.kind]}>
            <span class="mono">{`${SIGNS[difference.kind]} ${difference.text}`}</span>
          </Badge>
        ))}
      </div>
    </section>
  );
}

export function History({ table }: { table: TableRef }): JSX.Element {
  const { value, error } = useOnce(
    () => readVersions(table),
    `${table.namespace_id}:${table.table_name}`,
  );
  if (error) return <Notice tone="danger">{error}</Notice>;
  if (value === null) return <Loading />;
  if (value.length === 0)
    return (
      <Empty icon="history" title="No versions">
        System tables are defined by the server itself.
      </Empty>
    );
  return (
    <div class="stack">
      {value.map((version, i) => (
        <VersionCard key={version.version} version={version} before={value[i + 1]} />
      ))}
    </div>
  );
}

interface Segment {
  user_id: string;
  path: string;
  storage_id: string;
  rows: string;
  bytes: string;
  min_key: string | null;
  max_key: string | null;
  min_seq: string;
  max_seq: string;
  schema_version: number;
  created_at: number;
}

export function Segments({ table }: { table: TableRef }): JSX.Element {
  const list = usePoll<Segment>(
    'SELECT user_id, path, storage_id, rows, bytes, min_key, max_key, min_seq, max_seq, schema_version, created_at FROM system.segments ' +
      'WHERE namespace_id = $1 AND table_name = $2 ORDER BY created_at DESC LIMIT 500',
    5000,
    [table.namespace_id, table.table_name],
  );
  return (
    <Await list={list}>
      <Table
        label="Segments"
        rows={list.rows}
        rowKey={(segment) => segment.path}
        empty={
          <Empty icon="storages" title="No segments">
            All rows are in the hot tier; a flush writes them to Parquet files.
          </Empty>
        }
        columns={[
          {
            head: 'File',
            kind: 'clip',
            cell: (segment) => (
              <span class="mono" title={segment.path}>
                {segment.path.split('/').slice(-2).join('/')}
              </span>
            ),
          },
          ...(table.table_type === 'USER'
            ? [
                {
                  head: 'User',
                  cell: (segment: Segment) => segment.user_id,
                  sort: (segment: Segment) => segment.user_id,
                },
              ]
            : []),
          {
            head: 'Rows',
            kind: 'number',
            cell: (segment) => formatCount(segment.rows),
            sort: (segment) => Number(segment.rows),
          },
          {
            head: 'Size',
            kind: 'number',
            cell: (segment) => formatBytes(Number(segment.bytes)),
            sort: (segment) => Number(segment.bytes),
          },
          {
            head: 'Keys',
            kind: 'clip',
            cell: (segment) => (
              <span
                class="mono"
                title={`${segment.min_key} … ${segment.max_key}`}
              >{`${segment.min_key ?? ''} … ${segment.max_key ?? ''}`}</span>
            ),
          },
          {
            head: '_seq',
            kind: 'nowrap',
            cell: (segment) => (
              <span class="mono">{`${segment.min_seq} … ${segment.max_seq}`}</span>
            ),
          },
          { head: 'Version', kind: 'number', cell: (segment) => segment.schema_version },
          { head: 'Storage', cell: (segment) => segment.storage_id },
          {
            head: 'Written',
            kind: 'nowrap',
            cell: (segment) => formatAgo(segment.created_at),
            sort: (segment) => segment.created_at,
          },
        ]}
      />
    </Await>
  );
}
