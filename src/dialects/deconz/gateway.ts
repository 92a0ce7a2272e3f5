/** Who the gateway says it is. */
import { randomBytes, randomUUID } from 'node:crypto'
import { fieldOf, parseJson } from '../../core/json.ts'
import type { ServedContext, ServedRequest } from '../served-dialect.ts'

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

export interface ConfigParts {
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
