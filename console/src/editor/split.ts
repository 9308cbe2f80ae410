// split.ts — where the statements of a text are, as the server splits them: on `;` outside of quotes,
// dollar quotes and comments. Also finds the parameters a text uses.

export interface Piece {
  from: number;
  to: number;
}

/** Index behind what starts at `at`, or `at` itself if nothing special starts there. */
function skip(text: string, at: number): number {
  const rest = text.length;
  const two = text.slice(at, at + 2);
  if (two === '--') {
    const end = text.indexOf('\n', at);
    return end < 0 ? rest : end + 1;
  }
  if (two === '/*') return skipComment(text, at);
  const character = text[at];
  if (character === "'" || character === '"' || character === '`') {
    const escapes =
      character === "'" && /[eE]/.test(text[at - 1] ?? '') && !/\w/.test(text[at - 2] ?? '');
    return skipQuoted(text, at, character, escapes);
  }
  const tag =
    character === '$' && !/\w/.test(text[at - 1] ?? '')
      ? /^\$(?:[A-Za-z_]\w*)?\$/.exec(text.slice(at, at + 70))
      : null;
  if (tag) {
    const end = text.indexOf(tag[0], at + tag[0].length);
    return end < 0 ? rest : end + tag[0].length;
  }
  return at;
}

function skipComment(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text.startsWith('/*', i)) {
      depth++;
      i++;
    } else if (text.startsWith('*/', i)) {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  return text.length;
}

function skipQuoted(text: string, at: number, quote: string, escapes: boolean): number {
  for (let i = at + 1; i < text.length; i++) {
    if (escapes && text[i] === '\\') i++;
    else if (text[i] === quote) {
      if (text[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return text.length;
}

/** The part without white space and comments at its ends; null if nothing is left. */
function trimmed(text: string, from: number, to: number): Piece | null {
  let start = from;
  for (;;) {
    while (start < to && /\s/.test(text[start] ?? '')) start++;
    const comment = text.startsWith('--', start) || text.startsWith('/*', start);
    if (!comment || start >= to) break;
    start = skip(text, start);
  }
  let end = to;
  while (end > start && /\s/.test(text[end - 1] ?? '')) end--;
  return start < end ? { from: start, to: end } : null;
}

/** Words, quoted names, texts and single other characters; white space and comments are between them. */
export function* tokens(text: string): Generator<Piece> {
  const word = /\w+|[^]/y;
  for (let at = 0; at < text.length; ) {
    word.lastIndex = at;
    const behind = Math.max(skip(text, at), at + (word.exec(text)?.[0].length ?? 1));
    const isBlank =
      /\s/.test(text[at] ?? '') || text.startsWith('--', at) || text.startsWith('/*', at);
    if (!isBlank) yield { from: at, to: behind };
    at = behind;
  }
}

export function splitStatements(text: string): Piece[] {
  const pieces: Piece[] = [];
  const push = (from: number, to: number): void => {
    const piece = trimmed(text, from, to);
    if (piece) pieces.push(piece);
  };
  let from = 0;
  for (let i = 0; i < text.length; ) {
    const next = skip(text, i);
    if (next > i) {
      i = next;
      continue;
    }
    if (text[i] === ';') {
      push(from, i);
      from = i + 1;
    }
    i++;
  }
  push(from, text.length);
  return pieces;
}

/** The statement the cursor stands in or just behind. */
export function statementAt(text: string, at: number): Piece | null {
  const pieces = splitStatements(text);
  return pieces.find((piece) => at <= piece.to + 1) ?? pieces.at(-1) ?? null;
}

/** n of the highest `$n` outside of quotes and comments. */
export function parameterCount(text: string): number {
  let highest = 0;
  for (let i = 0; i < text.length; ) {
    const next = skip(text, i);
    if (next > i) {
      i = next;
      continue;
    }
    const found =
      text[i] === '$' && !/\w/.test(text[i - 1] ?? '')
        ? /^\$(\d{1,3})/.exec(text.slice(i, i + 4))
        : null;
    if (found) highest = Math.max(highest, Number(found[1]));
    i++;
  }
  return highest;
}

/** A number of JavaScript holds 15 digits of any number, and no zeros in front. */
function isExact(text: string): boolean {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text)) return false;
  const digits = text
    .replace(/[eE].*/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '');
  const number = Number(text);
  if (Number.isSafeInteger(number) && /^-?\d+$/.test(text)) return true;
  return digits.length <= 15 && Number.isFinite(number) && (number !== 0 || digits === '');
}

/**
 * What was typed for a parameter: null, true, 12.5 are meant as such, anything else is text; '…' forces text.
 * Numbers that would become others here are text, too: the server reads it.
 */
export function parameterValue(typed: string): null | boolean | number | string {
  const text = typed.trim();
  if (/^null$/i.test(text)) return null;
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  const quoted = /^'(.*)'$/s.exec(text);
  if (quoted) return (quoted[1] ?? '').replaceAll("''", "'");
  return isExact(text) ? Number(text) : typed;
}
