// side.tsx — history and saved queries beside the editor.
import type { JSX } from 'preact';
import { counted, formatAgo, formatMs } from '../../format';
import { Button } from '../../ui/controls';
import { Empty } from '../../ui/feedback';
import { clearHistory, forgetSaved, history, open, saved } from './sheets';

export type SideKind = 'history' | 'saved';

function History(): JSX.Element {
  const items = history.value;
  if (items.length === 0) return <Empty icon="history" title="No history yet" />;
  return (
    <ul>
      {items.map((ran) => (
        <li key={ran.sql}>
          <button type="button" class="pick" onClick={() => open(ran.sql)} title={ran.sql}>
            <code>{ran.sql.trim().replace(/\s+/g, ' ')}</code>
            <span class={ran.error ? 'small error-text' : 'small muted'}>
              {formatAgo(ran.at * 1000)} ·{' '}
              {ran.error ? 'failed' : `${counted(ran.rows, 'row', 'rows')} · ${formatMs(ran.ms)}`}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Saved(): JSX.Element {
  const items = saved.value;
  if (items.length === 0)
    return (
      <Empty icon="star" title="Nothing saved yet">
        Save keeps the sheet you are in.
      </Empty>
    );
  return (
    <ul>
      {items.map((query) => (
        <li key={query.name}>
          <button
            type="button"
            class="pick"
            onClick={() => open(query.sql, query.name)}
            title={query.sql}
          >
            <strong>{query.name}</strong>
            <code class="muted">{query.sql.trim().replace(/\s+/g, ' ')}</code>
          </button>
          <Button
            kind="plain"
            small
            icon="trash"
            label={`Forget ${query.name}`}
            onClick={() => forgetSaved(query.name)}
          />
        </li>
      ))}
    </ul>
  );
}

export function Side({ kind, onClose }: { kind: SideKind; onClose: () => void }): JSX.Element {
  return (
    <aside class="side" aria-label={kind === 'history' ? 'History' : 'Saved queries'}>
      <header>
        <strong>{kind === 'history' ? 'History' : 'Saved queries'}</strong>
        {kind === 'history' && history.value.length > 0 && (
          <Button kind="plain" small icon="trash" label="Clear history" onClick={clearHistory} />
        )}
        <Button kind="plain" small icon="close" label="Close" onClick={onClose} />
      </header>
      {kind === 'history' ? <History /> : <Saved />}
    </aside>
  );
}
