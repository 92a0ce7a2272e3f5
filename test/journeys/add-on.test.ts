import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { hostname } from 'node:os'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { readRelease } from '../../src/core/release.ts'
import { publish, requireProgram, run, startMosquitto } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { startBrowser } from './chromium.ts'
import { program, startCommand, unrecorded } from './started-lab.ts'

const folder = new URL('../../addon/', import.meta.url)
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const config = parse(textOf('config.yaml'))

/** What the developers' documents of Home Assistant say of the keys that we use. */
const documented = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'version', 'slug', 'description', 'arch'],
  properties: {
    name: { type: 'string' },
    version: { type: 'string' },
    slug: { type: 'string', pattern: '^[-_.A-Za-z0-9]+$' },
    description: { type: 'string' },
    arch: { type: 'array', items: { enum: ['amd64', 'aarch64', 'armhf', 'armv7', 'i386'] } },
    startup: { enum: ['initialize', 'system', 'services', 'application', 'once'] },
    boot: { enum: ['auto', 'manual', 'manual_only'] },
    timeout: { type: 'integer', minimum: 10, maximum: 300 },
    ingress: { type: 'boolean' },
    ingress_port: { type: 'integer', minimum: 0, maximum: 65_535 },
    panel_icon: { type: 'string', pattern: '^mdi:' },
    panel_title: { type: 'string' },
    panel_admin: { type: 'boolean' },
    ports: {
      type: 'object',
      propertyNames: { pattern: '^\\d+/(tcp|udp)$' },
      additionalProperties: { type: ['integer', 'null'] },
    },
    watchdog: { type: 'string', pattern: '^(https?|tcp)://\\[HOST\\]:(\\[PORT:\\d+\\]|\\d+)' },
    services: { type: 'array', items: { pattern: '^(mqtt|mysql):(provide|want|need)$' } },
    discovery: { type: 'array', items: { type: 'string' } },
    map: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type'],
        properties: {
          type: { enum: ['addon_config', 'data', 'share', 'ssl', 'media', 'backup'] },
          read_only: { type: 'boolean' },
          path: { type: 'string' },
        },
      },
    },
    backup: { enum: ['hot', 'cold'] },
    options: { type: 'object' },
    schema: { type: 'object', additionalProperties: { $ref: '#/$defs/option' } },
  },
  $defs: {
    option: {
      anyOf: [
        {
          type: 'string',
          pattern: '^(str|bool|int|float|email|url|password|port|(list|match)\\(.+\\))\\??$',
        },
        { type: 'array', items: { $ref: '#/$defs/option' } },
        { type: 'object', additionalProperties: { $ref: '#/$defs/option' } },
      ],
    },
  },
}

t.test('the files of the add-on are as Home Assistant documents them', async (t) => {
  const check = new Ajv({ allowUnionTypes: true, strictTypes: false }).compile(documented)
  t.ok(check(config), JSON.stringify(check.errors))
  t.equal(config.version, readRelease().version)
  t.same(Object.keys(config.options), Object.keys(config.schema), 'each option has a default')
  t.equal(config.ports[`${config.ingress_port}/tcp`], null, 'the page is Home Assistant’s alone')
  for (const name of readdirSync(new URL('translations', folder))) {
    const { configuration, network } = parse(textOf(`translations/${name}`))
    t.same(Object.keys(configuration), Object.keys(config.schema), name)
    t.same(Object.keys(network), Object.keys(config.ports), name)
  }
  const kinds = /list\((.*)\)/.exec(config.schema.logins[0].kind)?.[1]?.split('|') ?? []
  const { output } = await run(process.execPath, [program, 'user', 'add', 'x', '--kind', 'none'])
  for (const kind of kinds) t.match(output, kind)
})

t.test('packed, the folder has all that its build sees', async (t) => {
  const place = `${testFolder(t)}/clown_hub`
  const [command = '', ...plain] = unrecorded
  const pack = new URL('pack.mjs', folder).pathname
  const line = [...plain, 'npm_config_ignore_scripts=true', process.execPath, pack, place]
  t.match(await run(command, line), { code: 0 })
  const copied = [...textOf('Dockerfile').matchAll(/^COPY (.*) \S+$/gm)]
  for (const name of copied.flatMap(([, names = '']) => names.split(' '))) {
    t.ok(existsSync(`${place}/${name}`), name)
  }
  const { output } = await run('tar', ['-tzf', `${place}/clown-hub.tgz`])
  t.match(output, 'package/dist/cli/bin.js\n')
  const lock = JSON.parse(readFileSync(`${place}/package-lock.json`, 'utf8'))
  t.equal(lock.version, config.version, 'npm ci takes it')
})

interface Asked {
  readonly method: string
  readonly path: string
  readonly body: Record<string, unknown> | undefined
}

async function listening(t: Test, answer: (asked: IncomingMessage, to: ServerResponse) => void) {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const address = server.address()
  return { server, port: typeof address === 'object' ? Number(address?.port) : 0 }
}

/** Plays the part of the Supervisor's API that the add-on asks, as its source has it. */
async function playSupervisor(t: Test, mqtt?: object) {
  const asked: Asked[] = []
  let service: object | undefined = mqtt
  const answers: Record<string, (body: unknown) => object | string> = {
    'GET /services/mqtt': () => service ?? 'Service not enabled',
    'POST /services/mqtt': (body) => {
      if (service !== undefined) return 'There is already a MQTT service in use'
      service = Object(body)
      return {}
    },
    'DELETE /services/mqtt': () => {
      service = undefined
      return {}
    },
    'POST /discovery': () => ({ uuid: 'f00d' }),
  }
  const answer = async (question: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers } = question
    const text = (await question.toArray()).join('')
    const body = text === '' ? undefined : JSON.parse(text)
    asked.push({ method, path, body })
    const isKnown = headers.authorization === 'Bearer secret'
    const told = isKnown ? (answers[`${method} ${path}`]?.(body) ?? 'No such path') : 'Who?'
    const isRefused = typeof told === 'string'
    const said = isRefused ? { result: 'error', message: told } : { result: 'ok', data: told }
    response.writeHead(isRefused ? 400 : 200).end(JSON.stringify(said))
  }
  const { port } = await listening(t, (question, response) => void answer(question, response))
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    provide: (mqtt: object) => {
      service = mqtt
    },
    service: () => service,
  }
}

/** The add-on as its container starts it, on free ports of this machine. */
function startAddOn(t: Test, options: object, { url }: { readonly url: string }) {
  const given = { ...config.options, ...options }
  const place = testFolder(t, { data: { 'options.json': JSON.stringify(given) }, config: {} })
  const places = ['--data', `${place}/data`, '--config', `${place}/config`]
  const line = ['--import', 'tsx', new URL('run.ts', folder).pathname, ...places]
  const environment = {
    SUPERVISOR_TOKEN: 'secret',
    CLOWN_HTTP_HOST: '127.0.0.1',
    CLOWN_HTTP_PORT: '0',
    CLOWN_HTTP_INGRESS_ADDRESS: '127.0.0.1',
    ...(given.broker === 'own' && { CLOWN_MQTT_HOST: '127.0.0.1', CLOWN_MQTT_PORT: '0' }),
  }
  const command = [...unrecorded, process.execPath, ...line, '--supervisor', url]
  const started = startCommand(t, [...command, '--program', program], environment)
  const listens = async () => {
    const said = await started.output.next((text) => text.includes('listens'))
    const [httpPort = 0, mqttPort = 0] = (said.match(/\d+/g) ?? []).map(Number)
    return { httpPort, mqttPort }
  }
  return { ...started, listens }
}

const ingressPath = '/api/hassio_ingress/secret-path'

/** Home Assistant with its page, which passes on what is asked below the path, as its Supervisor does. */
async function playHomeAssistant(t: Test, hubPort: number): Promise<number> {
  const headersOf = ({ headers }: IncomingMessage) => ({
    ...headers,
    'x-ingress-path': ingressPath,
    'x-forwarded-for': 'None, 127.0.0.1',
    'x-remote-user-id': 'f00d',
    'x-remote-user-name': 'eva',
  })
  const pathOf = ({ url = '' }: IncomingMessage) => url.slice(ingressPath.length)
  const { server, port } = await listening(t, (asked, response) => {
    if (!String(asked.url).startsWith(ingressPath)) {
      response.setHeader('Content-Type', 'text/html')
      response.end(`<iframe src="${ingressPath}/" width="900" height="700"></iframe>`)
      return
    }
    const target = { port: hubPort, path: pathOf(asked), method: asked.method }
    const passed = request({ ...target, headers: headersOf(asked) }, (answer) => {
      response.writeHead(Number(answer.statusCode), answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    asked.pipe(passed)
  })
  server.on('upgrade', (asked, socket) => {
    const to = connect(hubPort, '127.0.0.1')
    const lines = Object.entries(headersOf(asked)).map(([name, value]) => `${name}: ${value}\r\n`)
    to.write(`GET ${pathOf(asked)} HTTP/1.1\r\n${lines.join('')}\r\n`)
    for (const end of [to, socket]) end.on('error', () => {})
    to.pipe(socket)
    socket.pipe(to)
    t.teardown(() => to.destroy())
  })
  return port
}

const module = readFileSync(new URL('../fixtures/devices/tasmota.json', import.meta.url), 'utf8')
const [{ messages }] = JSON.parse(module)

t.test('beside the Mosquitto add-on, the page is in Home Assistant and switches', async (t) => {
  const chromium = requireProgram(t, 'chromium')
  if (requireProgram(t, 'mosquitto') === undefined || chromium === undefined) return
  const supervisor = await playSupervisor(t)
  const addOn = startAddOn(t, { broker: 'beside', others: 'operator' }, supervisor)
  t.match(await addOn.output.next(), 'Waiting for the MQTT broker of another add-on')
  const { port } = await startMosquitto(t, { users: { addons: 'ours' } })
  const login = { port, user: 'addons', password: 'ours' }
  for (const { topic, payload, retain } of messages.slice(0, 5)) {
    await publish({ ...login, topic, payload, retain })
  }
  const service = { host: '127.0.0.1', port, username: 'addons', password: 'ours' }
  supervisor.provide({ ...service, ssl: false, protocol: '3.1.1' })
  const { httpPort } = await addOn.listens()
  const homeAssistant = await playHomeAssistant(t, httpPort)
  const page = await (await startBrowser(t, chromium)).newPage()
  await page.goto(`http://127.0.0.1:${homeAssistant}/`)
  const frame = page.frameLocator('iframe')
  const relay = frame.getByRole('switch').first()
  await publish({ ...login, topic: messages[3].topic, payload: messages[3].payload })
  await relay.click()
  await publish({ ...login, topic: messages[6].topic, payload: messages[6].payload })
  await frame.locator('[role=switch][aria-checked=true]').first().waitFor()
  const audit = await fetch(`http://127.0.0.1:${homeAssistant}${ingressPath}/api/commands`)
  t.match(await audit.text(), '"eva"', 'who did it is written down by name')
  t.equal(await addOn.end('SIGTERM'), 0)
  t.notOk(
    supervisor.asked.some(({ method }) => method !== 'GET'),
    'it provides nothing',
  )
})

t.test('instead of it, other add-ons and Home Assistant are told where to come', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  // What it has told before it was killed.
  const supervisor = await playSupervisor(t, { host: hostname(), port: 1883 })
  const logins = [{ username: 'plug', password: 'plug-password', kind: 'tasmota' }]
  const addOn = startAddOn(t, { broker: 'own', logins }, supervisor)
  const { mqttPort: port } = await addOn.listens()
  const told = async (path: string) => {
    const isIt = (asked: Asked) => asked.method === 'POST' && asked.path === path
    while (!supervisor.asked.some(isIt)) await new Promise((resolve) => setImmediate(resolve))
    return supervisor.asked.find(isIt)?.body
  }
  const service = await told('/services/mqtt')
  t.match(service, { host: hostname(), port: 1883, ssl: false, username: 'addons' })
  const discovered = await told('/discovery')
  t.match(discovered, { service: 'mqtt', config: { username: 'homeassistant' } })
  const mayPublish = async (user: string, password: unknown, topic: string) =>
    (await publish({ port, user, password: String(password), topic, payload: '1' })).code
  t.equal(await mayPublish('addons', service?.['password'], 'zigbee2mqtt/x'), 0)
  t.equal(await mayPublish('plug', 'plug-password', 'tele/plug/STATE'), 0)
  t.not(await mayPublish('plug', 'wrong-password', 'tele/plug/STATE'), 0)
  t.equal(await addOn.end('SIGTERM'), 0)
  t.equal(supervisor.service(), undefined, 'and that it is gone')
})

t.test('where there is another broker already, nobody is told of this one', async (t) => {
  const supervisor = await playSupervisor(t, { host: 'core-mosquitto', port: 1883 })
  const addOn = startAddOn(t, { broker: 'own' }, supervisor)
  t.match(await addOn.output.next((line) => line.includes('not told')), 'Stop the other broker')
  t.equal(await addOn.end('SIGTERM'), 0)
  t.match(supervisor.service(), { host: 'core-mosquitto' })
})
