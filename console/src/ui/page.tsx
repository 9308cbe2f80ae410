// page.tsx — head and body of a view, tabs within it.
import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { Button } from './controls';

/** The sidebar on narrow screens. */
export const menuOpen = signal(false);

interface PageProps {
  title: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  /** The body has its own panes and no margin. */
  flush?: boolean;
}

export function Page({ title, actions, children, flush }: PageProps): JSX.Element {
  return (
    <div class="page">
      <header class="page-head">
        <span class="menu-button">
          <Button
            kind="plain"
            icon="menu"
            label="Menu"
            onClick={() => {
              menuOpen.value = true;
            }}
          />
        </span>
        <h1>{title}</h1>
        {actions}
      </header>
      {/* What scrolls can be reached by keyboard. */}
      <div
        class={flush ? 'page-body flush' : 'page-body'}
        tabIndex={flush ? undefined : 0}
        role={flush ? undefined : 'region'}
        aria-label={flush ? undefined : 'Content'}
      >
        {children}
      </div>
    </div>
  );
}

interface TabsProps<K extends string> {
  label: string;
  tabs: readonly (readonly [key: K, text: ComponentChildren])[];
  current: K;
  onChange: (key: K) => void;
  children?: ComponentChildren;
}

/** Arrow keys move between the tabs, as everywhere. */
export function Tabs<K extends string>({
  label,
  tabs,
  current,
  onChange,
  children,
}: TabsProps<K>): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const next = tabs[tabs.findIndex(([key]) => key === current) + step];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onChange(next[0]);
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[tabs.indexOf(next)]?.focus();
  };
  return (
    <div class="tabs">
      <div
        class="row"
        style={{ gap: 2 }}
        role="tablist"
        aria-label={label}
        ref={list}
        onKeyDown={onKeyDown}
      >
        {tabs.map(([key, text]) => (
          <button
            key={key}
            type="button"
            role="tab"
            aria-selected={key === current}
            tabIndex={key === current ? 0 : -1}
            onClick={() => onChange(key)}
          >
            {text}
          </button>
        ))}
      </div>
      {children}
    </div>
  );
}
