// index.ts — what `import … from 'kalamdb'` offers.
// SPDX-License-Identifier: Apache-2.0
export { createClient, KalamClient } from './client.js';
export { type ClientErrorCode, KalamError } from './error.js';
export { uniqueNames } from './values.js';
export type {
  Account,
  Auth,
  ClientEvents,
  ClientOptions,
  Column,
  ColumnType,
  Health,
  Json,
  LiveEvent,
  LiveHandler,
  LiveOptions,
  LiveRows,
  Param,
  QueryOptions,
  QueryResult,
  RequestOptions,
  Row,
  Session,
  SetupOptions,
  SubscribeOptions,
  Subscription,
  TokenProvider,
  Value,
  ValueOptions,
  WebSocketConstructor,
} from './types.js';
