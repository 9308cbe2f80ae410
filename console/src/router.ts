// router.ts — the address bar as state: /ui/<view>/<part>/<part>. Links inside the page do not load it again.
import { signal } from '@preact/signals';

const BASE = '/ui';

/** A part that was typed by hand may hold a % that stands for nothing. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function read(): string[] {
  return location.pathname.slice(BASE.length).split('/').filter(Boolean).map(decode);
}

/** Parts behind /ui/: ["tables", "shop", "items"]. */
export const route = signal<string[]>(read());

export function href(...parts: string[]): string {
  return `${BASE}/${parts.map(encodeURIComponent).join('/')}`;
}

export function go(...parts: string[]): void {
  history.pushState(null, '', href(...parts));
  route.value = read();
}

export function startRouter(): void {
  addEventListener('popstate', () => {
    route.value = read();
  });
  addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const plain =
      event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.origin !== location.origin || !link.pathname.startsWith(`${BASE}/`))
      return;
    if (link.target !== '' || link.hasAttribute('download')) return;
    event.preventDefault();
    if (link.pathname !== location.pathname) history.pushState(null, '', link.pathname);
    route.value = read();
  });
}
