/** The configuration of ours for a mosquitto.conf. */
import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import type { ConfigInput } from '../../config.ts'
import { validateCheckedConfig } from '../../generated/validate-config.js'
import { type Conf, type ConfLine, type ConfListener, locate } from './files.ts'

/** What an import of settings came to. */
export interface ImportedConfig {
  readonly config: ConfigInput
  /** The files of users and rights, as Mosquitto names them, on any port that is opened. */
  readonly passwordFiles: readonly ConfLine[]
  readonly aclFiles: readonly ConfLine[]
  /** Whether who gives no name may come in, on all ports that are opened. */
  readonly allowsAnonymous: boolean
  /** What has no counterpart here, or another one: a sentence each. */
  readonly notes: readonly string[]
}

/** Settings that are taken, and what is to be told of the others. */
interface Taking {
  readonly conf: Conf
  readonly taken: Set<ConfLine>
  readonly notes: string[]
}

/** Finds our settings for those of Mosquitto. */
export function importConfig(conf: Conf): ImportedConfig {
  const taking: Taking = { conf, taken: new Set(), notes: [] }
  const opened = conf.listeners.filter((listener) => isToBeOpened(listener, taking))
  const limits = limitsIn(taking, opened)
  const config = {
    ...portsIn(taking, opened),
    data: { folder: isPersistent(taking) ? 'data' : '' },
    ...(Object.keys(limits).length > 0 && { limits }),
  }
  const passwordFiles = securityLines('password_file', taking, opened)
  const aclFiles = securityLines('acl_file', taking, opened)
  const allowsAnonymous = isAnonymousAllowed(taking, opened)
  const notes = [...taking.notes, ...notTaken(taking)]
  return { config, passwordFiles, aclFiles, allowsAnonymous, notes }
}

/** A port where shared keys, or certificates of authorities in a folder, keep people out would let them in here. */
function isToBeOpened(listener: ConfListener, { taken, notes }: Taking): boolean {
  const { lines, place, port } = listener
  const isWithoutCa = asksForCertificates(listener) && !lines.has('cafile')
  const reason = [
    ...(port === '0' ? ['it is a Unix socket'] : []),
    ...(isWithoutCa ? ['it asks for certificates without a cafile'] : []),
    ...(lines.has('psk_hint') ? ['it asks for shared keys'] : []),
  ].join(', and ')
  if (reason === '') return true
  notes.push(`${place}: this port is not opened, since ${reason}`)
  const line = lines.get('listener')
  if (line !== undefined) taken.add(line)
  return false
}

function asksForCertificates({ lines }: ConfListener): boolean {
  return lines.get('require_certificate')?.value === 'true'
}

const kinds = ['mqtt', 'http', 'mqtts', 'https'] as const
type Kind = (typeof kinds)[number]

function kindOf({ lines }: ConfListener): Kind {
  const isTls = lines.has('certfile') && lines.has('keyfile')
  const isWebsocket = lines.get('protocol')?.value === 'websockets'
  if (isTls) return isWebsocket ? 'https' : 'mqtts'
  return isWebsocket ? 'http' : 'mqtt'
}

const portSettings = ['listener', 'port', 'bind_address', 'protocol', 'certfile', 'keyfile']
const clientSettings = ['require_certificate', 'cafile', 'crlfile', 'use_identity_as_username']

/** The first listener of each kind; of the others a note is made. */
function firstOfEachKind(
  opened: readonly ConfListener[],
  { taken, notes }: Taking,
): Partial<Record<Kind, ConfListener>> {
  const first: Partial<Record<Kind, ConfListener>> = {}
  for (const listener of opened) {
    const kind = kindOf(listener)
    const { place, port, lines } = listener
    const ofClients = asksForCertificates(listener) ? clientSettings : []
    for (const name of [...portSettings, ...ofClients]) {
      const line = lines.get(name)
      if (line !== undefined) taken.add(line)
    }
    if (first[kind] === undefined) first[kind] = listener
    else notes.push(`${place}: port ${port} is not opened: the hub has one port of its kind`)
  }
  return first
}

function portsIn(taking: Taking, opened: readonly ConfListener[]): ConfigInput {
  const { mqtt, http, mqtts, https } = firstOfEachKind(opened, taking)
  return {
    mqtt: endpoint(mqtt, taking) ?? { host: '127.0.0.1', port: 1883 },
    http: endpoint(http, taking) ?? { host: '127.0.0.1', port: 8080 },
    ...tlsPart({ mqtts, https }, taking),
  }
}

function endpoint(listener: ConfListener | undefined, taking: Taking) {
  return listener && { host: hostOf(listener, taking), port: Number(listener.port) }
}

/** One certificate and one address are for both ports. */
function tlsPart(
  { mqtts, https }: { mqtts: ConfListener | undefined; https: ConfListener | undefined },
  taking: Taking,
): Pick<ConfigInput, 'tls'> {
  const listener = mqtts ?? https
  if (listener === undefined) return {}
  const file = (name: string) =>
    resolve(locate(String(listener.lines.get(name)?.value), taking.conf.folder))
  const host = hostOf(listener, taking)
  if (https === undefined)
    taking.notes.push(`${listener.place}: HTTPS is opened, too, on port 8443`)
  if (mqtts === undefined) {
    taking.notes.push(`${listener.place}: MQTT with TLS is opened, too, on port 8883`)
  } else if (https !== undefined && filesOf(mqtts) !== filesOf(https)) {
    taking.notes.push(`${https.place}: the certificate and the address are those of ${mqtts.place}`)
  }
  return {
    tls: {
      certFile: file('certfile'),
      keyFile: file('keyfile'),
      ...(asksForCertificates(listener) && {
        clientCaFile: file('cafile'),
        ...(listener.lines.has('crlfile') && { clientCrlFile: file('crlfile') }),
        clientCertificates: 'required',
      }),
      host,
      mqttPort: Number(mqtts?.port ?? 8883),
      httpPort: Number(https?.port ?? 8443),
    },
  }
}

function filesOf({ address, lines }: ConfListener): string {
  const names = ['certfile', 'keyfile', 'require_certificate', 'cafile', 'crlfile']
  return [address, ...names.map((name) => lines.get(name)?.value)].join()
}

/** Mosquitto listens on IPv6 as well, where there is any. */
function hostOf({ address, place, lines }: ConfListener, { taken, notes }: Taking): string {
  if (address !== '') return address
  const ofInterface = lines.get('bind_interface')
  if (ofInterface !== undefined) {
    const found = networkInterfaces()[ofInterface.value]?.[0]?.address ?? '127.0.0.1'
    notes.push(`${place}: listens on ${found}, the address of that interface now`)
    taken.add(ofInterface)
    return found
  }
  const domain = lines.get('socket_domain')
  if (domain !== undefined) taken.add(domain)
  const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  )
  return hasIPv6 && domain?.value !== 'ipv4' ? '::' : '0.0.0.0'
}

/** It keeps nothing by default, which nobody chose; the hub does. */
function isPersistent({ conf, taken }: Taking): boolean {
  const line = conf.general.get('persistence')
  if (line !== undefined) taken.add(line)
  return line?.value !== 'false'
}

type Limit = [setting: string, path: readonly [group: string, key: string], ofValue: Conversion]

/** Our number for the text of Mosquitto; undefined for none. */
type Conversion = (value: string) => number | undefined

const limitsOfTheirs: readonly Limit[] = [
  ['message_size_limit', ['mqtt', 'publishBytes'], (value) => positive(value, 1024)],
  ['max_packet_size', ['mqtt', 'publishBytes'], positive],
  ['max_queued_messages', ['sessions', 'messages'], (value) => positive(value) ?? 1e9],
  ['max_queued_bytes', ['sessions', 'bytes'], positive],
  ['persistent_client_expiration', ['sessions', 'hours'], hoursIn],
]

function positive(value: string, more = 0): number | undefined {
  return Number(value) > 0 ? Number(value) + more : undefined
}

const hoursOfUnit = { h: 1, d: 24, w: 168, m: 730, y: 8760 } as const

function hoursIn(value: string): number | undefined {
  const [, count, unit] = /^(\d+)([hdwmy])$/.exec(value) ?? []
  const hours = Object.entries(hoursOfUnit).find(([name]) => name === unit)?.[1]
  return hours === undefined ? undefined : Number(count) * hours
}

type Limits = Record<string, Record<string, number>>

function limitsIn({ conf, taken, notes }: Taking, opened: readonly ConfListener[]): Limits {
  const limits: Limits = {}
  const set = ([group, key]: Limit[1], wanted: number, line: ConfLine) => {
    const value = nearestLimit([group, key], wanted)
    limits[group] = { ...limits[group], [key]: value }
    taken.add(line)
    if (value !== wanted)
      notes.push(`${line.place}: ${line.name} is ${value} here, the nearest it can be`)
  }
  for (const [setting, path, ofValue] of limitsOfTheirs) {
    const line = conf.general.get(setting)
    const wanted = line && ofValue(line.value)
    if (line !== undefined && wanted !== undefined) set(path, wanted, line)
  }
  const connections = opened.map(({ lines }) => lines.get('max_connections'))
  const counts = connections.map((line) => positive(line?.value ?? '') ?? Number.NaN)
  const total = counts.reduce((sum, count) => sum + count, 0)
  for (const line of connections)
    if (line !== undefined && total > 0) set(['connections', 'total'], total, line)
  return limits
}

function securityLines(name: string, taking: Taking, opened: readonly ConfListener[]): ConfLine[] {
  const { conf, taken } = taking
  const all = [conf.general.get(name), ...opened.map(({ lines }) => lines.get(name))]
  const lines = all.filter((line) => line !== undefined)
  for (const line of lines) taken.add(line)
  return lines.filter(({ value }, at) => lines.findIndex((other) => other.value === value) === at)
}

function isAnonymousAllowed(
  { conf, taken, notes }: Taking,
  opened: readonly ConfListener[],
): boolean {
  const general = conf.general.get('allow_anonymous')
  const lines = opened.map((listener) => listener.lines.get('allow_anonymous') ?? general)
  for (const line of lines) if (line !== undefined) taken.add(line)
  const allowed = lines.map((line) => (line ? line.value === 'true' : conf.isLocalOnly))
  const isMixed = new Set(allowed).size === 2
  if (isMixed) {
    const sentence = 'is false here, since not all ports let in who gives no name'
    notes.push(`mosquitto.conf: allow_anonymous ${sentence}`)
  }
  return allowed.length > 0 && !allowed.includes(false)
}

/** What these say is how it is here. */
const sameHere: ReadonlySet<string> = new Set([
  'allow_zero_length_clientid true',
  'max_qos 2',
  'per_listener_settings false',
  'require_certificate false',
  'retain_available true',
  'set_tcp_nodelay true',
  'upgrade_outgoing_qos false',
  'use_identity_as_username false',
  'use_subject_as_username false',
])

/** A sentence on each setting that is left. No values: some are passwords. */
function notTaken({ conf, taken }: Taking): string[] {
  const left = conf.lines.filter((line) => !taken.has(line) && line.name !== 'include_dir')
  const byTitle = new Map<string, ConfLine[]>()
  for (const line of left.filter(({ name, value }) => !sameHere.has(`${name} ${value}`))) {
    const title = line.name === 'connection' ? `connection ${line.value}` : line.name
    byTitle.set(title, [...(byTitle.get(title) ?? []), line])
  }
  return [...byTitle].flatMap(([title, lines]) => {
    const sentence = sentenceOn(title.replace(/ .*/, ''))
    // All of a bridge go together.
    if (sentence === asConnection) return []
    const places = lines.map(({ place }) => place).join(', ')
    // Without the marks that the page needs.
    const told = (sentence ?? 'not known in mosquitto.conf(5)').replaceAll('`', '')
    return `${places}: ${title}: ${told}`
  })
}

/** What `settings` says of a setting; undefined for one that mosquitto.conf(5) does not know. */
export function sentenceOn(name: string): string | undefined {
  const known = name.replace(/^((?:auth|plugin)_opt_).*/, '$1')
  return new Map(Object.entries(settings)).get(known)
}

/** `value` where a limit of the configuration can be set to it, or else the nearest that it can be set to. */
function nearestLimit(path: readonly [group: string, key: string], value: number): number {
  const { limits } = validateCheckedConfig.schema['properties']
  const { minimum, maximum } = limits.properties[path[0]].properties[path[1]]
  return Math.min(Math.max(value, minimum), maximum)
}

const asConnection = 'as `connection`'

const ofBridges = `
  address addresses bridge_alpn bridge_attempt_unsubscribe bridge_bind_address bridge_cafile
  bridge_capath bridge_certfile bridge_identity bridge_insecure bridge_keyfile
  bridge_max_packet_size bridge_outgoing_retain bridge_protocol_version bridge_psk
  bridge_require_ocsp bridge_tls_version cleansession clientid idle_timeout keepalive_interval
  local_cleansession local_clientid local_password local_username notification_topic
  notifications notifications_local_only password remote_clientid remote_password
  remote_username restart_timeout round_robin start_type threshold topic try_private username
`
  .trim()
  .split(/\s+/)

/**
 * Every setting of mosquitto.conf(5), with what it is here. docs/from-mosquitto.md has the same table,
 * which a test compares; an import tells those it could not take by their sentence here.
 */
export const settings: Readonly<Record<string, string>> = {
  // Who may come in, and what they may do.
  acl_file: 'rules in `users.yaml`; without one, everybody gets the role `operator`',
  allow_anonymous: 'the user `anonymous` in `users.yaml`',
  allow_zero_length_clientid: 'always allowed, with a clean session',
  auth_opt_: 'no counterpart: there are no plugins',
  auth_plugin: 'no counterpart: there are no plugins; users are those of `users.yaml`',
  auth_plugin_deny_special_chars: 'no counterpart: there are no plugins',
  auto_id_prefix: 'no counterpart: ids that the hub makes up are random',
  check_retain_source: 'no counterpart: what was retained stays until somebody takes it away',
  clientid_prefixes: 'no counterpart: any client id may come, and counts for its user only',
  password_file: 'passwords in `users.yaml`; each hash becomes argon2id at the next sign-in',
  per_listener_settings: 'no counterpart: users and rules are the same on all ports',
  plugin: 'no counterpart: there are no plugins; users are those of `users.yaml`',
  plugin_opt_: 'no counterpart: there are no plugins',
  psk_file: 'no counterpart: the hub has no TLS by shared keys; use passwords or tokens',

  // Where the broker listens.
  listener: '`mqtt.host` and `mqtt.port`; of each kind of port there is one',
  port: '`mqtt.port`',
  bind_address: '`mqtt.host`',
  bind_interface: 'no counterpart: `mqtt.host` takes an address of the interface',
  protocol: '`mqtt` is the part `mqtt`, `websockets` the part `http`, there below the path `/mqtt`',
  socket_domain: '`host: 0.0.0.0` is IPv4 only, `host: "::"` is both',
  mount_point: 'no counterpart: topics are the same on all ports; give users rules below a prefix',
  max_connections: '`limits.connections.total`, all ports together',
  http_dir: 'no counterpart: the hub serves no files',
  use_username_as_clientid: 'not needed: a client id counts for its user only',
  set_tcp_nodelay: 'always on',
  websockets_headers_size: '`limits.http.headerBytes`',
  websockets_log_level: 'no counterpart',

  // TLS.
  certfile: '`tls.certFile`',
  keyfile: '`tls.keyFile`; readable by its owner only',
  cafile: '`tls.clientCaFile`, beside `require_certificate`; else it is not needed',
  capath: 'no counterpart: put the authorities into one `tls.clientCaFile`',
  crlfile: '`tls.clientCrlFile`, beside `require_certificate`; else it is not needed',
  require_certificate: '`tls.clientCertificates: required`; on the other TLS port, too',
  use_identity_as_username: 'as here: the common name is the user of who gives no password',
  use_subject_as_username: 'no counterpart: the common name alone is the user',
  psk_hint: 'no counterpart: the port is not opened; use a certificate',
  tls_version: 'always TLS 1.2 and 1.3',
  ciphers: 'no counterpart: those of Node.js',
  'ciphers_tls1.3': 'no counterpart: those of Node.js',
  dhparamfile: 'not needed: keys are exchanged over elliptic curves',
  tls_engine: 'no counterpart: the key is a file',
  tls_engine_kpass_sha1: 'no counterpart: the key is a file',
  tls_keyform: 'no counterpart: the key is a file in PEM',

  // How much there may be.
  max_packet_size: '`limits.mqtt.publishBytes`',
  message_size_limit: '`limits.mqtt.publishBytes`, with 1,024 more for the topic',
  max_queued_messages: '`limits.sessions.messages`',
  max_queued_bytes: '`limits.sessions.bytes`',
  max_inflight_messages: 'no counterpart: as many as `limits.sessions.messages`',
  max_inflight_bytes: 'no counterpart: as many as `limits.sessions.bytes`',
  max_keepalive: '`mqtt.maximumKeepAliveSeconds`, for clients of MQTT 5',
  max_qos: 'no counterpart: always 2',
  max_topic_alias: 'no counterpart: always 10',
  memory_limit: '`limits.memory.mib`: past it values are delivered and not retained',
  persistent_client_expiration: '`limits.sessions.hours`',
  queue_qos0_messages: 'no counterpart: what is sent at QoS 0 does not wait for an absent client',
  retain_available: 'no counterpart: always available; `retain` is a right of users',
  upgrade_outgoing_qos: 'no counterpart: a message keeps its QoS',
  allow_duplicate_messages: 'no counterpart: a client gets a message once',

  // What is kept.
  persistence: '`data.folder`; `false` is an empty one',
  persistence_file: 'no counterpart: files in `data.folder` have names of their own',
  persistence_location: '`data.folder`; an import writes `data`, beside the new configuration',
  autosave_interval: 'not needed: what is acknowledged is on disk',
  autosave_on_changes: 'not needed: what is acknowledged is on disk',

  // The process and its log.
  connection_messages: 'no counterpart: connections are counted, not logged',
  include_dir: 'no counterpart: the configuration is one file; an import reads them all',
  log_dest: 'no counterpart: the hub logs to its standard error; systemd or Docker keep that',
  log_facility: 'no counterpart: as `log_dest`',
  log_timestamp: 'always there',
  log_timestamp_format: 'no counterpart: milliseconds since 1970',
  log_type: '`log.level`, which an import leaves at `info`',
  pid_file: 'not needed: systemd or Docker know the process',
  sys_interval: 'no counterpart: `/healthz` tells the counters when it is asked',
  user: 'not needed: start the hub as the user it is to be',

  // Bridges, of which all settings go together.
  connection:
    'no counterpart: the hub calls no other broker; a bridge of the other broker to the hub does the same',
  ...Object.fromEntries(ofBridges.map((name) => [name, asConnection])),
}
