// tree.tsx — namespaces and their tables, current by live queries on the catalogue.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useLive, usePoll } from '../../api/live';
import type { Listed } from '../../api/live';
import { href } from '../../router';
import { Button, Search } from '../../ui/controls';
import { Empty, Notice } from '../../ui/feedback';
import { Icon } from '../../ui/icons';
import type { IconName } from '../../ui/icons';
import type { Kind, TableRef } from './model';

const KIND_ICONS: Record<Kind, IconName> = {
  USER: 'user',
  SHARED: 'shared',
  STREAM: 'stream',
  SYSTEM: 'settings',
};
const closed = signal<ReadonlySet<string>>(new Set(['system', 'information_schema']));
const filter = signal('');

interface Space {
  namespace_id: string;
  tables: TableRef[];
}

function byName(a: TableRef, b: TableRef): number {
  return a.namespace_id.localeCompare(b.namespace_id) || a.table_name.localeCompare(b.table_name);
}

export interface Tree {
  spaces: Space[];
  list: Listed<TableRef>;
}

export function useTree(): Tree {
  const spaces = useLive<{ namespace_id: string }>(
    'SELECT namespace_id FROM system.namespaces',
    (a, b) => a.namespace_id.localeCompare(b.namespace_id),
  );
  const tables = useLive<TableRef>(
    'SELECT namespace_id, table_name, table_type FROM system.tables',
    byName,
  );
  // The system's own never change: asked for once.
  const system = usePoll<TableRef>(
    "SELECT namespace_id, table_name, table_type FROM system.tables WHERE table_type = 'SYSTEM'",
    0,
  );
  const all = [...tables.rows.filter((table) => table.table_type !== 'SYSTEM'), ...system.rows];
  const names = [...spaces.rows.map((space) => space.namespace_id), 'system', 'information_schema'];
  return {
    list: tables,
    spaces: names.map((name) => ({
      namespace_id: name,
      tables: all.filter((table) => table.namespace_id === name).sort(byName),
    })),
  };
}

function SpaceNode({
  space,
  current,
  onCreate,
}: {
  space: Space;
  current: string;
  onCreate: (namespace: string) => void;
}): JSX.Element {
  const name = space.namespace_id;
  const isOpen = !closed.value.has(name) || filter.value !== '';
  const toggle = (): void => {
    const next = new Set(closed.value);
    if (!next.delete(name)) next.add(name);
    closed.value = next;
  };
  const isSystem = name === 'system' || name === 'information_schema';
  return (
    <li>
      <div class="space">
        <button type="button" class="fold" aria-expanded={isOpen} onClick={toggle}>
          <Icon name="right" />
          <span class="clip">{name}</span>
          <span class="muted small">{space.tables.length}</span>
        </button>
        {!isSystem && (
          <Button
            kind="plain"
            small
            icon="plus"
            label={`New table in ${name}`}
            onClick={() => onCreate(name)}
          />
        )}
      </div>
      {isOpen && (
        <ul>
          {space.tables.map((table) => (
            <li key={table.table_name}>
              <a
                href={href('tables', name, table.table_name)}
                aria-current={current === `${name}:${table.table_name}` ? 'page' : undefined}
                title={`${table.table_type.toLowerCase()} table`}
              >
                <Icon name={KIND_ICONS[table.table_type]} />
                <span>{table.table_name}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

export function TreeView({
  tree,
  current,
  onCreate,
}: {
  tree: Tree;
  current: string;
  onCreate: (namespace: string) => void;
}): JSX.Element {
  const wanted = filter.value.toLowerCase();
  const spaces = tree.spaces
    .map((space) => ({
      ...space,
      tables: space.tables.filter((table) =>
        `${space.namespace_id}.${table.table_name}`.toLowerCase().includes(wanted),
      ),
    }))
    .filter((space) => wanted === '' || space.tables.length > 0);
  return (
    <aside class="tree stack" aria-label="Tables" style={{ gap: 8 }}>
      <Search
        label="Find a table"
        value={filter.value}
        onInput={(value) => {
          filter.value = value;
        }}
      />
      {tree.list.error && <Notice tone="danger">{tree.list.error}</Notice>}
      {spaces.length === 0 && <Empty icon="search" title="Nothing found" />}
      <ul>
        {spaces.map((space) => (
          <SpaceNode key={space.namespace_id} space={space} current={current} onCreate={onCreate} />
        ))}
      </ul>
    </aside>
  );
}
