// storages.tsx — where cold files go: create with a check, check, usage, drop.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useLive, usePoll } from "../api/live";
import { errorText } from "../api/session";
import { execute, quoteName, quoteText, select } from "../api/sql";
import { formatBytes, formatCount } from "../format";
import { Button, Field, Select } from "../ui/controls";
import { askSql, Dialog, SqlPreview } from "../ui/dialog";
import { Badge, Empty, Loading, Notice, tell } from "../ui/feedback";
import { Page } from "../ui/page";
import { Await, Table } from "../ui/table";

interface Storage {
  storage_id: string;
  storage_name: string;
  storage_type: string;
  description: string | null;
  uri: string;
  shared_tables_template: string;
  user_tables_template: string;
}

interface Usage { storage_id: string; rows: string; bytes: string; files: string }
interface Operation { operation: string; status: string; latency_ms: string; error: string | null }
interface Draft { id: string; type: string; uri: string; accessKey: string; secretKey: string; region: string; endpoint: string }

function createSql(draft: Draft, secret: string): string {
  const keys = { access_key_id: draft.accessKey, secret_access_key: draft.secretKey && secret, region: draft.region, endpoint: draft.endpoint };
  const given = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== ""));
  const credentials = draft.type === "s3" && Object.keys(given).length > 0 ? ` CREDENTIALS ${quoteText(JSON.stringify(given))}` : "";
  return `CREATE STORAGE ${quoteName(draft.id || "name")} TYPE ${draft.type} URI ${quoteText(draft.uri)}${credentials}`;
}

function Create({ onClose, onCreated }: { onClose: () => void; onCreated: (id: string) => void }): JSX.Element {
  const [draft, setDraft] = useState<Draft>({ id: "", type: "filesystem", uri: "", accessKey: "", secretKey: "", region: "", endpoint: "" });
  const [error, setError] = useState("");
  const change = (part: Partial<Draft>): void => setDraft((old) => ({ ...old, ...part }));
  const submit = (): void => {
    execute(createSql(draft, draft.secretKey)).then((result) => { tell(result.message ?? "Created"); onCreated(draft.id); }, (thrown: unknown) => setError(errorText(thrown)));
  };
  return (
    <Dialog title="New storage" onClose={onClose} onSubmit={submit}
      foot={<><Button onClick={onClose}>Cancel</Button><Button submit kind="primary" disabled={draft.id === "" || draft.uri === ""}>Create and check</Button></>}>
      <div class="two">
        <Field label="Id" value={draft.id} onInput={(id) => change({ id })} required autofocus />
        <Select label="Type" value={draft.type} options={[["filesystem", "filesystem"], ["s3", "s3"]]} onChange={(type) => change({ type })} />
      </div>
      <Field label={draft.type === "s3" ? "Bucket and prefix" : "Folder on the server"} value={draft.uri} placeholder={draft.type === "s3" ? "s3://bucket/prefix/" : "/srv/cold"} onInput={(uri) => change({ uri })} required />
      {draft.type === "s3" && (
        <div class="two">
          <Field label="Access key" value={draft.accessKey} onInput={(accessKey) => change({ accessKey })} />
          <Field label="Secret key" type="password" value={draft.secretKey} onInput={(secretKey) => change({ secretKey })} hint="Sealed at rest, never shown again" />
          <Field label="Region" value={draft.region} onInput={(region) => change({ region })} />
          <Field label="Endpoint" value={draft.endpoint} onInput={(endpoint) => change({ endpoint })} hint="Of servers other than Amazon's" />
        </div>
      )}
      <SqlPreview sql={createSql(draft, "••••••••")} />
      {error && <Notice tone="danger">{error}</Notice>}
    </Dialog>
  );
}

function Check({ id, onClose }: { id: string; onClose: () => void }): JSX.Element {
  const [result, setResult] = useState<Operation[] | null>(null);
  const [error, setError] = useState("");
  useState(() => { select<Operation>(`STORAGE CHECK ${quoteName(id)} EXTENDED`).then(setResult, (thrown: unknown) => setError(errorText(thrown))); });
  return (
    <Dialog title={`Check of ${id}`} onClose={onClose} onSubmit={onClose} foot={<Button submit kind="primary">Close</Button>}>
      {error && <Notice tone="danger">{error}</Notice>}
      {result === null ? !error && <Loading /> : (
        <Table label="Operations" rows={result} rowKey={(row) => row.operation} empty={<Empty icon="storages" title="Nothing was checked" />}
          columns={[
            { head: "Operation", cell: (row) => row.operation },
            { head: "Status", cell: (row) => <Badge dot tone={row.status === "healthy" ? "ok" : "danger"}>{row.status}</Badge> },
            { head: "Time", kind: "number", cell: (row) => `${row.latency_ms} ms` },
            { head: "Error", cell: (row) => row.error ?? "" },
          ]} />
      )}
    </Dialog>
  );
}

export function Storages(): JSX.Element {
  const list = useLive<Storage>("SELECT storage_id, storage_name, storage_type, description, uri, shared_tables_template, user_tables_template FROM system.storages",
    (a, b) => (a.storage_id === "local" ? -1 : b.storage_id === "local" ? 1 : a.storage_id.localeCompare(b.storage_id)));
  const usage = usePoll<Usage>("SELECT storage_id, SUM(rows) AS rows, SUM(bytes) AS bytes, COUNT(*) AS files FROM system.segments GROUP BY storage_id", 5000);
  const counts = usePoll<{ storage_id: string; usage_count: string }>("SELECT storage_id, usage_count FROM system.storages", 5000);
  const [creating, setCreating] = useState(false);
  const [checking, setChecking] = useState<string | null>(null);
  const used = (storage: Storage): Usage | undefined => usage.rows.find((row) => row.storage_id === storage.storage_id);
  const tables = (storage: Storage): string => counts.rows.find((row) => row.storage_id === storage.storage_id)?.usage_count ?? "0";
  const drop = (storage: Storage): void => askSql({ title: "Drop storage", sql: `DROP STORAGE ${quoteName(storage.storage_id)}`, action: "Drop", danger: true, text: "Refused while a table refers to it. Files stay where they are." });
  return (
    <Page title="Storages" actions={<Button kind="primary" icon="plus" onClick={() => setCreating(true)}>New storage</Button>}>
      <div class="card">
        <Await list={list}>
          <Table label="Storages" rows={list.rows} rowKey={(storage) => storage.storage_id} empty={<Empty icon="storages" title="No storages" />}
            columns={[
              { head: "Storage", cell: (storage) => <><strong>{storage.storage_id}</strong>{storage.storage_name !== storage.storage_id && <span class="muted"> {storage.storage_name}</span>}</> },
              { head: "Type", cell: (storage) => <Badge tone={storage.storage_type === "s3" ? "info" : ""}>{storage.storage_type}</Badge> },
              { head: "Place", kind: "clip", cell: (storage) => <span class="mono" title={storage.uri}>{storage.uri || "the data folder"}</span> },
              { head: "Tables", kind: "number", cell: (storage) => formatCount(tables(storage)), sort: (storage) => Number(tables(storage)) },
              { head: "Files", kind: "number", cell: (storage) => formatCount(used(storage)?.files ?? 0), sort: (storage) => Number(used(storage)?.files ?? 0) },
              { head: "Size", kind: "number", cell: (storage) => formatBytes(Number(used(storage)?.bytes ?? 0)), sort: (storage) => Number(used(storage)?.bytes ?? 0) },
              { head: "Actions", kind: "actions", cell: (storage) => <><Button small onClick={() => setChecking(storage.storage_id)}>Check</Button>{storage.storage_id !== "local" && <Button small kind="danger" icon="trash" label={`Drop ${storage.storage_id}`} onClick={() => drop(storage)} />}</> },
            ]} />
        </Await>
      </div>
      {usage.error && <Notice tone="danger">{usage.error}</Notice>}
      {creating && <Create onClose={() => setCreating(false)} onCreated={(id) => { setCreating(false); counts.reload(); setChecking(id); }} />}
      {checking !== null && <Check key={checking} id={checking} onClose={() => setChecking(null)} />}
    </Page>
  );
}

