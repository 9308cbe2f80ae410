// tables.tsx — the tables view: tree on the left, one table on the right.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../api/session';
import { execute, quoteName, tableName } from '../../api/sql';
import { go, route } from '../../router';
import { Button, Field } from '../../ui/controls';
import { askSql, Dialog, SqlPreview } from '../../ui/dialog';
import { Badge, Empty, Loading, Notice, tell } from '../../ui/feedback';
import { Page, Tabs } from '../../ui/page';
import { open } from '../studio/sheets';
import { CreateTable } from './createTable';
import { Columns, Facts, History, Segments } from './facts';
import { FlushButton } from './flush';
import { describe } from './model';
import type { Described, TableRef } from './model';
import { Rows } from './rows';
import { TreeView, useTree } from './tree';

const TABS = [
  ['rows', 'Rows'],
  ['columns', 'Columns'],
  ['options', 'Options'],
  ['history', 'Schema history'],
  ['segments', 'Segments'],
] as const;
type TabKey = (typeof TABS)[number][0];

function NewNamespace({ onClose }: { onClose: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [error, setError] = useState('');
  const sql = `CREATE NAMESPACE ${quoteName(name || 'name')}`;
  const submit = async (): Promise<void> => {
    try {
      tell((await execute(sql)).message ?? 'Created');
      onClose();
    } catch (thrown) {
      setError(errorText(thrown));
    }
  };
  return (
    <Dialog
      title="New namespace"
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={name === ''}>
            Create
          </Button>
        </>
      }
    >
      <Field label="Name" value={name} onInput={setName} required autofocus />
      <SqlPreview sql={sql} />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

function TablePane({
  table,
  tab,
  onTab,
}: {
  table: TableRef;
  tab: TabKey;
  onTab: (tab: TabKey) => void;
}): JSX.Element {
  const [described, setDescribed] = useState<Described | null>(null);
  const [error, setError] = useState('');
  const [round, setRound] = useState(0);
  useEffect(() => {
    let gone = false;
    describe(table).then(
      (value) => {
        if (!gone) {
          setDescribed(value);
          setError('');
        }
      },
      (thrown: unknown) => {
        if (!gone) setError(errorText(thrown));
      },
    );
    return () => {
      gone = true;
    };
  }, [round]);
  const name = tableName(table.namespace_id, table.table_name);
  const isStored = table.table_type === 'USER' || table.table_type === 'SHARED';
  const drop = (): void =>
    askSql({
      title: 'Drop table',
      sql: `DROP TABLE ${name}`,
      action: 'Drop',
      danger: true,
      typed: table.table_name,
      text: 'Removes the table, its rows of every user, and its files. This cannot be undone.',
      onDone: () => go('tables'),
    });
  const tabs = TABS.filter(([key]) =>
    table.table_type === 'SYSTEM'
      ? key === 'rows' || key === 'columns'
      : key !== 'segments' || isStored,
  );
  return (
    <section aria-label={name}>
      <div class="toolbar">
        <span class="only-narrow">
          <Button small kind="plain" icon="left" label="All tables" onClick={() => go('tables')} />
        </span>
        <strong class="mono clip">{name}</strong>
        <Badge tone="accent">{table.table_type.toLowerCase()}</Badge>
        <span class="grow" />
        <Button
          small
          kind="plain"
          icon="sql"
          onClick={() => {
            open(`SELECT * FROM ${name} LIMIT 100`, '');
            go('sql');
          }}
        >
          Query
        </Button>
        {table.table_type !== 'SYSTEM' && (
          <Button small kind="danger" icon="trash" label="Drop table" onClick={drop} />
        )}
        {isStored && <FlushButton table={table} onEnd={() => setRound((n) => n + 1)} />}
      </div>
      <Tabs label="Parts of the table" tabs={tabs} current={tab} onChange={onTab} />
      {error && (
        <div style={{ padding: 12 }}>
          <Notice tone="danger">{error}</Notice>
        </div>
      )}
      {described === null ? (
        !error && <Loading />
      ) : tab === 'rows' ? (
        <Rows table={table} described={described} />
      ) : (
        <div class="page-body" tabIndex={0} role="region" aria-label={tab} key={round}>
          {tab === 'columns' && (
            <div class="card">
              <Columns described={described} />
            </div>
          )}
          {tab === 'options' && <Facts table={table} described={described} />}
          {tab === 'history' && <History table={table} />}
          {tab === 'segments' && (
            <div class="card">
              <Segments table={table} />
            </div>
          )}
        </div>
      )}
    </section>
  );
}

export function Tables(): JSX.Element {
  const tree = useTree();
  const [tab, setTab] = useState<TabKey>('rows');
  const [creating, setCreating] = useState<string | null>(null);
  const [naming, setNaming] = useState(false);
  const [, namespace = '', name = ''] = route.value;
  const table = tree.spaces
    .find((space) => space.namespace_id === namespace)
    ?.tables.find((one) => one.table_name === name);
  return (
    <Page
      title="Tables"
      flush
      actions={
        <Button icon="plus" onClick={() => setNaming(true)}>
          Namespace
        </Button>
      }
    >
      <div class={table ? 'split chosen' : 'split'}>
        <TreeView tree={tree} current={`${namespace}:${name}`} onCreate={setCreating} />
        {table ? (
          <TablePane key={`${namespace}:${name}`} table={table} tab={tab} onTab={setTab} />
        ) : (
          <div class="page-body">
            {name && !tree.list.loading ? (
              <Empty icon="tables" title={`There is no table ${namespace}.${name}`} />
            ) : (
              <Empty icon="tables" title="Choose a table">
                or make one with + beside a namespace.
              </Empty>
            )}
          </div>
        )}
      </div>
      {creating !== null && <CreateTable namespace={creating} onClose={() => setCreating(null)} />}
      {naming && <NewNamespace onClose={() => setNaming(false)} />}
    </Page>
  );
}
