import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import { isLoopbackHost } from '../access/address.ts'
import { createToken } from '../access/tokens.ts'
import { type Config, checkConfig } from '../config.ts'
import { HubError } from '../core/errors.ts'
import { compileSooner } from '../core/process-watch.ts'
import { readRelease } from '../core/release.ts'
import { type CliCommand, forPeople, jsonOption, printAnswer, readArguments } from './arguments.ts'
import type { LabEntry } from './lab-dialects.ts'
import { straySignals, type Terminal, warningsTo } from './terminal.ts'

const usage = 'lab [--house] [--dialects NAME=PORT,… | none] [--json]'

const options = {
  dialects: { type: 'string' },
  house: { type: 'boolean', default: false },
  ...jsonOption,
} as const

interface LabValues {
  readonly dialects?: string | undefined
  readonly house: boolean
  readonly json: boolean
}

export const lab: CliCommand = {
  usage,
  summary: 'start a hub and simulated hardware, for this machine only, without any configuration',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    await startLab(values, terminal)
  },
}

const base = 'nodes/bridge/0'
const user = 'clown'
const nodeUser = 'bridge'
const deviceUser = 'house'

/**
 * The user of the founding documents, whose password everybody knows, so only loopback may see it; and
 * one for the node, by which the hub knows whether it is there. The devices that people own have one, too. Nobody needs
 * the passwords of those.
 */
function labConfig(dialects: readonly LabEntry[]) {
  return {
    users: {
      [user]: { password: 'bigclown', digest: true, role: 'admin' },
      [nodeUser]: { password: createToken().token, role: 'node', base },
      [deviceUser]: { password: createToken().token, role: 'operator' },
    },
    dialects,
    // Which is said in one sentence with the rest.
    accept: ['guest-pages'],
    log: { level: 'warn' },
  }
}

const warning = `lab mode: everybody knows ${user} and the password, and any page may watch; for a house or a lab, clown-hub init`

/**
 * Starts a hub and a simulated node, tells how to talk to them, then starts other hardware, and ends all when the
 * terminal is stopped.
 *
 * @throws HubError
 */
async function startLab({ dialects, house, json }: LabValues, terminal: Terminal): Promise<void> {
  // Without SIGHUP: whoever closes the terminal is done with it.
  terminal.ignore(straySignals)
  const [{ openHeldLog }, { labDialects }] = await Promise.all([
    import('../core/log.ts'),
    import('./lab-dialects.ts'),
  ])
  const input = labConfig(labDialects(dialects, { user, base }))
  const config = checkConfig(input, terminal.environment, warningsTo(forPeople(terminal, { json })))
  for (const { host } of [config.http, config.mqtt, config.tls ?? config.http]) checkLoopback(host)
  // Who starts this for the first time reads first what it is.
  const { log, release } = openHeldLog(config.log.level)
  try {
    await runLab(config, { log, isHouse: house, json }, { ...terminal, greeted: release })
  } finally {
    release()
  }
}

interface LabTerminal extends Pick<Terminal, 'print' | 'stopped'> {
  /** Called when the user has read how to begin. */
  greeted(): void
}

interface LabHow {
  readonly log: Logger
  readonly isHouse: boolean
  readonly json: boolean
}

async function runLab(
  config: Config,
  { log, isHouse, json }: LabHow,
  terminal: LabTerminal,
): Promise<void> {
  const [{ startHub }, { dialectsLine }] = await Promise.all([
    import('../hub.ts'),
    import('./lab-dialects.ts'),
  ])
  const hub = await startHub(config, { warnings: [warning], isLab: true, log })
  compileSooner()
  try {
    // The hub takes its first clients while this loads.
    const { startSimulatedNode } = await import('../simulator/start-simulated-node.ts')
    const mqtt = `${inUrl(config.mqtt.host)}:${hub.mqttPort}`
    const node = await startSimulatedNode({
      url: `mqtt://${mqtt}`,
      name: base,
      ...loginOf(config, nodeUser),
    })
    const http = `${inUrl(config.http.host)}:${hub.httpPort}`
    const dialects = dialectsLine(hub.dialects)
    const addresses = { http, mqtt, host: config.mqtt.host, port: hub.mqttPort, dialects }
    const { password } = loginOf(config, user)
    const lines = welcome({ ...addresses, isHouse }, password)
    const login = { user, password, base }
    const value = {
      http: `http://${http}`,
      mqtt: `mqtt://${mqtt}`,
      ...login,
      dialects: hub.dialects,
    }
    printAnswer(terminal, { json }, { value, lines })
    terminal.greeted()
    const { furnish } = await import('./lab-house.ts')
    const broker = { url: `mqtt://${mqtt}`, ...loginOf(config, deviceUser) }
    const address = { url: `http://${http}`, user, password }
    const clear = await furnish({ isHouse, broker, hub: address }, terminal)
    await terminal.stopped
    await Promise.all([node.close(), clear()])
  } finally {
    await hub.close()
  }
}

function loginOf({ users }: Config, username: string): { username: string; password: string } {
  return { username, password: String(users[username]?.password) }
}

function checkLoopback(host: string): void {
  if (isLoopbackHost(host)) return
  const fix = 'use "clown-hub run --config FILE" with passwords of your own for other machines'
  throw new HubError('bad-config', `lab mode listens on loopback only, got ${host}; ${fix}`)
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

interface Addresses {
  readonly http: string
  readonly mqtt: string
  readonly host: string
  readonly port: number
  readonly dialects: string
  readonly isHouse: boolean
}

function welcome(
  { http, mqtt, host, port, dialects, isHouse }: Addresses,
  password: string,
): string[] {
  const url = `ws://${user}:${encodeURIComponent(password)}@${http}/auth/clown-talk-server_${base.replaceAll('/', '_')}`
  const mosquitto = `-h ${host} -p ${port} -u ${user} -P ${password}`
  return [
    `Clown.Hub ${readRelease().version} in lab mode, for this machine only. Ctrl-C ends it.`,
    `  page   http://${http}, user ${user}, password ${password}; MQTT over websocket on /mqtt`,
    `  mqtt   mqtt://${mqtt}, the same user`,
    `  node   ${base}, simulated; ${isHouse ? 'a house of five rooms' : 'one of each convention'} below devices`,
    `  others ${dialects}`,
    'Watch the node, switch its relay, or talk to it (a line to type in wscat comes last):',
    `  mosquitto_sub ${mosquitto} -v -t '${base}/#'`,
    `  mosquitto_pub ${mosquitto} -t ${base}/relay/i2c0-3b/set -m '{"state":true}'`,
    `  npx wscat -c ${url}`,
    '  ["relay/i2c0-3b/set", {"state": false}]',
  ]
}
