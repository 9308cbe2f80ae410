// control.ts — what scenarios do to the server and the network.
// SPDX-License-Identifier: Apache-2.0
import type { World } from '../scenario.js';
import type { Relay } from './relay.js';
import type { Server } from './server.js';

export function worldControl(server: Server, relay: Relay): World['control'] {
  return async (command) => {
    switch (command) {
      case 'link_down':
      case 'link_up':
        relay.link(command === 'link_up');
        return;
      case 'server_stop':
        return server.stop();
      case 'server_kill':
        return server.stop('SIGKILL');
      case 'server_start':
        return server.start();
    }
  };
}
