// studio.tsx — the SQL studio: sheets, editor, parameters, results.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { actAs } from '../../api/session';
import { catalogue, loadCatalogue } from '../../editor/catalogue';
import { Editor } from '../../editor/editor';
import type { EditorHandle } from '../../editor/editor';
import { parameterCount } from '../../editor/split';
import { Button, Field, Select } from '../../ui/controls';
import { Dialog } from '../../ui/dialog';
import { tell } from '../../ui/feedback';
import { Page } from '../../ui/page';
import { LivePane } from './livePane';
import { Results } from './results';
import { explainSheet, goLive, runSheet } from './runner';
import type { Snapshot } from './runner';
import {
  close,
  current,
  currentId,
  open,
  outcomes,
  saveQuery,
  setOutcome,
  sheets,
  titleOf,
  update,
} from './sheets';
import type { Sheet } from './sheets';
import { Side } from './side';
import type { SideKind } from './side';

function SheetTabs(): JSX.Element {
  return (
    <div class="sheet-tabs">
      <div class="list" role="group" aria-label="Queries">
        {sheets.value.map((sheet) => {
          const isCurrent = sheet.id === current.value.id;
          return (
            <div key={sheet.id} class={isCurrent ? 'sheet current' : 'sheet'}>
              <button
                type="button"
                class="pick"
                aria-current={isCurrent ? 'true' : undefined}
                title={titleOf(sheet)}
                onClick={() => {
                  currentId.value = sheet.id;
                }}
              >
                {titleOf(sheet)}
              </button>
              <Button
                kind="plain"
                small
                icon="close"
                label={`Close ${titleOf(sheet)}`}
                onClick={() => close(sheet.id)}
              />
            </div>
          );
        })}
      </div>
      <Button kind="plain" icon="plus" label="New query" onClick={() => open()} />
    </div>
  );
}

function Params({ sheet }: { sheet: Sheet }): JSX.Element | null {
  const count = parameterCount(sheet.sql);
  if (count === 0) return null;
  const set = (i: number, value: string): void => {
    const params = Array.from({ length: count }, (_, at) => sheet.params[at] ?? '');
    params[i] = value;
    update(sheet.id, { params });
  };
  return (
    <div class="params" title="NULL, true and numbers are meant as such; anything else is text">
      <span class="muted small">Parameters</span>
      {Array.from({ length: count }, (_, i) => (
        <label key={i}>
          {`$${i + 1}`}
          <input
            class="input small"
            value={sheet.params[i] ?? ''}
            spellcheck={false}
            onInput={(event) => set(i, event.currentTarget.value)}
          />
        </label>
      ))}
    </div>
  );
}

function SaveDialog({ sheet, onClose }: { sheet: Sheet; onClose: () => void }): JSX.Element {
  const [name, setName] = useState(titleOf(sheet));
  const save = (): void => {
    saveQuery(name, sheet.sql);
    update(sheet.id, { title: name });
    tell(`Saved as “${name}” in this browser`);
    onClose();
  };
  return (
    <Dialog
      title="Save query"
      onClose={onClose}
      onSubmit={save}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={name.trim() === ''}>
            Save
          </Button>
        </>
      }
    >
      <Field label="Name" value={name} onInput={setName} autofocus required />
    </Dialog>
  );
}

/** Moves the border between editor and results, by pointer or arrow keys. */
function Divider({ box }: { box: { current: HTMLDivElement | null } }): JSX.Element {
  const move = (px: number): void => {
    const element = box.current;
    if (!element) return;
    const top = Math.min(element.clientHeight - 140, Math.max(90, px));
    element.style.setProperty('--editor-height', `${top}px`);
  };
  const place = (): number => box.current?.querySelector('.editor-pane')?.clientHeight ?? 240;
  return (
    <button
      type="button"
      class="divider"
      aria-label="Height of the editor; arrow keys change it"
      onKeyDown={(event) => {
        if (event.key === 'ArrowUp') move(place() - 24);
        if (event.key === 'ArrowDown') move(place() + 24);
      }}
      onPointerDown={(event) => {
        const handle = event.currentTarget,
          start = event.clientY - place();
        handle.setPointerCapture(event.pointerId);
        handle.onpointermove = (to) => move(to.clientY - start);
        handle.onpointerup = () => {
          handle.onpointermove = null;
        };
      }}
    />
  );
}

const SNAPSHOTS = [
  ['all', 'all rows'],
  ['1000', 'last 1000'],
  ['100', 'last 100'],
  ['none', 'changes only'],
] as const;

export function Studio(): JSX.Element {
  const editor = useRef<EditorHandle | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const [side, setSide] = useState<SideKind | null>(null);
  const [saving, setSaving] = useState(false);
  const [snapshot, setSnapshot] = useState<Snapshot>('1000');
  const sheet = current.value;
  const outcome = outcomes.value.get(sheet.id);
  useEffect(() => {
    void loadCatalogue().catch(() => undefined);
  }, []);

  // The sheet is read when a button is pressed, not when it was drawn.
  const run = (): void => {
    if (editor.current) void runSheet(current.peek(), editor.current.chosen(), editor.current);
  };
  const runCurrent = (): void => {
    if (editor.current) void runSheet(current.peek(), editor.current.current(), editor.current);
  };
  const explain = (): void => {
    if (editor.current) void explainSheet(current.peek(), editor.current.current(), editor.current);
  };
  const live = (): void => {
    if (editor.current) goLive(current.peek(), editor.current.current(), snapshot, editor.current);
  };
  const acting = actAs.value !== null;
  const actions = (
    <>
      <Button
        kind="plain"
        icon="history"
        label="History"
        pressed={side === 'history'}
        onClick={() => setSide(side === 'history' ? null : 'history')}
      />
      <Button
        kind="plain"
        icon="star"
        label="Saved queries"
        pressed={side === 'saved'}
        onClick={() => setSide(side === 'saved' ? null : 'saved')}
      />
      <Button disabled={sheet.sql.trim() === ''} onClick={() => setSaving(true)}>
        Save
      </Button>
      <Button
        onClick={explain}
        title="Plan of the statement at the cursor; SELECT is run and measured"
      >
        Explain
      </Button>
      <span class="row" style={{ gap: 4 }}>
        <Button
          icon="live"
          disabled={acting}
          title={
            acting
              ? "A browser's live query cannot act as another user"
              : 'Runs the SELECT at the cursor as a live query'
          }
          onClick={live}
        >
          Live
        </Button>
        <Select
          label="Rows to begin with"
          hideLabel
          value={snapshot}
          options={SNAPSHOTS}
          onChange={(value) => setSnapshot(value as Snapshot)}
        />
      </span>
      <Button kind="primary" icon="play" onClick={run}>
        Run
      </Button>
    </>
  );
  return (
    <Page title="SQL" flush actions={actions}>
      <div class="studio" ref={box}>
        <SheetTabs />
        <div class="editor-pane">
          <div class="grow" style={{ display: 'flex', flexDirection: 'column', minHeight: 0 }}>
            <Editor
              sheet={sheet.id}
              text={sheet.sql}
              catalogue={catalogue.value}
              onChange={(sql) => update(currentId.peek(), { sql })}
              onRun={run}
              onRunCurrent={runCurrent}
              onReady={(handle) => {
                editor.current = handle;
              }}
            />
            <Params sheet={sheet} />
          </div>
          {side && <Side kind={side} onClose={() => setSide(null)} />}
        </div>
        <Divider box={box} />
        <div class="result-pane">
          {outcome?.kind === 'live' ? (
            <LivePane key={sheet.id} run={outcome.run} onStop={() => setOutcome(sheet.id, null)} />
          ) : (
            <Results key={sheet.id} outcome={outcome} />
          )}
        </div>
      </div>
      {saving && <SaveDialog sheet={sheet} onClose={() => setSaving(false)} />}
    </Page>
  );
}
