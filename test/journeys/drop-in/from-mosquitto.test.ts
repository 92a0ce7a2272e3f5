import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { testCertificate } from '../../certificates.ts'
import {
  freePort,
  type Login,
  publish,
  requireProgram,
  run,
  startMosquitto,
  startMosquittoBy,
  subscribe,
} from '../../programs.ts'
import { startedHub } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'
import { program, startProgram } from '../started-lab.ts'

const aclText = `# Who gives no name
topic read public/#

user admin
topic #

user bridge
topic readwrite nodes/bridge/0/#
topic deny nodes/bridge/0/secret

user panel
topic read nodes/#
topic write nodes/+/+/lamp/+/set
topic public/news

pattern read own/%u/#
pattern write seen/%u/%c
`

const passwords = { admin: 'admin pw', bridge: 'brücke', panel: 'panel-pw' } as const

type Who = keyof typeof passwords

/** A folder as that of a Mosquitto in daily use: users old and new, an ACL, TLS, websockets. */
async function mosquittoFolder(t: Test) {
  const folder = testFolder(t)
  const { certFile, keyFile } = await testCertificate(t)
  const [port, securePort, httpPort] = [await freePort(), await freePort(), await freePort()]
  mkdirSync(join(folder, 'conf.d'))
  const conf = [
    `user ${userInfo().username}`,
    'log_dest stderr',
    'allow_anonymous true',
    'max_inflight_messages 10',
    `password_file ${folder}/passwords`,
    `acl_file ${folder}/acl`,
    `include_dir ${folder}/conf.d`,
  ]
  writeFileSync(join(folder, 'mosquitto.conf'), `${conf.join('\n')}\n`)
  const listeners = [
    `listener ${port} 127.0.0.1`,
    `listener ${securePort} 127.0.0.1`,
    `certfile ${certFile}`,
    `keyfile ${keyFile}`,
    `listener ${httpPort} 127.0.0.1`,
    'protocol websockets',
  ]
  writeFileSync(join(folder, 'conf.d', 'listeners.conf'), `${listeners.join('\n')}\n`)
  writeFileSync(join(folder, 'acl'), aclText)
  writeFileSync(join(folder, 'passwords'), '')
  for (const [name, password] of Object.entries(passwords)) {
    // As Mosquitto 1.6 wrote them.
    const old = name === 'panel' ? ['-H', 'sha512'] : []
    await run('mosquitto_passwd', ['-b', ...old, join(folder, 'passwords'), name, password])
  }
  return { folder, port, securePort, httpPort, certFile }
}

type Place = Awaited<ReturnType<typeof mosquittoFolder>>

const as = (who: Who | undefined, port: number): Login =>
  who === undefined ? { port } : { port, user: who, password: passwords[who] }

const retained = {
  'nodes/bridge/0/thermometer/0': '{"temperature":[21.5,"°C"]}',
  'nodes/bridge/0/secret': 'xyz',
  'public/news': 'none',
  'own/panel/a/b': 'mine',
  'own/bridge': 'yours',
  'other/topic': 'x',
} as const

const command = 'nodes/bridge/0/lamp/0/set'

async function retainAll({ port }: Place): Promise<void> {
  for (const [topic, payload] of Object.entries({ ...retained, [command]: 'on' })) {
    await publish({ ...as('admin', port), topic, payload, retain: true })
  }
}

/** What mosquitto_sub is told of what is retained. */
async function heard(login: Login, filter: string): Promise<string[]> {
  const user = login.user === undefined ? [] : ['-u', login.user, '-P', login.password ?? '']
  const args = ['-h', '127.0.0.1', '-p', `${login.port}`, '-t', filter, '-F', 'message: %t %p']
  const { output } = await run('mosquitto_sub', [
    ...args,
    '-W',
    '2',
    ...user,
    ...(login.extra ?? []),
  ])
  return output
    .split('\n')
    .filter((line) => line.startsWith('message: '))
    .sort()
}

const everybody: (Who | undefined)[] = ['admin', 'bridge', 'panel', undefined]

const filters = ['nodes/#', 'nodes/bridge/0/+', 'public/news', 'own/+/#', 'other/topic']

/** What each user reads by the same command lines; the retained command aside. */
async function allHeard({ port }: Place): Promise<Record<string, string[]>> {
  const questions = everybody.flatMap((who) => filters.map((filter) => ({ who, filter })))
  const answers = questions.map(async ({ who, filter }) => {
    const lines = await heard(as(who, port), filter)
    return [`${who} ${filter}`, lines.filter((line) => !line.includes('/set '))] as const
  })
  return Object.fromEntries(await Promise.all(answers))
}

const written = [
  'nodes/bridge/0/thermometer/1',
  'nodes/bridge/0/secret',
  'nodes/bridge/0/lamp/0/set',
  'nodes/bridge/1/lamp/0/set',
  'public/news',
  'own/panel/a',
  'seen/panel/phone',
  'seen/panel/other',
  'seen/bridge/phone',
]

/** Which messages of each user arrive, published by the same command lines. */
async function allWritten(t: Test, { port }: Place): Promise<readonly string[]> {
  const observer = await subscribe(t, { ...as('admin', port), filter: '#', format: '%r %t %p' })
  for (const who of everybody) {
    for (const topic of written) {
      const login = { ...as(who, port), extra: ['-i', 'phone'] }
      const { code } = await publish({ ...login, topic, payload: `{"by":"${who}"}` })
      t.equal(code, 0, `${who} ${topic}`)
    }
  }
  await publish({ ...as('admin', port), topic: 'the/end', payload: '' })
  await observer.next((line) => line.includes('the/end'))
  await observer.stop()
  // At QoS 1 a message may come twice.
  return [...new Set(observer.items.filter((line) => line.startsWith('0 ')))]
}

/** Who may sign in at all, by each port. */
async function signedIn({ port, securePort, httpPort, certFile }: Place): Promise<boolean[]> {
  const topic = 'public/x'
  const logins: Login[] = [
    as('bridge', port),
    { ...as('bridge', port), password: 'x' },
    { ...as('panel', port), user: 'nobody' },
    { ...as('panel', securePort), extra: ['--cafile', certFile] },
    { port: securePort, extra: ['--cafile', certFile] },
    { ...as('admin', securePort), password: '', extra: ['--cafile', certFile] },
  ]
  const results = await Promise.all(
    logins.map((login) => publish({ ...login, topic, payload: '' })),
  )
  const url = `ws://127.0.0.1:${httpPort}/mqtt`
  const byWebsocket = async (password: string) => {
    const options = { username: 'panel', password, reconnectPeriod: 0 }
    const client = await connectAsync(url, options).catch(() => undefined)
    await client?.endAsync()
    return client !== undefined
  }
  const codes = results.map(({ code }) => code === 0)
  return [...codes, await byWebsocket(passwords.panel), await byWebsocket('x')]
}

const behaviour = async (t: Test, place: Place) => ({
  heard: await allHeard(place),
  written: await allWritten(t, place),
  signedIn: await signedIn(place),
})

const clownHub = (...args: string[]) => run(process.execPath, [program, ...args])

/** What a users file says of passwords, without the salts. */
function hashesIn(file: string): Record<string, string> {
  const text = readFileSync(file, 'utf8')
  const found = text.matchAll(/^ {2}(\w+):\n {4}password: "?\$(\w+)\$/gm)
  return Object.fromEntries([...found].map(([, name = '', kind = '']) => [name, kind]))
}

t.test('a Mosquitto is imported, and the same command lines do the same', async (t) => {
  for (const name of ['mosquitto', 'mosquitto_passwd', 'mosquitto_sub'] as const) {
    if (requireProgram(t, name) === undefined) return
  }
  const place = await mosquittoFolder(t)
  const to = join(place.folder, 'hub')
  const stop = await startMosquittoBy(t, join(place.folder, 'mosquitto.conf'))
  await retainAll(place)
  const there = await behaviour(t, place)
  t.ok(there.written.length > 10 && there.heard['panel own/+/#']?.length === 1, 'it is a real one')

  const from = `mqtt://admin:admin%20pw@127.0.0.1:${place.port}`
  const imported = await clownHub('import', 'mosquitto', place.folder, '--from', from, '--to', to)
  t.equal(imported.code, 0, imported.output)
  t.match(imported.output, /6 retained values are in .*\/hub\/data$/m)
  t.match(imported.output, /1 were left out: they are commands/)
  t.match(imported.output, /4 users, 3 of them with the password they have/)
  t.match(imported.output, /mosquitto\.conf:4: max_inflight_messages: no counterpart/)
  t.same(hashesIn(join(to, 'users.yaml')), { admin: '7', bridge: '7', panel: '6' })
  await stop()

  const runIt = ['run', '--config', join(to, 'clown-hub.yaml')]
  // Others try the usual ones at the same time.
  const anyPort = { CLOWN_TLS_HTTP_PORT: '0' }
  const hub = startProgram(t, runIt, anyPort)
  await hub.output.next((line) => line.includes(`MQTT port ${place.port}`))
  const here = await behaviour(t, place)
  t.same(here.heard, there.heard)
  t.same(here.written, there.written)
  t.same(here.signedIn, there.signedIn)
  t.same(await heard(as('admin', place.port), command), [], 'a command is not retained')
  t.equal(await hub.end('SIGTERM'), 0)
  const better = { admin: 'argon2id', bridge: 'argon2id', panel: 'argon2id' }
  t.same(hashesIn(join(to, 'users.yaml')), better)

  const again = startProgram(t, runIt, anyPort)
  await again.output.next((line) => line.includes(`MQTT port ${place.port}`))
  t.same(await signedIn(place), there.signedIn, 'by the better hashes, too')
})

t.test('what is retained goes back to a Mosquitto by the lines of the page', async (t) => {
  for (const name of ['mosquitto', 'mosquitto_sub'] as const) {
    if (requireProgram(t, name) === undefined) return
  }
  const hub = await startedHub(t)
  const clown = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  const values = { 'a/b c': '1 "2" |3\n', 'a/ü': 'ä\u0000b', [`a/${'x'.repeat(50)}`]: '' }
  for (const [topic, payload] of Object.entries(values)) {
    const client = await connectAsync(`mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`)
    await client.publishAsync(topic, payload, { qos: 1, retain: true })
    await client.endAsync()
  }
  const { port } = await startMosquitto(t, { users: { clown: 'bigclown' } })
  const page = readFileSync(new URL('../../../docs/from-mosquitto.md', import.meta.url), 'utf8')
  const [, lines = ''] = /## The way back.*```sh\n(.*?)```/s.exec(page) ?? []
  const script = lines
    .replace('-p 1884', `-p ${clown.port}`)
    .replace('-p 1883', `-p ${port}`)
    .replaceAll('USER', clown.user)
    .replaceAll('PASSWORD', clown.password)
  t.match(await run('sh', ['-c', script]), { code: 0 })
  const back = new Map<string, string>()
  const client = await connectAsync(`mqtt://clown:bigclown@127.0.0.1:${port}`)
  client.on('message', (topic, payload) => back.set(topic, payload.toString()))
  // What is retained comes before the answer to what is asked next.
  await client.subscribeAsync('#')
  await client.unsubscribeAsync('#')
  await client.endAsync()
  t.same(Object.fromEntries(back), { 'a/b c': values['a/b c'], 'a/ü': values['a/ü'] })
})
