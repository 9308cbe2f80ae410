// json.ts — JSON text set out anew, token by token: reading it as values would lose digits of numbers.

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g;

/** Null if the text is no JSON. */
function tokensOf(text: string): string[] | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return text.match(TOKENS);
}

/** With line breaks; text that is no JSON stays as it is. */
export function prettyJson(text: string): string {
  const tokens = tokensOf(text);
  if (tokens === null) return text;
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  return tokens
    .map((token, i) => {
      const isEmpty = /^[[{]$/.test(tokens[i - 1] ?? '');
      switch (token) {
        case '{':
        case '[':
          depth++;
          return /^[\]}]$/.test(tokens[i + 1] ?? '') ? token : token + line();
        case '}':
        case ']':
          depth--;
          return isEmpty ? token : line() + token;
        case ',':
          return token + line();
        default:
          return token === ':' ? ': ' : token;
      }
    })
    .join('');
}

/** Without blanks between the tokens; null if the text is no JSON. */
export function compactJson(text: string): string | null {
  return tokensOf(text)?.join('') ?? null;
}
