// browser.ts — Debian's Chromium, and a server of the repository's files for its pages.
// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import { extname, join, normalize, resolve } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json',
};

export function launchBrowser(): Promise<Browser> {
  // The tests may run as root, in a container without a sandbox and with a small /dev/shm.
  return chromium.launch({
    executablePath: process.env['KALAM_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

export class Files {
  readonly #server: HttpServer;
  url = '';

  private constructor(root: string) {
    this.#server = createServer((request, response) => {
      const path = normalize(new URL(request.url ?? '/', 'http://files').pathname);
      readFile(join(root, path)).then(
        (bytes) =>
          response
            .writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' })
            .end(bytes),
        () => response.writeHead(404).end(),
      );
    });
  }

  /** Serves the repository. */
  static async open(): Promise<Files> {
    const files = new Files(resolve('.'));
    await new Promise<void>((done) => files.#server.listen(0, '127.0.0.1', done));
    const address = files.#server.address();
    files.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    return files;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
