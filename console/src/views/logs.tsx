// logs.tsx — the tail of the server's log, from system.logs: asks for what is newer than the last line shown.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { errorText } from '../api/session';
import { select } from '../api/sql';
import { formatTimestamp } from '../format';
import { Button, Search, Select } from '../ui/controls';
import { Empty, Notice } from '../ui/feedback';
import { Page } from '../ui/page';

interface Line {
  timestamp: number;
  level: string;
  thread: string;
  target: string;
  line: number;
  message: string;
}

const LEVELS = [
  ['', 'every level'],
  ['error', 'errors'],
  ['warn', 'warnings and errors'],
  ['info', 'info and above'],
] as const;
const RANKS: Readonly<Record<string, number>> = { error: 0, warn: 1, info: 2, debug: 3, trace: 4 };
const KEPT = 2000;
const FIRST = `SELECT * FROM (SELECT * FROM system.logs ORDER BY timestamp DESC LIMIT 500) AS newest ORDER BY timestamp`;
const NEXT = `SELECT * FROM system.logs WHERE timestamp > $1 ORDER BY timestamp LIMIT ${KEPT}`;

function useTail(): { lines: readonly Line[]; error: string } {
  const [state, setState] = useState<{ lines: readonly Line[]; error: string }>({
    lines: [],
    error: '',
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    let newest = 0;
    const ask = async (): Promise<void> => {
      try {
        const lines =
          newest === 0
            ? await select<Line>(FIRST)
            : await select<Line>(NEXT, [
                new Date(newest / 1000)
                  .toISOString()
                  .replace(/\.(\d{3})Z$/, `.${String(newest % 1e6).padStart(6, '0')}Z`),
              ]);
        newest = lines.at(-1)?.timestamp ?? newest;
        if (!gone && lines.length > 0)
          setState((old) => ({ lines: [...old.lines, ...lines].slice(-KEPT), error: '' }));
      } catch (thrown) {
        if (!gone) setState((old) => ({ ...old, error: errorText(thrown) }));
      }
      if (!gone)
        timer = setTimeout(() => void ask(), document.visibilityState === 'visible' ? 1000 : 5000);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return state;
}

export function Logs(): JSX.Element {
  const { lines, error } = useTail();
  const [level, setLevel] = useState('');
  const [text, setText] = useState('');
  const [following, setFollowing] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const wanted = text.toLowerCase();
  const limit = level === '' ? 9 : (RANKS[level] ?? 9);
  const shown = lines.filter(
    (line) =>
      (RANKS[line.level] ?? 9) <= limit &&
      `${line.target} ${line.message}`.toLowerCase().includes(wanted),
  );
  useLayoutEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown.length, following]);
  const onScroll = (): void => {
    const element = box.current;
    if (element) setFollowing(element.scrollTop + element.clientHeight > element.scrollHeight - 30);
  };
  return (
    <Page title="Logs" flush>
      <div class="toolbar">
        <Search label="Find in lines" value={text} onInput={setText} />
        <span>
          <Select hideLabel label="Level" value={level} options={LEVELS} onChange={setLevel} />
        </span>
        <span class="muted small grow">{shown.length} lines</span>
        <Button small pressed={following} onClick={() => setFollowing(!following)}>
          Follow
        </Button>
      </div>
      {error && (
        <div style={{ padding: '10px 12px' }}>
          <Notice tone="danger">{error}</Notice>
        </div>
      )}
      <div
        class="log-lines"
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Log lines"
        onScroll={onScroll}
      >
        {shown.length === 0 && <Empty icon="logs" title="No lines" />}
        {shown.map((line, i) => (
          <div key={i} class={`log-line ${line.level}`}>
            <span class="muted" title={formatTimestamp(line.timestamp)}>
              {new Date(line.timestamp / 1000).toISOString().slice(11, 23)}
            </span>
            <span class="level">{line.level}</span>
            <span class="where muted clip" title={`${line.thread} ${line.target}:${line.line}`}>
              {line.target}:{line.line}
            </span>
            <span class="text">{line.message}</span>
          </div>
        ))}
      </div>
    </Page>
  );
}
