/**
 * Starts the hub as an add-on of Home Assistant. What only the Supervisor knows, where the broker is, and what stands in the
 * options, goes to the hub by its environment; all else is in `clown-hub.yaml` of the add-on's own folder. Facts: the developers'
 * documents of Home Assistant, add-ons; home-assistant/supervisor, supervisor/api/services.py and discovery.py.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'

/** What config.yaml asks for. */
interface Options {
  readonly broker: 'beside' | 'own'
  readonly admins: readonly string[]
  readonly others: string
  readonly logins: readonly Login[]
  readonly log_level: string
}

interface Login {
  readonly username: string
  readonly password: string
  readonly kind: string
}

/** The service `mqtt` of the Supervisor. */
interface MqttService {
  readonly host: string
  readonly port: number
  readonly ssl?: boolean
  readonly username?: string
  readonly password?: string
}

type Environment = Readonly<Record<string, string>>

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '/data' },
    config: { type: 'string', default: '/config' },
    supervisor: { type: 'string', default: 'http://supervisor' },
    program: { type: 'string', default: '/hub/dist/cli/bin.js' },
  },
})
const { data, config: configFolder, supervisor, program } = values
const configFile = join(configFolder, 'clown-hub.yaml')
const usersFile = join(configFolder, 'users.yaml')

const firstConfig = `# What this add-on adds to the hub: rules for commands, languages of other systems, notifications and all else
# that docs/configuration.md has. Ports, users file, folders and the broker are the add-on's. Read anew when it changes.
`

/** How long between two looks for a broker. */
const lookMs = 2000

async function main(): Promise<void> {
  const options: Options = JSON.parse(readFileSync(join(data, 'options.json'), 'utf8'))
  mkdirSync(configFolder, { recursive: true })
  if (!existsSync(configFile)) writeFileSync(configFile, firstConfig)
  if (!existsSync(usersFile)) writeSecretFile(usersFile, 'users: {}\n')
  writeLogins(options.logins)
  const stop = new AbortController()
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener('abort', () => resolve()),
  )
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())
  const isOwn = options.broker === 'own'
  const bus = isOwn ? ownBroker : await besideBroker(stop.signal)
  if (bus === undefined) return
  const hub = spawn(process.execPath, [program, 'run', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...settingsOf(options), ...bus, ...process.env },
  })
  const ended = once(hub, 'exit')
  void stopped.then(() => hub.kill('SIGTERM'))
  createInterface({ input: hub.stdout }).on('line', (line) => {
    say(line)
    // Clients are let in from now on.
    if (isOwn && line.includes('listens')) void announce()
  })
  const [code] = await ended
  if (isOwn) await withdraw()
  process.exitCode = code ?? 1
}

// --- what the hub is told ---

/** What holds for the container, and what the options say. */
function settingsOf({ admins, others, log_level }: Options): Environment {
  return {
    CLOWN_HTTP_HOST: '0.0.0.0',
    CLOWN_HTTP_PORT: '8080',
    CLOWN_HTTP_INGRESS_ADDRESS: '172.30.32.2',
    CLOWN_HTTP_INGRESS_ROLE: others,
    ...(admins.length > 0 && { CLOWN_HTTP_INGRESS_ADMINS: admins.join(',') }),
    CLOWN_USERS_FILE: usersFile,
    CLOWN_DATA_FOLDER: join(data, 'store'),
    CLOWN_LOG_LEVEL: log_level,
    // Between containers passwords travel in the clear, as everywhere in Home Assistant.
    CLOWN_ACCEPT: 'plain-http,plain-mqtt',
  }
}

const ownBroker: Environment = { CLOWN_MQTT_HOST: '0.0.0.0', CLOWN_MQTT_PORT: '1883' }

/** Where the broker is that another add-on is; it may start later. Undefined when the add-on is stopped before. */
async function besideBroker(stop: AbortSignal): Promise<Environment | undefined> {
  for (let isFirst = true; !stop.aborted; isFirst = false) {
    const answer = await ask('GET', '/services/mqtt')
    if (answer.isOk) return environmentOf(answer.data)
    if (isFirst) say(`Waiting for the MQTT broker of another add-on: ${answer.reason}`)
    await delay(lookMs, undefined, { signal: stop }).catch(() => {})
  }
  return undefined
}

function environmentOf({ host, port, ssl = false, username, password }: MqttService): Environment {
  const passwordFile = join(data, 'broker-password')
  if (password !== undefined) writeSecretFile(passwordFile, password)
  say(`The broker is ${host}, port ${port}.`)
  return {
    CLOWN_BUS_URL: `${ssl ? 'mqtts' : 'mqtt'}://${host}:${port}`,
    ...(username !== undefined && { CLOWN_BUS_USER: username }),
    ...(password !== undefined && { CLOWN_BUS_PASSWORD_FILE: passwordFile }),
    // Everybody on this broker may switch everything already.
    CLOWN_BUS_TRUST: 'homeassistant,tasmota/discovery',
    CLOWN_BUS_COMMAND_USER: 'homeassistant',
  }
}

// --- who may come in ---

/** Home Assistant and the add-ons have each a user of their own with a password that nobody has to know. */
function writeLogins(logins: readonly Login[]): void {
  const file = join(data, 'logins.json')
  const before: Record<string, string> = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : {}
  const after: Record<string, string> = {}
  for (const login of [...ownLogins(), ...logins]) {
    const digest = createHash('sha256').update(JSON.stringify(login)).digest('hex')
    after[login.username] = digest
    if (before[login.username] !== digest) writeLogin(login)
  }
  for (const gone of Object.keys(before).filter((name) => after[name] === undefined)) {
    clownHub(['user', 'remove', gone])
  }
  writeSecretFile(file, JSON.stringify(after))
}

function ownLogins(): Login[] {
  return ['homeassistant', 'addons'].map((username) => ({
    username,
    password: passwordOf(username),
    kind: username === 'addons' ? 'node-red' : 'home-assistant',
  }))
}

function passwordOf(name: string): string {
  const file = join(data, `${name}-password`)
  if (!existsSync(file)) writeSecretFile(file, randomBytes(24).toString('base64url'))
  return readFileSync(file, 'utf8')
}

/** One that is there already has another password or another kind now. */
function writeLogin({ username, password, kind }: Login): void {
  clownHub(['user', 'remove', username])
  const added = clownHub(['user', 'add', username, '--kind', kind, '--stdin'], password)
  if (added.status !== 0) say(added.stderr.trim())
}

function clownHub(args: readonly string[], input = '') {
  const line = [program, ...args, '--file', usersFile]
  return spawnSync(process.execPath, line, { input, encoding: 'utf8' })
}

function writeSecretFile(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
}

// --- the service that this add-on provides ---

/** Tells the Supervisor, which tells other add-ons, and Home Assistant. */
async function announce(): Promise<void> {
  const service = { host: hostname(), port: 1883, ssl: false, protocol: '3.1.1' }
  const login = (username: string) => ({ username, password: passwordOf(username) })
  await withdraw()
  const provided = await ask('POST', '/services/mqtt', { ...service, ...login('addons') })
  if (!provided.isOk) {
    say(
      `Other add-ons are not told of this broker: ${provided.reason}. Stop the other broker, or choose "beside".`,
    )
    return
  }
  const config = { ...service, ...login('homeassistant') }
  const discovered = await ask('POST', '/discovery', { service: 'mqtt', config })
  if (!discovered.isOk) say(`Home Assistant is not told of this broker: ${discovered.reason}`)
}

/** Takes back what this add-on has told, and not what another one has. */
async function withdraw(): Promise<void> {
  const known = await ask('GET', '/services/mqtt')
  if (known.isOk && known.data.host === hostname()) await ask('DELETE', '/services/mqtt')
}

type Answer =
  | { readonly isOk: true; readonly data: MqttService }
  | { readonly isOk: false; readonly reason: string }

async function ask(method: string, path: string, body?: object): Promise<Answer> {
  try {
    const response = await fetch(`${supervisor}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${process.env['SUPERVISOR_TOKEN'] ?? ''}`,
        'Content-Type': 'application/json',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    const { result, data: told, message = response.statusText } = JSON.parse(await response.text())
    return result === 'ok' ? { isOk: true, data: told } : { isOk: false, reason: message }
  } catch (error) {
    return { isOk: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

await main()
