// flush.tsx — flushes one table and shows its job until it ends.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useLive } from '../../api/live';
import { execute, quoteText, tableName } from '../../api/sql';
import { href } from '../../router';
import { Button } from '../../ui/controls';
import { Badge, tell, tellError } from '../../ui/feedback';
import { JOB_TONES } from '../jobs';
import type { TableRef } from './model';

interface JobState {
  job_id: string;
  status: string;
  progress: string | null;
  result: string | null;
  error_message: string | null;
}

function JobProgress({ id, onEnd }: { id: string; onEnd: () => void }): JSX.Element {
  const list = useLive<JobState>(
    `SELECT job_id, status, progress, result, error_message FROM system.jobs WHERE job_id = ${quoteText(id)}`,
    () => 0,
  );
  const job = list.rows[0];
  const ended = job !== undefined && job.status !== 'pending' && job.status !== 'running';
  useEffect(() => {
    if (!ended) return;
    if (job.status === 'failed') tellError(new Error(job.error_message ?? 'The flush failed'));
    else tell(`Flush ${job.status}: ${job.result ?? ''}`);
    onEnd();
  }, [ended]);
  if (list.error) return <Badge tone="danger">{list.error}</Badge>;
  return (
    <a href={href('jobs', id)}>
      <Badge tone={JOB_TONES[job?.status ?? ''] ?? 'info'} dot pulse={!ended}>
        {job?.progress ?? job?.status ?? 'flush'}
      </Badge>
    </a>
  );
}

export function FlushButton({ table, onEnd }: { table: TableRef; onEnd: () => void }): JSX.Element {
  const [jobId, setJobId] = useState<string | null>(null);
  const flush = async (): Promise<void> => {
    try {
      const result = await execute(
        `STORAGE FLUSH TABLE ${tableName(table.namespace_id, table.table_name)}`,
      );
      const id = result.rows[0]?.['job_id'];
      if (typeof id === 'string') setJobId(id);
    } catch (thrown) {
      tellError(thrown);
    }
  };
  return (
    <>
      {jobId !== null && (
        <JobProgress
          key={jobId}
          id={jobId}
          onEnd={() => {
            setJobId(null);
            onEnd();
          }}
        />
      )}
      <Button icon="bolt" busy={jobId !== null} onClick={() => void flush()}>
        Flush
      </Button>
    </>
  );
}
