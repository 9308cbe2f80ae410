// package.test.ts — what `npm pack` makes, installed elsewhere: imports, types, the command, the
// Node example.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from 'kalamdb';
import { ROOT, Server } from './support/server.js';

const run = promisify(execFile);
const PACKAGE = resolve('sdk/typescript');
const dir = mkdtempSync(join(tmpdir(), 'kalam-pack-'));
let server: Server;
let contents: string[];

before(async () => {
  server = await Server.start();
  // Without scripts: `prepack` would build again what tests/sdk/run has just built.
  const packed = execFileSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', dir],
    { cwd: PACKAGE, encoding: 'utf8' },
  );
  const [{ filename, files }] = JSON.parse(packed) as [
    { filename: string; files: { path: string }[] },
  ];
  contents = files.map((file) => file.path);
  mkdirSync(join(dir, 'node_modules/.bin'), { recursive: true });
  execFileSync('tar', ['-xzf', join(dir, filename), '-C', join(dir, 'node_modules')]);
  execFileSync('mv', [join(dir, 'node_modules/package'), join(dir, 'node_modules/kalamdb')]);
  for (const name of ['ws', 'react', '@types'])
    symlinkSync(join(PACKAGE, 'node_modules', name), join(dir, 'node_modules', name));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
});
after(async () => {
  rmSync(dir, { recursive: true, force: true });
  await server.end();
});

test('the package holds what is published, and nothing else', () => {
  for (const path of [
    'LICENSE',
    'README.md',
    'package.json',
    'dist/kalamdb.js',
    'dist/react.js',
    'dist/kalamdb-types.js',
    'dist/types/index.d.ts',
    'dist/types/react.d.ts',
  ]) {
    assert.ok(contents.includes(path), path);
  }
  assert.deepEqual(
    contents.filter((path) => !/^(LICENSE|README\.md|package\.json|dist\/[\w/.-]+)$/.test(path)),
    [],
  );
  const { dependencies } = JSON.parse(
    readFileSync(join(dir, 'node_modules/kalamdb/package.json'), 'utf8'),
  ) as { dependencies?: object };
  assert.equal(dependencies, undefined);
});

const PROGRAM = `
import { createClient, KalamError, type LiveEvent } from 'kalamdb';
import { useLiveQuery } from 'kalamdb/react';
import WebSocket from 'ws';
import type { Tables } from './tables.js'; // written by the test above
interface Item { id: string; made: Date }
export const idOf = (row: Tables['gen.events']): string => row.id;
const client = createClient({ url: 'http://localhost', auth: { token: async () => 'x' }, WebSocket });
export async function read(): Promise<Date | undefined> {
  const { rows } = await client.query<Item>('SELECT 1', [1n, new Date(), null, { a: 1 }]);
  const arrays = await client.query('SELECT 1', undefined, { rows: 'array' });
  const event: LiveEvent<Item> = { type: 'insert', row: { id: '1', made: new Date() }, key: '1', seq: '1' };
  for await (const one of client.subscribe<Item>('SELECT 1')) if (one.type === 'update') console.log(one.row.id, one.old.made);
  console.log(arrays.rows[0]?.[0], event, new KalamError('CLOSED', '').code, useLiveQuery<Item>(client, null).rows[0]?.made);
  // @ts-expect-error: undefined is no parameter
  await client.query('SELECT 1', [undefined]);
  return rows[0]?.made;
}
`;

test('the example for Node runs', async () => {
  copyFileSync(resolve('examples/node/stock.js'), join(dir, 'stock.js'));
  const env = {
    ...process.env,
    KALAM_URL: server.url,
    KALAM_USER: ROOT.user,
    KALAM_PASSWORD: ROOT.password,
  };
  const { stdout } = await run(process.execPath, ['stock.js'], { cwd: dir, env, timeout: 20_000 });
  assert.match(stdout, /^sold one Tea, 5 left\nsold one Tea, 4 left\nrunning low: Tea \(4\)\n/);
  assert.match(stdout, /Čaj.*480\.00/);
});

const TABLES = `
  CREATE NAMESPACE gen; CREATE NAMESPACE other;
  CREATE SHARED TABLE gen.every_type (id BIGINT PRIMARY KEY, b BOOLEAN NOT NULL, s SMALLINT, i INT, f FLOAT, d DOUBLE,
    n DECIMAL(10,2), t TEXT, v VARCHAR(5) NOT NULL, c CHAR(3), u UUID, j JSON, x BYTES, dt DATE, tm TIME, ts TIMESTAMP);
  CREATE STREAM TABLE gen.events (id BIGINT PRIMARY KEY, body TEXT) TTL '10s';
  CREATE SHARED TABLE other.t (id INT PRIMARY KEY)`;

async function kalamdbTypes(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string; code: number }> {
  const command = join(dir, 'node_modules/kalamdb/dist/kalamdb-types.js');
  const clean = { ...process.env, KALAM_PASSWORD: ROOT.password, ...env };
  return run(command, args, { cwd: dir, env: clean }).then(
    (done) => ({ ...done, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
}

test('kalamdb-types writes the row types, and they are what the client hands out', async () => {
  const client = createClient({ url: server.url, auth: ROOT });
  await client.batch(TABLES);
  const made = await kalamdbTypes(['-h', server.url, '-u', 'root', '-n', 'gen', '-o', 'tables.ts']);
  assert.deepEqual([made.code, made.stderr], [0, '']);
  const text = readFileSync(join(dir, 'tables.ts'), 'utf8');
  const properties = [...text.matchAll(/^ {2}(\w+: .*);$/gm)].map((match) => match[1]);
  assert.deepEqual(properties, [
    'id: string',
    'body: string | null',
    '_seq: string',
    'id: string',
    'b: boolean',
    's: number | null',
    'i: number | null',
    'f: number | null',
    'd: number | null',
    'n: string | null',
    't: string | null',
    'v: string',
    'c: string | null',
    'u: string | null',
    'j: Json | null',
    'x: Uint8Array | null',
    'dt: string | null',
    'tm: string | null',
    'ts: Date | null',
    '_seq: string',
    '_updated: Date',
    '_deleted: boolean',
  ]);
  assert.match(text, /'gen\.every_type': GenEveryType;/);
});

test('its types hold in a strict program', async () => {
  writeFileSync(join(dir, 'program.ts'), PROGRAM);
  const options = {
    strict: true,
    noEmit: true,
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    lib: ['ES2022', 'DOM'],
    types: [],
  };
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['program.ts'] }),
  );
  const tsc = join(PACKAGE, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', dir]).catch((error: { stdout: string }) =>
    assert.fail(error.stdout),
  );
});

test('kalamdb-types says what is wrong', async () => {
  const cases: [string[], Record<string, string>, number, RegExp][] = [
    [['--bigint', 'number'], {}, 2, /--bigint must be string or bigint/],
    [['--nope'], {}, 2, /nope/],
    [['-h', server.url, '-u', 'root'], { KALAM_PASSWORD: 'wrong password' }, 1, /UNAUTHORIZED/],
    [['-h', server.url, '-u', 'root', '-n', 'absent'], {}, 1, /no tables in namespace absent/],
    [['-h', 'http://127.0.0.1:1', '-u', 'root'], {}, 1, /CONNECTION_FAILED: cannot reach/],
  ];
  const answers = await Promise.all(cases.map(([args, env]) => kalamdbTypes(args, env)));
  answers.forEach((answer, i) => {
    assert.equal(answer.code, cases[i]?.[2], answer.stderr);
    assert.match(answer.stderr, cases[i]?.[3] ?? /^$/);
  });
});
