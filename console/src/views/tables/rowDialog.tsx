// rowDialog.tsx — inserts or changes one row; the statement that will run stands below the fields.
import type { Column } from 'kalamdb';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { errorText } from '../../api/session';
import { run } from '../../api/sql';
import type { Cells } from '../../api/sql';
import { sqlText, typeName } from '../../grid/cells';
import { Button, Check, Field } from '../../ui/controls';
import { Dialog } from '../../ui/dialog';
import { Notice, tell } from '../../ui/feedback';
import { withBreaksOf } from './lineBreaks';
import { isSystemColumn } from './model';
import { insertSql, updateSql } from './rowSql';

interface RowDialogProps {
  target: string;
  columns: readonly Column[];
  /** Absent: a new row. */
  row?: Cells | undefined;
  /** Names of columns that have a DEFAULT. */
  defaults: ReadonlyMap<string, string>;
  onClose: () => void;
  onDone: () => void;
}

interface Entry {
  text: string;
  isNull: boolean;
  touched: boolean;
}

function begin(columns: readonly Column[], row: Cells | undefined): Map<string, Entry> {
  return new Map(
    columns.map((column, i) => {
      const text = row ? sqlText(row[i] ?? null, column) : null;
      return [
        column.name,
        {
          text: text ?? '',
          isNull: row !== undefined && text === null,
          touched: row !== undefined,
        },
      ];
    }),
  );
}

/** Lines of the field; undefined is an input of one line, which would drop line breaks. */
function linesFor(column: Column, text: string): number | undefined {
  if (column.type === 'Json') return 3;
  return column.type === 'Text' ? Math.min(8, text.split('\n').length) : undefined;
}

export function RowDialog(props: RowDialogProps): JSX.Element {
  const columns = props.columns.filter((column) => !isSystemColumn(column.name));
  const [entries, setEntries] = useState(() => begin(props.columns, props.row));
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const set = (name: string, entry: Entry): void =>
    setEntries((old) => new Map(old).set(name, entry));
  const typed = new Map(
    columns.flatMap((column) => {
      const entry = entries.get(column.name);
      return entry?.touched ? [[column.name, entry.isNull ? null : entry.text] as const] : [];
    }),
  );
  const sql = props.row
    ? updateSql(props.target, props.columns, props.row, typed)
    : insertSql(props.target, columns, typed);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      const [result] = await run(sql, []);
      tell(result?.message ?? 'Done');
      props.onDone();
    } catch (thrown) {
      setError(errorText(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={props.row ? 'Edit row' : 'Insert row'}
      onClose={props.onClose}
      onSubmit={() => void submit()}
      sql={sql || '-- nothing changed yet'}
      foot={
        <>
          <Button onClick={props.onClose}>Cancel</Button>
          <Button submit kind="primary" busy={busy} disabled={sql === ''}>
            {props.row ? 'Update' : 'Insert'}
          </Button>
        </>
      }
    >
      {columns.map((column, i) => {
        const entry = entries.get(column.name) ?? { text: '', isNull: false, touched: false };
        const fixed = props.row !== undefined && column.primaryKey;
        const left = props.defaults.get(column.name);
        const hint = !entry.touched && left !== undefined ? `left out: ${left}` : undefined;
        return (
          <Field
            key={column.name}
            label={`${column.name} · ${typeName(column)}`}
            value={entry.isNull ? '' : entry.text}
            disabled={fixed}
            autofocus={i === 0}
            placeholder={entry.isNull ? 'NULL' : ''}
            hint={hint}
            rows={linesFor(column, entry.text)}
            onInput={(text) =>
              set(column.name, {
                text: withBreaksOf(entry.text, text),
                isNull: false,
                touched: true,
              })
            }
            aside={
              !column.notNull &&
              !fixed && (
                <Check
                  label="NULL"
                  checked={entry.isNull}
                  onChange={(isNull) =>
                    set(column.name, {
                      ...entry,
                      isNull,
                      touched: isNull || props.row !== undefined,
                    })
                  }
                />
              )
            }
          />
        );
      })}
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}
