// liveQueries.tsx — who listens to what, how much was delivered, who lags; ends one on request.
import type { JSX } from 'preact';
import { usePoll } from '../api/live';
import { quoteText } from '../api/sql';
import { formatAgo, formatCount } from '../format';
import { Button } from '../ui/controls';
import { askSql } from '../ui/dialog';
import { Badge, Empty } from '../ui/feedback';
import { Page } from '../ui/page';
import { Await, Table } from '../ui/table';

interface LiveQuery {
  live_id: string;
  namespace_id: string;
  table_name: string;
  user_id: string;
  query: string;
  status: string;
  changes: string;
  lag: string | null;
  created_at: number;
  last_ping_at: number | null;
}

/** Computed by the server, not stored: there is no live query on it. */
const SQL =
  'SELECT live_id, namespace_id, table_name, user_id, query, status, changes, lag, created_at, last_ping_at FROM system.live_queries ORDER BY created_at DESC';

function kill(query: LiveQuery): void {
  askSql({
    title: 'End live query',
    sql: `KILL LIVE QUERY ${quoteText(query.live_id)}`,
    action: 'End it',
    danger: true,
    text: `The client of ${query.user_id} gets the error LIVE_QUERY_KILLED; its other live queries go on.`,
    done: 'The live query has ended',
  });
}

export function LiveQueries(): JSX.Element {
  const list = usePoll<LiveQuery>(SQL, 1500);
  const own = list.rows.filter((query) => query.namespace_id === 'system').length;
  return (
    <Page
      title="Live queries"
      actions={
        <span class="muted small">
          {formatCount(list.rows.length)} open{own > 0 ? `, ${own} on system tables` : ''}
        </span>
      }
    >
      <div class="card">
        <Await list={list}>
          <Table
            label="Live queries"
            rows={list.rows}
            rowKey={(query) => query.live_id}
            empty={
              <Empty icon="live" title="Nobody listens">
                Live queries of clients show here while they are open.
              </Empty>
            }
            columns={[
              { head: 'User', cell: (query) => query.user_id, sort: (query) => query.user_id },
              {
                head: 'Table',
                cell: (query) => (
                  <span class="mono">{`${query.namespace_id}.${query.table_name}`}</span>
                ),
                sort: (query) => `${query.namespace_id}.${query.table_name}`,
              },
              {
                head: 'Query',
                kind: 'clip',
                cell: (query) => <code title={query.query}>{query.query}</code>,
              },
              {
                head: 'Status',
                cell: (query) => (
                  <span title={`client seen ${formatAgo(query.last_ping_at)}`}>
                    <Badge dot tone={query.status === 'active' ? 'ok' : 'info'}>
                      {query.status}
                    </Badge>
                  </span>
                ),
              },
              {
                head: 'Changes',
                kind: 'number',
                cell: (query) => formatCount(query.changes),
                sort: (query) => Number(query.changes),
              },
              {
                head: 'Lag',
                kind: 'number',
                cell: (query) =>
                  Number(query.lag ?? 0) > 0 ? (
                    <Badge tone="warn">{formatCount(query.lag)}</Badge>
                  ) : (
                    '0'
                  ),
                sort: (query) => Number(query.lag ?? 0),
              },
              {
                head: 'Since',
                kind: 'nowrap',
                cell: (query) => formatAgo(query.created_at),
                sort: (query) => query.created_at,
              },
              {
                head: 'Actions',
                kind: 'actions',
                cell: (query) => (
                  <Button small kind="danger" onClick={() => kill(query)}>
                    End
                  </Button>
                ),
              },
            ]}
          />
        </Await>
      </div>
    </Page>
  );
}
