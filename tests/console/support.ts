// support.ts — a real kalamd on a free port, a real Chromium, and a page that is watched: what it asks of other
// servers, what its policy blocks, what it throws.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { inject } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BUILD = process.env['KALAM_BUILD'] ?? join(ROOT, 'build/release');
export const DIST = join(ROOT, 'console/dist');

export async function waitUntil<T>(
  what: string,
  condition: () => Promise<T> | T,
  limitMs = 10_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what} did not come true within ${limitMs} ms`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

interface Answer {
  status: string;
  results: { rows?: unknown[][]; message?: string }[];
  error?: { code: string; message: string };
}

export class Server {
  readonly data = mkdtempSync(join(tmpdir(), 'kalam-console-'));
  port = 0;
  #process: ChildProcess | null = null;
  readonly #dev: boolean;
  readonly #config: string;

  constructor({ dev = true, config = '' } = {}) {
    this.#dev = dev;
    this.#config = config;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get ui(): string {
    return `${this.origin}/ui/`;
  }

  async start(): Promise<this> {
    if (this.port === 0) this.port = await freePort();
    const config = join(this.data, 'kalamd.toml');
    writeFileSync(config, this.#config);
    const args = [
      config,
      '--data-dir',
      join(this.data, 'data'),
      '--port',
      String(this.port),
      ...(this.#dev ? ['--dev'] : []),
    ];
    this.#process = spawn(join(BUILD, 'kalamd'), args, {
      env: { ...process.env, KALAMDB_LOG_FILE: '', KALAMDB_LOG_TO_CONSOLE: 'false' },
      stdio: 'ignore',
    });
    await waitUntil(
      'health',
      async () =>
        fetch(`${this.origin}/health`).then(
          (answer) => answer.ok,
          () => false,
        ),
      20_000,
    );
    return this;
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null) return;
    const gone = new Promise((done) => running.once('exit', done));
    running.kill('SIGTERM');
    await gone;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }

  async post(sql: string, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(`${this.origin}/v1/api/sql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ sql }),
    });
    return (await answer.json()) as Answer;
  }

  /** Rows of the last statement. */
  async sql(sql: string, headers: Record<string, string> = {}): Promise<unknown[][]> {
    const answer = await this.post(sql, headers);
    if (answer.error) throw new Error(`${answer.error.code}: ${answer.error.message} in ${sql}`);
    return answer.results.at(-1)?.rows ?? [];
  }
}

let browser: Browser | null = null;

async function connect(): Promise<Browser> {
  browser ??= await chromium.connect(inject('browser'));
  return browser;
}

export async function shut(): Promise<void> {
  await browser?.close();
  browser = null;
}

export interface Watched {
  page: Page;
  problems: string[];
  foreign: string[];
  close: () => Promise<void>;
}

/** `problems`: exceptions, blocked by policy; refused statements (4xx) are what some tests are about and no problem. */
export async function open(
  server: Server,
  path = '',
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await (
    await connect()
  ).newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [],
    foreign: string[] = [];
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => problems.push(`uncaught ${error.message}`));
  page.on('console', (message) => {
    if (
      message.type() === 'error' &&
      !/Failed to load resource|WebSocket connection/.test(message.text())
    )
      problems.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.origin) && !/^(data|blob):/.test(url)) foreign.push(url);
  });
  page.on('websocket', (socket) => {
    if (!socket.url().startsWith(server.origin.replace('http', 'ws'))) foreign.push(socket.url());
  });
  await page.goto(server.ui + path);
  return { page, problems, foreign, close: () => context.close() };
}

/** Puts a whole text into the SQL editor. */
export async function type(page: Page, sql: string): Promise<void> {
  const editor = page.locator('.cm-content');
  await editor.click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(sql);
}

export async function runSql(page: Page, sql: string): Promise<void> {
  await type(page, sql);
  await page.keyboard.press('Control+Enter');
  await page.getByTestId('result-bar').waitFor();
}

export function dialog(page: Page, name: string): Locator {
  return page.getByRole('dialog', { name });
}

/** A grid's rows as they are in sight. */
export async function gridRows(page: Page): Promise<string[][]> {
  return page
    .locator('.grid .line')
    .evaluateAll((lines) =>
      lines.map((line) =>
        [...line.querySelectorAll('[role="gridcell"]')].map((cell) => cell.textContent ?? ''),
      ),
    );
}
