import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createInbox } from '../inbox.ts'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { program } from './started-lab.ts'

const wrapper = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`

/** Runs a script of a shell that knows the built `clown-hub`, in an empty folder. */
function shell(t: Test, script: string, settings: Record<string, string> = {}) {
  const folders = testFolder(t, { home: {}, bin: { 'clown-hub': wrapper } })
  chmodSync(join(folders, 'bin/clown-hub'), 0o755)
  const ports = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const path = `${folders}/bin${delimiter}${process.env['PATH']}`
  const child = spawn('sh', ['-c', script], {
    cwd: join(folders, 'home'),
    detached: true,
    env: { ...process.env, ...ports, ...settings, PATH: path },
  })
  const ended = once(child, 'close').then(([code]) => code)
  const end = async (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal)
    return ended
  }
  t.teardown(() => end('SIGKILL'))
  return { child, ended, end, folder: join(folders, 'home') }
}

/** An address of this machine by which others reach it. */
function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

/** What a GET by TLS is answered with, to a client that trusts `cafile` only. */
async function statusBy(url: string, cafile: string): Promise<number | undefined> {
  const asked = get(url, { ca: readFileSync(cafile), agent: false })
  const [response] = await once(asked, 'response')
  response.resume()
  return response.statusCode
}

/** `connected`, or the code of the error. */
function connectionTo(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => resolve('connected'))
    socket
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      .on('connect', () => socket.destroy())
  })
}

t.test('init and run make a hub, without a line of configuration written by hand', async (t) => {
  const { child, end } = shell(t, 'clown-hub init && clown-hub run')
  const lines = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', lines.put)
  await lines.next((line) => line.startsWith('password: '))
  const listens = await lines.next((line) => line.startsWith('Clown.Hub listens'))
  const port = /HTTP port (\d+)/.exec(listens)?.[1]
  t.match(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json(), { status: 'ok' })
  await end('SIGTERM')
})

t.test('init --tls and run make a hub that other machines reach by TLS only', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const host = ownAddress() ?? '127.0.0.1'
  const { child, end, folder } = shell(
    t,
    `clown-hub init --tls --host ${host} && clown-hub doctor && clown-hub run`,
    { CLOWN_TLS_HTTP_PORT: '0', CLOWN_TLS_MQTT_PORT: '0' },
  )
  const lines = createInbox<string>()
  const log = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', lines.put)
  createInterface({ input: child.stderr }).on('line', log.put)
  const password = (await lines.next((line) => line.startsWith('password: '))).slice(10)
  await lines.next((line) => line === 'nothing to fix was found')
  const listens = await lines.next((line) => line.startsWith('Clown.Hub listens'))
  const [http = 0, mqtt = 0, https = 0, mqtts = 0] = (listens.match(/\d+/g) ?? []).map(Number)

  const cafile = join(folder, 'tls.crt')
  const byTls = { port: mqtts, extra: ['-h', host, '--cafile', cafile] }
  const admin = { ...byTls, user: 'admin', password }
  const heard = await subscribe(t, { ...admin, filter: 'nodes/#' })
  const message = { topic: 'nodes/bridge/0/led/-', payload: '{"state":"on"}' }
  t.match(await publish({ ...admin, ...message }), { code: 0 })
  t.equal(await heard.next(), 'nodes/bridge/0/led/- {"state":"on"}')
  for (const stranger of [byTls, { ...byTls, user: 'admin', password: 'admin' }]) {
    t.match(await publish({ ...stranger, ...message }), { output: /not authori[sz]ed|bad user/i })
  }
  t.equal(await statusBy(`https://${host}:${https}/session`, cafile), 401)
  if (host !== '127.0.0.1') {
    for (const port of [http, mqtt]) t.equal(await connectionTo(host, port), 'ECONNREFUSED')
  }
  await end('SIGTERM')
  t.notOk(log.items.some((line) => line.includes('in the clear')))
})

t.test('users are set up in a script, whose passwords come through a pipe', async (t) => {
  const { child, ended } = shell(
    t,
    `set -e
    clown-hub init >/dev/null
    echo 'tr0ub4dor&3' | clown-hub user add bob --role operator --stdin
    clown-hub user token bob --label shelf | grep -c '^token: ch_'
    clown-hub user list
    if clown-hub acl test bob command nodes/bridge/0/relay/0/set; then echo may; fi
    clown-hub acl test bob read '$SYS/x' || echo "code $?"
    clown-hub doctor
    clown-hub user remove bob
    chmod 644 users.yaml
    clown-hub doctor || echo "code $?"`,
  )
  t.equal(
    await text(child.stdout),
    `bob is in users.yaml now, operator
1
admin: admin, password
bob: operator, password, token shelf
allowed: role operator allows command on #
may
denied: no rule allows read on $SYS/x
code 2
nothing to fix was found
bob is not in users.yaml any more
expected "users.yaml" to be for its owner only, since it holds secrets, got mode 0644: chmod 600 users.yaml
code 1
`,
  )
  t.equal(await ended, 0)
})
