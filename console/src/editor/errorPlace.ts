// errorPlace.ts — where in the editor an error of the server belongs.
import { splitStatements } from './split';
import type { Piece } from './split';

/** Offset of line and column, both from 1, within `text` from `start` on. */
function offsetOf(text: string, start: number, line: number, column: number): number {
  let at = start;
  for (let i = 1; i < line; i++) {
    const end = text.indexOf('\n', at);
    if (end < 0) return text.length;
    at = end + 1;
  }
  return Math.min(text.length, at + column - 1);
}

function wordAt(text: string, at: number, end: number): Piece {
  const word = /^(\w+|"[^"]*"|'[^']*'|\S)/.exec(text.slice(at, end));
  const length = word?.[0]?.length ?? 0;
  return length > 0 ? { from: at, to: at + length } : { from: Math.max(0, at - 1), to: at };
}

/** `statement` is 1-based within `text`. Without a position the thing that the message names is looked for. */
export function errorPlace(
  text: string,
  message: string,
  statement: number | undefined,
): Piece | null {
  const piece = splitStatements(text)[(statement ?? 1) - 1];
  if (piece === undefined) return null;
  const position = /at line (\d+), column (\d+)/.exec(message);
  if (position)
    return wordAt(
      text,
      offsetOf(text, piece.from, Number(position[1]), Number(position[2])),
      piece.to,
    );
  const body = text.slice(piece.from, piece.to);
  for (const [, quoted] of message.matchAll(/["']([\w.]+)["']/g)) {
    const name = quoted?.split('.').at(-1) ?? '';
    const found = new RegExp(`\\b${name}\\b`, 'i').exec(body);
    if (name && found)
      return { from: piece.from + found.index, to: piece.from + found.index + name.length };
  }
  return piece;
}
