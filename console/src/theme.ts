// theme.ts — dark or light: as the system says until somebody chooses.
import { effect, signal } from '@preact/signals';

export type Theme = 'light' | 'dark';
const KEY = 'kalamdb.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function chosen(): Theme | null {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : null;
  } catch {
    return null;
  }
}

export const theme = signal<Theme>(chosen() ?? (system.matches ? 'dark' : 'light'));

effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
});
system.addEventListener('change', () => {
  if (chosen() === null) theme.value = system.matches ? 'dark' : 'light';
});

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // It holds for this visit.
  }
}
