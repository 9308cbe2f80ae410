// jobs.tsx — jobs as they come and end; one of them at length.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useLive } from '../api/live';
import { quoteText } from '../api/sql';
import { counted, formatAgo, formatBytes, formatMs, formatTimestamp } from '../format';
import { go, route } from '../router';
import { Button, Search, Select } from '../ui/controls';
import { askSql } from '../ui/dialog';
import { Badge, Empty, Notice } from '../ui/feedback';
import type { Tone } from '../ui/feedback';
import { Page } from '../ui/page';
import { Await, Table } from '../ui/table';

export interface Job {
  job_id: string;
  job_type: string;
  status: string;
  namespace_id: string | null;
  table_name: string | null;
  user_id: string | null;
  parameters: string | null;
  result: string | null;
  trace: string | null;
  progress: string | null;
  memory_used: string | null;
  cpu_used: string | null;
  node: string;
  created_at: number;
  started_at: number | null;
  completed_at: number | null;
  error_message: string | null;
}

export const JOB_TONES: Readonly<Record<string, Tone>> = {
  completed: 'ok',
  failed: 'danger',
  cancelled: 'warn',
  running: 'info',
  pending: '',
};
const STATUSES = [
  ['', 'every status'],
  ['pending', 'pending'],
  ['running', 'running'],
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['cancelled', 'cancelled'],
] as const;
/** More are in the table; who wants them asks the SQL studio. */
const SHOWN = 300;

export function isActive(job: { status: string }): boolean {
  return job.status === 'running' || job.status === 'pending';
}

function took(job: Job): string {
  if (job.started_at === null) return '–';
  return formatMs(((job.completed_at ?? Date.now() * 1000) - job.started_at) / 1000);
}

function target(job: Job): string {
  return [job.namespace_id, job.table_name].filter(Boolean).join('.') || '–';
}

export function JobBadge({ job }: { job: Pick<Job, 'status'> }): JSX.Element {
  return (
    <Badge tone={JOB_TONES[job.status] ?? ''} dot pulse={isActive(job)}>
      {job.status}
    </Badge>
  );
}

function cancel(job: Job): void {
  askSql({
    title: 'Cancel job',
    sql: `KILL JOB ${quoteText(job.job_id)}`,
    action: 'Cancel the job',
    danger: true,
    text: 'It stops at the next user or row group; what is finished stays.',
  });
}

function JobDetail({ job, onClose }: { job: Job; onClose: () => void }): JSX.Element {
  const facts: [string, string | null][] = [
    ['Target', target(job)],
    ['User', job.user_id],
    ['Progress', job.progress],
    ['Result', job.result],
    ['Took', took(job)],
    ['CPU', job.cpu_used === null ? null : formatMs(Number(job.cpu_used) / 1000)],
    ['Memory', job.memory_used === null ? null : formatBytes(Number(job.memory_used))],
    ['Created', formatTimestamp(job.created_at)],
    ['Ended', job.completed_at === null ? null : formatTimestamp(job.completed_at)],
    ['Parameters', job.parameters],
    ['Node', job.node],
    ['Trace', job.trace],
  ];
  return (
    <aside class="detail" aria-label={`Job ${job.job_id}`} style={{ overflowY: 'auto' }}>
      <header class="row">
        <strong class="grow">{job.job_type}</strong>
        <JobBadge job={job} />
        <Button kind="plain" small icon="close" label="Close" onClick={onClose} />
      </header>
      <span class="mono small muted" style={{ overflowWrap: 'anywhere' }}>
        {job.job_id}
      </span>
      {job.error_message && <Notice tone="danger">{job.error_message}</Notice>}
      <dl class="facts small" style={{ margin: 0, gridTemplateColumns: '84px minmax(0, 1fr)' }}>
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
      </dl>
      {isActive(job) && (
        <Button kind="danger" icon="stop" onClick={() => cancel(job)}>
          Cancel
        </Button>
      )}
    </aside>
  );
}

export function Jobs(): JSX.Element {
  const list = useLive<Job>('SELECT * FROM system.jobs', (a, b) => b.created_at - a.created_at);
  const [status, setStatus] = useState('');
  const [text, setText] = useState('');
  const wanted = text.toLowerCase();
  const rows = list.rows.filter(
    (job) =>
      (status === '' || job.status === status) &&
      `${job.job_id} ${job.job_type} ${target(job)}`.toLowerCase().includes(wanted),
  );
  const chosen = list.rows.find((job) => job.job_id === route.value[1]);
  return (
    <Page title="Jobs" flush>
      <div class="toolbar">
        <Search label="Find a job or table" value={text} onInput={setText} />
        <span>
          <Select hideLabel label="Status" value={status} options={STATUSES} onChange={setStatus} />
        </span>
        <span class="muted small grow">
          {counted(rows.length, 'job', 'jobs')}
          {rows.length > SHOWN ? `, the newest ${SHOWN} shown` : ''}
        </span>
      </div>
      <div class="result-body">
        <div class="grow" style={{ overflow: 'auto' }} tabIndex={0} role="region" aria-label="Jobs">
          <Await list={list}>
            <Table
              label="Jobs"
              rows={rows.slice(0, SHOWN)}
              rowKey={(job) => job.job_id}
              selected={chosen?.job_id}
              onRow={(job) => go('jobs', job.job_id)}
              empty={
                <Empty icon="jobs" title="No jobs">
                  Flushes, backups and clean-ups show here.
                </Empty>
              }
              columns={[
                {
                  head: 'Job',
                  cell: (job) => (
                    <button type="button" class="link" onClick={() => go('jobs', job.job_id)}>
                      {job.job_type}
                    </button>
                  ),
                },
                { head: 'Status', cell: (job) => <JobBadge job={job} /> },
                { head: 'Target', cell: (job) => <span class="mono">{target(job)}</span> },
                {
                  head: 'Outcome',
                  kind: 'clip',
                  cell: (job) =>
                    job.error_message ? (
                      <span class="error-text" title={job.error_message}>
                        {job.error_message}
                      </span>
                    ) : (
                      <span title={job.result ?? ''}>
                        {isActive(job) ? job.progress : job.result}
                      </span>
                    ),
                },
                { head: 'Took', kind: 'number', cell: took },
                { head: 'Created', kind: 'nowrap', cell: (job) => formatAgo(job.created_at) },
                {
                  head: 'Actions',
                  kind: 'actions',
                  cell: (job) =>
                    isActive(job) && (
                      <Button small kind="danger" onClick={() => cancel(job)}>
                        Cancel
                      </Button>
                    ),
                },
              ]}
            />
          </Await>
        </div>
        {chosen && <JobDetail job={chosen} onClose={() => go('jobs')} />}
      </div>
    </Page>
  );
}
