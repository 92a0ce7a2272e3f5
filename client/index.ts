/**
 * The client library of the hub, for browsers and Node.js: one connection that comes back by itself, and tells the
 * truth about what was commanded. docs/client.md is its manual.
 */

export * from './errors.ts'
export { type ConnectOptions, connect, type HubClient } from './hub-client.ts'
export type {
  CommandOptions,
  Credentials,
  History,
  HistoryOptions,
  HistorySeries,
  HubDevice,
  HubLabel,
  HubMessage,
  HubNode,
  HubPresence,
  HubSettable,
  HubState,
  LabelChange,
  PublishOptions,
  Receipt,
  Time,
  WebSocketClass,
} from './types.ts'
