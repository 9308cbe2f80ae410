// livePane.tsx — the rows of a live query as they change, and the log of changes beside them.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { counted, formatMs } from '../../format';
import { CellDetail } from '../../grid/detail';
import { Grid } from '../../grid/grid';
import { Button } from '../../ui/controls';
import { Badge, Empty, Notice } from '../../ui/feedback';
import type { Change, LiveRun, LiveState } from './liveRun';

const TONES = { insert: 'ok', update: 'warn', delete: 'danger' } as const;
const STATES: Record<LiveState, string> = {
  connecting: 'Connecting',
  loading: 'Loading',
  live: 'Live',
  ended: 'Ended',
};

function LogLine({ change }: { change: Change }): JSX.Element {
  return (
    <li>
      <span class="muted">{new Date(change.at).toLocaleTimeString('en-GB')}</span>
      <Badge tone={TONES[change.kind]}>{change.kind}</Badge>
      <code title={change.text}>{change.text}</code>
      <span class="muted number">
        {change.latencyMs === null ? '' : formatMs(change.latencyMs)}
      </span>
    </li>
  );
}

export function LivePane({ run, onStop }: { run: LiveRun; onStop: () => void }): JSX.Element {
  const [cell, setCell] = useState<{ row: number; column: number } | null>(null);
  const version = run.version.value;
  const state = run.state.value;
  const columns = run.columns.value;
  const paused = run.paused.value;
  const median = run.medianLatency();
  const column = cell && columns[cell.column];
  const shown = cell && run.rows[cell.row];
  return (
    <>
      <div class="result-bar" data-testid="live-bar" data-version={version}>
        <Badge
          dot
          pulse={state === 'live' && !paused}
          tone={state === 'live' ? (paused ? 'warn' : 'ok') : state === 'ended' ? 'danger' : 'info'}
        >
          {paused ? 'Paused' : STATES[state]}
        </Badge>
        <strong>{counted(run.count, 'row', 'rows')}</strong>
        <span class="muted grow">
          {`+${run.counts.insert} ~${run.counts.update} −${run.counts.delete}`}
          {median !== null && ` · ${formatMs(median)} from commit to here`}
        </span>
        {state !== 'ended' && (
          <Button small icon={paused ? 'play' : 'pause'} onClick={() => run.pause(!paused)}>
            {paused
              ? `Continue${run.held.value > 0 ? ` (${run.held.value}${run.isHeldUp ? ' and more' : ''} waiting)` : ''}`
              : 'Pause'}
          </Button>
        )}
        <Button small icon="stop" onClick={onStop}>
          {state === 'ended' ? 'Close' : 'Stop'}
        </Button>
      </div>
      {run.error.value && (
        <div style={{ padding: '10px 12px' }}>
          <Notice tone="danger">{run.error.value}</Notice>
        </div>
      )}
      <div class="result-body live">
        {columns.length > 0 && run.rows.length > 0 ? (
          <Grid
            label="Live rows"
            columns={columns}
            rows={run.rows.map((row) => run.cells(row))}
            rowClass={(i) => run.rowClass(i)}
            onOpen={(row, at) => setCell({ row, column: at })}
          />
        ) : (
          <div class="scroll">
            <Empty icon="live" title={state === 'live' ? 'No rows yet' : STATES[state]}>
              {state === 'live' && 'Changes show here as they are committed.'}
            </Empty>
          </div>
        )}
        {cell && column && (
          <CellDetail
            column={column}
            value={shown ? (run.cells(shown)[cell.column] ?? null) : null}
            onClose={() => setCell(null)}
          />
        )}
        <section class="change-log" aria-label="Change log">
          <header>
            <strong class="grow">Changes</strong>
            <span class="muted small">newest first</span>
          </header>
          {run.log.length === 0 ? (
            <Empty icon="bolt" title="No changes yet" />
          ) : (
            <ol tabIndex={0}>
              {run.log.map((change) => (
                <LogLine key={change.number} change={change} />
              ))}
            </ol>
          )}
        </section>
      </div>
    </>
  );
}
