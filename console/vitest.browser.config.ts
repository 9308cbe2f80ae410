// The tests of tests/console: a real browser on a real server. `npm test` runs those of src/ without either.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: at('../tests/console'),
  // The tests lie outside of the folder that has their packages.
  resolve: {
    alias: {
      'playwright-core': at('node_modules/playwright-core/index.mjs'),
      'axe-core': at('node_modules/axe-core/axe.js'),
      vitest: at('node_modules/vitest/dist/index.js'),
    },
  },
  server: { fs: { strict: false } },
  test: {
    // With KALAM_SHOTS the pictures of docs/console.md are taken anew instead.
    include: [process.env['KALAM_SHOTS'] ? 'shots.ts' : '*.test.ts'],
    globalSetup: ['browser.ts'],
    // Two cores have to do for server, browser and tests.
    fileParallelism: false,
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
