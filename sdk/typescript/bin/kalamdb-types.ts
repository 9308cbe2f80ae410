// kalamdb-types.ts — the command: writes TypeScript row types of a running server's tables.
// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Auth, createClient, KalamError } from 'kalamdb';
import { type ColumnRow, generate, type TypeChoices } from './generate.js';

const HELP = `usage: kalamdb-types [options]

Writes TypeScript row types of the tables of a running KalamDB server.

  -h, --host url          server, default http://localhost:8080
  -u, --user id           log in with the password in KALAM_PASSWORD
  -n, --namespace ns      only this namespace; may be repeated. Default: all but those of the system
  -o, --out file          default: standard output
      --bigint kind       string (default) or bigint, as the option of createClient
      --timestamp kind    date (default) or number
      --json kind         parsed (default) or text
      --help

Without --user: the token in KALAM_TOKEN or the key in KALAM_APIKEY, else none (development mode).
`;

/** Like a wrong option: exit code 2. */
class UsageError extends Error {}

const OPTIONS = {
  host: { type: 'string', short: 'h', default: 'http://localhost:8080' },
  user: { type: 'string', short: 'u' },
  namespace: { type: 'string', short: 'n', multiple: true, default: [] as string[] },
  out: { type: 'string', short: 'o' },
  bigint: { type: 'string', default: 'string' },
  timestamp: { type: 'string', default: 'date' },
  json: { type: 'string', default: 'parsed' },
  help: { type: 'boolean', default: false },
} as const;

function readArguments(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function choose<Choice extends string>(
  name: string,
  value: string | undefined,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UsageError(`--${name} must be ${choices.join(' or ')}`);
  return found;
}

function readAuth(user: string | undefined): Auth {
  const { KALAM_PASSWORD, KALAM_TOKEN, KALAM_APIKEY } = process.env;
  if (user !== undefined) {
    if (KALAM_PASSWORD === undefined)
      throw new UsageError('--user needs the password in KALAM_PASSWORD');
    return { user, password: KALAM_PASSWORD };
  }
  if (KALAM_TOKEN !== undefined) return { token: KALAM_TOKEN };
  return KALAM_APIKEY === undefined ? 'none' : { apiKey: KALAM_APIKEY };
}

async function readColumns(url: string, auth: Auth, namespaces: string[]): Promise<ColumnRow[]> {
  const client = createClient({ url, auth });
  const places = namespaces.map((_, i) => `$${i + 1}`).join(', ');
  const where =
    namespaces.length > 0
      ? `table_schema IN (${places})`
      : "table_schema NOT IN ('system', 'information_schema', 'pg_catalog')";
  const { rows } = await client.query<ColumnRow>(
    'SELECT table_schema, table_name, column_name, data_type, is_nullable, is_primary_key FROM information_schema.columns ' +
      `WHERE ${where} ORDER BY table_schema, table_name, ordinal_position`,
    namespaces,
  );
  const missing = namespaces.find(
    (namespace) => !rows.some((row) => row.table_schema === namespace),
  );
  if (missing !== undefined) throw new Error(`no tables in namespace ${missing}`);
  return rows;
}

async function main(): Promise<void> {
  const given = readArguments(process.argv.slice(2));
  if (given.help) {
    process.stdout.write(HELP);
    return;
  }
  const choices: TypeChoices = {
    bigint: choose('bigint', given.bigint, ['string', 'bigint']),
    timestamp: choose('timestamp', given.timestamp, ['date', 'number']),
    json: choose('json', given.json, ['parsed', 'text']),
  };
  const columns = await readColumns(
    given.host ?? OPTIONS.host.default,
    readAuth(given.user),
    given.namespace ?? [],
  );
  const text = generate(columns, choices);
  if (given.out === undefined) process.stdout.write(text);
  else writeFileSync(given.out, text);
}

main().catch((thrown: unknown) => {
  const message =
    thrown instanceof KalamError
      ? `${thrown.code}: ${thrown.message}`
      : thrown instanceof Error
        ? thrown.message
        : String(thrown);
  process.stderr.write(`kalamdb-types: ${message}\n`);
  process.exitCode = thrown instanceof UsageError ? 2 : 1;
});
