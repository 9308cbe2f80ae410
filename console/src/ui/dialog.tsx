// dialog.tsx — modal dialogs on <dialog>, which keeps the focus and knows Escape; and the question
// "run this SQL?", which everything that changes the database asks.
import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { errorText } from '../api/session';
import { execute } from '../api/sql';
import { atEnd } from '../api/visit';
import { Button, Field } from './controls';
import { Notice, tell } from './feedback';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  foot?: ComponentChildren;
  /** Stays in sight below what scrolls. */
  sql?: string | undefined;
  wide?: boolean;
  onSubmit?: () => void;
}

export function Dialog({
  title,
  onClose,
  children,
  foot,
  sql,
  wide,
  onSubmit,
}: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = element.current;
    shown?.showModal();
    return () => shown?.close(); // gives the focus back to where it was
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? 'wide' : undefined}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <form
        class="dialog"
        noValidate={false}
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit?.();
        }}
      >
        <div class="dialog-head">
          <h2>{title}</h2>
          <Button kind="plain" small icon="close" label="Close" onClick={onClose} />
        </div>
        <div class="dialog-body">{children}</div>
        {sql !== undefined && (
          <div class="dialog-sql">
            <SqlPreview sql={sql} />
          </div>
        )}
        {foot && <div class="dialog-foot">{foot}</div>}
      </form>
    </dialog>
  );
}

export interface SqlQuestion {
  title: string;
  sql: string;
  text?: ComponentChildren;
  action: string;
  danger?: boolean;
  /** Has to be typed before the button works. */
  typed?: string;
  /** Shown when it has worked; the server's own message otherwise. */
  done?: string;
  /** Instead of running `sql` as the signed-in user. */
  run?: () => Promise<unknown>;
  onDone?: (result: unknown) => void;
}

const question = signal<SqlQuestion | null>(null);
atEnd(() => {
  question.value = null;
});

/** Shows the SQL, runs it when confirmed. */
export function askSql(asked: SqlQuestion): void {
  question.value = asked;
}

export function SqlPreview({ sql }: { sql: string }): JSX.Element {
  return (
    <pre class="sql-preview mono" tabIndex={0} aria-label="SQL">
      {sql}
    </pre>
  );
}

function SqlDialog({ asked }: { asked: SqlQuestion }): JSX.Element {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const [typed, setTyped] = useState('');
  const close = (): void => {
    question.value = null;
  };
  const run = async (): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      const result = await (asked.run ? asked.run() : execute(asked.sql));
      const message = (result as { message?: string } | undefined)?.message;
      close();
      tell(asked.done ?? message ?? 'Done');
      asked.onDone?.(result);
    } catch (thrown) {
      setError(errorText(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={asked.title}
      onClose={close}
      onSubmit={() => void run()}
      foot={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button
            submit
            kind={asked.danger ? 'danger solid' : 'primary'}
            busy={busy}
            disabled={asked.typed !== undefined && typed !== asked.typed}
          >
            {asked.action}
          </Button>
        </>
      }
    >
      {asked.text && <p>{asked.text}</p>}
      <SqlPreview sql={asked.sql} />
      {asked.typed !== undefined && (
        <Field
          label={`Type ${asked.typed} to confirm`}
          value={typed}
          onInput={setTyped}
          autofocus
        />
      )}
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

export function SqlQuestions(): JSX.Element | null {
  const asked = question.value;
  return asked === null ? null : <SqlDialog key={asked.sql} asked={asked} />;
}
