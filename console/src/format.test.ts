import { expect, test } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatRate,
} from './format';
import { gauges, latest, rates, ratios, sample } from './views/metrics';

test('numbers people read', () => {
  expect([formatCount('9007199254740993'), formatCount(null), formatCount(12345)]).toEqual([
    '9,007,199,254,740,993',
    '–',
    '12,345',
  ]);
  expect([formatBytes(0), formatBytes(1023), formatBytes(1536), formatBytes(5e9)]).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '4.7 GiB',
  ]);
  expect([
    formatMs(0.25),
    formatMs(3.456),
    formatMs(45.67),
    formatMs(456.7),
    formatMs(61_000),
  ]).toEqual(['250 µs', '3.46 ms', '45.7 ms', '457 ms', '1 min 1 s']);
  expect([formatDuration(5), formatDuration(3700), formatDuration(200_000)]).toEqual([
    '5.0 s',
    '1 h 1 min',
    '2 d 7 h',
  ]);
  expect([
    formatRate(0),
    formatRate(2.345),
    formatRate(123.4),
    formatRate(12_345),
    formatRate(2e6),
  ]).toEqual(['0', '2.3', '123', '12.3 k', '2.0 M']);
  expect([
    formatAgo(null),
    formatAgo(0, 2000),
    formatAgo(0, 90_000),
    formatAgo(0, 7_200_000),
  ]).toEqual(['never', 'just now', '1 min ago', '2 h ago']);
});

test('counters become rates; labels are summed; a restarted server does not go negative', () => {
  const row = (metric_name: string, metric_value: number, labels = '{}') => ({
    metric_name,
    metric_value,
    labels,
  });
  const samples = [
    sample(
      [
        row('kalamdb_commits_total', 10),
        row('kalamdb_http_requests_total', 1, 'a'),
        row('kalamdb_http_requests_total', 2, 'b'),
      ],
      0,
    ),
    sample(
      [
        row('kalamdb_commits_total', 30),
        row('kalamdb_http_requests_total', 7, 'a'),
        row('kalamdb_fsync_microseconds_total', 4000),
      ],
      2000,
    ),
    sample(
      [
        row('kalamdb_commits_total', 5),
        row('kalamdb_http_requests_total', 7, 'a'),
        row('kalamdb_fsync_microseconds_total', 4000),
      ],
      4000,
    ),
  ];
  expect(rates(samples, 'commits_total')).toEqual([10, 0]);
  expect(rates(samples, 'http_requests_total')).toEqual([2, 0]);
  expect(ratios(samples, 'fsync_microseconds_total', 'commits_total')).toEqual([200, 0]);
  expect(gauges(samples, 'commits_total', 'http_requests_total')).toEqual([13, 37, 12]);
  expect([latest(samples, 'commits_total'), latest([], 'x')]).toEqual([5, 0]);
});
