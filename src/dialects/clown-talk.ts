import type { Watcher } from '../access/sender.ts'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { detached } from '../core/guard.ts'
import { elementTexts, isRecord, type JsonLimits, parseJson } from '../core/json.ts'
import { errorPayload, errorTopic, type MessageProperties } from '../core/message.ts'
import { Payload, utf8Text } from '../core/payload.ts'
import type { Release } from '../core/release.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { schemaSentence } from '../core/schema-error.ts'
import { isFitText, isTopic } from '../core/topic.ts'
import type { ClownTalkConfigOk } from '../generated/clown-model.ts'
import { validateLabelRequest } from '../generated/validate-requests.js'
import { bytesOf } from '../mqtt/properties.ts'
import type { LineOptions } from '../nodes/registry/answers.ts'
import type { Dialect, LineExtras, Link, Session } from './dialect.ts'

export interface ClownTalkOptions {
  readonly release: Release
  readonly limits: {
    readonly json: JsonLimits
    readonly websocket: { readonly linesPerMessage: number }
  }
  readonly sampledLog: SampledLog
}

/** Clown.Talk: newline-delimited `["topic", payload]` arrays, with an object as optional third. */
export function createClownTalk({ release, limits, sampledLog }: ClownTalkOptions): Dialect {
  const introduction = encode('clown.talk/-/config/ok', introductionOf(release))
  return {
    name: 'clown-talk',
    open: (link, session) => {
      const conversation = { limits, sampledLog, link, session, introduction }
      return (frame) => {
        for (const line of linesOf(frame, conversation)) obey(line, conversation)
      }
    },
    countMessages: (frame) => countLines(frame, limits.websocket.linesPerMessage),
    encode,
    encodeError,
    encodeMissed: (count, after) =>
      encodeValue('clown.talk/-/missed', { count: count ?? null, ...(after && { after }) }),
    encodePosition: (position) => encodeValue('clown.talk/-/position', { position }),
  }
}

/** Where a line is answered whose own topic cannot be told. */
const hubErrorTopic = errorTopic('clown.talk/-')

interface Conversation extends Omit<ClownTalkOptions, 'release'> {
  readonly link: Link
  readonly session: Session
  readonly introduction: string
}

function introductionOf({ version, releaseDate }: Release): Payload {
  const value: ClownTalkConfigOk = {
    ack: false,
    device: 'hub',
    capabilities: 1,
    'firmware-datetime': releaseDate,
    'firmware-release': version,
  }
  return Payload.ofValue(value)
}

function obey(line: string, conversation: Conversation): void {
  const { link, session, limits } = conversation
  let topic: string | undefined
  let options = noOptions
  try {
    const texts = readTexts(line, conversation)
    const parts = parseArray(line)
    topic = readTopic(parts)
    const payload = readPayload({ line, parts, texts }, limits.json)
    options = readOptions(parts)
    const ask = requests.get(topic)
    if (ask !== undefined) ask(payload, { ...conversation, topic, options })
    else if (topic !== 'clown.talk/-/config/set') {
      session.publish(topic, payload, extrasOf(topic, options, link))
    } else introduce(payload, conversation)
  } catch (error) {
    tellError(error, { link, topic, options })
  }
}

/** Answers a line with what is wrong with it. What is no HubError is a defect. */
function tellError(
  error: unknown,
  {
    link,
    topic,
    options: { id },
  }: Pick<Asking, 'link' | 'options'> & { topic: string | undefined },
): void {
  if (!(error instanceof HubError)) throw error
  const answerTopic = isSound(topic) ? errorTopic(topic) : hubErrorTopic
  link.send(encode(answerTopic, errorPayload(error), id === undefined ? undefined : { id }))
}

/** What the third element of a line says. */
interface TalkOptions {
  readonly isThere: boolean
  /** What the sender calls the line, to know the answers by. */
  readonly id?: LineId | undefined
  /** Whether the line is for a device, too, that its node does not have. */
  readonly force: boolean
  readonly properties?: MessageProperties | undefined
}

const noOptions: TalkOptions = { isThere: false, force: false }

/** Most lines have none. */
const noExtras: LineExtras = { force: false }

/** An answer has a third element when the question had one, with what the sender called that. */
function extrasOf(topic: string, options: TalkOptions, link: Link): LineExtras {
  if (!options.isThere) return noExtras
  const { id, force, properties } = options
  if (id === undefined) return { force, properties, options: {} }
  return { watcher: watch(topic, id, link), force, properties, options: { id } }
}

/** Tells the sender of a command alone what becomes of it. */
function watch(topic: string, id: LineId, link: Link): Watcher {
  return {
    changed: (receipt) => {
      link.send(encode(topic, Payload.ofValue(receipt), { id }))
    },
  }
}

function isSound(topic: string | undefined): topic is string {
  return topic !== undefined && (isTopic(topic) || requests.has(topic))
}

/** A client introduces itself, says what else it wants to be told, and is told what was. */
function introduce(payload: Payload, { link, session, introduction }: Conversation): void {
  const { after, filters, ...shown } = recordIn(payload)
  if (after !== undefined && typeof after !== 'string') {
    throw badRequest('a position as after', JSON.stringify(after))
  }
  session.show({
    ...(shown['properties'] === true && { properties: true }),
    ...(shown['ages'] === true && { ages: true }),
    ...(shown['presence'] === true && { presence: true }),
    ...(shown['labels'] === true && { labels: true }),
    ...((shown['positions'] === true || after !== undefined) && { positions: true }),
    ...(filters !== undefined && { filters: filtersIn(filters) }),
  })
  link.send(introduction)
  if (after === undefined) session.catchUp()
  else session.recover(after)
}

/** A request to the hub itself, and who asks. */
interface Asking extends Conversation {
  readonly topic: string
  readonly options: TalkOptions
}

/** What is asked of the hub itself by those who are signed in. */
const requests: ReadonlyMap<string, (payload: Payload, asking: Asking) => void> = new Map([
  ['$hub/ping', (_payload, asking) => answer(asking, {})],
  [
    '$hub/subscribe',
    (payload, asking) => {
      const filters = filtersIn(recordIn(payload)['filters'])
      asking.session.subscribe(filters, () => answer(asking, { filters }))
    },
  ],
  [
    '$hub/unsubscribe',
    (payload, asking) => {
      const filters = filtersIn(recordIn(payload)['filters'])
      asking.session.unsubscribe(filters)
      answer(asking, { filters })
    },
  ],
  ['$hub/nodes', (_payload, asking) => void tellNodes(asking)],
  ['$hub/label', (payload, asking) => detached(label(payload, asking))],
])

function answer({ link, topic, options: { id } }: Asking, value: object): void {
  link.send(encodeValue(`${topic}/ok`, value, id === undefined ? undefined : { id }))
}

async function tellNodes(asking: Asking): Promise<void> {
  const { link, session, topic, options } = asking
  const { id } = options
  const line = id === undefined ? undefined : { id }
  const count = await session.tellNodes((node) => link.send(encode(topic, node, line)))
  answer(asking, { count })
}

function label({ value }: Payload, asking: Asking): Promise<void> {
  return labelled(value, asking).then(
    (device) => answer(asking, device),
    (error: unknown) => tellError(error, asking),
  )
}

async function labelled(value: unknown, { session }: Asking) {
  if (validateLabelRequest(value)) return session.label(value)
  throw new HubError('bad-payload', schemaSentence(validateLabelRequest, value, placeInPayload))
}

function placeInPayload(levels: readonly string[]): string {
  return levels.length === 0 ? 'the payload' : `/${levels.join('/')} of the payload`
}

function recordIn({ value, jsonText }: Payload): Record<string, unknown> {
  if (isRecord(value)) return value
  throw badRequest('an object', jsonText)
}

function filtersIn(filters: unknown): string[] {
  const isList = Array.isArray(filters) && filters.every((each) => typeof each === 'string')
  if (isList) return filters
  throw badRequest('a list of filters', String(JSON.stringify(filters)))
}

function badRequest(expected: string, got: string): HubError {
  return new HubError('bad-payload', `expected ${expected}, got ${quote(got)}`)
}

// --- decoding ---

/** The lines of a frame that are not empty. The last one may lack its newline. */
function linesOf(frame: Buffer, { link, limits, sampledLog }: Conversation): string[] {
  const text = utf8Text(frame)
  if (text === undefined) {
    link.send(encodeError(badFrame('a frame in UTF-8', 'other bytes')))
    return []
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const { linesPerMessage } = limits.websocket
  if (lines.length <= linesPerMessage) return lines
  const fields = { lines: lines.length }
  sampledLog.warn('websocket-too-many-lines', fields, 'a frame has too many lines')
  const most = `at most ${linesPerMessage} lines in a frame`
  link.send(encodeError(badFrame(most, String(lines.length))))
  return []
}

/** Lines are cheap to count before they are read; past `most` no more are obeyed, and none is counted. */
function countLines(frame: Buffer, most: number): number {
  const lineBreak = 0x0a
  const last = frame.length - 1
  let lines = 1
  for (let at = frame.indexOf(lineBreak); at >= 0 && at < last && lines < most; lines++) {
    at = frame.indexOf(lineBreak, at + 1)
  }
  return lines
}

/** The texts of the elements of a line that is an array. */
function readTexts(line: string, { limits, sampledLog }: Conversation): string[] {
  try {
    return elementTexts(line, limits.json)
  } catch (error) {
    sampledLog.warn('json-refused', { reason: reasonOf(error) }, 'a line has too much JSON')
    throw error
  }
}

function parseArray(line: string): readonly unknown[] {
  const value = parseJson(line)
  if (Array.isArray(value)) return value
  throw badFrame('["topic", payload]', quote(line))
}

/** What is said to the hub alone. */
const hubPrefix = '$hub/'

function readTopic([topic]: readonly unknown[]): string {
  if (typeof topic === 'string' && (!topic.startsWith(hubPrefix) || requests.has(topic)))
    return topic
  // Below a base it would be a message like others: everybody there would read the password in it.
  if (typeof topic === 'string') {
    const known = [...requests.keys()].join(', ')
    const sentence = `expected ${known} of who is signed in already, got ${quote(topic)}`
    throw new HubError('bad-topic', sentence)
  }
  throw badFrame('a string as topic', quote(JSON.stringify(topic) ?? 'an empty array'))
}

/** A line, and what it was read as. */
interface Line {
  readonly line: string
  readonly parts: readonly unknown[]
  readonly texts: readonly string[]
}

function readPayload({ line, parts, texts }: Line, limits: JsonLimits): Payload {
  const [, value, options, ...more] = parts
  const [, payloadText, optionsText] = texts
  if (payloadText === undefined || more.length > 0) {
    throw badFrame('["topic", payload] or ["topic", payload, object]', quote(line))
  }
  if (optionsText === undefined) return Payload.ofJson(payloadText, value)
  if (!isRecord(options)) throw badFrame('an object as third element', quote(optionsText))
  if (!('encoding' in options)) return Payload.ofJson(payloadText, value)
  if (options['encoding'] === 'base64') {
    return new Payload(readBase64(value, payloadText), limits)
  }
  throw badFrame('base64 as encoding', quote(optionsText))
}

const maximumIdLength = 64

type LineId = string | number

/** `options` were found to be an object where there are any. */
function readOptions([, , options]: readonly unknown[]): TalkOptions {
  if (!isRecord(options)) return noOptions
  const force = options['force'] === true
  return { isThere: true, id: readId(options), force, properties: readProperties(options) }
}

function readId(options: Record<string, unknown>): LineId | undefined {
  if (!('id' in options)) return undefined
  const { id } = options
  if (typeof id === 'number' && Number.isSafeInteger(id)) return id
  if (typeof id === 'string' && id.length > 0 && id.length <= maximumIdLength) return id
  const expected = `a text of 1 to ${maximumIdLength} characters or an integer as id`
  throw badFrame(expected, quote(JSON.stringify(id)))
}

/** How much a line may say of its message. */
const mostProperties = { count: 64, characters: 4096 }

/** What MQTT 5 says of the message: `contentType`, and `userProperties` as pairs of texts. */
function readProperties(options: Record<string, unknown>): MessageProperties | undefined {
  const { contentType, userProperties = [] } = options
  if (contentType === undefined && options['userProperties'] === undefined) return undefined
  if (contentType !== undefined && !isPropertyText(contentType)) {
    throw badFrame('a text as contentType', quote(String(JSON.stringify(contentType))))
  }
  if (!isPairs(userProperties)) {
    const expected = `at most ${mostProperties.count} pairs of texts as userProperties`
    throw badFrame(expected, quote(String(JSON.stringify(userProperties))))
  }
  return { bytes: bytesOf({ userProperties, ...(contentType !== undefined && { contentType }) }) }
}

function isPairs(value: unknown): value is [string, string][] {
  return (
    Array.isArray(value) &&
    value.length <= mostProperties.count &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isPropertyText))
  )
}

function isPropertyText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= mostProperties.characters && isFitText(value)
}

/** Bytes that are no text travel as `["topic", "base64…", {"encoding": "base64"}]`. */
function readBase64(value: unknown, payloadText: string): Buffer {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64')
  if (bytes.toString('base64') === value) return bytes
  throw badFrame('a payload in base64', quote(payloadText))
}

function badFrame(expected: string, got: string): HubError {
  return new HubError('bad-frame', `expected ${expected}, got ${got}`)
}

// --- encoding ---

function encode(topic: string, payload: Payload, options?: LineOptions): string {
  const line = `[${JSON.stringify(topic)},${payload.jsonText}`
  if (payload.encoding !== 'base64' && options === undefined) return `${line}]\n`
  const encoding = payload.encoding === 'base64' ? { encoding: 'base64' } : {}
  return `${line},${JSON.stringify({ ...encoding, ...options })}]\n`
}

function encodeValue(topic: string, value: object, options?: LineOptions): string {
  return encode(topic, Payload.ofValue(value), options)
}

function encodeError(error: HubError): string {
  return encode(hubErrorTopic, errorPayload(error))
}
