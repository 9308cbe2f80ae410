// scenarios.test.ts — every shared scenario with the client in Node.
// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { createClient } from 'kalamdb';
import WebSocket from 'ws';
import { type Scenario, ScenarioRun } from './scenario.js';
import { Relay } from './support/relay.js';
import { ROOT, Server } from './support/server.js';
import { worldControl } from './support/control.js';

const FOLDER = resolve('tests/sdk/scenarios');
let server: Server;
let relay: Relay;

before(async () => {
  server = await Server.start();
  relay = await Relay.open(server.port);
});
after(async () => {
  await relay.close();
  await server.end();
});

for (const file of readdirSync(FOLDER).sort()) {
  const scenario = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Scenario;
  test(`scenario ${scenario.name}`, async () => {
    const options = { auth: ROOT, WebSocket, timestamp: 'number', json: 'text' } as const;
    const direct = createClient({ ...options, url: server.url });
    const relayed = createClient({ ...options, url: relay.url });
    const namespace = `node_${file.replace(/\W.*/, '')}`;
    try {
      await new ScenarioRun({
        direct,
        relayed,
        namespace,
        control: worldControl(server, relay),
      }).run(scenario);
    } finally {
      relay.link(true);
      await relayed.close();
    }
  });
}
