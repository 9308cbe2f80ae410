// feedback.tsx — badges, notices, empty states, and the short messages in the corner.
import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { errorText } from '../api/session';
import { Button } from './controls';
import { Icon } from './icons';
import type { IconName } from './icons';

export type Tone = 'ok' | 'warn' | 'danger' | 'info' | 'accent' | '';

export function Badge({
  tone = '',
  children,
  dot = false,
  pulse = false,
}: {
  tone?: Tone;
  children: ComponentChildren;
  dot?: boolean;
  pulse?: boolean;
}): JSX.Element {
  return (
    <span class={`badge ${tone}`}>
      {dot && <span class={pulse ? 'dot pulse' : 'dot'} />}
      {children}
    </span>
  );
}

export function Notice({
  tone = '',
  children,
}: {
  tone?: Tone;
  children: ComponentChildren;
}): JSX.Element {
  const icon: IconName =
    tone === 'ok' ? 'check' : tone === 'danger' || tone === 'warn' ? 'alert' : 'info';
  return (
    <div class={`notice ${tone}`} role={tone === 'danger' ? 'alert' : undefined}>
      <Icon name={icon} />
      <div class="grow">{children}</div>
    </div>
  );
}

export function Empty({
  icon,
  title,
  children,
}: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

export function Loading(): JSX.Element {
  return (
    <div class="empty" role="status">
      <span class="spinner" />
      <span class="hidden-text">Loading</span>
    </div>
  );
}

interface Toast {
  id: number;
  text: string;
  isError: boolean;
}
const toasts = signal<readonly Toast[]>([]);
let nextId = 1;

function show(text: string, isError: boolean): void {
  const id = nextId++;
  toasts.value = [...toasts.value.slice(-3), { id, text, isError }];
  setTimeout(() => dismiss(id), isError ? 12_000 : 4_000);
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function tell(text: string): void {
  show(text, false);
}

export function tellError(thrown: unknown): void {
  show(errorText(thrown), true);
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={toast.isError ? 'toast error' : 'toast'}>
          <div class="grow">{toast.text}</div>
          <Button
            kind="plain"
            small
            icon="close"
            label="Dismiss"
            onClick={() => dismiss(toast.id)}
          />
        </div>
      ))}
    </div>
  );
}
