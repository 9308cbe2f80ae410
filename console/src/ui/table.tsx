// table.tsx — plain tables for lists of moderate length: columns by description, sorting by a click.
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Listed } from '../api/live';
import { Loading, Notice } from './feedback';

export interface TableColumn<T> {
  head: string;
  cell: (row: T) => ComponentChildren;
  /** Sorts by this when the head is clicked. */
  sort?: (row: T) => string | number | null;
  kind?: 'number' | 'actions' | 'clip' | 'nowrap';
}

interface TableProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly TableColumn<T>[];
  rowKey: (row: T) => string;
  onRow?: (row: T) => void;
  selected?: string | undefined;
  empty: ComponentChildren;
}

type Order = { index: number; down: boolean } | null;

function sorted<T>(
  rows: readonly T[],
  columns: readonly TableColumn<T>[],
  order: Order,
): readonly T[] {
  const by = order === null ? undefined : columns[order.index]?.sort;
  if (order === null || by === undefined) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = by(a),
      y = by(b);
    if (x === y) return 0;
    if (x === null) return 1;
    if (y === null) return -1;
    return x < y ? -sign : sign;
  });
}

export function Table<T>(props: TableProps<T>): JSX.Element {
  const [order, setOrder] = useState<Order>(null);
  if (props.rows.length === 0) return <>{props.empty}</>;
  const click = (index: number): void => {
    if (order?.index !== index) setOrder({ index, down: false });
    else setOrder(order.down ? null : { index, down: true });
  };
  const direction = (index: number): 'ascending' | 'descending' | undefined =>
    order?.index !== index ? undefined : order.down ? 'descending' : 'ascending';
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={props.label}>
      <table class="table">
        <thead>
          <tr>
            {props.columns.map((column, i) => (
              <th
                key={column.head}
                scope="col"
                class={column.kind === 'number' ? 'number' : undefined}
                aria-sort={direction(i)}
              >
                {column.sort ? (
                  <button type="button" onClick={() => click(i)}>
                    {column.head}
                    {order?.index === i ? (order.down ? ' ↓' : ' ↑') : ''}
                  </button>
                ) : column.kind === 'actions' ? (
                  <span class="hidden-text">{column.head}</span>
                ) : (
                  column.head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(props.rows, props.columns, order).map((row) => {
            const key = props.rowKey(row);
            return (
              <tr
                key={key}
                class={props.onRow ? 'click' : undefined}
                aria-selected={props.selected === key ? true : undefined}
                onClick={props.onRow && (() => props.onRow?.(row))}
              >
                {props.columns.map((column) => (
                  <td key={column.head} class={column.kind}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** Shows the rows once they are there, else what keeps them. */
export function Await<T>({
  list,
  children,
}: {
  list: Listed<T>;
  children: ComponentChildren;
}): JSX.Element {
  if (list.error && list.rows.length === 0)
    return (
      <div style={{ padding: 12 }}>
        <Notice tone="danger">{list.error}</Notice>
      </div>
    );
  if (list.loading) return <Loading />;
  return <>{children}</>;
}
