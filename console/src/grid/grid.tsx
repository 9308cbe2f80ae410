// grid.tsx — a table of any length: only the rows in sight exist. Arrow keys move one active cell,
// Enter opens it, Ctrl+C copies it.
import type { Column, Value } from 'kalamdb';
import type { JSX } from 'preact';
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { copy } from '../ui/copy';
import { columnWidths, fullText } from './cells';
import { Cell, Head } from './parts';
import type { Order } from './parts';

export const ROW_PX = 28;
const HEAD_PX = 42;
const GUTTER_PX = 58;
const OVERSCAN = 10;
/** Browsers stop believing in heights somewhat above this. */
const HEIGHT_MAX = 16_000_000;

export interface GridProps {
  label: string;
  columns: readonly Column[];
  rows: readonly (readonly Value[])[];
  onOpen?: (row: number, column: number) => void;
  onActive?: (row: number) => void;
  /** Heads are buttons: sorting is the caller's. */
  onHead?: (column: number) => void;
  order?: Order;
  rowClass?: ((row: number) => string) | undefined;
  /** Of the row at index 0, for pages behind the first. */
  firstNumber?: number;
}

interface Place {
  row: number;
  column: number;
}

function moved(
  key: string,
  at: Place,
  rows: number,
  columns: number,
  page: number,
  whole: boolean,
): Place | null {
  const to = { ...at };
  switch (key) {
    case 'ArrowDown':
      to.row += 1;
      break;
    case 'ArrowUp':
      to.row -= 1;
      break;
    case 'ArrowRight':
      to.column += 1;
      break;
    case 'ArrowLeft':
      to.column -= 1;
      break;
    case 'PageDown':
      to.row += page;
      break;
    case 'PageUp':
      to.row -= page;
      break;
    case 'Home':
      if (whole) to.row = 0;
      else to.column = 0;
      break;
    case 'End':
      if (whole) to.row = rows - 1;
      else to.column = columns - 1;
      break;
    default:
      return null;
  }
  return {
    row: Math.min(rows - 1, Math.max(0, to.row)),
    column: Math.min(columns - 1, Math.max(0, to.column)),
  };
}

export function Grid(props: GridProps): JSX.Element {
  const { columns, rows } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState<Place>({ row: 0, column: 0 });
  const fitted = useMemo(() => columnWidths(columns, rows), [columns, rows.length > 0]);
  const [resized, setResized] = useState<Record<number, number>>({});
  const widths = fitted.map((width, i) => resized[i] ?? width);
  const height = Math.min(HEIGHT_MAX, rows.length * ROW_PX);
  // Above HEIGHT_MAX the scroll bar stands for more rows than it has pixels.
  const scale =
    rows.length * ROW_PX > height
      ? (rows.length * ROW_PX - view.height) / Math.max(1, height - view.height)
      : 1;
  const offset = view.top * scale;
  const first = Math.max(0, Math.floor(offset / ROW_PX) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((offset + view.height) / ROW_PX) + OVERSCAN);
  const total = GUTTER_PX + widths.reduce((sum, width) => sum + width, 0);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const measure = (): void =>
      setView({ top: element.scrollTop, height: element.clientHeight - HEAD_PX });
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      watch.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);
  useEffect(() => props.onActive?.(active.row), [active.row]);
  useEffect(() => {
    setResized({});
    setActive({ row: 0, column: 0 });
    scroller.current?.scrollTo(0, 0);
  }, [columns]);

  const reveal = ({ row, column }: Place): void => {
    const element = scroller.current;
    if (!element) return;
    const top = (row * ROW_PX) / scale;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW_PX > element.scrollTop + view.height)
      element.scrollTop = top + ROW_PX - view.height;
    const left = widths.slice(0, column).reduce((sum, width) => sum + width, 0);
    if (left < element.scrollLeft) element.scrollLeft = left;
    else if (left + GUTTER_PX + (widths[column] ?? 0) > element.scrollLeft + element.clientWidth)
      element.scrollLeft = left + GUTTER_PX + (widths[column] ?? 0) - element.clientWidth;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key === 'c' && String(getSelection()) === '') {
      const column = columns[active.column];
      if (column) void copy(fullText(rows[active.row]?.[active.column] ?? null, column.type));
      return;
    }
    if (event.key === 'Enter' && rows.length > 0) props.onOpen?.(active.row, active.column);
    const to = moved(
      event.key,
      active,
      rows.length,
      columns.length,
      Math.floor(view.height / ROW_PX),
      control,
    );
    if (to === null || rows.length === 0) return;
    event.preventDefault();
    setActive(to);
    reveal(to);
  };

  const shown: JSX.Element[] = [];
  for (let r = first; r < last; r++) {
    const row = rows[r];
    if (row === undefined) continue;
    shown.push(
      <div
        key={r}
        role="row"
        aria-rowindex={r + 2}
        class={`line ${props.rowClass?.(r) ?? ''}`}
        style={{ transform: `translateY(${r * ROW_PX - offset + view.top}px)`, width: total }}
      >
        <div role="rowheader" class="gutter">
          {r + (props.firstNumber ?? 1)}
        </div>
        {columns.map((column, c) => (
          <Cell
            key={c}
            index={c}
            id={`${id}-${r}-${c}`}
            value={row[c] ?? null}
            column={column}
            width={widths[c] ?? 100}
            active={active.row === r && active.column === c}
            onClick={() => setActive({ row: r, column: c })}
            onOpen={() => props.onOpen?.(r, c)}
          />
        ))}
      </div>,
    );
  }
  return (
    <div
      class="grid"
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={rows.length > 0 ? `${id}-${active.row}-${active.column}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="row" aria-rowindex={1} class="heads" style={{ width: total }}>
        <div role="columnheader" class="gutter">
          <span class="hidden-text">Row</span>
        </div>
        {columns.map((column, i) => (
          <Head
            key={i}
            column={column}
            index={i}
            width={widths[i] ?? 100}
            order={props.order}
            onHead={props.onHead}
            onResize={(width) => setResized((old) => ({ ...old, [i]: width }))}
          />
        ))}
      </div>
      <div role="presentation" class="lines" style={{ height, width: total }}>
        {shown}
      </div>
    </div>
  );
}
