/** What may be asked of the API, path by path. */
import {
  bodySchema,
  boolean,
  manyOf,
  object,
  type Paths,
  refTo,
  type Schema,
  text,
} from './openapi-answers.ts'

const range = {
  from: 'since when: ISO 8601 with its zone, how long ago (24h), or milliseconds since 1970',
  to: 'until when, likewise',
}

/** All of them. */
export function apiPaths(): Paths {
  return {
    ...{ ...hardwarePaths(), ...keptPaths(), ...messagePaths(), ...ownPaths() },
    ...{ ...sharePaths(), ...adminPaths(), ...operatingPaths() },
  }
}

/** What is posted as the body of a schema, by those who may do that to what is there. */
function post(summary: string, body: string, answer: Schema): Paths[string] {
  const refusals = [400, 401, 403, 409]
  return { post: { summary, body: bodySchema(body), answers: { 200: answer }, refusals } }
}

/** A list, for whoever is signed in. */
function list(name: string, kind: string) {
  return { answers: { 200: object({ [name]: manyOf(refTo(kind)) }) }, refusals: [401] } as const
}

/** A receipt, of a device. */
function receiptSchema(): Schema {
  const { properties, required, ...receipt } = bodySchema('receipt')
  return {
    ...receipt,
    required: ['device', ...[required].flat()],
    properties: { device: text, ...Object(properties) },
  }
}

/** What is asked of hardware. */
function hardwarePaths(): Paths {
  const receipt = receiptSchema()
  const refusal = { anyOf: [receipt, refTo('Error')] }
  return {
    '/api/nodes': { get: { summary: 'All nodes with their devices', ...list('nodes', 'Node') } },
    '/api/nodes/{base}': {
      get: {
        summary: 'One node; the slashes of its base may stand as they are',
        answers: { 200: refTo('Node') },
        refusals: [401, 404],
      },
    },
    '/api/conflicts': {
      get: {
        summary: 'Clients with one id, and nodes with one base; for operators and admins',
        answers: { 200: object({ conflicts: manyOf(refTo('Conflict')) }) },
        refusals: [401, 403],
      },
    },
    '/api/command': {
      post: {
        summary: 'Sends a command, and answers with the receipt that ends it',
        body: bodySchema('command'),
        answers: {
          ...{ 200: receipt, 202: receipt, 504: receipt },
          ...{ 400: refusal, 403: refusal, 404: refusal, 409: refusal, 503: refusal },
        },
        refusals: [401],
      },
    },
    '/api/commands': {
      get: {
        summary: 'Who commanded what, the latest first; for operators and admins',
        query: { device: 'its topic', since: range.from, limit: 'at most so many, up to 1,000' },
        answers: { 200: object({ commands: manyOf(refTo('LoggedCommand')) }) },
        refusals: [400, 401, 403],
      },
    },
    '/api/locks': {
      get: {
        summary: 'The devices that nobody may command',
        answers: { 200: object({ locks: manyOf(refTo('Lock')) }) },
        refusals: [401],
      },
    },
    '/api/lock': post('Locks a device; for operators and admins', 'lock', refTo('Lock')),
    '/api/unlock': {
      post: {
        summary: 'Unlocks a device; for operators and admins',
        body: bodySchema('unlock'),
        answers: {
          200: object({ device: text, unlocked: { anyOf: [refTo('Lock'), { type: 'null' }] } }),
        },
        refusals: [400, 401, 403],
      },
    },
  }
}

/** What people say of devices, and what is kept of them. */
function keptPaths(): Paths {
  return {
    '/api/label': {
      post: {
        summary: 'Says what a device is called, and where it is; for operators and admins',
        body: bodySchema('label'),
        answers: { 200: refTo('Label') },
        refusals: [400, 401, 403, 404],
      },
    },
    '/api/replace': {
      post: {
        summary: 'Gives what is kept of a broken device to its spare part; for admins',
        body: bodySchema('replace'),
        answers: { 200: refTo('Replaced') },
        refusals: [400, 401, 403, 404],
      },
    },
    '/api/forget': {
      post: {
        summary: 'Removes all that is kept of a device or of a user, for good; for admins',
        body: bodySchema('forget'),
        answers: { 200: { anyOf: [refTo('Forgotten'), refTo('ForgottenUser')] } },
        refusals: [400, 401, 403, 404, 409],
      },
    },
  }
}

const hubsState = {
  ...{ name: text, owner: { type: ['string', 'null'] }, since: { type: ['string', 'null'] } },
  hubs: manyOf(object({ name: text, online: { type: 'boolean' }, owner: { type: 'boolean' } })),
  changes: { type: 'integer' },
}
const hubsAnswer = { answers: { 200: object(hubsState) }, refusals: [401] } as const

/** What is asked of what was said, and of the hub itself. */
function ownPaths(): Paths {
  return {
    '/api/openapi.json': {
      get: { summary: 'This document', answers: { 200: { type: 'object' } }, refusals: [] },
    },
    '/api/history': {
      get: {
        summary: 'What quantities were, in buckets; with format csv or ndjson as lines',
        query: {
          topic: 'a topic or a filter',
          quantity: 'one of them only',
          ...range,
          points: 'about how many buckets',
          format: 'json, csv or ndjson',
          bom: 'true: for spreadsheets, with csv',
          resolution: 'raw, minute or hour, with csv and ndjson',
          follow: 'true: goes on with what comes, with ndjson',
        },
        answers: { 200: refTo('History') },
        refusals: [400, 401],
      },
    },
    '/api/trace': {
      get: {
        summary: 'What became of the latest messages and connections; of all of them for admins',
        query: {
          topic: 'a topic or a filter',
          user: 'of this user, for admins',
          kind: 'message, command or connection',
          since: range.from,
          limit: 'at most so many, up to 1,000',
        },
        answers: { 200: object({ entries: manyOf(refTo('TraceEntry')) }) },
        refusals: [400, 401],
      },
    },
    '/api/bus': {
      get: {
        summary:
          'Whether the broker is there beside which the hub runs; embedded where it is the broker',
        answers: { 200: refTo('Bus') },
        refusals: [401],
      },
    },
    '/api/hubs': {
      get: { summary: 'Which hubs are before one broker, if several are', ...hubsAnswer },
    },
    '/api/bridges': {
      get: {
        summary: 'How each bridge to another broker is, and what waits for it',
        ...list('bridges', 'Bridge'),
      },
    },
    '/api/upstreams': {
      get: { summary: 'How each system is that the hub dials', ...list('upstreams', 'Upstream') },
    },
    '/api/stream': {
      get: {
        summary: 'The lines of a websocket as Server-Sent Events; goes on from Last-Event-ID',
        query: { filter: 'what to tell of; may be there several times' },
        answers: { 200: 'text/event-stream' },
        refusals: [400, 401],
      },
    },
    '/api/password': {
      post: {
        summary: 'Changes the own password of a user of the users file',
        body: bodySchema('password'),
        answers: { 204: undefined },
        refusals: [400, 401, 403],
      },
    },
  }
}

/** What is said on topics by HTTP, and what they keep. */
function messagePaths(): Paths {
  return {
    '/api/publish': {
      post: {
        summary: 'Publishes a message, with QoS and retain, as an MQTT client would',
        body: bodySchema('publish'),
        answers: { 200: object({ topic: text, isPublished: boolean, retain: boolean }) },
        refusals: [400, 401, 403],
      },
    },
    '/api/check': {
      post: {
        summary: 'What would be said of such a message or command, which is not sent',
        body: bodySchema('publish'),
        answers: { 200: refTo('Judgement') },
        refusals: [400, 401],
      },
    },
    '/api/retained': {
      get: {
        summary: 'What is retained, of what may be read',
        query: { filter: 'a topic or a filter', limit: 'at most so many, up to 1,000' },
        answers: { 200: refTo('Retained') },
        refusals: [400, 401],
      },
    },
  }
}

/** Links by which others may look, and what is done with them. */
function sharePaths(): Paths {
  const link = refTo('ShareLink')
  const token = { type: 'object', required: ['token'], properties: { token: text } }
  return {
    '/api/share': {
      post: {
        summary: 'Makes a link by which others may look; for operators and admins',
        body: bodySchema('share'),
        answers: { 200: { allOf: [link, token] } },
        refusals: [400, 401, 403],
      },
    },
    '/api/unshare': {
      post: {
        summary: 'Ends a link; for operators their own, for admins any',
        body: bodySchema('unshare'),
        answers: { 200: object({ id: text, unshared: { anyOf: [link, { type: 'null' }] } }) },
        refusals: [400, 401, 403],
      },
    },
    '/api/shares': {
      get: {
        summary: 'The links that there are; for operators their own, for admins all',
        answers: { 200: object({ links: manyOf(link) }) },
        refusals: [401, 403],
      },
    },
  }
}

/** What is asked by those who run the hub. */
function adminPaths(): Paths {
  return {
    '/api/bans': {
      get: {
        summary: 'Who is banned; for admins',
        answers: { 200: object({ bans: manyOf(refTo('Ban')) }) },
        refusals: [401, 403],
      },
    },
    '/api/ban': {
      post: {
        summary: 'Bans an address, a user or a client id; for admins',
        body: bodySchema('ban'),
        answers: { 200: refTo('Ban') },
        refusals: [400, 401, 403],
      },
    },
    '/api/unban': {
      post: {
        summary: 'Ends a ban; for admins',
        body: bodySchema('unban'),
        answers: { 200: object({ unbanned: { anyOf: [refTo('Ban'), { type: 'null' }] } }) },
        refusals: [400, 401, 403],
      },
    },
    '/api/alarms': {
      get: {
        summary: 'What is wrong, as people were told; for operators and admins',
        answers: { 200: object({ alarms: manyOf(refTo('Alarm')) }) },
        refusals: [401, 403],
      },
    },
    '/api/acknowledge': {
      post: {
        summary: 'Somebody knows of an alarm: it is not repeated; for operators and admins',
        body: bodySchema('acknowledge'),
        answers: { 200: bodySchema('acknowledge') },
        refusals: [400, 401, 403],
      },
    },
    '/api/security-log': {
      get: {
        summary: 'What concerned security lately, the latest first; for admins',
        query: { limit: 'at most so many' },
        answers: { 200: object({ events: manyOf(refTo('SecurityEvent')) }) },
        refusals: [400, 401, 403],
      },
    },
    '/api/backup': {
      post: {
        summary: 'All that the hub keeps, as lines of JSON; for admins',
        answers: { 200: 'application/x-ndjson' },
        refusals: [401, 403, 409],
      },
    },
    '/api/dialects/{dialect}/{operation}': {
      post: {
        summary: 'What the page of a dialect says; for operators and admins',
        body: {},
        answers: { 200: {} },
        refusals: [400, 401, 403, 404],
      },
    },
  }
}

/** What admins ask of users and of who is there, and operators of the hub itself. */
function operatingPaths(): Paths {
  const user = refTo('User')
  const withPassword = { allOf: [user, object({ password: text }, ['password'])] }
  const token = { user: text, name: text, token: text }
  const get = (summary: string, answer: Schema): Paths[string] => ({
    get: { summary, answers: { 200: answer }, refusals: [401, 403] },
  })
  return {
    '/api/users': get(
      'Users, roles of the users file, and kinds of programs; for admins',
      refTo('Users'),
    ),
    '/api/add-user': post(
      'Writes one more user into the users file; for admins',
      'add-user',
      withPassword,
    ),
    '/api/change-user': post(
      'Changes a user of the users file; for admins',
      'change-user',
      withPassword,
    ),
    '/api/remove-user': post('Removes a user from the users file; for admins', 'remove-user', user),
    '/api/add-token': post('Gives a user one more token; for admins', 'add-token', object(token)),
    '/api/remove-token': post('Ends a token; for admins', 'remove-token', object(token, ['token'])),
    '/api/connections': get(
      'Who is connected, and who has signed in with a page; for admins',
      refTo('Connections'),
    ),
    '/api/disconnect': {
      post: {
        summary: 'Ends a connection, or all of a user; for admins',
        body: bodySchema('disconnect'),
        answers: { 200: object({ ended: { type: 'integer' } }) },
        refusals: [400, 401, 403],
      },
    },
    '/api/about': get(
      'The release, the machine and the disk; for operators and admins',
      refTo('About'),
    ),
    '/api/limits': get(
      'Limits that were hit since the start; for operators and admins',
      refTo('HitLimits'),
    ),
    '/api/dialects': get(
      'Where languages of other systems are served; for operators and admins',
      refTo('Dialects'),
    ),
  }
}
