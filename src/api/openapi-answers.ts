/** What the API answers, by name, and how schemas are written down. */
import { readFileSync } from 'node:fs'

export type Schema = Readonly<Record<string, unknown>>

/** An answer: JSON by a schema, or a media type. */
export type Answer = Schema | string | undefined

export interface ApiOperation {
  readonly summary: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Schema
  /** By status, those that mean that it was done. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Other statuses: JSON with a code, but for 401. */
  readonly refusals: readonly number[]
}

export type Paths = Readonly<
  Record<string, { readonly get?: ApiOperation; readonly post?: ApiOperation }>
>

/** The schemas of bodies stand in the package beside `src/` and `dist/`. */
export function bodySchema(name: string): Schema {
  const url = new URL(`../../schemas/${name}.schema.json`, import.meta.url)
  // OpenAPI 3.1 is of another draft, and names schemas by itself.
  const { $schema: _draft, $id: _id, ...schema } = JSON.parse(readFileSync(url, 'utf8'))
  return schema
}

export const text = { type: 'string' } as const
export const boolean = { type: 'boolean' } as const
const time = { type: 'string', format: 'date-time' } as const
const orNull = ({ type, ...rest }: { readonly type: string; readonly format?: string }) => ({
  ...rest,
  type: [type, 'null'],
})
export const manyOf = (items: Schema) => ({ type: 'array', items })
export const refTo = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** An object that may have more than is said of it. */
export function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', required, properties }
}

const integer = { type: 'integer' } as const

/** What people call a device, and where it is. */
const label = {
  ...{ title: text, room: text, icon: text },
  ...{ order: { type: 'number' }, hidden: boolean, favorite: boolean },
  autoOffSeconds: { type: 'number' },
} as const

const rule = object({ allow: manyOf(text), deny: manyOf(text), topic: text }, ['allow', 'deny'])

/** What one key of a device can be set to. */
const settable = object(
  {
    type: { enum: ['boolean', 'number', 'text', 'color', 'any'] },
    ...{ options: manyOf(text), min: { type: 'number' }, max: { type: 'number' } },
    ...{ step: { type: 'number' }, unit: text },
  },
  ['options', 'min', 'max', 'step', 'unit'],
)

/** What is answered. */
export const answerSchemas: Readonly<Record<string, Schema>> = {
  Error: object({ code: text, message: text }),
  Device: object(
    {
      ...{ name: text, topic: text, kind: text },
      ...label,
      role: { enum: ['sensor', 'actuator', 'notification'] },
      settable: { type: 'object', additionalProperties: settable },
      autoOff: object({ seconds: { type: 'number' }, at: text }, ['seconds', 'at']),
      value: {},
      known: { const: false },
      lastValue: {},
      toldBy: text,
      encoding: { const: 'base64' },
      at: orNull(time),
      rhythmMs: integer,
      stale: boolean,
    },
    [
      ...[...Object.keys(label), 'settable', 'autoOff', 'known', 'lastValue'],
      ...['toldBy', 'encoding', 'rhythmMs'],
    ],
  ),
  Node: object(
    {
      base: text,
      online: orNull(boolean),
      lastSeen: orNull(time),
      stale: { const: true },
      firmware: text,
      capabilities: { type: 'number' },
      devices: manyOf(refTo('Device')),
    },
    ['stale', 'firmware', 'capabilities'],
  ),
  Label: object({ device: text, ...label }, Object.keys(label)),
  Replaced: object({
    old: text,
    new: text,
    series: integer,
    label: boolean,
    lock: boolean,
    fewerRights: manyOf(text),
  }),
  Forgotten: object({
    ...{ device: text, known: boolean, series: integer, label: boolean },
    ...{ lock: boolean, autoOff: boolean, commands: integer },
  }),
  ForgottenUser: object({
    ...{ user: text, account: boolean, sessions: integer, keys: integer, links: integer },
    ...{ bans: integer, devices: integer, series: integer, labels: integer, retained: integer },
    ...{ commands: integer, events: integer },
  }),
  Lock: object({ device: text, by: text, reason: text, since: time }),
  LoggedCommand: object(
    {
      ...{ id: text, at: time, user: text, address: text, way: text, device: text, asked: {} },
      receipt: text,
      code: text,
      message: text,
      afterMs: { type: 'number' },
    },
    ['code', 'message', 'address'],
  ),
  Ban: object({ what: text, who: text, reason: text, by: text, since: time, until: time }, [
    'by',
    'since',
    'until',
  ]),
  Alarm: object({
    ...{ rule: text, device: text, text, since: time, toldAt: integer },
    acknowledged: { type: 'boolean' },
  }),
  ShareLink: object({
    ...{ id: text, title: text, filters: manyOf(text), by: text, since: time, until: time },
  }),
  Bus: object(
    { state: text, since: time, url: text, protocol: text, reason: text, nextTry: time },
    ['since', ...['url', 'protocol', 'reason', 'nextTry']],
  ),
  Judgement: object({
    topic: text,
    refusal: { anyOf: [refTo('Error'), { type: 'null' }] },
    problem: orNull(text),
  }),
  Upstream: object(
    {
      ...{ name: text, dialect: text, url: text, state: text, since: time },
      ...{ reason: text, nextTry: time, devices: integer },
    },
    ['reason', 'nextTry'],
  ),
  Bridge: object(
    {
      ...{ name: text, url: text, state: text, since: time, protocol: text },
      ...{ reason: text, nextTry: time, waiting: object({ messages: integer, bytes: integer }) },
      ...{ sent: integer, received: integer, lost: integer },
    },
    ['protocol', 'reason', 'nextTry'],
  ),
  Retained: object({
    retained: manyOf(object({ topic: text, bytes: integer, qos: integer })),
    hasMore: boolean,
  }),
  User: object(
    {
      ...{ user: text, created: text, role: text, base: text, rules: manyOf(rule) },
      ...{ isInFile: boolean, hasPassword: boolean, hasDigest: boolean, hasCode: boolean },
      tokens: manyOf(object({ name: text, created: text })),
    },
    ['created', 'role', 'base'],
  ),
  Users: object({
    users: manyOf(refTo('User')),
    roles: manyOf(object({ name: text, rules: manyOf(rule) })),
    kinds: manyOf(text),
  }),
  Connections: object({
    connections: manyOf(
      object({
        ...{ id: integer, user: text, way: text, title: text, address: text, since: time },
        ...{ bytesReceived: integer, bytesSent: integer, bytesWaiting: integer },
      }),
    ),
    sessions: manyOf(object({ user: text, since: time, isInUse: boolean })),
  }),
  About: object({
    ...{ version: text, node: text, system: text, since: time, memoryBytes: integer },
    data: {
      anyOf: [object({ folder: text, freeBytes: integer, totalBytes: integer }), { type: 'null' }],
    },
  }),
  HitLimits: object({
    hits: manyOf(
      object({
        ...{ counter: text, count: integer },
        limits: manyOf(object({ setting: text, variable: text, value: {}, meaning: text })),
      }),
    ),
  }),
  Dialects: object({
    dialects: manyOf(
      object(
        {
          ...{ dialect: text, title: text, port: integer, path: text, error: text },
          ...{ base: text, operations: manyOf(text) },
        },
        ['port', 'path', 'error'],
      ),
    ),
  }),
  SecurityEvent: object({ at: time, event: text, count: integer }),
  TraceEntry: object(
    {
      ...{ id: integer, at: time, kind: { enum: ['message', 'command', 'connection'] } },
      ...{ user: text, client: text, address: text, way: text },
      ...{ topic: text, qos: integer, retain: boolean, bytes: integer, rule: text },
      refused: object({ code: text, message: text }),
      shed: { const: true },
      receivers: integer,
      receivedBy: manyOf(
        object(
          {
            ...{ user: text, client: text, address: text, way: text },
            ...{ waits: { const: true }, slow: { const: true } },
          },
          ['client', 'address', 'waits', 'slow'],
        ),
      ),
      tookMs: { type: 'number' },
      ...{ receipt: text, receiptMs: { type: 'number' }, ended: text, openMs: integer },
    },
    [
      ...['client', 'topic', 'qos', 'retain', 'bytes', 'rule', 'refused', 'shed', 'receivers'],
      ...['receivedBy', 'tookMs', 'receipt', 'receiptMs', 'ended', 'openMs'],
    ],
  ),
  Conflict: object(
    { kind: text, name: text, clients: manyOf(text), count: integer, since: time, last: time },
    ['clients'],
  ),
  History: object({
    from: time,
    to: time,
    bucketMs: integer,
    columns: manyOf(text),
    series: manyOf(
      object(
        {
          ...{ topic: text, title: text, room: text, quantity: text, unit: text, type: text },
          points: { type: 'array' },
        },
        ['title', 'room', 'unit'],
      ),
    ),
  }),
}
