import t, { type Test } from 'tap'
import { testCertificate } from '../certificates.ts'
import { type Login, publish, requireProgram, run, subscribe } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { program, startProgram } from './started-lab.ts'

/** Runs the built clown-hub to its end, and answers what it printed. */
async function clownHub(t: Test, ...args: string[]): Promise<string> {
  const { code, output } = await run(process.execPath, [program, ...args])
  t.equal(code, 0, args.join(' '))
  return output
}

/** What stands behind `label: ` in what a command printed. */
function printed(output: string, label: string): string {
  return RegExp(`^${label}: (.+)$`, 'm').exec(output)?.[1] ?? ''
}

/** A hub and its users as the commands make them, with TLS besides. */
async function startedByCommands(t: Test) {
  const dir = testFolder(t)
  const file = ['--file', `${dir}/users.yaml`]
  const add = (...args: string[]) => clownHub(t, 'user', 'add', ...args, ...file)
  const admin = printed(await clownHub(t, 'init', '--dir', dir), 'password')
  const viewer = printed(await add('panel', '--role', 'viewer'), 'password')
  await add('bridge-0', '--role', 'node', '--base', 'nodes/bridge/0')
  const token = printed(await clownHub(t, 'user', 'token', 'bridge-0', ...file), 'token')
  t.match(token, /^ch_/)
  const { certFile, keyFile } = await testCertificate(t)
  const hub = startProgram(t, ['run', '--config', `${dir}/clown-hub.yaml`], {
    CLOWN_HTTP_PORT: '0',
    CLOWN_MQTT_PORT: '0',
    CLOWN_TLS_HTTP_PORT: '0',
    CLOWN_TLS_MQTT_PORT: '0',
    CLOWN_TLS_CERT_FILE: certFile,
    CLOWN_TLS_KEY_FILE: keyFile,
  })
  const line = await hub.output.next()
  const [, port, securePort] = /MQTT port (\d+), with TLS \d+ and (\d+)/.exec(line) ?? []
  return {
    hub,
    file,
    plain: { port: Number(port) },
    secure: { port: Number(securePort), extra: ['--cafile', certFile] },
    users: {
      admin: { user: 'admin', password: admin },
      panel: { user: 'panel', password: viewer },
      node: { user: 'bridge-0', password: token },
    },
  }
}

type Person = Pick<Login, 'user' | 'password'>

/** A node and its watchers, by one port: what each may do happens, and nothing else does. */
async function talk(t: Test, at: Login, users: Record<'admin' | 'panel' | 'node', Person>) {
  const say = (who: Partial<Person>, topic: string, payload = '{"state":true}') =>
    publish({ ...at, ...who, topic, payload })
  const node = await subscribe(t, { ...at, ...users.node, filter: 'nodes/bridge/0/+/+/set' })
  const panel = await subscribe(t, { ...at, ...users.panel, filter: 'nodes/#' })

  t.same(await say(users.admin, 'nodes/bridge/0/relay/-/set'), { code: 0, output: '' })
  for (const end of [node, panel]) t.match(await end.next(), 'nodes/bridge/0/relay/-/set')
  await say(users.panel, 'nodes/bridge/0/relay/-/set', '{"state":false}')
  for (const topic of [
    'nodes/bridge/1/relay/-',
    'nodes/bridge/0/relay/-/set',
    'nodes/bridge/0x/a',
  ]) {
    t.equal((await say(users.node, topic, '{"state":false}')).code, 0, 'it is dropped, and stays')
  }
  await say(users.node, 'nodes/bridge/0/relay/-')
  t.equal(
    // The hub asks what it does not know.
    await panel.next((line) => !line.includes('/get ')),
    'nodes/bridge/0/relay/- {"state":true}',
    'the first after the command',
  )
  await say(users.admin, 'nodes/bridge/1/relay/-/set')
  await say(users.admin, 'nodes/bridge/0/lamp/-/set')
  t.match(await node.next(), 'nodes/bridge/0/lamp/-/set', 'commands for others do not reach it')

  const { user = '', password = '' } = users.node
  const strangers = [{}, { user, password: `${password}x` }, { user: 'panel', password }, { user }]
  for (const stranger of strangers) {
    const { code, output } = await say(stranger, 'nodes/bridge/0/relay/-')
    t.not(code, 0)
    t.match(output, /Connection Refused/)
  }
  t.equal(panel.items.filter((line) => line.includes('false')).length, 0)
  for (const end of [node, panel]) await end.stop()
}

t.test('users made by commands talk by mosquitto, with password, token and TLS', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const { hub, plain, secure, users, file } = await startedByCommands(t)
  await talk(t, { ...plain }, users)
  await talk(t, { ...secure }, users)
  t.not((await publish({ port: secure.port, ...users.admin, topic: 'a', payload: '1' })).code, 0)

  await clownHub(t, 'user', 'remove', 'bridge-0', ...file)
  await hub.errors.next((line) => line.includes('the users file has changed'))
  const message = { ...plain, ...users.node, topic: 'nodes/bridge/0/relay/-', payload: '1' }
  t.match((await publish(message)).output, /Connection Refused/, 'a token ends with its user')
  t.equal(await hub.end('SIGTERM'), 0)
})
