import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** kalamd sends x.gz in place of x to whoever accepts it, so that it never compresses itself. */
function precompress(): Plugin {
  const compress = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) compress(path);
      else if (/\.(js|css|html|svg)$/.test(entry.name)) {
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    }
  };
  return {
    name: 'precompress',
    apply: 'build',
    writeBundle: (options) => compress(options.dir ?? 'dist'),
  };
}

export default defineConfig({
  base: '/ui/',
  plugins: [precompress()],
  // The SDK as it lies in this repository.
  resolve: {
    alias: { kalamdb: fileURLToPath(new URL('../sdk/typescript/src/index.ts', import.meta.url)) },
  },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    // Inlined files would be data: addresses, which the page's policy keeps to pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: { manualChunks: { editor: ['@codemirror/view', '@codemirror/lang-sql'] } },
    },
  },
  server: {
    proxy: {
      '/v1': { target: 'http://127.0.0.1:8080', ws: true },
      '/health': 'http://127.0.0.1:8080',
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
