// settings.tsx — every configuration key with its value, default and where it came from. Secrets read as ***.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { usePoll } from '../api/live';
import { Check, Search } from '../ui/controls';
import { Badge, Empty } from '../ui/feedback';
import { Page } from '../ui/page';
import { Await, Table } from '../ui/table';

interface Setting {
  name: string;
  value: string | null;
  default_value: string | null;
  source: string;
  description: string;
}

export function Settings(): JSX.Element {
  const list = usePoll<Setting>(
    'SELECT name, value, default_value, source, description FROM system.settings ORDER BY name',
    0,
  );
  const [text, setText] = useState('');
  const [changedOnly, setChangedOnly] = useState(false);
  const wanted = text.toLowerCase();
  const rows = list.rows.filter(
    (row) =>
      (!changedOnly || row.source !== 'default') &&
      `${row.name} ${row.description}`.toLowerCase().includes(wanted),
  );
  return (
    <Page
      title="Settings"
      actions={
        <>
          <Check label="changed ones only" checked={changedOnly} onChange={setChangedOnly} />
          <Search label="Find a setting" value={text} onInput={setText} />
        </>
      }
    >
      <div class="card">
        <Await list={list}>
          <Table
            label="Settings"
            rows={rows}
            rowKey={(row) => row.name}
            empty={<Empty icon="settings" title="Nothing found" />}
            columns={[
              { head: 'Key', cell: (row) => <span class="mono nowrap">{row.name}</span> },
              {
                head: 'Value',
                kind: 'clip',
                cell: (row) => (
                  <span class="mono" title={row.value ?? ''}>
                    {row.value || <span class="muted">(empty)</span>}
                  </span>
                ),
              },
              {
                head: 'Default',
                kind: 'clip',
                cell: (row) => (
                  <span class="mono muted" title={row.default_value ?? ''}>
                    {row.default_value || '(empty)'}
                  </span>
                ),
              },
              {
                head: 'Source',
                cell: (row) => (
                  <Badge tone={row.source === 'default' ? '' : 'accent'}>{row.source}</Badge>
                ),
              },
              { head: 'Meaning', cell: (row) => row.description },
            ]}
          />
        </Await>
      </div>
      <p class="muted small" style={{ marginTop: 10 }}>
        Set in kalamd.toml, by environment variables or arguments; the server reads them when it
        starts.
      </p>
    </Page>
  );
}
