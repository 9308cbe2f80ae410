// failedJobs.tsx — the newest jobs that failed, by a live query.
import type { JSX } from 'preact';
import { useLive } from '../api/live';
import { formatAgo } from '../format';
import { href } from '../router';
import { Empty } from '../ui/feedback';
import { Await, Table } from '../ui/table';

interface Job {
  job_id: string;
  job_type: string;
  status: string;
  namespace_id: string | null;
  table_name: string | null;
  error_message: string | null;
  completed_at: number | null;
  created_at: number;
}

export function FailedJobs(): JSX.Element {
  const list = useLive<Job>(
    "SELECT job_id, job_type, status, namespace_id, table_name, error_message, completed_at, created_at FROM system.jobs WHERE status = 'failed'",
    (a, b) => b.created_at - a.created_at,
  );
  return (
    <section class="card">
      <header>
        <h2>Failed jobs</h2>
        <a href={href('jobs')}>All jobs</a>
      </header>
      <Await list={list}>
        <Table
          label="Failed jobs"
          rows={list.rows.slice(0, 5)}
          rowKey={(job) => job.job_id}
          empty={<Empty icon="check" title="No job has failed" />}
          columns={[
            { head: 'Job', cell: (job) => <a href={href('jobs', job.job_id)}>{job.job_type}</a> },
            {
              head: 'Table',
              cell: (job) => (
                <span class="mono">
                  {[job.namespace_id, job.table_name].filter(Boolean).join('.')}
                </span>
              ),
            },
            {
              head: 'Error',
              kind: 'clip',
              cell: (job) => <span title={job.error_message ?? ''}>{job.error_message}</span>,
            },
            {
              head: 'When',
              kind: 'nowrap',
              cell: (job) => formatAgo(job.completed_at ?? job.created_at),
            },
          ]}
        />
      </Await>
    </section>
  );
}
