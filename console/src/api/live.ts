// live.ts — lists that stay current: a live query where the server offers one, else asking again.
import { useEffect, useRef, useState } from 'preact/hooks';
import { KalamError } from 'kalamdb';
import type { Row } from 'kalamdb';
import { client, noteError, phase } from './session';
import { select } from './sql';

export interface Listed<T> {
  rows: readonly T[];
  loading: boolean;
  error: string;
  reload: () => void;
}

/** Rows of a stored system table (or any table) by a live query; `sql` must not change while mounted unless on purpose. */
export function useLive<T>(sql: string, compare: (a: T, b: T) => number): Listed<T> {
  const [state, setState] = useState<Omit<Listed<T>, 'reload'>>({
    rows: [],
    loading: true,
    error: '',
  });
  const [round, setRound] = useState(0);
  const order = useRef(compare);
  order.current = compare;
  useEffect(() => {
    let closed = false;
    let frame = 0;
    let latest: readonly T[] = [];
    const asked = client;
    // Bursts of changes are shown once per frame.
    const show = (): void => {
      frame = 0;
      if (!closed) setState({ rows: [...latest].sort(order.current), loading: false, error: '' });
    };
    const fail = (thrown: unknown): void => {
      if (closed || (thrown instanceof KalamError && thrown.code === 'CLOSED')) return;
      noteError(thrown, asked);
      setState((old) => ({
        ...old,
        loading: false,
        error: thrown instanceof Error ? thrown.message : String(thrown),
      }));
    };
    const live = asked.live<Row>(sql, { lastRows: 'all', onError: fail }, (rows) => {
      latest = rows as readonly unknown[] as readonly T[];
      if (frame === 0) frame = requestAnimationFrame(show);
    });
    live.ready
      .then(() => {
        if (frame === 0) frame = requestAnimationFrame(show);
      })
      .catch(fail);
    return () => {
      closed = true;
      cancelAnimationFrame(frame);
      live.close().catch(() => undefined);
    };
  }, [sql, round]);
  return { ...state, reload: () => setRound((n) => n + 1) };
}

/** Rows of a computed system table, asked for every `everyMs` while the page is looked at; 0 is once. */
export function usePoll<T>(
  sql: string,
  everyMs: number,
  params: readonly string[] = [],
): Listed<T> {
  const [state, setState] = useState<Omit<Listed<T>, 'reload'>>({
    rows: [],
    loading: true,
    error: '',
  });
  const [round, setRound] = useState(0);
  const key = params.join('\0');
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let closed = false;
    const ask = async (): Promise<void> => {
      if (everyMs === 0 || document.visibilityState === 'visible') {
        try {
          const rows = await select<T>(sql, params);
          if (!closed) setState({ rows, loading: false, error: '' });
        } catch (thrown) {
          if (!closed)
            setState((old) => ({
              ...old,
              loading: false,
              error: thrown instanceof Error ? thrown.message : String(thrown),
            }));
        }
      }
      if (!closed && everyMs > 0 && phase.peek() === 'ready')
        timer = setTimeout(() => void ask(), everyMs);
    };
    void ask();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  }, [sql, everyMs, key, round]);
  return { ...state, reload: () => setRound((n) => n + 1) };
}
