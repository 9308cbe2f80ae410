// server.ts — a real kalamd with its own data directory on a free port.
// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { until } from './wait.js';

/** tests/sdk/run starts the tests at the root of the repository. */
const BUILD = process.env['KALAM_BUILD'] ?? resolve('build/release');
const SECRET = 'a secret of the tests, thirty-two bytes long';

export const ROOT = { user: 'root', password: 'correct horse battery' };

function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address
          ? resolvePort(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}

export interface ServerOptions {
  /** TOML. */
  config?: string;
  dev?: boolean;
  /** Without: root has no password yet. */
  rootPassword?: string | undefined;
}

export class Server {
  readonly port: number;
  readonly #dir: string;
  readonly #options: ServerOptions;
  #process: ChildProcess | undefined;

  private constructor(port: number, options: ServerOptions) {
    this.port = port;
    this.#dir = mkdtempSync(join(tmpdir(), 'kalam-sdk-'));
    this.#options = options;
  }

  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(await freePort(), { rootPassword: ROOT.password, ...options });
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get log(): string {
    return readFileSync(join(this.#dir, 'log'), 'utf8');
  }

  async start(): Promise<void> {
    const config = join(this.#dir, 'config.toml');
    writeFileSync(config, this.#options.config ?? '');
    const log = openSync(join(this.#dir, 'log'), 'a');
    const args = [
      config,
      '--data-dir',
      join(this.#dir, 'data'),
      '--port',
      String(this.port),
      ...(this.#options.dev ? ['--dev'] : []),
    ];
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      KALAMDB_LOG_TO_CONSOLE: 'true',
      KALAMDB_LOG_FILE: '',
      KALAMDB_JWT_SECRET: SECRET,
      KALAMDB_RATE_LIMIT_AUTH_REQUESTS_PER_IP_PER_SEC: '0',
    };
    if (this.#options.rootPassword !== undefined)
      env['KALAMDB_ROOT_PASSWORD'] = this.#options.rootPassword;
    const child = spawn(join(BUILD, 'kalamd'), args, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    await until(
      async () => {
        if (child.exitCode !== null)
          throw new Error(`kalamd ended with ${child.exitCode}:\n${this.log}`);
        return fetch(`${this.url}/health`).then(
          (answer) => answer.status === 200,
          () => false,
        );
      },
      'health of kalamd',
      30_000,
    );
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await gone;
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/**
 * A token as the server signs it. It counts for 60 s longer than `lifetimeS` says: the server's
 * leeway.
 */
export function signToken(user: string, role: string, lifetimeS: number): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    sub: user,
    iss: 'kalamdb',
    iat: now,
    exp: now + lifetimeS,
    role,
    email: '',
    token_type: 'access',
  };
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
