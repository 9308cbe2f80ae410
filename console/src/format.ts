// format.ts — numbers, sizes, times and durations as people read them.
const counts = new Intl.NumberFormat('en-US');

export function formatCount(value: number | string | bigint | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return counts.format(typeof value === 'string' ? BigInt(value) : value);
}

/** "1 file", "2 files". */
export function counted(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatRate(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

export function formatMs(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0)} ms`;
  return formatDuration(ms / 1000);
}

export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** µs since 1970 as ISO 8601 in UTC, with as many fraction digits as there are. */
export function formatTimestamp(us: number): string {
  const ms = Math.floor(us / 1000);
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return String(us);
  const micros = us - Math.floor(us / 1e6) * 1e6;
  const fraction =
    micros === 0
      ? ''
      : `.${String(micros)
          .padStart(6, '0')
          .replace(/(?<=^.{3})0{3}$/, '')}`;
  // Years of five digits and more have a sign and zeros in front.
  const [whole = ''] = date.toISOString().replace(/^\+0*/, '').split('.');
  return `${whole.replace('T', ' ')}${fraction}`;
}

/** For lists: local time of day, with the date unless it is today. */
export function formatTime(us: number | null): string {
  if (us === null) return '–';
  const date = new Date(us / 1000);
  const time = date.toLocaleTimeString('en-GB');
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.toLocaleDateString('en-CA')} ${time}`;
}

export function formatAgo(us: number | null, now = Date.now()): string {
  if (us === null) return 'never';
  const seconds = Math.max(0, (now - us / 1000) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}
