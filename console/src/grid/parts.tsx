// parts.tsx — cells and heads of the grid.
import type { Column, Value } from 'kalamdb';
import type { JSX } from 'preact';
import { Icon } from '../ui/icons';
import { cellText, isNumeric, typeName } from './cells';

export type Order = { column: string; down: boolean } | undefined;

export function Cell({
  value,
  column,
  width,
  active,
  id,
  index,
  onClick,
  onOpen,
}: {
  value: Value;
  column: Column;
  width: number;
  active: boolean;
  id: string;
  index: number;
  onClick: () => void;
  onOpen: () => void;
}): JSX.Element {
  const kind = value === null ? 'null' : isNumeric(column.type) ? 'num' : '';
  return (
    <div
      role="gridcell"
      id={id}
      aria-colindex={index + 2}
      class={`cell ${kind}${active ? ' active' : ''}`}
      style={{ width }}
      onClick={onClick}
      onDblClick={onOpen}
    >
      {cellText(value, column.type)}
    </div>
  );
}

export function Head({
  column,
  width,
  index,
  order,
  onHead,
  onResize,
}: {
  column: Column;
  width: number;
  index: number;
  order: Order;
  onHead: ((column: number) => void) | undefined;
  onResize: (width: number) => void;
}): JSX.Element {
  const sort =
    order?.column === column.name ? (order.down ? 'descending' : 'ascending') : undefined;
  const drag = (event: PointerEvent): void => {
    const handle = event.currentTarget as HTMLElement;
    const start = event.clientX - width;
    handle.setPointerCapture(event.pointerId);
    handle.onpointermove = (move) => onResize(Math.min(1200, Math.max(48, move.clientX - start)));
    handle.onpointerup = () => {
      handle.onpointermove = null;
    };
    event.preventDefault();
  };
  const text = (
    <>
      <span class="name">
        {column.primaryKey && (
          <>
            <Icon name="key" />
            <span class="hidden-text">Key </span>
          </>
        )}
        {column.name}
        {sort === 'ascending' ? ' ↑' : sort ? ' ↓' : ''}
      </span>
      <span class="type">{typeName(column)}</span>
    </>
  );
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      aria-sort={sort}
      class={isNumeric(column.type) ? 'head num' : 'head'}
      style={{ width }}
    >
      {onHead ? (
        <button
          type="button"
          tabIndex={-1}
          title={`Sort by ${column.name}`}
          onClick={() => onHead(index)}
        >
          {text}
        </button>
      ) : (
        text
      )}
      <span class="resize" onPointerDown={drag} />
    </div>
  );
}
