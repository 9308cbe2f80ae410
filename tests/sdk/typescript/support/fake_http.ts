// fake_http.ts — a server that answers what a test says: for what a real one cannot be brought to
// do.
// SPDX-License-Identifier: Apache-2.0
import { createServer, type RequestListener } from 'node:http';

export async function fakeHttp(listener: RequestListener): Promise<{ url: string; close(): void }> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
