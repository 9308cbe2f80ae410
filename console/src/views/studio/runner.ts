// runner.ts — runs what the studio's buttons say and files what came of it.
import { KalamError } from 'kalamdb';
import { errorText } from '../../api/session';
import { quoteName, run } from '../../api/sql';
import type { Rows } from '../../api/sql';
import { changesCatalogue, loadCatalogue } from '../../editor/catalogue';
import type { EditorHandle, Part } from '../../editor/editor';
import { errorPlace } from '../../editor/errorPlace';
import { namespaceAt, onlyStatement, withNamespace } from '../../editor/namespace';
import { parameterCount, parameterValue } from '../../editor/split';
import { LiveRun } from './liveRun';
import { current, finish, remember, setOutcome } from './sheets';
import type { Sheet } from './sheets';

export interface Chosen extends Part {
  /** Characters at its beginning that are not in the editor. */
  prefix?: number;
}

function paramsOf(sheet: Sheet, sql: string): (null | boolean | number | string)[] {
  const count = parameterCount(sql);
  return Array.from({ length: count }, (_, i) => parameterValue(sheet.params[i] ?? ''));
}

/** Parameters go beside a single statement: so does the namespace then. */
function withoutUse(chosen: Chosen): Chosen {
  const { text, from } = chosen;
  const only = parameterCount(text) > 0 ? onlyStatement(text) : undefined;
  return only === undefined
    ? chosen
    : {
        ...chosen,
        text: text.slice(only.from, only.to),
        from: from + only.from,
        namespace: namespaceAt(text, only.from) ?? chosen.namespace,
      };
}

/** The text as it has to stand to do the same in another sheet. */
function alone({ text, namespace }: Chosen): string {
  return namespace === undefined ? text : `USE ${quoteName(namespace)};\n${text}`;
}

/** Where the editor still shows the text that was run. */
function mark(editor: EditorHandle | null, sheet: Sheet, chosen: Chosen, error: KalamError): void {
  const shown = current.peek();
  if (shown.id !== sheet.id || shown.sql !== sheet.sql) return;
  const place = errorPlace(chosen.text, error.message, error.statementIndex);
  const from = Math.max(place?.from ?? 0, chosen.prefix ?? 0);
  if (place && from < place.to)
    editor?.markError(chosen.from + from, chosen.from + place.to, error.message);
}

export async function runSheet(
  sheet: Sheet,
  chosen: Chosen,
  editor: EditorHandle | null,
): Promise<void> {
  if (chosen.text.trim() === '') return;
  const sent = withoutUse(chosen);
  const abort = new AbortController();
  const begun = performance.now();
  let results: Rows[] = [];
  let failed: KalamError | null = null;
  editor?.clearError();
  setOutcome(sheet.id, { kind: 'running', since: Date.now(), abort });
  try {
    const { text, namespace } = sent;
    results = await run(text, paramsOf(sheet, text), { signal: abort.signal, namespace });
  } catch (thrown) {
    failed =
      thrown instanceof KalamError ? thrown : new KalamError('INVALID_RESPONSE', errorText(thrown));
    results = failed.results as unknown as Rows[];
  }
  const ms = performance.now() - begun;
  const failure = failed && {
    code: failed.code,
    message: failed.code === 'ABORTED' ? 'Cancelled.' : failed.message,
  };
  finish(sheet.id, abort, { kind: 'done', results, ms, failure });
  if (failed && failed.code !== 'ABORTED') mark(editor, sheet, sent, failed);
  const rows = results.reduce((sum, result) => sum + result.rowCount, 0);
  remember({ sql: alone(chosen), at: Date.now(), ms, rows, error: failure?.message ?? '' });
  if (!failed && changesCatalogue(chosen.text)) await loadCatalogue().catch(() => undefined);
}

export function explainSheet(
  sheet: Sheet,
  chosen: Chosen,
  editor: EditorHandle | null,
): Promise<void> {
  // ANALYZE runs the statement: only for what changes nothing.
  const verb = /^\s*(select|with|values)\b/i.test(chosen.text) ? 'EXPLAIN ANALYZE' : 'EXPLAIN';
  const prefix = verb.length + 1;
  const text = `${verb} ${chosen.text}`;
  const explained = { ...chosen, text, from: chosen.from - prefix, prefix };
  return runSheet(sheet, explained, editor);
}

export type Snapshot = 'all' | '1000' | '100' | 'none';

export function goLive(
  sheet: Sheet,
  chosen: Chosen,
  snapshot: Snapshot,
  editor: EditorHandle | null,
): void {
  if (chosen.text.trim() === '') return;
  editor?.clearError();
  const lastRows = snapshot === 'none' ? undefined : snapshot === 'all' ? 'all' : Number(snapshot);
  setOutcome(sheet.id, {
    kind: 'live',
    run: new LiveRun(
      withNamespace(chosen.text, chosen.namespace),
      paramsOf(sheet, chosen.text),
      lastRows,
    ),
  });
}
