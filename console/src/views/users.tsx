// users.tsx — accounts: create, role, password, API key, delete, restore, act as one.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useLive } from '../api/live';
import { actAs, me } from '../api/session';
import { quoteText } from '../api/sql';
import { formatAgo } from '../format';
import { go } from '../router';
import { Button, Check } from '../ui/controls';
import { askSql } from '../ui/dialog';
import { Badge, Empty } from '../ui/feedback';
import type { Tone } from '../ui/feedback';
import { Page } from '../ui/page';
import { Await, Table } from '../ui/table';
import { ApiKey, Create, Edit, Password } from './userDialogs';
import type { Open, User } from './userDialogs';

const ROLE_TONES: Readonly<Record<string, Tone>> = {
  system: 'danger',
  dba: 'warn',
  service: 'info',
  user: '',
};

function Actions({ user, onOpen }: { user: User; onOpen: (open: Open) => void }): JSX.Element {
  if (user.deleted_at !== null) {
    const sql = `UPDATE system.users SET deleted_at = NULL WHERE user_id = ${quoteText(user.user_id)}`;
    return (
      <Button small onClick={() => askSql({ title: 'Restore user', sql, action: 'Restore' })}>
        Restore
      </Button>
    );
  }
  const isMe = user.user_id === me.value?.id;
  return (
    <>
      {!isMe && (
        <Button
          small
          title={`Run SQL as ${user.user_id}`}
          onClick={() => {
            actAs.value = user.user_id;
            go('sql');
          }}
        >
          Act as
        </Button>
      )}
      <Button small onClick={() => onOpen({ kind: 'edit', user })}>
        Edit
      </Button>
    </>
  );
}

export function Users(): JSX.Element {
  const [open, setOpen] = useState<Open | null>(null);
  const [withDeleted, setWithDeleted] = useState(false);
  const list = useLive<User>(
    'SELECT user_id, username, role, email, auth_type, api_key, locked_until, last_login_at, created_at, deleted_at FROM system.users WHERE deleted_at IS NULL OR deleted_at IS NOT NULL',
    (a, b) => a.user_id.localeCompare(b.user_id),
  );
  const rows = list.rows.filter((user) => withDeleted || user.deleted_at === null);
  const close = (): void => setOpen(null);
  const isLocked = (user: User): boolean =>
    user.locked_until !== null && user.locked_until / 1000 > Date.now();
  return (
    <Page
      title="Users"
      actions={
        <>
          <Check label="deleted ones too" checked={withDeleted} onChange={setWithDeleted} />
          <Button kind="primary" icon="plus" onClick={() => setOpen({ kind: 'create' })}>
            New user
          </Button>
        </>
      }
    >
      <div class="card">
        <Await list={list}>
          <Table
            label="Users"
            rows={rows}
            rowKey={(user) => user.user_id}
            empty={<Empty icon="users" title="No users" />}
            columns={[
              {
                head: 'User',
                cell: (user) => (
                  <>
                    <strong>{user.user_id}</strong>
                    {user.username !== user.user_id && <span class="muted"> {user.username}</span>}
                  </>
                ),
                sort: (user) => user.user_id,
              },
              {
                head: 'Role',
                cell: (user) => <Badge tone={ROLE_TONES[user.role] ?? ''}>{user.role}</Badge>,
                sort: (user) => user.role,
              },
              {
                head: 'E-mail',
                kind: 'clip',
                cell: (user) => user.email ?? <span class="muted">–</span>,
              },
              {
                head: 'Log-in',
                cell: (user) => (
                  <>
                    {user.auth_type}
                    {user.api_key !== null && (
                      <>
                        {' '}
                        <Badge>API key</Badge>
                      </>
                    )}
                    {isLocked(user) && (
                      <>
                        {' '}
                        <Badge tone="danger">locked</Badge>
                      </>
                    )}
                    {user.deleted_at !== null && (
                      <>
                        {' '}
                        <Badge tone="danger">deleted</Badge>
                      </>
                    )}
                  </>
                ),
              },
              {
                head: 'Last log-in',
                kind: 'nowrap',
                cell: (user) => formatAgo(user.last_login_at),
                sort: (user) => user.last_login_at,
              },
              {
                head: 'Created',
                kind: 'nowrap',
                cell: (user) => formatAgo(user.created_at),
                sort: (user) => user.created_at,
              },
              {
                head: 'Actions',
                kind: 'actions',
                cell: (user) => <Actions user={user} onOpen={setOpen} />,
              },
            ]}
          />
        </Await>
      </div>
      {open?.kind === 'create' && <Create onClose={close} />}
      {open?.kind === 'edit' && <Edit user={open.user} onClose={close} onOpen={setOpen} />}
      {open?.kind === 'password' && <Password user={open.user} onClose={close} />}
      {open?.kind === 'key' && <ApiKey text={open.text} onClose={close} />}
    </Page>
  );
}
