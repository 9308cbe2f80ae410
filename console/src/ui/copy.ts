// copy.ts — text into the clipboard, and a word about it.
import { tell } from './feedback';

/** By a selection: where the page came by plain http from another machine there is no other way. */
function copySelected(text: string): boolean {
  const field = document.createElement('textarea');
  const focused = document.activeElement;
  field.value = text;
  field.style.position = 'fixed';
  field.style.opacity = '0';
  // What lies outside of a modal dialog cannot be selected.
  (focused?.closest('dialog') ?? document.body).append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

export async function copy(text: string): Promise<void> {
  tell((await write(text)) ? 'Copied' : 'The browser does not allow copying');
}
