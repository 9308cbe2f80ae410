// build.js — checks the types, then makes dist/: one ES module per entry point, types, and the
// command.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });

const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
for (const project of ['tsconfig.json', 'tsconfig.bin.json']) {
  execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });
}

const licence = '/* SPDX-License-Identifier: Apache-2.0 */';
const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  logLevel: 'warning',
  sourcemap: true,
  sourcesContent: true,
};
await build({
  ...common,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/kalamdb.js',
  platform: 'neutral',
  banner: { js: licence },
});
// React and the client stay outside: a page has one of each.
await build({
  ...common,
  entryPoints: ['src/react.ts'],
  outfile: 'dist/react.js',
  platform: 'neutral',
  external: ['react', 'kalamdb'],
  banner: { js: licence },
});
await build({
  ...common,
  entryPoints: ['bin/kalamdb-types.ts'],
  outfile: 'dist/kalamdb-types.js',
  platform: 'node',
  target: 'node18',
  external: ['kalamdb'],
  banner: { js: '#!/usr/bin/env node\n' + licence },
});
chmodSync('dist/kalamdb-types.js', 0o755);
