// users.tsx — accounts: create, role, password, API key, delete, restore, act as one.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useLive } from "../api/live";
import { actAs, errorText, me } from "../api/session";
import { execute, quoteName, quoteText } from "../api/sql";
import { formatAgo } from "../format";
import { go } from "../router";
import { Button, Check, Field, Select } from "../ui/controls";
import { askSql, Dialog, SqlPreview } from "../ui/dialog";
import { Badge, Empty, Notice, tell } from "../ui/feedback";
import type { Tone } from "../ui/feedback";
import { Page } from "../ui/page";
import { Await, Table } from "../ui/table";

interface User {
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

const ROLES = [["user", "user – own data"], ["service", "service – data of every user"], ["dba", "dba – administrator"], ["system", "system – as dba, may grant system"]] as const;
const ROLE_TONES: Readonly<Record<string, Tone>> = { system: "danger", dba: "warn", service: "info", user: "" };

/** The SQL with the password hidden, and what runs. */
interface Hidden { shown: string; real: string }

function createSql(name: string, password: string, role: string, email: string): Hidden {
  const build = (secret: string): string =>
    `CREATE USER ${quoteText(name)} WITH ${password ? `PASSWORD ${quoteText(secret)}` : "INTERNAL"} ROLE ${role}${email ? ` EMAIL ${quoteText(email)}` : ""}`;
  return { shown: build("••••••••"), real: build(password) };
}

function Create({ onClose }: { onClose: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState("user");
  const [email, setEmail] = useState("");
  const [error, setError] = useState("");
  const sql = createSql(name, password, role, email);
  const submit = (): void => {
    execute(sql.real).then((result) => { tell(result.message ?? "Created"); onClose(); }, (thrown: unknown) => setError(errorText(thrown)));
  };
  const roles = me.value?.role === "system" ? ROLES : ROLES.slice(0, 3);
  return (
    <Dialog title="New user" onClose={onClose} onSubmit={submit} foot={<><Button onClick={onClose}>Cancel</Button><Button submit kind="primary" disabled={name === ""}>Create user</Button></>}>
      <div class="two">
        <Field label="User id" value={name} onInput={setName} required autofocus hint="Log-in name, cannot be changed" />
        <Select label="Role" value={role} options={roles} onChange={setRole} />
        <Field label="Password" type="password" value={password} onInput={setPassword} autocomplete="new-password" hint="Empty: no log-in by password" />
        <Field label="E-mail" type="email" value={email} onInput={setEmail} />
      </div>
      <SqlPreview sql={sql.shown} />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

function Password({ user, onClose }: { user: User; onClose: () => void }): JSX.Element {
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const submit = (): void => {
    execute(`ALTER USER ${quoteName(user.user_id)} SET PASSWORD ${quoteText(password)}`)
      .then(() => { tell(`Password of ${user.user_id} changed`); onClose(); }, (thrown: unknown) => setError(errorText(thrown)));
  };
  return (
    <Dialog title={`Password of ${user.user_id}`} onClose={onClose} onSubmit={submit} foot={<><Button onClick={onClose}>Cancel</Button><Button submit kind="primary" disabled={password.length < 8}>Change</Button></>}>
      <Field label="New password" type="password" value={password} onInput={setPassword} required autofocus autocomplete="new-password" hint="8 characters or more. Older tokens and open connections of this user end." />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

function ApiKey({ text, onClose }: { text: string; onClose: () => void }): JSX.Element {
  return (
    <Dialog title="API key" onClose={onClose} onSubmit={onClose} foot={<Button submit kind="primary">I have kept it</Button>}>
      <Notice tone="warn">The server keeps a hash only: this is the one time the key is shown.</Notice>
      <pre class="sql-preview mono" tabIndex={0} data-testid="api-key">{text}</pre>
      <div><Button icon="copy" onClick={() => void navigator.clipboard.writeText(text).then(() => tell("Copied"))}>Copy</Button></div>
    </Dialog>
  );
}

type Open = { kind: "create" } | { kind: "edit" | "password"; user: User } | { kind: "key"; text: string };

function Edit({ user, onClose, onOpen }: { user: User; onClose: () => void; onOpen: (open: Open) => void }): JSX.Element {
  const name = quoteName(user.user_id);
  const ask = (title: string, sql: string, action: string, danger: boolean, onDone?: (result: unknown) => void): void => {
    onClose();
    askSql({ title, sql, action, danger, ...(onDone ? { onDone } : {}) });
  };
  const showKey = (result: unknown): void => {
    const [row] = (result as { rows: { api_key?: string }[] }).rows;
    if (row?.api_key) onOpen({ kind: "key", text: row.api_key });
  };
  const isRoot = user.user_id === "root";
  return (
    <Dialog title={user.user_id} onClose={onClose} foot={<Button onClick={onClose}>Close</Button>}>
      <dl class="facts" style={{ margin: 0 }}>
        <dt>Display name</dt><dd>{user.username}</dd>
        <dt>E-mail</dt><dd>{user.email ?? "–"}</dd>
        <dt>Last log-in</dt><dd>{formatAgo(user.last_login_at)}</dd>
        <dt>Log-in</dt><dd>{user.auth_type}{user.api_key !== null && ", API key"}</dd>
      </dl>
      <Select label="Role" value={user.role} options={ROLES} disabled={isRoot}
        onChange={(role) => ask(`Role of ${user.user_id}`, `ALTER USER ${name} SET ROLE ${role}`, "Change role", false)} />
      <div class="row wrap">
        <Button icon="key" onClick={() => onOpen({ kind: "password", user })}>Password…</Button>
        <Button icon="key" onClick={() => ask("Generate API key", `ALTER USER ${name} GENERATE API KEY`, "Generate", false, showKey)}>Generate API key…</Button>
        {user.api_key !== null && <Button kind="danger" onClick={() => ask("Drop API key", `ALTER USER ${name} DROP API KEY`, "Drop the key", true)}>Drop API key…</Button>}
        {!isRoot && <Button kind="danger" icon="trash" onClick={() => ask("Delete user", `DROP USER ${name}`, "Delete", true)}>Delete…</Button>}
      </div>
    </Dialog>
  );
}

function Actions({ user, onOpen }: { user: User; onOpen: (open: Open) => void }): JSX.Element {
  if (user.deleted_at !== null) {
    const sql = `UPDATE system.users SET deleted_at = NULL WHERE user_id = ${quoteText(user.user_id)}`;
    return <Button small onClick={() => askSql({ title: "Restore user", sql, action: "Restore" })}>Restore</Button>;
  }
  const isMe = user.user_id === me.value?.id;
  return (
    <>
      {!isMe && <Button small title={`Run SQL as ${user.user_id}`} onClick={() => { actAs.value = user.user_id; go("sql"); }}>Act as</Button>}
      <Button small onClick={() => onOpen({ kind: "edit", user })}>Edit</Button>
    </>
  );
}

export function Users(): JSX.Element {
  const [open, setOpen] = useState<Open | null>(null);
  const [withDeleted, setWithDeleted] = useState(false);
  const list = useLive<User>(
    "SELECT user_id, username, role, email, auth_type, api_key, locked_until, last_login_at, created_at, deleted_at FROM system.users WHERE deleted_at IS NULL OR deleted_at IS NOT NULL",
    (a, b) => a.user_id.localeCompare(b.user_id));
  const rows = list.rows.filter((user) => withDeleted || user.deleted_at === null);
  const close = (): void => setOpen(null);
  const isLocked = (user: User): boolean => user.locked_until !== null && user.locked_until / 1000 > Date.now();
  return (
    <Page title="Users" actions={<><Check label="deleted ones too" checked={withDeleted} onChange={setWithDeleted} /><Button kind="primary" icon="plus" onClick={() => setOpen({ kind: "create" })}>New user</Button></>}>
      <div class="card">
        <Await list={list}>
          <Table label="Users" rows={rows} rowKey={(user) => user.user_id} empty={<Empty icon="users" title="No users" />}
            columns={[
              { head: "User", cell: (user) => <><strong>{user.user_id}</strong>{user.username !== user.user_id && <span class="muted"> {user.username}</span>}</>, sort: (user) => user.user_id },
              { head: "Role", cell: (user) => <Badge tone={ROLE_TONES[user.role] ?? ""}>{user.role}</Badge>, sort: (user) => user.role },
              { head: "E-mail", kind: "clip", cell: (user) => user.email ?? <span class="muted">–</span> },
              { head: "Log-in", cell: (user) => <>{user.auth_type}{user.api_key !== null && <> <Badge>API key</Badge></>}{isLocked(user) && <> <Badge tone="danger">locked</Badge></>}{user.deleted_at !== null && <> <Badge tone="danger">deleted</Badge></>}</> },
              { head: "Last log-in", kind: "nowrap", cell: (user) => formatAgo(user.last_login_at), sort: (user) => user.last_login_at },
              { head: "Created", kind: "nowrap", cell: (user) => formatAgo(user.created_at), sort: (user) => user.created_at },
              { head: "Actions", kind: "actions", cell: (user) => <Actions user={user} onOpen={setOpen} /> },
            ]} />
        </Await>
      </div>
      {open?.kind === "create" && <Create onClose={close} />}
      {open?.kind === "edit" && <Edit user={open.user} onClose={close} onOpen={setOpen} />}
      {open?.kind === "password" && <Password user={open.user} onClose={close} />}
      {open?.kind === "key" && <ApiKey text={open.text} onClose={close} />}
    </Page>
  );
}
