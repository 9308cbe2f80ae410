// page.ts — what browser.test.ts calls inside the page.
// SPDX-License-Identifier: Apache-2.0
import { createClient, type KalamClient } from 'kalamdb';
import { type Scenario, ScenarioRun, type World } from './scenario.js';

export interface PageRun {
  direct: string;
  relayed: string;
  auth: { user: string; password: string };
  namespace: string;
  scenario: Scenario;
}

export interface PageGlobals {
  runScenario(run: PageRun): Promise<void>;
  createClient: typeof createClient;
  /** Of the test, outside of the page. */
  control: World['control'];
  nextToken(): Promise<string>;
  /** What a test keeps in the page from one step to the next. */
  client: KalamClient;
  rows: Map<string, number>;
  changes: number;
  release(): void;
}

const page = globalThis as unknown as PageGlobals;
page.createClient = createClient;

page.runScenario = async ({ direct, relayed, auth, namespace, scenario }) => {
  const options = { auth, timestamp: 'number', json: 'text' } as const;
  const live = createClient({ ...options, url: relayed });
  const control: World['control'] = (command) => page.control(command);
  try {
    await new ScenarioRun({
      direct: createClient({ ...options, url: direct }),
      relayed: live,
      namespace,
      control,
    }).run(scenario);
  } finally {
    await live.close();
  }
};
