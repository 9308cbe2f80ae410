// values.ts — every conversion between values of the wire (docs/protocol.md) and of JavaScript.
// SPDX-License-Identifier: Apache-2.0
import { KalamError } from './error.js';
import type { Column, Json, Param, Row, Value, ValueOptions } from './types.js';

type Decoder = (raw: Json) => Value;

const asIs: Decoder = (raw) => raw;
const MICROS_PER_DAY = 86_400_000_000;

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Days since 1970 → `YYYY-MM-DD`. Text, because a Date would mean a moment in some time zone. */
function dateText(days: number): string {
  const iso = new Date(days * 86_400_000).toISOString();
  return iso.slice(0, iso.indexOf('T'));
}

/** Microseconds since midnight → `HH:MM:SS[.ffffff]`. */
function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const text = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map(two)
    .join(':');
  const fraction = String(micros % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return fraction === '' ? text : `${text}.${fraction}`;
}

function decodeDate(raw: Json): Value {
  return typeof raw === 'number' ? dateText(raw) : raw;
}

function decodeTime(raw: Json): Value {
  return typeof raw === 'number' && raw >= 0 && raw < MICROS_PER_DAY ? timeText(raw) : raw;
}

function decodeTimestamp(raw: Json): Value {
  return typeof raw === 'number' ? new Date(Math.floor(raw / 1000)) : raw;
}

function decodeBytes(raw: Json): Value {
  return Array.isArray(raw) ? Uint8Array.from(raw as number[]) : raw;
}

function decodeBigint(raw: Json): Value {
  return typeof raw === 'string' || typeof raw === 'number' ? BigInt(raw) : raw;
}

function decodeJson(raw: Json): Value {
  return typeof raw === 'string' ? (JSON.parse(raw) as Json) : raw;
}

export function decoderOf(column: Column, options: ValueOptions): Decoder {
  switch (column.type) {
    case 'BigInt':
      return options.bigint === 'bigint' ? decodeBigint : asIs;
    case 'Timestamp':
      return options.timestamp === 'number' ? asIs : decodeTimestamp;
    case 'Json':
      return options.json === 'text' ? asIs : decodeJson;
    case 'Date':
      return decodeDate;
    case 'Time':
      return decodeTime;
    case 'Bytes':
      return decodeBytes;
    default:
      return asIs;
  }
}

/** A column called `__proto__` must become a property, not a prototype. */
function setProperty(row: Row, name: string, value: Value): void {
  if (name === '__proto__') {
    Object.defineProperty(row, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    row[name] = value;
  }
}

/**
 * The names of `columns` as those of a row's properties: one that repeats gets a number that none
 * has yet, as in `id`, `id_2`.
 */
export function uniqueNames(columns: readonly Column[]): string[] {
  const taken = new Set(columns.map(({ name }) => name));
  const seen = new Set<string>();
  return columns.map(({ name }) => {
    let unique = name;
    for (let count = 2; seen.has(name) && taken.has(unique); count++) unique = `${name}_${count}`;
    seen.add(name);
    taken.add(unique);
    return unique;
  });
}

/** Reads the rows of one result or one subscription. */
export class RowDecoder {
  readonly #names: string[];
  readonly #decoders: Decoder[];
  readonly #byName = new Map<string, Decoder>();
  readonly #keys: string[];

  constructor(columns: Column[], options: ValueOptions) {
    this.#names = uniqueNames(columns);
    this.#decoders = columns.map((column) => decoderOf(column, options));
    columns.forEach((column, i) => this.#byName.set(column.name, this.#decoders[i] ?? asIs));
    this.#keys = columns.filter((column) => column.primaryKey).map((column) => column.name);
  }

  array(raw: Json[]): Value[] {
    return raw.map((value, i) => (value === null ? null : (this.#decoders[i] ?? asIs)(value)));
  }

  object(raw: Json[]): Row {
    const row: Row = {};
    this.array(raw).forEach((value, i) => setProperty(row, this.#names[i] ?? String(i), value));
    return row;
  }

  /** A row of a live query. */
  record(raw: Record<string, Json>): Row {
    const row: Row = {};
    for (const [name, value] of Object.entries(raw)) {
      if (name === '_deleted' && !this.#byName.has(name)) continue; // said by the event
      setProperty(row, name, value === null ? null : (this.#byName.get(name) ?? asIs)(value));
    }
    return row;
  }

  /** False for a row of a newer schema than the columns here: an ALTER came between. */
  knows(raw: Record<string, Json>): boolean {
    return Object.keys(raw).every((name) => name === '_deleted' || this.#byName.has(name));
  }

  /** Identity of a live row, from what the server sent: a Date would have lost microseconds. */
  key(raw: Record<string, Json>): string {
    const values = this.#keys.map((name) => raw[name] ?? null);
    return values.length === 1 ? String(values[0]) : JSON.stringify(values);
  }
}

function hexText(bytes: Uint8Array): string {
  let text = '\\x';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function encodeObject(param: object, position: number): Json {
  if (param instanceof Date) {
    if (Number.isNaN(param.getTime())) throw invalidParam(position, 'is an invalid Date');
    return param.toISOString();
  }
  if (param instanceof Uint8Array) return hexText(param);
  try {
    const text = JSON.stringify(param) as string | undefined;
    if (text !== undefined) return text;
  } catch {
    // a circle, or a bigint inside
  }
  throw invalidParam(position, 'is nothing that JSON can hold');
}

function invalidParam(position: number, what: string): KalamError {
  return new KalamError('INVALID_PARAMETER', `parameter $${position} ${what}`);
}

/** False for half a surrogate pair, as a cut through an emoji leaves it: that is no UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function encodeParam(param: unknown, position: number): Json {
  switch (typeof param) {
    case 'string':
      if (!isWellFormed(param)) throw invalidParam(position, 'is cut through a character');
      return param;
    case 'boolean':
      return param;
    case 'bigint': // the text keeps all digits; the server converts it to the column's type
      return param.toString();
    case 'number':
      if (!Number.isFinite(param))
        throw invalidParam(position, `is ${param}: such numbers cannot be stored`);
      return param;
    case 'object':
      return param === null ? null : encodeObject(param, position);
    default:
      throw invalidParam(position, `is ${typeof param}; use null for NULL`);
  }
}

export function encodeParams(params: readonly Param[]): Json[] {
  return params.map((param, i) => encodeParam(param, i + 1));
}
