// react.ts — useLiveQuery(): the rows of a live query as React state.
// SPDX-License-Identifier: Apache-2.0
import type { KalamClient, KalamError, LiveOptions, LiveRows, Row } from 'kalamdb';
import { useEffect, useState } from 'react';

export interface LiveQueryState<T> {
  rows: readonly T[];
  /** `error` is final: the live query has ended. `idle`: sql is null. */
  status: 'idle' | 'loading' | 'ready' | 'error';
  error: KalamError | undefined;
}

const LOADING = { rows: [], status: 'loading', error: undefined } as const;
const IDLE = { rows: [], status: 'idle', error: undefined } as const;

/** Parameters of one render are other objects than those of the last: their text is compared. */
function identity(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ??
    ''
  );
}

/**
 * Subscribes while the component is mounted, again when client, sql, params or lastRows change.
 * `sql` null: nothing is subscribed. Other options count from the moment of subscription.
 */
export function useLiveQuery<T = Row>(
  client: KalamClient,
  sql: string | null,
  options: Omit<LiveOptions<T>, 'onError'> = {},
): LiveQueryState<T> {
  const [state, setState] = useState<LiveQueryState<T>>(sql === null ? IDLE : LOADING);
  const wanted = identity([options.params, options.lastRows, options.batchSize, options.maxRows]);

  useEffect(() => {
    setState(sql === null ? IDLE : LOADING);
    if (sql === null) return undefined;
    let mounted = true;
    const show = (next: LiveQueryState<T>): void => {
      if (mounted) setState(next);
    };
    let live: LiveRows<T> | undefined;
    const onError = (error: KalamError): void =>
      show({ rows: live?.rows ?? [], status: 'error', error });
    try {
      live = client.live<T>(sql, { ...options, onError }, (rows) =>
        show({ rows, status: 'ready', error: undefined }),
      );
    } catch (thrown) {
      onError(thrown as KalamError); // wrong options, or a closed client
    }
    return () => {
      mounted = false;
      void live?.close();
    };
    // `options` is compared by `wanted`.
  }, [client, sql, wanted]);

  return state;
}
