// chart.tsx — a small line over the last minutes; the number beside it says what is now.
import type { JSX } from 'preact';

interface SparkProps {
  values: readonly number[];
  label: string;
  /** Points of the whole width: a young series fills from the right. */
  width: number;
}

export function Spark({ values, label, width }: SparkProps): JSX.Element {
  const top = Math.max(1e-9, ...values);
  const x = (i: number): number => (100 * (width - values.length + i)) / Math.max(1, width - 1);
  const y = (value: number): number => 40 - (36 * value) / top;
  const line = values
    .map((value, i) => `${i === 0 ? 'M' : 'L'}${x(i).toFixed(2)} ${y(value).toFixed(2)}`)
    .join('');
  const first = x(0).toFixed(2),
    last = x(values.length - 1).toFixed(2);
  return (
    <svg
      class="spark"
      viewBox="0 0 100 42"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="base" d="M0 41H100" />
      {values.length > 1 && <path class="area" d={`${line}L${last} 41L${first} 41Z`} />}
      {values.length > 1 && <path class="line" d={line} />}
    </svg>
  );
}
