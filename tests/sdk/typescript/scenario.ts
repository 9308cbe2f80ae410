// scenario.ts — runs one scenario (format: ../README.md) with the TypeScript client.
//
// Runs in Node and in a browser: what only the outside can do (server, network) comes in as
// `World`.
// SPDX-License-Identifier: Apache-2.0
import type {
  Column,
  Json,
  KalamClient,
  LiveEvent,
  LiveRows,
  Param,
  QueryResult,
  Row,
  SubscribeOptions,
  Subscription,
  Value,
} from 'kalamdb';

export interface World {
  /** Straight to the server; for statements. */
  direct: KalamClient;
  /** Through a network that can fail; for live queries. */
  relayed: KalamClient;
  namespace: string;
  control(
    command: 'link_down' | 'link_up' | 'server_stop' | 'server_kill' | 'server_start',
  ): Promise<void>;
}

interface ExpectedResult {
  columns?: [string, Json][];
  rows?: Json[][];
  row_count?: number;
  message?: string;
}
interface ExpectedError {
  code: string;
  statement?: number;
  message_has?: string;
}
type ExpectedRow = Record<string, Json>;
interface ExpectedEvent {
  type: string;
  total_rows?: number;
  columns?: [string, Json][];
  rows?: ExpectedRow[];
  row?: ExpectedRow;
  old?: ExpectedRow;
  deleted?: boolean;
  code?: string;
}
interface LiveStep {
  sql: string;
  params?: Param[];
  last_rows?: number | 'all';
  batch_size?: number;
  from?: string;
}
type StatementStep =
  | { sql: string; params?: Param[]; expect?: ExpectedResult; error?: ExpectedError }
  | { batch: string; expect?: ExpectedResult[]; error?: ExpectedError };
export type Step =
  | StatementStep
  | ({ subscribe: string } & LiveStep)
  | ({ live: string } & LiveStep)
  | { events: string; expect: ExpectedEvent[] }
  | { rows: string; expect: ExpectedRow[] }
  | { close: string }
  | { await: 'online' | 'offline' }
  | { link: 'down' | 'up' }
  | { server: 'stop' | 'kill' | 'start' };
export interface Scenario {
  name: string;
  about: string;
  steps: Step[];
}

const LIMIT_MS = 20_000;

function fail(what: string, actual: unknown, expected: unknown): never {
  const show = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
  throw new Error(`${what}\n  actual:   ${show(actual)}\n  expected: ${show(expected)}`);
}

function same(actual: unknown, expected: Json): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((part, i) => same(actual[i], part))
    );
  return Object.is(actual, expected) || (actual === 0 && expected === 0);
}

/** The client's value in the form of docs/protocol.md, in which scenarios are written. */
function toWire(value: Value | undefined, type: string): Json {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return [...value];
  if (type === 'Date' && typeof value === 'string')
    return Date.parse(`${value}T00:00:00Z`) / 86_400_000;
  if (type === 'Time' && typeof value === 'string') {
    const [hours = 0, minutes = 0, seconds = 0] = value.split(':').map(Number);
    return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1e6);
  }
  return value as Json;
}

function wireType(column: Column): Json {
  if (column.type !== 'Decimal') return column.type;
  return { Decimal: { precision: column.precision ?? 0, scale: column.scale ?? 0 } };
}

function checkColumns(actual: Column[], expected: [string, Json][]): void {
  const named = actual.map((column) => [column.name, wireType(column)]);
  if (JSON.stringify(named) !== JSON.stringify(expected)) fail('columns', named, expected);
}

function checkResult(actual: QueryResult<Value[]>, expected: ExpectedResult): void {
  if (expected.columns) checkColumns(actual.columns, expected.columns);
  if (expected.row_count !== undefined && actual.rowCount !== expected.row_count)
    fail('row_count', actual.rowCount, expected.row_count);
  if (expected.message !== undefined && actual.message !== expected.message)
    fail('message', actual.message, expected.message);
  if (expected.rows === undefined) return;
  const rows = actual.rows.map((row) =>
    row.map((value, i) => toWire(value, actual.columns[i]?.type ?? '')),
  );
  if (!same(rows, expected.rows)) fail('rows', rows, expected.rows);
}

function checkError(thrown: unknown, expected: ExpectedError): void {
  const error = thrown as { code?: string; message?: string; statementIndex?: number };
  if (error.code !== expected.code)
    fail('error code', `${error.code}: ${error.message}`, expected.code);
  if (expected.statement !== undefined && error.statementIndex !== expected.statement)
    fail('statement', error.statementIndex, expected.statement);
  if (expected.message_has && !error.message?.includes(expected.message_has))
    fail('error message', error.message, expected.message_has);
}

/** Only the columns that are named count. */
function rowMatches(row: Row, expected: ExpectedRow, columns: Column[]): boolean {
  const types = new Map(columns.map((column) => [column.name, column.type]));
  return Object.entries(expected).every(
    ([name, value]) => name in row && same(toWire(row[name], types.get(name) ?? ''), value),
  );
}

class Stream {
  readonly subscription: Subscription;
  readonly #events: LiveEvent[] = [];
  columns: Column[] = [];

  constructor(client: KalamClient, sql: string, options: SubscribeOptions) {
    this.subscription = client.subscribe(sql, options, (event) => void this.#events.push(event));
  }

  async next(what: string): Promise<LiveEvent> {
    const end = Date.now() + LIMIT_MS;
    while (this.#events.length === 0) {
      if (Date.now() > end) throw new Error(`no event within ${LIMIT_MS} ms; expected: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const event = this.#events.shift() as LiveEvent;
    if (event.type === 'ack') this.columns = event.columns;
    return event;
  }
}

function checkEvent(event: LiveEvent, expected: ExpectedEvent, columns: Column[]): void {
  const wrong = (): never => fail(`event ${expected.type}`, event, expected);
  if (event.type !== expected.type) wrong();
  if (event.type === 'ack') {
    if (expected.total_rows !== undefined && event.totalRows !== expected.total_rows) wrong();
    if (expected.columns) checkColumns(event.columns, expected.columns);
  }
  if (event.type === 'rows') {
    const rows = expected.rows ?? [];
    if (
      event.rows.length !== rows.length ||
      !rows.every((row, i) => rowMatches(event.rows[i] ?? {}, row, columns))
    )
      wrong();
  }
  if (
    (event.type === 'insert' || event.type === 'update') &&
    expected.row &&
    !rowMatches(event.row, expected.row, columns)
  )
    wrong();
  if (
    (event.type === 'update' || event.type === 'delete') &&
    expected.old &&
    !rowMatches(event.old as Row, expected.old, columns)
  )
    wrong();
  if (
    event.type === 'delete' &&
    expected.deleted !== undefined &&
    event.deleted !== expected.deleted
  )
    wrong();
  if (event.type === 'error' && event.error.code !== expected.code) wrong();
}

export class ScenarioRun {
  readonly #world: World;
  readonly #streams = new Map<string, Stream>();
  readonly #lives = new Map<string, LiveRows>();

  constructor(world: World) {
    this.#world = world;
  }

  async run(scenario: Scenario): Promise<void> {
    await this.#world.direct.query(`CREATE NAMESPACE ${this.#world.namespace}`);
    for (const [i, step] of scenario.steps.entries()) {
      try {
        await this.#step(step);
      } catch (thrown) {
        throw new Error(
          `step ${i + 1}: ${JSON.stringify(step)}\n${thrown instanceof Error ? thrown.message : String(thrown)}`,
          { cause: thrown },
        );
      }
    }
    for (const stream of this.#streams.values()) await stream.subscription.close();
    for (const live of this.#lives.values()) await live.close();
  }

  async #step(step: Step): Promise<void> {
    if ('subscribe' in step) {
      this.#streams.set(
        step.subscribe,
        new Stream(this.#world.relayed, this.#text(step.sql), this.#options(step)),
      );
    } else if ('live' in step) {
      this.#startLive(step.live, step);
    } else if ('events' in step) {
      const stream = this.#stream(step.events);
      for (const expected of step.expect)
        checkEvent(await stream.next(JSON.stringify(expected)), expected, stream.columns);
    } else if ('rows' in step) {
      await this.#checkLive(step.rows, step.expect);
    } else if ('close' in step) {
      await this.#stream(step.close).subscription.close();
    } else if ('await' in step) {
      await this.#until(() => this.#world.relayed.online === (step.await === 'online'), step.await);
    } else if ('link' in step) {
      await this.#world.control(step.link === 'up' ? 'link_up' : 'link_down');
    } else if ('server' in step) {
      await this.#world.control(`server_${step.server}`);
    } else {
      await this.#statements(step);
    }
  }

  async #statements(step: StatementStep): Promise<void> {
    const { direct } = this.#world;
    let results: QueryResult<Value[]>[] = [];
    let thrown: unknown;
    try {
      results =
        'batch' in step
          ? (await direct.batch(this.#text(step.batch))).map(asArrays)
          : [
              await direct.query(this.#text(step.sql), 'params' in step ? step.params : undefined, {
                rows: 'array',
              }),
            ];
    } catch (error) {
      thrown = error;
      results = (error as { results?: QueryResult[] }).results?.map(asArrays) ?? [];
    }
    if (thrown !== undefined && !step.error) throw thrown;
    if (step.error) checkError(thrown ?? new Error('no error'), step.error);
    const expected =
      step.expect === undefined ? [] : Array.isArray(step.expect) ? step.expect : [step.expect];
    if ('batch' in step && step.expect !== undefined && results.length !== expected.length)
      fail('results', results.length, expected.length);
    expected.forEach((one, i) => {
      const result = results[i];
      if (result !== undefined) checkResult(result, one);
    });
  }

  #startLive(name: string, step: LiveStep): void {
    const { from: _, ...options } = this.#options(step);
    this.#lives.set(name, this.#world.relayed.live(this.#text(step.sql), options));
  }

  async #checkLive(name: string, expected: ExpectedRow[]): Promise<void> {
    const live = this.#lives.get(name);
    if (live === undefined) throw new Error(`no live query ${name}`);
    const matches = (): boolean =>
      live.rows.length === expected.length &&
      expected.every((row) => live.rows.some((actual) => rowMatches(actual, row, [])));
    await this.#until(matches, 'rows', () => live.rows).catch(() =>
      fail('rows', live.rows, expected),
    );
  }

  async #until(
    condition: () => boolean,
    what: string,
    show: () => unknown = () => '',
  ): Promise<void> {
    const end = Date.now() + LIMIT_MS;
    while (!condition()) {
      if (Date.now() > end) fail(`within ${LIMIT_MS} ms`, show(), what);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #options(step: LiveStep): SubscribeOptions {
    const options: SubscribeOptions = {};
    if (step.params) options.params = step.params;
    if (step.last_rows !== undefined) options.lastRows = step.last_rows;
    if (step.batch_size !== undefined) options.batchSize = step.batch_size;
    if (step.from !== undefined)
      options.from = /^\d+$/.test(step.from)
        ? step.from
        : (this.#stream(step.from).subscription.position ?? '');
    return options;
  }

  #stream(name: string): Stream {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw new Error(`no subscription ${name}`);
    return stream;
  }

  #text(sql: string): string {
    return sql.replaceAll('{ns}', this.#world.namespace);
  }
}

function asArrays(result: QueryResult): QueryResult<Value[]> {
  return {
    ...result,
    rows: result.rows.map((row) => result.columns.map((column) => row[column.name] ?? null)),
  };
}
