// storageDialogs.tsx — a new storage, and the check of one.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../api/session';
import { execute, quoteName, quoteText, select } from '../api/sql';
import { Button, Field, Select } from '../ui/controls';
import { Dialog, SqlPreview } from '../ui/dialog';
import { Badge, Empty, Loading, Notice, tell } from '../ui/feedback';
import { Table } from '../ui/table';

interface Operation {
  operation: string;
  status: string;
  latency_ms: string;
  error: string | null;
}
interface Draft {
  id: string;
  type: string;
  uri: string;
  accessKey: string;
  secretKey: string;
  region: string;
  endpoint: string;
}

function createSql(draft: Draft, secret: string): string {
  const keys = {
    access_key_id: draft.accessKey,
    secret_access_key: draft.secretKey && secret,
    region: draft.region,
    endpoint: draft.endpoint,
  };
  const given = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== ''));
  const credentials =
    draft.type === 's3' && Object.keys(given).length > 0
      ? ` CREDENTIALS ${quoteText(JSON.stringify(given))}`
      : '';
  return `CREATE STORAGE ${quoteName(draft.id || 'name')} TYPE ${draft.type} URI ${quoteText(draft.uri)}${credentials}`;
}

export function Create({
  onClose,
  onCreated,
}: {
  onClose: () => void;
  onCreated: (id: string) => void;
}): JSX.Element {
  const [draft, setDraft] = useState<Draft>({
    id: '',
    type: 'filesystem',
    uri: '',
    accessKey: '',
    secretKey: '',
    region: '',
    endpoint: '',
  });
  const [error, setError] = useState('');
  const change = (part: Partial<Draft>): void => setDraft((old) => ({ ...old, ...part }));
  const submit = (): void => {
    execute(createSql(draft, draft.secretKey)).then(
      (result) => {
        tell(result.message ?? 'Created');
        onCreated(draft.id);
      },
      (thrown: unknown) => setError(errorText(thrown)),
    );
  };
  return (
    <Dialog
      title="New storage"
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={draft.id === '' || draft.uri === ''}>
            Create and check
          </Button>
        </>
      }
    >
      <div class="two">
        <Field label="Id" value={draft.id} onInput={(id) => change({ id })} required autofocus />
        <Select
          label="Type"
          value={draft.type}
          options={[
            ['filesystem', 'filesystem'],
            ['s3', 's3'],
          ]}
          onChange={(type) => change({ type })}
        />
      </div>
      <Field
        label={draft.type === 's3' ? 'Bucket and prefix' : 'Folder on the server'}
        value={draft.uri}
        placeholder={draft.type === 's3' ? 's3://bucket/prefix/' : '/srv/cold'}
        onInput={(uri) => change({ uri })}
        required
      />
      {draft.type === 's3' && (
        <div class="two">
          <Field
            label="Access key"
            value={draft.accessKey}
            onInput={(accessKey) => change({ accessKey })}
          />
          <Field
            label="Secret key"
            type="password"
            value={draft.secretKey}
            onInput={(secretKey) => change({ secretKey })}
            hint="Sealed at rest, never shown again"
          />
          <Field label="Region" value={draft.region} onInput={(region) => change({ region })} />
          <Field
            label="Endpoint"
            value={draft.endpoint}
            onInput={(endpoint) => change({ endpoint })}
            hint="Of servers other than Amazon's"
          />
        </div>
      )}
      <SqlPreview sql={createSql(draft, '••••••••')} />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

export function Check({ id, onClose }: { id: string; onClose: () => void }): JSX.Element {
  const [result, setResult] = useState<Operation[] | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    select<Operation>(`STORAGE CHECK ${quoteName(id)} EXTENDED`).then(
      setResult,
      (thrown: unknown) => setError(errorText(thrown)),
    );
  }, [id]);
  return (
    <Dialog
      title={`Check of ${id}`}
      onClose={onClose}
      onSubmit={onClose}
      foot={
        <Button submit kind="primary">
          Close
        </Button>
      }
    >
      {error && <Notice tone="danger">{error}</Notice>}
      {result === null ? (
        !error && <Loading />
      ) : (
        <Table
          label="Operations"
          rows={result}
          rowKey={(row) => row.operation}
          empty={<Empty icon="storages" title="Nothing was checked" />}
          columns={[
            { head: 'Operation', cell: (row) => row.operation },
            {
              head: 'Status',
              cell: (row) => (
                <Badge dot tone={row.status === 'healthy' ? 'ok' : 'danger'}>
                  {row.status}
                </Badge>
              ),
            },
            { head: 'Time', kind: 'number', cell: (row) => `${row.latency_ms} ms` },
            { head: 'Error', cell: (row) => row.error ?? '' },
          ]}
        />
      )}
    </Dialog>
  );
}
