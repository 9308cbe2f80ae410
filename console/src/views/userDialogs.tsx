// userDialogs.tsx — the dialogs of the users view: create, password, API key, everything about one.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { errorText, me } from '../api/session';
import { execute, quoteName, quoteText } from '../api/sql';
import { formatAgo } from '../format';
import { Button, Field, Select } from '../ui/controls';
import { copy } from '../ui/copy';
import { askSql, Dialog, SqlPreview } from '../ui/dialog';
import { Notice, tell } from '../ui/feedback';

export interface User {
  user_id: string;
  username: string;
  role: string;
  email: string | null;
  auth_type: string;
  api_key: string | null;
  locked_until: number | null;
  last_login_at: number | null;
  created_at: number;
  deleted_at: number | null;
}

const ROLES = [
  ['user', 'user – own data'],
  ['service', 'service – data of every user'],
  ['dba', 'dba – administrator'],
  ['system', 'system – as dba, may grant system'],
] as const;

/** The SQL with the password hidden, and what runs. */
interface Hidden {
  shown: string;
  real: string;
}

function createSql(name: string, password: string, role: string, email: string): Hidden {
  const build = (secret: string): string =>
    `CREATE USER ${quoteText(name)} WITH ${password ? `PASSWORD ${quoteText(secret)}` : 'INTERNAL'} ROLE ${role}${email ? ` EMAIL ${quoteText(email)}` : ''}`;
  return { shown: build('••••••••'), real: build(password) };
}

export function Create({ onClose }: { onClose: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState('user');
  const [email, setEmail] = useState('');
  const [error, setError] = useState('');
  const sql = createSql(name, password, role, email);
  const submit = (): void => {
    execute(sql.real).then(
      (result) => {
        tell(result.message ?? 'Created');
        onClose();
      },
      (thrown: unknown) => setError(errorText(thrown)),
    );
  };
  const roles = me.value?.role === 'system' ? ROLES : ROLES.slice(0, 3);
  return (
    <Dialog
      title="New user"
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={name === ''}>
            Create user
          </Button>
        </>
      }
    >
      <div class="two">
        <Field
          label="User id"
          value={name}
          onInput={setName}
          required
          autofocus
          hint="Log-in name, cannot be changed"
        />
        <Select label="Role" value={role} options={roles} onChange={setRole} />
        <Field
          label="Password"
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          hint="Empty: no log-in by password"
        />
        <Field label="E-mail" type="email" value={email} onInput={setEmail} />
      </div>
      <SqlPreview sql={sql.shown} />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

export function Password({ user, onClose }: { user: User; onClose: () => void }): JSX.Element {
  const [password, setPassword] = useState('');
  const [error, setError] = useState('');
  const submit = (): void => {
    execute(`ALTER USER ${quoteName(user.user_id)} SET PASSWORD ${quoteText(password)}`).then(
      () => {
        tell(`Password of ${user.user_id} changed`);
        onClose();
      },
      (thrown: unknown) => setError(errorText(thrown)),
    );
  };
  return (
    <Dialog
      title={`Password of ${user.user_id}`}
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button submit kind="primary" disabled={password.length < 8}>
            Change
          </Button>
        </>
      }
    >
      <Field
        label="New password"
        type="password"
        value={password}
        onInput={setPassword}
        required
        autofocus
        autocomplete="new-password"
        hint="8 characters or more. Older tokens and open connections of this user end."
      />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

export function ApiKey({ text, onClose }: { text: string; onClose: () => void }): JSX.Element {
  return (
    <Dialog
      title="API key"
      onClose={onClose}
      onSubmit={onClose}
      foot={
        <Button submit kind="primary">
          I have kept it
        </Button>
      }
    >
      <Notice tone="warn">
        The server keeps a hash only: this is the one time the key is shown.
      </Notice>
      <pre class="sql-preview mono" tabIndex={0} data-testid="api-key">
        {text}
      </pre>
      <div>
        <Button icon="copy" onClick={() => void copy(text)}>
          Copy
        </Button>
      </div>
    </Dialog>
  );
}

export type Open =
  | { kind: 'create' }
  | { kind: 'edit' | 'password'; user: User }
  | { kind: 'key'; text: string };

export function Edit({
  user,
  onClose,
  onOpen,
}: {
  user: User;
  onClose: () => void;
  onOpen: (open: Open) => void;
}): JSX.Element {
  const name = quoteName(user.user_id);
  const ask = (
    title: string,
    sql: string,
    action: string,
    danger: boolean,
    onDone?: (result: unknown) => void,
  ): void => {
    onClose();
    askSql({ title, sql, action, danger, ...(onDone ? { onDone } : {}) });
  };
  const showKey = (result: unknown): void => {
    const [row] = (result as { rows: { api_key?: string }[] }).rows;
    if (row?.api_key) onOpen({ kind: 'key', text: row.api_key });
  };
  const isRoot = user.user_id === 'root';
  return (
    <Dialog title={user.user_id} onClose={onClose} foot={<Button onClick={onClose}>Close</Button>}>
      <dl class="facts" style={{ margin: 0 }}>
        <dt>Display name</dt>
        <dd>{user.username}</dd>
        <dt>E-mail</dt>
        <dd>{user.email ?? '–'}</dd>
        <dt>Last log-in</dt>
        <dd>{formatAgo(user.last_login_at)}</dd>
        <dt>Log-in</dt>
        <dd>
          {user.auth_type}
          {user.api_key !== null && ', API key'}
        </dd>
      </dl>
      <Select
        label="Role"
        value={user.role}
        options={ROLES}
        disabled={isRoot}
        onChange={(role) =>
          ask(
            `Role of ${user.user_id}`,
            `ALTER USER ${name} SET ROLE ${role}`,
            'Change role',
            false,
          )
        }
      />
      <div class="row wrap">
        <Button icon="key" onClick={() => onOpen({ kind: 'password', user })}>
          Password…
        </Button>
        <Button
          icon="key"
          onClick={() =>
            ask(
              'Generate API key',
              `ALTER USER ${name} GENERATE API KEY`,
              'Generate',
              false,
              showKey,
            )
          }
        >
          Generate API key…
        </Button>
        {user.api_key !== null && (
          <Button
            kind="danger"
            onClick={() =>
              ask('Drop API key', `ALTER USER ${name} DROP API KEY`, 'Drop the key', true)
            }
          >
            Drop API key…
          </Button>
        )}
        {!isRoot && (
          <Button
            kind="danger"
            icon="trash"
            onClick={() => ask('Delete user', `DROP USER ${name}`, 'Delete', true)}
          >
            Delete…
          </Button>
        )}
      </div>
    </Dialog>
  );
}
