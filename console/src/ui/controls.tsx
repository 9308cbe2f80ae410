// controls.tsx — buttons and form fields; every field has a visible label or an aria-label.
import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import { Icon } from './icons';
import type { IconName } from './icons';

interface ButtonProps {
  children?: ComponentChildren;
  kind?: 'primary' | 'danger' | 'danger solid' | 'plain';
  small?: boolean;
  icon?: IconName;
  /** Without children: the name of an icon button. */
  label?: string;
  busy?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  submit?: boolean;
  title?: string;
  onClick?: () => void;
}

export function Button(props: ButtonProps): JSX.Element {
  const bare = props.children === undefined;
  const classes = ['button', props.kind, props.small && 'small', bare && 'icon']
    .filter(Boolean)
    .join(' ');
  return (
    <button
      type={props.submit ? 'submit' : 'button'}
      class={classes}
      disabled={props.disabled || props.busy}
      aria-label={bare ? props.label : undefined}
      aria-pressed={props.pressed}
      title={props.title ?? (bare ? props.label : undefined)}
      onClick={props.onClick}
    >
      {props.busy ? (
        <span class="spinner" aria-hidden="true" />
      ) : (
        props.icon && <Icon name={props.icon} />
      )}
      {props.children}
    </button>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'password' | 'email' | 'number';
  hint?: ComponentChildren;
  error?: string;
  required?: boolean;
  autofocus?: boolean;
  autocomplete?: string;
  placeholder?: string;
  disabled?: boolean;
  rows?: number;
  /** At the right end of the label. */
  aside?: ComponentChildren;
}

export function Field(props: FieldProps): JSX.Element {
  const id = useId();
  const described = props.error || props.hint ? `${id}-note` : undefined;
  const common = {
    id,
    class: 'input',
    value: props.value,
    required: props.required,
    disabled: props.disabled,
    placeholder: props.placeholder,
    'aria-invalid': props.error ? true : undefined,
    'aria-describedby': described,
    spellcheck: false,
  } as const;
  return (
    <div class="field">
      <span class="label">
        <label for={id}>{props.label}</label>
        {props.aside}
      </span>
      {props.rows === undefined ? (
        <input
          {...common}
          type={props.type ?? 'text'}
          autofocus={props.autofocus}
          autocomplete={props.autocomplete ?? 'off'}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      ) : (
        <textarea
          {...common}
          value={props.value.replace(/\r\n?/g, '\n')} // as the element itself holds it
          rows={props.rows}
          autofocus={props.autofocus}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      )}
      {described && (
        <span id={described} class={props.error ? 'error-text' : 'hint'}>
          {props.error || props.hint}
        </span>
      )}
    </div>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onChange: (value: string) => void;
  /** Only for screen readers: the place says it. */
  hideLabel?: boolean;
  small?: boolean;
  disabled?: boolean;
}

export function Select(props: SelectProps): JSX.Element {
  const id = useId();
  const control = (
    <select
      id={id}
      class={props.small ? 'input small' : 'input'}
      value={props.value}
      disabled={props.disabled}
      aria-label={props.hideLabel ? props.label : undefined}
      onChange={(event) => props.onChange(event.currentTarget.value)}
    >
      {props.options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
  if (props.hideLabel) return control;
  return (
    <div class="field">
      <span class="label">
        <label for={id}>{props.label}</label>
      </span>
      {control}
    </div>
  );
}

export function Check({
  label,
  checked,
  onChange,
}: {
  label: ComponentChildren;
  checked: boolean;
  onChange: (on: boolean) => void;
}): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}

export function Search({
  label,
  value,
  onInput,
}: {
  label: string;
  value: string;
  onInput: (value: string) => void;
}): JSX.Element {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        value={value}
        placeholder={label}
        aria-label={label}
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}
