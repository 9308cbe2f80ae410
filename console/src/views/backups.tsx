// backups.tsx — backups and restores: start one, watch it, look into one, restore it under a name.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useLive } from '../api/live';
import { errorText } from '../api/session';
import { execute, quoteName, quoteText, select } from '../api/sql';
import { formatAgo, formatBytes, formatCount, formatTimestamp } from '../format';
import { href } from '../router';
import { Button, Field, Select } from '../ui/controls';
import { askSql, Dialog, SqlPreview } from '../ui/dialog';
import { Empty, Loading, Notice, tell } from '../ui/feedback';
import { Page } from '../ui/page';
import { Await, Table } from '../ui/table';
import { JobBadge } from './jobs';

interface BackupJob {
  job_id: string;
  job_type: string;
  status: string;
  namespace_id: string | null;
  parameters: string | null;
  result: string | null;
  progress: string | null;
  error_message: string | null;
  created_at: number;
}
interface Content {
  namespace: string;
  table_name: string;
  table_type: string;
  files: string;
  rows: string;
  bytes: string;
  created_at: number;
  as_of_seq: string;
}

/** The folder of a job, from its parameters: ["shop","path:/srv/backup"]. */
export function pathOf(parameters: string | null): string {
  try {
    const list = JSON.parse(parameters ?? '[]') as unknown;
    const entry = Array.isArray(list)
      ? list.find((one): one is string => typeof one === 'string' && one.startsWith('path:'))
      : undefined;
    return entry?.slice(5) ?? '';
  } catch {
    return '';
  }
}

function Start({ onClose }: { onClose: () => void }): JSX.Element {
  const spaces = useLive<{ namespace_id: string }>(
    'SELECT namespace_id FROM system.namespaces',
    (a, b) => a.namespace_id.localeCompare(b.namespace_id),
  );
  const [namespace, setNamespace] = useState('');
  const [path, setPath] = useState('');
  const [error, setError] = useState('');
  const chosen = namespace || spaces.rows[0]?.namespace_id || 'default';
  const sql = `BACKUP DATABASE ${quoteName(chosen)} TO ${quoteText(path)} ASYNC`;
  const submit = (): void => {
    execute(sql).then(
      () => {
        tell('The backup has started');
        onClose();
      },
      (thrown: unknown) => setError(errorText(thrown)),
    );
  };
  return (
    <Dialog
      title="New backup"
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={path === ''}>
            Start
          </Button>
        </>
      }
    >
      <Select
        label="Namespace"
        value={chosen}
        options={spaces.rows.map((row) => [row.namespace_id, row.namespace_id] as const)}
        onChange={setNamespace}
      />
      <Field
        label="To"
        value={path}
        onInput={setPath}
        required
        autofocus
        placeholder="/srv/backups/shop-monday"
        hint="An empty folder on the server, or s3://bucket/prefix"
      />
      <SqlPreview sql={sql} />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

function Contents({ path }: { path: string }): JSX.Element {
  const [rows, setRows] = useState<Content[] | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    select<Content>(`SHOW BACKUP ${quoteText(path)}`).then(setRows, (thrown: unknown) =>
      setError(errorText(thrown)),
    );
  }, [path]);
  if (error) return <Notice tone="danger">{error}</Notice>;
  if (rows === null) return <Loading />;
  const [first] = rows;
  return (
    <>
      {first && (
        <p class="muted">
          {first.namespace}, as it was on {formatTimestamp(first.created_at)} UTC (_seq{' '}
          {first.as_of_seq})
        </p>
      )}
      <Table
        label="Tables of the backup"
        rows={rows}
        rowKey={(row) => row.table_name}
        empty={<Empty icon="tables" title="No tables" />}
        columns={[
          { head: 'Table', cell: (row) => <span class="mono">{row.table_name}</span> },
          { head: 'Kind', cell: (row) => row.table_type.toLowerCase() },
          { head: 'Rows', kind: 'number', cell: (row) => formatCount(row.rows) },
          { head: 'Files', kind: 'number', cell: (row) => formatCount(row.files) },
          { head: 'Size', kind: 'number', cell: (row) => formatBytes(Number(row.bytes)) },
        ]}
      />
    </>
  );
}

function Restore({
  path,
  namespace,
  onClose,
}: {
  path: string;
  namespace: string;
  onClose: () => void;
}): JSX.Element {
  const [from, setFrom] = useState(path);
  const [shown, setShown] = useState(path);
  const [name, setName] = useState(namespace);
  const submit = (): void => {
    onClose();
    askSql({
      title: 'Restore',
      sql: `RESTORE DATABASE ${quoteName(name)} FROM ${quoteText(from)} ASYNC`,
      action: 'Restore',
      typed: name,
      text: 'Makes this namespace from the backup. It must not exist yet; what fails leaves nothing behind.',
      done: 'The restore has started',
    });
  };
  return (
    <Dialog
      title="Restore a backup"
      wide
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={from === '' || name === ''}>
            Restore…
          </Button>
        </>
      }
    >
      <Field
        label="From"
        value={from}
        onInput={setFrom}
        required
        autofocus={path === ''}
        placeholder="/srv/backups/shop-monday"
        aside={
          <button type="button" class="link small" onClick={() => setShown(from)}>
            Show contents
          </button>
        }
      />
      <Field
        label="As namespace"
        value={name}
        onInput={setName}
        required
        hint="Another name than the backup's is fine"
      />
      {shown !== '' && <Contents path={shown} />}
    </Dialog>
  );
}

export function Backups(): JSX.Element {
  const list = useLive<BackupJob>(
    "SELECT job_id, job_type, status, namespace_id, parameters, result, progress, error_message, created_at FROM system.jobs WHERE job_type IN ('backup', 'restore')",
    (a, b) => b.created_at - a.created_at,
  );
  const [starting, setStarting] = useState(false);
  const [restoring, setRestoring] = useState<{ path: string; namespace: string } | null>(null);
  return (
    <Page
      title="Backups"
      actions={
        <>
          <Button onClick={() => setRestoring({ path: '', namespace: '' })}>Restore…</Button>
          <Button kind="primary" icon="plus" onClick={() => setStarting(true)}>
            New backup
          </Button>
        </>
      }
    >
      <div class="card">
        <Await list={list}>
          <Table
            label="Backups and restores"
            rows={list.rows}
            rowKey={(job) => job.job_id}
            empty={
              <Empty icon="backups" title="No backups yet">
                A backup holds one namespace as it was at one moment, while writers go on.
              </Empty>
            }
            columns={[
              { head: 'Job', cell: (job) => <a href={href('jobs', job.job_id)}>{job.job_type}</a> },
              { head: 'Namespace', cell: (job) => <span class="mono">{job.namespace_id}</span> },
              { head: 'Status', cell: (job) => <JobBadge job={job} /> },
              {
                head: 'Place',
                kind: 'clip',
                cell: (job) => (
                  <span class="mono" title={pathOf(job.parameters)}>
                    {pathOf(job.parameters)}
                  </span>
                ),
              },
              {
                head: 'Outcome',
                kind: 'clip',
                cell: (job) =>
                  job.error_message ? (
                    <span class="error-text" title={job.error_message}>
                      {job.error_message}
                    </span>
                  ) : (
                    <span title={job.result ?? ''}>{job.result ?? job.progress}</span>
                  ),
              },
              { head: 'Started', kind: 'nowrap', cell: (job) => formatAgo(job.created_at) },
              {
                head: 'Actions',
                kind: 'actions',
                cell: (job) =>
                  job.job_type === 'backup' &&
                  job.status === 'completed' && (
                    <Button
                      small
                      onClick={() => setRestoring({ path: pathOf(job.parameters), namespace: '' })}
                    >
                      Restore…
                    </Button>
                  ),
              },
            ]}
          />
        </Await>
      </div>
      {starting && <Start onClose={() => setStarting(false)} />}
      {restoring && <Restore {...restoring} onClose={() => setRestoring(null)} />}
    </Page>
  );
}
