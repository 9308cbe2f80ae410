// lineBreaks.ts — a textarea shows every line break as \n; what was not touched keeps the breaks it had.

/** Length of what both begin with. */
function commonHead(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** Length of what both end with, at most `most`. */
function commonTail(a: string, b: string, most: number): number {
  let length = 0;
  while (length < most && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

/** `typed` in a textarea over `before`: new breaks are like the nearest one in front of them, or the next behind. */
export function withBreaksOf(before: string, typed: string): string {
  if (!before.includes('\r')) return typed;
  // One each for the characters that were shown.
  const shown = before.match(/\r\n|[^]/g) ?? [];
  const asShown = before.replace(/\r\n?/g, '\n');
  const head = commonHead(asShown, typed);
  const most = Math.min(asShown.length, typed.length) - head;
  const tail = commonTail(asShown, typed, most);
  const front = shown.slice(0, head);
  const back = shown.slice(shown.length - tail);
  const isBreak = (text: string): boolean => text.endsWith('\n') || text === '\r';
  const like = front.filter(isBreak).at(-1) ?? back.find(isBreak) ?? shown.find(isBreak) ?? '\n';
  const changed = typed.slice(head, typed.length - tail).replaceAll('\n', like);
  return [...front, changed, ...back].join('');
}
