// metrics.ts — figures of system.metrics over the last minutes: counters become rates, gauges stay.

export interface MetricRow {
  metric_name: string;
  labels: string;
  metric_value: number;
}
export interface Sample {
  at: number;
  values: ReadonlyMap<string, number>;
}

const PREFIX = 'kalamdb_';

/** Sums over labels; the prefix that all names share is left off. */
export function sample(rows: readonly MetricRow[], at: number): Sample {
  const values = new Map<string, number>();
  for (const { metric_name, metric_value } of rows) {
    const name = metric_name.startsWith(PREFIX) ? metric_name.slice(PREFIX.length) : metric_name;
    values.set(name, (values.get(name) ?? 0) + metric_value);
  }
  return { at, values };
}

function pairs<T>(samples: readonly Sample[], of: (before: Sample, after: Sample) => T): T[] {
  return samples.slice(1).map((after, i) => of(samples[i]!, after));
}

function grown(before: Sample, after: Sample, name: string): number {
  // A counter that fell has begun anew: the server was started again.
  return Math.max(0, (after.values.get(name) ?? 0) - (before.values.get(name) ?? 0));
}

/** Per second, between each two samples. */
export function rates(samples: readonly Sample[], name: string): number[] {
  return pairs(
    samples,
    (before, after) => (1000 * grown(before, after, name)) / Math.max(1, after.at - before.at),
  );
}

/** Growth of `name` per growth of `per`; 0 while nothing happens. */
export function ratios(samples: readonly Sample[], name: string, per: string): number[] {
  return pairs(samples, (before, after) => {
    const count = grown(before, after, per);
    return count === 0 ? 0 : grown(before, after, name) / count;
  });
}

export function gauges(samples: readonly Sample[], ...names: string[]): number[] {
  return samples.map(({ values }) => names.reduce((sum, name) => sum + (values.get(name) ?? 0), 0));
}

export function latest(samples: readonly Sample[], name: string): number {
  return samples.at(-1)?.values.get(name) ?? 0;
}
