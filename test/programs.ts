import {
  type ChildProcess,
  execFile,
  execFileSync,
  type StdioOptions,
  spawn,
} from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { createInbox, type Inbox } from './inbox.ts'
import { skipMissing } from './missing.ts'

const debianPackages = {
  mosquitto: 'mosquitto',
  mosquitto_passwd: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  mosquitto_rr: 'mosquitto-clients',
  'nats-server': 'nats-server',
  chromium: 'chromium',
  'firefox-esr': 'firefox-esr',
  nginx: 'nginx',
  apache2: 'apache2-bin',
  caddy: 'caddy',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  openssl: 'openssl',
  curl: 'curl',
  script: 'bsdutils',
  tmux: 'tmux',
  bash: 'bash',
  socat: 'socat',
  python3: 'python3',
  'docker-compose': 'docker-compose',
  'systemd-analyze': 'systemd',
  'systemd-notify': 'systemd',
} as const

export type Program = keyof typeof debianPackages

/**
 * The path of an installed program. Where it is missing the test says so and skips, or fails in CI,
 * and the answer is undefined: the caller returns.
 */
export function requireProgram(t: Test, program: Program): string | undefined {
  const path = pathOf(program)
  if (path !== undefined) return path
  const hint = `needs ${program}: apt-get install ${debianPackages[program]}`
  skipMissing(t, hint)
  return undefined
}

function pathOf(program: string): string | undefined {
  // Daemons are mostly in the sbin folders, which only root has on its path.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether this machine lets a test have networks of its own; where it does not the test says so, and skips. */
export function requireNamespaces(t: Test): boolean {
  try {
    for (const act of ['add', 'delete']) {
      execFileSync('ip', ['netns', act, `clown-probe-${process.pid}`], { stdio: 'pipe' })
    }
    return true
  } catch {
    const hint = 'needs iproute2, and the right to make network namespaces'
    t.pass(hint, { skip: hint })
    return false
  }
}

/** The path of a program that is there. */
export function installed(program: string): string {
  const path = pathOf(program)
  if (path === undefined) throw new Error(`expected ${program} on the path, found none`)
  return path
}

/** A loopback port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address')
  return address.port
}

export interface MosquittoOptions {
  /** A free one unless given. */
  port?: number
  /** Passwords by user name; without it everybody may come in. */
  users?: Record<string, string>
  /** Further lines of mosquitto.conf. */
  config?: string[]
}

export interface StartedBroker {
  url: string
  port: number
  /** Ends the broker before the teardown does. */
  stop(): Promise<void>
  /** Lets it stand still, or go on, or ends it without a word. */
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void
}

/** What undoes at its end what was done for it: a test, or a benchmark. */
export type Owner = Pick<Test, 'teardown'>

/** A Mosquitto broker on a loopback port that keeps nothing; ended at teardown. */
export async function startMosquitto(
  t: Owner,
  options: MosquittoOptions = {},
): Promise<StartedBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'mosquitto-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = options.port ?? (await freePort())
  const configFile = join(folder, 'mosquitto.conf')
  const lines = [
    `listener ${port} 127.0.0.1`,
    // Started by root, Mosquitto would turn into another user, who cannot read the folder.
    `user ${userInfo().username}`,
    'log_dest stderr',
    ...(await admission(folder, options.users)),
    ...(options.config ?? []),
  ]
  await writeFile(configFile, `${lines.join('\n')}\n`)
  const started = await startProgram(t, [installed('mosquitto'), '-c', configFile], / running$/)
  return { url: `mqtt://127.0.0.1:${port}`, port, ...started }
}

/** A Mosquitto with a configuration of the caller's, which has `log_dest stderr`; answers what ends it. */
export async function startMosquittoBy(t: Owner, configFile: string): Promise<() => Promise<void>> {
  return (await startProgram(t, [installed('mosquitto'), '-c', configFile], / running$/)).stop
}

/** A NATS server that speaks MQTT 3.1.1 on a loopback port, and keeps nothing; ended at teardown. */
export async function startNats(t: Owner): Promise<StartedBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'nats-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const configFile = join(folder, 'nats.conf')
  const lines = [
    'server_name: test',
    'listen: 127.0.0.1:-1',
    `jetstream { store_dir: ${JSON.stringify(folder)} }`,
    `mqtt { host: 127.0.0.1, port: ${port} }`,
  ]
  await writeFile(configFile, `${lines.join('\n')}\n`)
  const command = [installed('nats-server'), '-c', configFile]
  const started = await startProgram(t, command, /Server is ready/)
  return { url: `mqtt://127.0.0.1:${port}`, port, ...started }
}

async function admission(
  folder: string,
  users: Record<string, string> | undefined,
): Promise<string[]> {
  if (users === undefined) return ['allow_anonymous true']
  const passwordFile = join(folder, 'passwords')
  await writeFile(passwordFile, '')
  for (const [user, password] of Object.entries(users)) {
    await run(installed('mosquitto_passwd'), ['-b', passwordFile, user, password])
  }
  return ['allow_anonymous false', `password_file ${passwordFile}`]
}

/**
 * Starts nginx with `config` inside of its http block, in a folder of its own; ended at teardown.
 * The system's own configuration has no part in it.
 */
export async function startNginx(t: Test, config: string): Promise<void> {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await startNginxBy(t, (folder) => [
    `pid ${folder}/pid;`,
    'error_log stderr notice;',
    'events {}',
    'http {',
    'access_log off;',
    ...paths.map((name) => `${name}_temp_path ${folder}/${name};`),
    config,
    '}',
  ])
}

/** The same with the lines of a whole configuration, in the folder that they are given. */
export async function startNginxBy(
  t: Test,
  linesIn: (folder: string) => readonly string[],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const lines = ['daemon off;', `user ${userInfo().username};`, ...linesIn(folder)]
  const configFile = join(folder, 'nginx.conf')
  await writeFile(configFile, lines.join('\n'))
  const command = [installed('nginx'), '-p', folder, '-e', 'stderr', '-c', configFile]
  await startProgram(t, command, /start worker process \d+$/)
}

/** Starts Apache with a site, in a folder of its own. */
export async function startApache(t: Test, port: number, site: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'apache-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const modules = ['mpm_event', 'authz_core', 'ssl', 'headers', 'proxy', 'proxy_http']
  const lines = [
    `ServerRoot ${folder}`,
    `PidFile ${folder}/pid`,
    `DefaultRuntimeDir ${folder}`,
    'ServerName localhost',
    `ErrorLog ${folder}/error.log`,
    ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    // Its children are not root, and have to be somebody.
    'User www-data',
    'Group www-data',
    `Listen 127.0.0.1:${port}`,
    site,
  ]
  const configFile = join(folder, 'apache.conf')
  await writeFile(configFile, lines.join('\n'))
  const command = [installed('apache2'), '-D', 'FOREGROUND', '-f', configFile]
  spawned(t, command, ['ignore', 'ignore', 'ignore'])
  for (let left = 200; left > 0 && !(await isListening(port)); left--) await pause(50)
}

/** Starts Caddy with a Caddyfile, in a folder of its own. */
export async function startCaddy(t: Test, config: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'caddy-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const configFile = join(folder, 'Caddyfile')
  // It keeps state in what these name, and opens a port to be administered by.
  const options = `{\n\tadmin off\n\tstorage file_system ${folder}\n\tauto_https off\n}\n`
  await writeFile(configFile, options + config)
  const home = `XDG_CONFIG_HOME=${folder}`
  const command = [
    installed('env'),
    home,
    installed('caddy'),
    'run',
    '--config',
    configFile,
    '--adapter',
    'caddyfile',
  ]
  await startProgram(t, command, /serving initial configuration/)
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })
}

/** Starts Prometheus with a configuration of the caller's, in a folder of its own; answers where it is asked. */
export async function startPrometheus(t: Test, configFile: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const command = [
    installed('prometheus'),
    `--config.file=${configFile}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--storage.tsdb.path=${folder}`,
  ]
  await startProgram(t, command, /Server is ready to receive web requests/)
  return `http://127.0.0.1:${port}`
}

/** Starts a program that is ready when a line on stderr matches; answers what ends it, or stops it. */
export async function startProgram(
  t: Owner,
  [program = '', ...args]: string[],
  ready: RegExp,
): Promise<Pick<StartedBroker, 'stop' | 'signal'>> {
  const { child, stop } = spawned(t, [program, ...args], ['ignore', 'ignore', 'pipe'])
  const said: string[] = []
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`expected ${program} to run:\n${said.join('\n')}`)))
    linesOf(child.stderr, (line) => {
      said.push(line)
      if (ready.test(line)) resolve()
    })
  })
  return { stop, signal: (name) => child.kill(name) }
}

function spawned(
  t: Owner,
  [program = '', ...args]: string[],
  stdio: StdioOptions,
): { child: ChildProcess; stop: () => Promise<void> } {
  const child = spawn(program, args, { stdio })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = () => {
    child.kill()
    return ended
  }
  t.teardown(stop)
  return { child, stop }
}

function linesOf(stream: NodeJS.ReadableStream | null, hear: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', hear)
}

export interface Login {
  port: number
  user?: string
  password?: string
  /** Further arguments. */
  extra?: string[]
}

function loginArguments({ port, user, password, extra = [] }: Login): string[] {
  const userArguments = user === undefined ? [] : ['-u', user]
  const passwordArguments = password === undefined ? [] : ['-P', password]
  return ['-h', '127.0.0.1', '-p', `${port}`, ...userArguments, ...passwordArguments, ...extra]
}

export interface Subscription extends Inbox<string> {
  /** Ends the subscription before the teardown does. */
  stop(): Promise<void>
  /** Ends it without a word, so that its will is published. */
  kill(): void
}

export interface SubscribeOptions extends Login {
  filter: string
  /** What mosquitto_sub prints of a message, on one line; `%t %p` (topic and payload) unless given. */
  format?: string
}

/** Runs mosquitto_sub at QoS 1; answers once the broker has acknowledged the subscription. */
export async function subscribe(t: Test, options: SubscribeOptions): Promise<Subscription> {
  const mark = 'message: '
  const args = ['-d', '-q', '1', '-t', options.filter, '-F', mark + (options.format ?? '%t %p')]
  // Into a pipe, mosquitto_sub would hold its debug lines back; stdbuf has it write each at once.
  const command = [installed('stdbuf'), '-oL', installed('mosquitto_sub'), ...args]
  const whole = [...command, ...loginArguments(options)]
  const { child, stop } = spawned(t, whole, ['ignore', 'pipe', 'pipe'])
  const inbox = createInbox<string>()
  const said: string[] = []
  linesOf(child.stderr, (line) => said.push(line))
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => {
      reject(new Error(`expected mosquitto_sub to subscribe:\n${said.join('\n')}`))
    })
    linesOf(child.stdout, (line) => {
      said.push(line)
      if (line.startsWith('Subscribed ')) resolve()
      if (line.startsWith(mark)) inbox.put(line.slice(mark.length))
    })
  })
  return { ...inbox, stop, kill: () => child.kill('SIGKILL') }
}

export interface PublishOptions extends Login {
  topic: string
  payload: string
  qos?: 0 | 1 | 2
  retain?: boolean
}

/** Runs mosquitto_pub, at QoS 1 unless told otherwise; answers its exit code and what it printed. */
export function publish(options: PublishOptions): Promise<{ code: number; output: string }> {
  const { topic, payload, qos = 1, retain = false } = options
  const message = ['-t', topic, '-m', payload, '-q', `${qos}`, ...(retain ? ['-r'] : [])]
  return run(installed('mosquitto_pub'), [...message, ...loginArguments(options)])
}

/** Runs a program to its end; answers its exit code and what it printed. */
export function run(program: string, args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 90_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr })
    })
  })
}
