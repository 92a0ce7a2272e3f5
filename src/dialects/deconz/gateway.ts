/** Who the gateway says it is, and who gets a key. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { User } from '../../access/user.ts'
import { HubError, quote } from '../../core/errors.ts'
import { fieldOf, isRecord, parseJson } from '../../core/json.ts'
import { keyOperations } from '../key-operations.ts'
import type { Operation, ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import { failure, invalidValue, jsonAnswer } from './answers.ts'

/** What stays the same from one start to the next. */
export interface Identity {
  /** 16 hexadecimal digits. */
  readonly bridgeId: string
  readonly uuid: string
}

const key = 'dialect/deconz/identity'

export async function openIdentity(store: ServedContext['store']): Promise<Identity> {
  const known = readIdentity(await store.get(key))
  if (known !== undefined) return known
  // By these first digits clients know a gateway: they are of its maker's ZigBee radios.
  const bridgeId = `00212EFFFF${randomBytes(3).toString('hex').toUpperCase()}`
  const identity = { bridgeId, uuid: randomUUID() }
  await store.write([{ key, value: Buffer.from(JSON.stringify(identity)) }])
  return identity
}

function readIdentity(bytes: Buffer | undefined): Identity | undefined {
  const value = bytes && parseJson(bytes)
  const bridgeId = fieldOf(value, 'bridgeId')
  const uuid = fieldOf(value, 'uuid')
  return typeof bridgeId === 'string' && typeof uuid === 'string' ? { bridgeId, uuid } : undefined
}

/** The version of the original whose answers these are. */
const version = '2.29.2'

/** What everybody may know. */
export function publicConfig({ bridgeId }: Identity): Record<string, unknown> {
  return {
    apiversion: '1.16.0',
    bridgeid: bridgeId,
    datastoreversion: '93',
    devicename: 'Clown.Hub',
    factorynew: false,
    mac: macOf(bridgeId),
    modelid: 'deCONZ',
    name: 'Clown.Hub',
    replacesbridgeid: null,
    starterkitid: '',
    swversion: version,
  }
}

/** Of the eight bytes of a bridge, the two in the middle say only that it was made of six. */
function macOf(bridgeId: string): string {
  const six = `${bridgeId.slice(0, 6)}${bridgeId.slice(10)}`
  return six.toLowerCase().replace(/..(?!$)/g, '$&:')
}

interface ConfigParts {
  readonly identity: Identity
  readonly isUnlocked: boolean
  /** Where the gateway listens, as it knows. */
  readonly port: number
  readonly nowMs: number
  readonly whitelist: Readonly<Record<string, unknown>>
}

/** What a gateway has that the hub has not. Clients look into some of it without asking whether it is there. */
const constants = {
  backup: { errorcode: 0, status: 'idle' },
  dhcp: true,
  disablePermitJoinAutoOff: false,
  // Of a radio of the original: clients cut it into digits, and take zeros for a radio that is broken.
  fwversion: '0x264a0700',
  gateway: '0.0.0.0',
  internetservices: { remoteaccess: 'disconnected' },
  lightlastseeninterval: 60,
  netmask: '255.255.255.0',
  networkopenduration: 60,
  ntp: 'synced',
  panid: 0,
  portalconnection: 'disconnected',
  portalservices: false,
  portalstate: { communication: 'disconnected', incoming: false, outgoing: false, signedon: false },
  proxyaddress: 'none',
  proxyport: 0,
  rfconnected: true,
  swupdate: { notify: false, text: '', updatestate: 0, url: '' },
  swupdate2: {
    autoinstall: { on: false, updatetime: '' },
    bridge: { lastinstall: null, state: 'noupdates' },
    checkforupdate: false,
    install: false,
    lastchange: '',
    lastinstall: '',
    state: 'noupdates',
  },
  timeformat: '24h',
  websocketnotifyall: true,
  zigbeechannel: 11,
}

/** What the owner of a key may know; `stable` is what of it is not about the time. */
export function fullConfig(request: ServedRequest, parts: ConfigParts) {
  const { identity, isUnlocked, whitelist, nowMs } = parts
  const { address, port } = reachedAt(request, parts.port)
  const stable = {
    ...publicConfig(identity),
    ...constants,
    ipaddress: address,
    linkbutton: isUnlocked,
    port,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    uuid: identity.uuid,
    websocketport: port,
    ...(request.isSecure ? { websocketport_wss: port } : {}),
  }
  const whole = { ...stable, UTC: secondOf(nowMs), localtime: localSecondOf(nowMs), whitelist }
  return { stable, whole }
}

/**
 * Where the client has reached us, which is not where we listen when somebody in between maps ports: a
 * port that only a container knows is what users of the original complain about most.
 */
function reachedAt({ headers, isSecure }: ServedRequest, ownPort: number) {
  const url = `${isSecure ? 'https' : 'http'}://${headers['host']}`
  if (!URL.canParse(url)) return { address: '127.0.0.1', port: ownPort }
  const { hostname, port } = new URL(url)
  // The port of its scheme is not in a URL.
  return { address: hostname, port: Number(port) || (isSecure ? 443 : 80) }
}

/** ISO 8601 without milliseconds or zone. */
export function secondOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19)
}

function localSecondOf(atMs: number): string {
  const offsetMs = new Date(atMs).getTimezoneOffset() * 60_000
  return secondOf(atMs - offsetMs)
}

// --- keys: for whoever knows a password, and for everybody while an operator has unlocked them ---

export interface KeyMakers {
  readonly isUnlocked: boolean
  /** Lets anybody make keys for `user`, for some seconds; 0 ends that. */
  unlock(user: string, seconds: number): void
  /** `POST /api`. */
  makeKey(request: ServedRequest, body: unknown): Promise<ServedAnswer>
  /** What operators ask for. */
  readonly operations: ReadonlyMap<string, Operation>
}

/** A client that asks again at once gets the same key, as of the original. */
const sameKeyMs = 30_000

/** What the original takes. */
const shortestKey = 10
const longestKey = 100
/** What a client makes up and is shorter is easily guessed: it gets one of the hub's own. */
const shortestOwnKey = 20
const longestLabel = 200

interface Made {
  readonly key: string
  readonly label: string
  readonly user: string
  readonly address: string
  readonly atMs: number
}

type Context = Pick<ServedContext, 'keys' | 'findUser' | 'clock'>

export function createKeyMakers(context: Context): KeyMakers {
  const { keys, findUser, clock } = context
  let unlocked: { user: string; untilMs: number } | undefined
  let latest: Made | undefined
  const owner = () =>
    unlocked !== undefined && clock.nowMs() < unlocked.untilMs ? unlocked.user : undefined
  /** It was not unlocked for the page of a stranger, which may be open just then. */
  const unlockerFor = (request: ServedRequest) =>
    request.isOriginAllowed ? findUser(owner() ?? '') : undefined
  const unlock = (user: string, seconds: number) => {
    unlocked = { user, untilMs: clock.nowMs() + seconds * 1000 }
    latest = undefined
  }
  const make = async ({ address }: ServedRequest, user: User, wanted: WantedKey) => {
    const { label } = wanted
    const key = wanted.key ?? newKey()
    if (keys.find(key) === undefined) await keys.add(key, { user: user.name, label, address })
    latest = { key, label, user: user.name, address, atMs: clock.nowMs() }
    return made(key)
  }
  /** The latest key, of who asks for it again; also when an unlock was for that one. */
  const latestFor = (request: ServedRequest, wanted: WantedKey, user: User | undefined) => {
    if (latest === undefined || clock.nowMs() - latest.atMs >= sameKeyMs) return undefined
    const { key, label, address } = latest
    const isSame = label === wanted.label && address === request.address && !wanted.key
    const isTheirs = user === undefined ? request.isOriginAllowed : user.name === latest.user
    return isSame && isTheirs && keys.find(key) !== undefined ? key : undefined
  }
  return {
    get isUnlocked() {
      return owner() !== undefined
    },
    unlock,
    makeKey: async (request, body) => {
      const unlocker = unlockerFor(request)
      const user = unlocker ?? (await userOf(request))
      const wanted = readWantedKey(body)
      if ('status' in wanted) return user === undefined ? lockedAnswer : wanted
      const known = latestFor(request, wanted, user)
      if (known !== undefined) return made(known)
      if (user === undefined) return lockedAnswer
      // One key for each unlock.
      if (unlocker !== undefined) unlocked = undefined
      return make(request, user, wanted)
    },
    operations: operationsOf(context, unlock),
  }
}

function made(key: string): ServedAnswer {
  return jsonAnswer(200, [{ success: { username: key } }])
}

/** 40 random bits, which clients of the original expect: guesses are counted. */
function newKey(): string {
  return randomBytes(5).toString('hex').toUpperCase()
}

async function userOf(request: ServedRequest): Promise<User | undefined> {
  if (request.headers['authorization'] === undefined) return undefined
  const result = await request.signIn()
  return 'user' in result ? result.user : undefined
}

const lockedAnswer = jsonAnswer(403, [failure('locked', '/', 'link button not pressed')])

interface WantedKey {
  readonly label: string
  /** What the client wants to be called. */
  readonly key?: string
}

function readWantedKey(body: unknown): WantedKey | ServedAnswer {
  const refused = (element: ReturnType<typeof failure>) => jsonAnswer(400, [element])
  if (!isRecord(body) || Object.keys(body).length === 0) {
    return refused(failure('invalidJson', '/', 'body contains invalid JSON'))
  }
  const { devicetype, username } = body
  if (devicetype === undefined) {
    return refused(failure('missingParameter', '/', 'missing parameters in body'))
  }
  if (typeof devicetype !== 'string') return refused(invalidValue('/', 'devicetype', devicetype))
  const label = devicetype.slice(0, longestLabel)
  if (username === undefined) return { label }
  const isKey =
    typeof username === 'string' && username.length >= shortestKey && username.length <= longestKey
  // In a path it would be something else.
  if (!isKey || encodeURIComponent(username) !== username) {
    return refused(invalidValue('/', 'username', username))
  }
  return username.length < shortestOwnKey ? { label } : { label, key: username }
}

// --- for operators ---

const longestUnlockSeconds = 600

function operationsOf(
  { keys, findUser, clock }: Context,
  unlock: KeyMakers['unlock'],
): ReadonlyMap<string, Operation> {
  return new Map<string, Operation>([
    [
      'unlock',
      (body, by) => {
        const { seconds = 60, user = by.name } = isRecord(body) ? body : {}
        checkSeconds(seconds)
        checkOwner(user, by, findUser)
        unlock(user, seconds)
        return { user, until: new Date(clock.wallMs() + seconds * 1000).toISOString() }
      },
    ],
    ...keyOperations(keys),
  ])
}

function checkSeconds(seconds: unknown): asserts seconds is number {
  const isTime = typeof seconds === 'number' && seconds >= 0 && seconds <= longestUnlockSeconds
  if (isTime) return
  const message = `expected seconds from 0 to ${longestUnlockSeconds}, got ${JSON.stringify(seconds)}`
  throw new HubError('bad-payload', message)
}

function checkOwner(
  user: unknown,
  by: User,
  findUser: Context['findUser'],
): asserts user is string {
  if (typeof user !== 'string' || findUser(user) === undefined) {
    throw new HubError('bad-payload', `expected a user of the hub, got ${JSON.stringify(user)}`)
  }
  if (user === by.name || by.role === 'admin') return
  throw new HubError('forbidden', `expected an admin to make keys for ${quote(user)}`)
}
