// storages.tsx — where cold files go: create with a check, check, usage, drop.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useLive, usePoll } from '../api/live';
import { quoteName } from '../api/sql';
import { formatBytes, formatCount } from '../format';
import { Button } from '../ui/controls';
import { askSql } from '../ui/dialog';
import { Badge, Empty, Notice } from '../ui/feedback';
import { Page } from '../ui/page';
import { Await, Table } from '../ui/table';
import { Check, Create } from './storageDialogs';

interface Storage {
  storage_id: string;
  storage_name: string;
  storage_type: string;
  description: string | null;
  uri: string;
  shared_tables_template: string;
  user_tables_template: string;
}

interface Usage {
  storage_id: string;
  rows: string;
  bytes: string;
  files: string;
}
export function Storages(): JSX.Element {
  const list = useLive<Storage>(
    'SELECT storage_id, storage_name, storage_type, description, uri, shared_tables_template, user_tables_template FROM system.storages',
    (a, b) =>
      a.storage_id === 'local'
        ? -1
        : b.storage_id === 'local'
          ? 1
          : a.storage_id.localeCompare(b.storage_id),
  );
  const usage = usePoll<Usage>(
    'SELECT storage_id, SUM(rows) AS rows, SUM(bytes) AS bytes, COUNT(*) AS files FROM system.segments GROUP BY storage_id',
    5000,
  );
  const counts = usePoll<{ storage_id: string; usage_count: string }>(
    'SELECT storage_id, usage_count FROM system.storages',
    5000,
  );
  const [creating, setCreating] = useState(false);
  const [checking, setChecking] = useState<string | null>(null);
  const used = (storage: Storage): Usage | undefined =>
    usage.rows.find((row) => row.storage_id === storage.storage_id);
  const tables = (storage: Storage): string =>
    counts.rows.find((row) => row.storage_id === storage.storage_id)?.usage_count ?? '0';
  const drop = (storage: Storage): void =>
    askSql({
      title: 'Drop storage',
      sql: `DROP STORAGE ${quoteName(storage.storage_id)}`,
      action: 'Drop',
      danger: true,
      text: 'Refused while a table refers to it. Files stay where they are.',
    });
  return (
    <Page
      title="Storages"
      actions={
        <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>
          New storage
        </Button>
      }
    >
      <div class="card">
        <Await list={list}>
          <Table
            label="Storages"
            rows={list.rows}
            rowKey={(storage) => storage.storage_id}
            empty={<Empty icon="storages" title="No storages" />}
            columns={[
              {
                head: 'Storage',
                cell: (storage) => (
                  <>
                    <strong>{storage.storage_id}</strong>
                    {storage.storage_name !== storage.storage_id && (
                      <span class="muted"> {storage.storage_name}</span>
                    )}
                  </>
                ),
              },
              {
                head: 'Type',
                cell: (storage) => (
                  <Badge tone={storage.storage_type === 's3' ? 'info' : ''}>
                    {storage.storage_type}
                  </Badge>
                ),
              },
              {
                head: 'Place',
                kind: 'clip',
                cell: (storage) => (
                  <span class="mono" title={storage.uri}>
                    {storage.uri || 'the data folder'}
                  </span>
                ),
              },
              {
                head: 'Tables',
                kind: 'number',
                cell: (storage) => formatCount(tables(storage)),
                sort: (storage) => Number(tables(storage)),
              },
              {
                head: 'Files',
                kind: 'number',
                cell: (storage) => formatCount(used(storage)?.files ?? 0),
                sort: (storage) => Number(used(storage)?.files ?? 0),
              },
              {
                head: 'Size',
                kind: 'number',
                cell: (storage) => formatBytes(Number(used(storage)?.bytes ?? 0)),
                sort: (storage) => Number(used(storage)?.bytes ?? 0),
              },
              {
                head: 'Actions',
                kind: 'actions',
                cell: (storage) => (
                  <>
                    <Button small onClick={() => setChecking(storage.storage_id)}>
                      Check
                    </Button>
                    {storage.storage_id !== 'local' && (
                      <Button
                        small
                        kind="danger"
                        icon="trash"
                        label={`Drop ${storage.storage_id}`}
                        onClick={() => drop(storage)}
                      />
                    )}
                  </>
                ),
              },
            ]}
          />
        </Await>
      </div>
      {usage.error && <Notice tone="danger">{usage.error}</Notice>}
      {creating && (
        <Create
          onClose={() => setCreating(false)}
          onCreated={(id) => {
            setCreating(false);
            counts.reload();
            setChecking(id);
          }}
        />
      )}
      {checking !== null && (
        <Check key={checking} id={checking} onClose={() => setChecking(null)} />
      )}
    </Page>
  );
}
