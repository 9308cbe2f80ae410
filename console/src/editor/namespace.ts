// namespace.ts — the namespace of a statement that is sent without the rest of its sheet: `USE` holds for the request
// it stands in only.
import { quoteName } from '../api/sql';
import { splitStatements, tokens } from './split';
import type { Piece } from './split';

/** The name that a token is; undefined where it is none. */
function nameOf(token: string | undefined): string | undefined {
  const quote = token?.[0] ?? '';
  if (/\w/.test(quote)) return token?.toLowerCase();
  return quote === '"' || quote === '`'
    ? token?.slice(1, -1).replaceAll(quote + quote, quote)
    : undefined;
}

/** Of `USE [NAMESPACE] name` and `SET NAMESPACE name`. */
function usedBy(statement: string): string | undefined {
  if (!/^(use|set)\b/i.test(statement)) return undefined;
  const words = [...tokens(statement)].map(({ from, to }) => statement.slice(from, to));
  const isUse = /^use$/i.test(words[0] ?? '');
  if (isUse && words.length === 2) return nameOf(words[1]);
  return words.length === 3 && /^namespace$/i.test(words[1] ?? '') ? nameOf(words[2]) : undefined;
}

/** What the last `USE` or `SET NAMESPACE` in front of `at` says. */
export function namespaceAt(text: string, at: number): string | undefined {
  let namespace: string | undefined;
  for (const { from, to } of splitStatements(text)) {
    if (to > at) break;
    namespace = usedBy(text.slice(from, to)) ?? namespace;
  }
  return namespace;
}

/** The statement that nothing but `USE` and `SET NAMESPACE` stands in front of, and nothing behind. */
export function onlyStatement(text: string): Piece | undefined {
  const pieces = splitStatements(text);
  const uses = pieces.slice(0, -1).map(({ from, to }) => usedBy(text.slice(from, to)));
  return uses.includes(undefined) ? undefined : pieces.at(-1);
}

/** Where the name of a live query's table begins, if no namespace stands before it. */
function bareTable(sql: string): number | undefined {
  const all = [...tokens(sql)];
  const textOf = (i: number): string => sql.slice(all[i]?.from, all[i]?.to);
  let depth = 0;
  for (let i = 0; i < all.length; i++) {
    const word = textOf(i);
    if (word === '(') depth++;
    if (word === ')') depth--;
    const namesTable =
      (depth === 0 && /^from$/i.test(word)) ||
      (i === 1 && /^to$/i.test(word) && /^subscribe$/i.test(textOf(0)));
    if (!namesTable) continue;
    const isBare = nameOf(textOf(i + 1)) !== undefined && textOf(i + 2) !== '.';
    return isBare ? all[i + 1]?.from : undefined;
  }
  return undefined;
}

/** A live query carries no namespace beside it: it is written in front of its table. */
export function withNamespace(sql: string, namespace: string | undefined): string {
  const at = namespace === undefined ? undefined : bareTable(sql);
  return namespace === undefined || at === undefined
    ? sql
    : `${sql.slice(0, at)}${quoteName(namespace)}.${sql.slice(at)}`;
}
