// overview.tsx — is the server well, and what is it doing: figures with a line over the last minutes, failed jobs.
import type { Health } from "kalamdb";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useLive, usePoll } from "../api/live";
import { client, offline } from "../api/session";
import { counted, formatAgo, formatBytes, formatCount, formatDuration, formatMs, formatRate } from "../format";
import { href } from "../router";
import { Spark } from "../ui/chart";
import { Badge, Empty } from "../ui/feedback";
import { Page } from "../ui/page";
import { Await, Table } from "../ui/table";
import { gauges, latest, rates, ratios, sample } from "./metrics";
import type { MetricRow, Sample } from "./metrics";

const EVERY_MS = 2000;
/** Two and a half minutes. */
const SAMPLES = 76;

interface Job { job_id: string; job_type: string; status: string; namespace_id: string | null; table_name: string | null; error_message: string | null; completed_at: number | null; created_at: number }

/** Outlives the view, so that coming back shows no gap. */
let kept: Sample[] = [];

function useSamples(): readonly Sample[] {
  const list = usePoll<MetricRow>("SELECT metric_name, labels, metric_value FROM system.metrics", EVERY_MS);
  const seen = useRef<readonly MetricRow[]>(list.rows);
  if (list.rows !== seen.current) {
    seen.current = list.rows;
    kept = [...kept.filter(({ at }) => Date.now() - at < SAMPLES * EVERY_MS * 2), sample(list.rows, Date.now())].slice(-SAMPLES);
  }
  return kept;
}

/** Health is for this machine unless the server says otherwise: then null. */
function useHealth(): Health | null {
  const [health, setHealth] = useState<Health | null>(null);
  const gone = offline.value;
  useEffect(() => { if (!gone) client.health().then(setHealth, () => undefined); }, [gone]);
  return health;
}

function Tile({ label, value, note, values, chart }: { label: ComponentChildren; value: ComponentChildren; note: string; values?: readonly number[]; chart?: string }): JSX.Element {
  return (
    <div class="card tile">
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      <span class="note" title={note}>{note}</span>
      {values && <Spark values={values} width={Math.min(SAMPLES, Math.max(20, values.length))} label={chart ?? ""} />}
    </div>
  );
}

function Activity({ samples }: { samples: readonly Sample[] }): JSX.Element {
  const last = (values: readonly number[]): number => values.at(-1) ?? 0;
  const requests = rates(samples, "http_requests_total"), statements = rates(samples, "statements_total");
  const commits = rates(samples, "commits_total"), written = rates(samples, "rows_written_total");
  const fsync = ratios(samples, "fsync_microseconds_total", "commit_groups_total").map((us) => us / 1000);
  const changes = rates(samples, "changes_delivered_total");
  const hits = ratios(samples, "plan_cache_hits_total", "statements_total");
  const lag = usePoll<{ lag: string | null }>("SELECT MAX(lag) AS lag FROM system.live_queries", 5000);
  const waiting = Number(wholeNumber(lag.rows[0]?.lag));
  const memory = gauges(samples, "memory_resident_bytes");
  const per = <small> /s</small>;
  return (
    <div class="tiles charts">
      <Tile label="Requests" value={<>{formatRate(last(requests))}{per}</>} note={`${formatRate(last(statements))} statements /s`} values={requests} chart="Requests per second" />
      <Tile label="Commits" value={<>{formatRate(last(commits))}{per}</>} note={`${formatRate(last(written))} rows written /s`} values={commits} chart="Commits per second" />
      <Tile label="Fsync" value={last(fsync) === 0 ? "–" : formatMs(last(fsync))} note="for each group of commits" values={fsync} chart="Milliseconds per fsync" />
      <Tile label="Live changes" value={<>{formatRate(last(changes))}{per}</>} note={`${counted(latest(samples, "subscriptions"), "live query", "live queries")}, ${waiting > 0 ? `the slowest lags by ${counted(waiting, "message", "messages")}` : "nobody lags"}`} values={changes} chart="Changes delivered per second" />
      <Tile label="Plan cache" value={<>{Math.round(100 * Math.min(1, last(hits)))}<small> %</small></>} note={`hits; ${formatCount(latest(samples, "plan_cache_plans"))} plans`} values={hits} chart="Share of plan cache hits" />
      <Tile label="Memory" value={formatBytes(last(memory))} note={`${formatBytes(last(gauges(samples, "row_cache_bytes")))} row cache`} values={memory} chart="Resident memory" />
    </div>
  );
}

interface Levels { hot: number; cold: number; flushes: number }

/** Rows of both tiers and finished flushes, one entry per poll; outlives the view as well. */
let levels: Levels[] = [];

interface Sums { rows: string | null; bytes?: string | null; files?: string }

function Storage({ samples }: { samples: readonly Sample[] }): JSX.Element {
  const hot = usePoll<Sums>("SELECT COALESCE(SUM(buffered_rows), 0) AS rows FROM system.user_table_counters", 5000);
  const cold = usePoll<Sums>("SELECT COALESCE(SUM(rows), 0) AS rows, COALESCE(SUM(bytes), 0) AS bytes, COUNT(*) AS files FROM system.segments", 5000);
  const flushes = usePoll<{ status: string; jobs: string; last: number | null }>(
    "SELECT status, COUNT(*) AS jobs, MAX(completed_at) AS last FROM system.jobs WHERE job_type = 'flush' GROUP BY status", 5000);
  const [coldSums] = cold.rows;
  const jobs = (status: string): number => Number(flushes.rows.find((row) => row.status === status)?.jobs ?? 0);
  const lastFlush = Math.max(0, ...flushes.rows.map((row) => row.last ?? 0));
  const seen = useRef(cold.rows);
  if (cold.rows !== seen.current) {
    seen.current = cold.rows;
    const now = { hot: Number(wholeNumber(hot.rows[0]?.rows)), cold: Number(wholeNumber(coldSums?.rows)), flushes: jobs("completed") };
    levels = [...levels, now].slice(-SAMPLES);
  }
  const flushed = levels.slice(1).map((level, i) => Math.max(0, level.flushes - (levels[i]?.flushes ?? 0)));
  const hotBytes = ["hot_memtable_bytes", "hot_file_bytes"].reduce((sum, name) => sum + latest(samples, name), 0);
  return (
    <div class="tiles charts">
      <Tile label="Hot rows" value={formatCount(wholeNumber(hot.rows[0]?.rows))} note={`${formatBytes(hotBytes)} in RocksDB`} values={levels.map((level) => level.hot)} chart="Hot rows" />
      <Tile label="Cold rows" value={formatCount(wholeNumber(coldSums?.rows))} note={`${formatBytes(Number(coldSums?.bytes ?? 0))} in ${counted(Number(coldSums?.files ?? 0), "Parquet file", "Parquet files")}`} values={levels.map((level) => level.cold)} chart="Cold rows" />
      <Tile label="Flushes" value={formatCount(jobs("completed"))} note={`${jobs("running") + jobs("pending")} running, ${jobs("failed")} failed · last ${formatAgo(lastFlush || null)}`} values={flushed} chart="Flushes finished" />
    </div>
  );
}

/** SUM over BIGINT is a DECIMAL: its fraction is none. */
function wholeNumber(text: string | null | undefined): string {
  return (text ?? "0").replace(/\..*$/, "");
}

function FailedJobs(): JSX.Element {
  const list = useLive<Job>(
    "SELECT job_id, job_type, status, namespace_id, table_name, error_message, completed_at, created_at FROM system.jobs WHERE status = 'failed'",
    (a, b) => b.created_at - a.created_at);
  return (
    <section class="card">
      <header><h2>Failed jobs</h2><a href={href("jobs")}>All jobs</a></header>
      <Await list={list}>
        <Table label="Failed jobs" rows={list.rows.slice(0, 5)} rowKey={(job) => job.job_id} empty={<Empty icon="check" title="No job has failed" />}
          columns={[
            { head: "Job", cell: (job) => <a href={href("jobs", job.job_id)}>{job.job_type}</a> },
            { head: "Table", cell: (job) => <span class="mono">{[job.namespace_id, job.table_name].filter(Boolean).join(".")}</span> },
            { head: "Error", kind: "clip", cell: (job) => <span title={job.error_message ?? ""}>{job.error_message}</span> },
            { head: "When", kind: "nowrap", cell: (job) => formatAgo(job.completed_at ?? job.created_at) },
          ]} />
      </Await>
    </section>
  );
}

export function Overview(): JSX.Element {
  const samples = useSamples();
  const health = useHealth();
  const uptime = latest(samples, "uptime_seconds");
  return (
    <Page title="Overview" actions={
      <>
        {offline.value ? <Badge tone="danger" dot>unreachable</Badge> : health && <Badge tone={health.status === "healthy" ? "ok" : "danger"} dot>{health.status}</Badge>}
        {health && <span class="muted small">kalamd {health.version}</span>}
        {uptime > 0 && <span class="muted small">up {formatDuration(uptime)}</span>}
      </>
    }>
      <div class="stack">
        <Activity samples={samples} />
        <Storage samples={samples} />
        <FailedJobs />
      </div>
    </Page>
  );
}
