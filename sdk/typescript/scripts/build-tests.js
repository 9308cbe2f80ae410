// build-tests.js — checks the types of tests/sdk/typescript and bundles each test into
// build/tests/. They lie inside the package there, so that `import 'kalamdb'` is the built package
// itself.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('build/tests', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json'], {
  stdio: 'inherit',
});

const folder = '../../tests/sdk/typescript';
const entries = readdirSync(folder).filter((name) => /\.(test|bench)\.tsx?$/.test(name));
await build({
  entryPoints: entries.map((name) => `${folder}/${name}`),
  outdir: 'build/tests',
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node18',
  sourcemap: 'inline',
  logLevel: 'warning',
});
// In the page an import map says where `kalamdb` is.
await build({
  entryPoints: [`${folder}/page.ts`],
  outfile: 'build/tests/page.js',
  bundle: true,
  external: ['kalamdb'],
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  sourcemap: 'inline',
  logLevel: 'warning',
});
