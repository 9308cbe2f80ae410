// overview.tsx — is the server well, and what is it doing: figures with a line over the last minutes, failed jobs.
import type { Health } from 'kalamdb';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { usePoll } from '../api/live';
import { client, offline } from '../api/session';
import { atEnd } from '../api/visit';
import {
  counted,
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatRate,
} from '../format';
import { Spark } from '../ui/chart';
import { Badge } from '../ui/feedback';
import { Page } from '../ui/page';
import { FailedJobs } from './failedJobs';
import { gauges, latest, rates, ratios, sample } from './metrics';
import type { MetricRow, Sample } from './metrics';

const EVERY_MS = 2000;
/** Two and a half minutes. */
const SAMPLES = 76;

/** Outlives the view, so that coming back shows no gap. */
let kept: Sample[] = [];
atEnd(() => {
  kept = [];
});

function useSamples(): readonly Sample[] {
  const list = usePoll<MetricRow>(
    "SELECT metric_name, labels, metric_value FROM system.metrics WHERE metric_name NOT LIKE '%_bucket'",
    EVERY_MS,
  );
  const seen = useRef<readonly MetricRow[]>(list.rows);
  if (list.rows !== seen.current) {
    seen.current = list.rows;
    kept = [
      ...kept.filter(({ at }) => Date.now() - at < SAMPLES * EVERY_MS * 2),
      sample(list.rows, Date.now()),
    ].slice(-SAMPLES);
  }
  return kept;
}

/** Health is for this machine unless the server says otherwise: then null. */
function useHealth(): Health | null {
  const [health, setHealth] = useState<Health | null>(null);
  const gone = offline.value;
  useEffect(() => {
    if (!gone) client.health().then(setHealth, () => undefined);
  }, [gone]);
  return health;
}

function Tile({
  label,
  value,
  note,
  values,
  chart,
}: {
  label: ComponentChildren;
  value: ComponentChildren;
  note: string;
  values?: readonly number[];
  chart?: string;
}): JSX.Element {
  return (
    <div class="card tile">
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      <span class="note" title={note}>
        {note}
      </span>
      {values && (
        <Spark
          values={values}
          width={Math.min(SAMPLES, Math.max(20, values.length))}
          label={chart ?? ''}
        />
      )}
    </div>
  );
}

function Activity({ samples }: { samples: readonly Sample[] }): JSX.Element {
  const last = (values: readonly number[]): number => values.at(-1) ?? 0;
  const requests = rates(samples, 'http_requests_total'),
    statements = rates(samples, 'statements_total');
  const commits = rates(samples, 'commits_total'),
    written = rates(samples, 'rows_written_total');
  const fsync = ratios(samples, 'fsync_microseconds_total', 'commit_groups_total').map(
    (us) => us / 1000,
  );
  const took = last(ratios(samples, 'http_sql_seconds_sum', 'http_sql_seconds_count'));
  const changes = rates(samples, 'changes_delivered_total');
  const hits = ratios(samples, 'plan_cache_hits_total', 'statements_total');
  const lag = usePoll<{ lag: string | null }>(
    'SELECT MAX(lag) AS lag FROM system.live_queries',
    5000,
  );
  const waiting = Number(lag.rows[0]?.lag ?? 0);
  const memory = gauges(samples, 'memory_resident_bytes');
  const per = <small> /s</small>;
  return (
    <div class="tiles charts">
      <Tile
        label="Requests"
        value={
          <>
            {formatRate(last(requests))}
            {per}
          </>
        }
        note={`${formatRate(last(statements))} statements /s${took > 0 ? `, ${formatMs(took * 1000)} each` : ''}`}
        values={requests}
        chart="Requests per second"
      />
      <Tile
        label="Commits"
        value={
          <>
            {formatRate(last(commits))}
            {per}
          </>
        }
        note={`${formatRate(last(written))} rows written /s`}
        values={commits}
        chart="Commits per second"
      />
      <Tile
        label="Fsync"
        value={last(fsync) === 0 ? '–' : formatMs(last(fsync))}
        note="for each group of commits"
        values={fsync}
        chart="Milliseconds per fsync"
      />
      <Tile
        label="Live changes"
        value={
          <>
            {formatRate(last(changes))}
            {per}
          </>
        }
        note={`${counted(latest(samples, 'subscriptions'), 'live query', 'live queries')}, ${waiting > 0 ? `the slowest lags by ${counted(waiting, 'message', 'messages')}` : 'nobody lags'}`}
        values={changes}
        chart="Changes delivered per second"
      />
      <Tile
        label="Plan cache"
        value={
          <>
            {Math.round(100 * Math.min(1, last(hits)))}
            <small> %</small>
          </>
        }
        note={`hits; ${formatCount(latest(samples, 'plan_cache_plans'))} plans`}
        values={hits}
        chart="Share of plan cache hits"
      />
      <Tile
        label="Memory"
        value={formatBytes(last(memory))}
        note={`${formatBytes(last(gauges(samples, 'row_cache_bytes')))} row cache`}
        values={memory}
        chart="Resident memory"
      />
    </div>
  );
}

interface FlushJobs {
  status: string;
  jobs: string;
  last: number | null;
}

function Tiers({ samples }: { samples: readonly Sample[] }): JSX.Element {
  const flushes = usePoll<FlushJobs>(
    "SELECT status, COUNT(*) AS jobs, MAX(completed_at) AS last FROM system.jobs WHERE job_type = 'flush' GROUP BY status",
    5000,
  );
  const jobs = (status: string): number =>
    Number(flushes.rows.find((row) => row.status === status)?.jobs ?? 0);
  const lastFlush = Math.max(0, ...flushes.rows.map((row) => row.last ?? 0));
  const hotBytes = latest(samples, 'hot_memtable_bytes') + latest(samples, 'hot_file_bytes');
  const flushed = rates(samples, 'flush_rows_total');
  return (
    <div class="tiles charts">
      <Tile
        label="Hot rows"
        value={formatCount(latest(samples, 'hot_rows'))}
        note={`${formatBytes(hotBytes)} in RocksDB`}
        values={gauges(samples, 'hot_rows')}
        chart="Hot rows"
      />
      <Tile
        label="Cold rows"
        value={formatCount(latest(samples, 'cold_rows'))}
        note={`${formatBytes(latest(samples, 'cold_bytes'))} in ${counted(latest(samples, 'cold_files'), 'Parquet file', 'Parquet files')}`}
        values={gauges(samples, 'cold_rows')}
        chart="Cold rows"
      />
      <Tile
        label="Flushes"
        value={formatCount(jobs('completed'))}
        note={`${jobs('running') + jobs('pending')} running, ${jobs('failed')} failed · last ${formatAgo(lastFlush || null)}`}
        values={flushed}
        chart="Rows flushed per second"
      />
    </div>
  );
}

export function Overview(): JSX.Element {
  const samples = useSamples();
  const health = useHealth();
  const uptime = latest(samples, 'uptime_seconds');
  return (
    <Page
      title="Overview"
      actions={
        <>
          {offline.value ? (
            <Badge tone="danger" dot>
              unreachable
            </Badge>
          ) : (
            health && (
              <Badge tone={health.status === 'healthy' ? 'ok' : 'danger'} dot>
                {health.status}
              </Badge>
            )
          )}
          {health && <span class="muted small">kalamd {health.version}</span>}
          {uptime > 0 && <span class="muted small">up {formatDuration(uptime)}</span>}
        </>
      }
    >
      <div class="stack">
        <Activity samples={samples} />
        <Tiers samples={samples} />
        <FailedJobs />
      </div>
    </Page>
  );
}
