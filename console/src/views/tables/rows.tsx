// rows.tsx — pages through a table's rows: filter, sort, and change one.
import type { Column } from 'kalamdb';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { effectiveUser, errorText } from '../../api/session';
import { run, tableName } from '../../api/sql';
import type { Cells, Rows as RowsResult } from '../../api/sql';
import { formatMs } from '../../format';
import { CellDetail } from '../../grid/detail';
import { Grid } from '../../grid/grid';
import { Button, Select } from '../../ui/controls';
import { askSql } from '../../ui/dialog';
import { Empty, Loading, Notice } from '../../ui/feedback';
import { readInstances } from './model';
import type { Described, TableRef } from './model';
import { RowDialog } from './rowDialog';
import { browseSql, conditionOf, deleteEventSql, deleteSql, keyIsExact, PAGE_ROWS } from './rowSql';
import type { Browse } from './rowSql';

const FIRST: Browse = { filter: '', order: undefined, page: 0 };

/** Whose rows of a user table are shown. */
function Instances({
  table,
  value,
  onChange,
}: {
  table: TableRef;
  value: string;
  onChange: (user: string) => void;
}): JSX.Element {
  const [users, setUsers] = useState<string[]>([]);
  useEffect(() => {
    void readInstances(table).then(setUsers, () => undefined);
  }, [table.namespace_id, table.table_name]);
  const mine = effectiveUser.value;
  const options = [
    ['', `rows of ${mine}`] as const,
    ...users.filter((user) => user !== mine).map((user) => [user, `rows of ${user}`] as const),
  ];
  return (
    <Select
      small
      hideLabel
      label="Whose rows"
      value={value}
      options={options}
      onChange={onChange}
    />
  );
}

interface Loaded {
  /** Whose rows they are: the table, and the user who asked. */
  of: string;
  result: RowsResult | null;
  error: string;
  busy: boolean;
}

/** Rows of another table or user than the present ones are not handed out, though they came last. */
function useRows(target: string, sql: string, round: number): Omit<Loaded, 'of'> {
  const user = effectiveUser.value;
  const of = JSON.stringify([user, target]);
  const none: Loaded = { of, result: null, error: '', busy: true };
  const [loaded, setLoaded] = useState<Loaded>(none);
  useEffect(() => {
    const abort = new AbortController();
    const change = (to: Partial<Loaded>): void => {
      if (!abort.signal.aborted) setLoaded((old) => ({ ...(old.of === of ? old : none), ...to }));
    };
    change({ busy: true });
    run(sql, [], { signal: abort.signal }).then(
      ([result]) => change({ result: result ?? null, error: '', busy: false }),
      (thrown: unknown) => change({ error: errorText(thrown), busy: false }),
    );
    return () => abort.abort();
  }, [of, sql, round]);
  return loaded.of === of ? loaded : none;
}

function nextOrder(browse: Browse, column: string): Browse['order'] {
  if (browse.order?.column !== column) return { column, down: false };
  return browse.order.down ? undefined : { column, down: true };
}

export function Rows({ table, described }: { table: TableRef; described: Described }): JSX.Element {
  const [browse, setBrowse] = useState<Browse>(FIRST);
  const [typedFilter, setTypedFilter] = useState('');
  const [wrongFilter, setWrongFilter] = useState('');
  const [owner, setOwner] = useState('');
  const [round, setRound] = useState(0);
  const [active, setActive] = useState(0);
  const [cell, setCell] = useState<{ row: number; column: number } | null>(null);
  const [dialog, setDialog] = useState<{ row?: Cells } | null>(null);
  const isUser = table.table_type === 'USER';
  const target = tableName(
    table.namespace_id,
    table.table_name,
    isUser && owner ? owner : undefined,
  );
  const { result, error: refused, busy } = useRows(target, browseSql(target, browse), round);
  const error = wrongFilter || refused;
  const columns: readonly Column[] = result?.columns ?? [];
  const rows = (result?.rows ?? []).slice(0, PAGE_ROWS);
  const hasMore = (result?.rows.length ?? 0) > PAGE_ROWS;
  const mayInsert = table.table_type !== 'SYSTEM',
    mayEdit = isUser || table.table_type === 'SHARED';
  const again = (): void => {
    setDialog(null);
    setRound((n) => n + 1);
  };
  const defaults = new Map(
    described.columns.flatMap((column) =>
      column.column_default === null
        ? []
        : [[column.column_name, `default ${column.column_default}`] as const],
    ),
  );
  useEffect(() => setCell(null), [result]);
  const picked = rows[active];
  const chosen = picked !== undefined && keyIsExact(columns, picked) ? picked : undefined;
  const barred =
    picked !== undefined && chosen === undefined
      ? 'The browser does not hold all digits of its key'
      : undefined;
  const remove = (): void => {
    if (chosen === undefined) return;
    const sqlOf = table.table_type === 'STREAM' ? deleteEventSql : deleteSql;
    const sql = sqlOf(target, columns, chosen);
    askSql({
      title: 'Delete row',
      sql,
      action: 'Delete',
      danger: true,
      run: async () => (await run(sql, []))[0],
      onDone: again,
    });
  };
  const opened = cell && columns[cell.column];
  return (
    <>
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault();
          const filter = conditionOf(typedFilter);
          setWrongFilter(filter === null ? 'The filter has to be one condition, without `;`.' : '');
          if (filter !== null) setBrowse({ ...browse, filter, page: 0 });
        }}
      >
        {isUser && (
          <Instances
            table={table}
            value={owner}
            onChange={(user) => {
              setOwner(user);
              setBrowse({ ...browse, page: 0 });
            }}
          />
        )}
        <input
          class="input small mono grow"
          style={{ minWidth: 140 }}
          value={typedFilter}
          placeholder="WHERE …  for example  price > 10 AND title ILIKE '%tea%'"
          aria-label="Filter (an SQL condition)"
          spellcheck={false}
          onInput={(event) => setTypedFilter(event.currentTarget.value)}
        />
        <Button small submit>
          Filter
        </Button>
        <Button
          small
          kind="plain"
          icon="refresh"
          label="Read again"
          busy={busy && result !== null}
          onClick={() => setRound((n) => n + 1)}
        />
        {mayEdit && (
          <Button
            small
            icon="edit"
            title={barred}
            disabled={chosen === undefined}
            onClick={() => chosen && setDialog({ row: chosen })}
          >
            Edit
          </Button>
        )}
        {mayInsert && (
          <Button
            small
            kind="danger"
            icon="trash"
            title={barred}
            disabled={chosen === undefined}
            onClick={remove}
          >
            Delete
          </Button>
        )}
        {mayInsert && (
          <Button
            small
            kind="primary"
            icon="plus"
            disabled={result === null}
            onClick={() => setDialog({})}
          >
            Insert row
          </Button>
        )}
      </form>
      {error && (
        <div style={{ padding: '10px 12px' }}>
          <Notice tone="danger">{error}</Notice>
        </div>
      )}
      <div class="result-body">
        {result === null ? (
          busy ? (
            <Loading />
          ) : null
        ) : rows.length === 0 ? (
          <div class="scroll">
            <Empty icon="tables" title="No rows">
              {browse.filter
                ? 'No row meets the condition.'
                : isUser
                  ? `${owner || effectiveUser.value} has none in this table.`
                  : 'Insert the first one.'}
            </Empty>
          </div>
        ) : (
          <Grid
            label={`Rows of ${table.table_name}`}
            columns={columns}
            rows={rows}
            order={browse.order}
            firstNumber={browse.page * PAGE_ROWS + 1}
            onActive={setActive}
            onHead={(i) =>
              setBrowse({ ...browse, order: nextOrder(browse, columns[i]?.name ?? ''), page: 0 })
            }
            onOpen={(row, column) => setCell({ row, column })}
          />
        )}
        {cell && opened && (
          <CellDetail
            column={opened}
            value={rows[cell.row]?.[cell.column] ?? null}
            onClose={() => setCell(null)}
          />
        )}
      </div>
      <footer class="result-bar" style={{ borderTop: '1px solid var(--line)', borderBottom: 0 }}>
        <span class="muted grow">
          {[
            rows.length > 0 &&
              `Rows ${browse.page * PAGE_ROWS + 1} – ${browse.page * PAGE_ROWS + rows.length}`,
            result && `${formatMs(result.took)} · as ${result.asUser}`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
        <Button
          small
          icon="left"
          label="Page before"
          disabled={browse.page === 0}
          onClick={() => setBrowse({ ...browse, page: browse.page - 1 })}
        />
        <Button
          small
          icon="right"
          label="Next page"
          disabled={!hasMore}
          onClick={() => setBrowse({ ...browse, page: browse.page + 1 })}
        />
      </footer>
      {dialog && (
        <RowDialog
          target={target}
          columns={columns}
          row={dialog.row}
          defaults={defaults}
          onClose={() => setDialog(null)}
          onDone={again}
        />
      )}
    </>
  );
}
