// results.tsx — what a run has brought: one result at a time, as a grid, a plan or a message.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Rows } from '../../api/sql';
import { counted, formatMs } from '../../format';
import { CellDetail } from '../../grid/detail';
import { save, toCsv, toJson } from '../../grid/export';
import { Grid } from '../../grid/grid';
import { Button } from '../../ui/controls';
import { Empty, Notice } from '../../ui/feedback';
import type { Outcome } from './sheets';

function isPlan(result: Rows): boolean {
  return result.columns.length === 1 && result.columns[0]?.name === 'plan';
}

function summary(result: Rows): string {
  if (result.columns.length === 0) return result.message ?? 'Done';
  if (isPlan(result)) return 'Plan';
  return counted(result.rowCount, 'row', 'rows');
}

/** "Path: point lookup" with the word before the colon set apart. */
export function Plan({ lines }: { lines: readonly string[] }): JSX.Element {
  return (
    <div class="scroll plan" tabIndex={0} role="region" aria-label="Plan">
      {lines.map((line, i) => {
        const [, indent = '', head, rest] = /^(\s*)([A-Z][\w /-]*:)?(.*)$/.exec(line) ?? [];
        return (
          <div key={i} style={{ paddingLeft: indent.length * 8 }}>
            {head && <strong>{head}</strong>}
            {rest}
          </div>
        );
      })}
    </div>
  );
}

function OneResult({ result }: { result: Rows }): JSX.Element {
  const [cell, setCell] = useState<{ row: number; column: number } | null>(null);
  useEffect(() => setCell(null), [result]);
  if (result.columns.length === 0) {
    return (
      <div class="scroll">
        <Notice tone="ok">
          {result.message ?? 'Done'} <span class="muted">· as {result.asUser}</span>
        </Notice>
      </div>
    );
  }
  if (isPlan(result)) return <Plan lines={result.rows.map((row) => String(row[0]))} />;
  const column = cell && result.columns[cell.column];
  return (
    <>
      {result.rows.length === 0 ? (
        <div class="scroll">
          <Empty icon="tables" title="No rows">
            {result.columns.map((one) => one.name).join(', ')}
          </Empty>
        </div>
      ) : (
        <Grid
          label="Result"
          columns={result.columns}
          rows={result.rows}
          onOpen={(row, at) => setCell({ row, column: at })}
        />
      )}
      {cell && column && (
        <CellDetail
          column={column}
          value={result.rows[cell.row]?.[cell.column] ?? null}
          onClose={() => setCell(null)}
        />
      )}
    </>
  );
}

function Elapsed({ since }: { since: number }): JSX.Element {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return <span>{((now - since) / 1000).toFixed(1)} s</span>;
}

export function Results({
  outcome,
}: {
  outcome: Exclude<Outcome, { kind: 'live' }> | undefined;
}): JSX.Element {
  const [chosen, setChosen] = useState(0);
  const results = outcome?.kind === 'done' ? outcome.results : [];
  useEffect(() => setChosen(Math.max(0, results.length - 1)), [outcome]);
  if (outcome === undefined) {
    return (
      <div class="result-body">
        <div class="scroll">
          <Empty icon="play" title="Nothing has run yet">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd> runs the selection or everything
          </Empty>
        </div>
      </div>
    );
  }
  if (outcome.kind === 'running') {
    return (
      <div class="result-bar" role="status">
        <span class="spinner" />
        <span>Running</span>
        <Elapsed since={outcome.since} />
        <Button small icon="stop" onClick={() => outcome.abort.abort()}>
          Cancel
        </Button>
      </div>
    );
  }
  const result = results[Math.min(chosen, results.length - 1)];
  const table = result && result.columns.length > 0 && !isPlan(result) ? result : null;
  return (
    <>
      <div class="result-bar" role="status" data-testid="result-bar">
        {results.length > 1
          ? results.map((one, i) => (
              <Button
                key={i}
                small
                pressed={one === result}
                onClick={() => setChosen(i)}
              >{`${i + 1}: ${summary(one)}`}</Button>
            ))
          : result && <strong>{summary(result)}</strong>}
        {outcome.failure && results.length === 0 && <strong class="error-text">Error</strong>}
        <span class="muted grow" title="on the server · with the way there and back">
          {result
            ? `${formatMs(result.took)} · ${formatMs(outcome.ms)} round trip · as ${result.asUser}`
            : formatMs(outcome.ms)}
        </span>
        {table && (
          <Button
            small
            icon="download"
            onClick={() => save('result.csv', 'text/csv', toCsv(table.columns, table.rows))}
          >
            CSV
          </Button>
        )}
        {table && (
          <Button
            small
            icon="download"
            onClick={() =>
              save('result.json', 'application/json', toJson(table.columns, table.rows))
            }
          >
            JSON
          </Button>
        )}
      </div>
      {outcome.failure && (
        <div style={{ padding: '10px 12px' }}>
          <Notice tone="danger">
            <strong>{outcome.failure.code}</strong> {outcome.failure.message}
          </Notice>
        </div>
      )}
      <div class="result-body">{result && <OneResult result={result} />}</div>
    </>
  );
}
