import { once } from 'node:events'
import { appendFileSync, readFileSync } from 'node:fs'
import t from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../src/config.ts'
import { HubError } from '../src/core/errors.ts'
import { usersFile, writePrivate } from './access/users.ts'
import { testCertificate } from './certificates.ts'
import { runLine } from './cli/run-line.ts'
import { mqttTo, startedHub, talkTo } from './started-hub.ts'
import { testFolder } from './test-folder.ts'

const clown = { password: 'bigclown', role: 'admin' } as const

t.test('a running hub takes users, the log and limits, and names what has to wait', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const file = usersFile(t, 'users: { bob: { role: viewer } }')
  const common = {
    http: { port: 0 },
    mqtt: { port: 0 },
    tls: { certFile, keyFile, httpPort: 0, mqttPort: 0 },
    usersFile: file,
  }
  const leaver = { password: 'leaver', role: 'viewer' } as const
  const hub = await startedHub(t, { ...common, users: { clown, leaver } })
  const page = await talkTo(t, hub)
  const node = await mqttTo(t, hub)
  const leaving = await mqttTo(t, hub, { username: 'leaver', password: 'leaver' })
  const memory = { mib: 8192 }
  const next: ConfigInput = {
    ...common,
    users: { clown, comer: { password: 'comer', role: 'viewer' } },
    history: { rawHours: 12 },
    log: { level: 'warn' },
    limits: { memory, http: { bodyBytes: 1000, headers: 50 } },
  }
  const reloaded = await hub.reload(() => next)
  t.same([...(reloaded?.waiting ?? [])].sort(), ['history.rawHours', 'limits.http.headers'])
  t.same(reloaded?.taken.map((path) => path.replace(/^(users\.\w+).*/, '$1')).sort(), [
    'limits.http.bodyBytes',
    'log.level',
    'users.comer',
    'users.leaver',
  ])
  await leaving.closed
  await mqttTo(t, hub, { username: 'comer', password: 'comer' })
  await page.settle()
  t.equal(node.client.connected, true, 'who is still allowed in stays connected')
  const body = await fetch(`http://127.0.0.1:${hub.httpPort}/api/command`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('clown:bigclown')}` },
    body: ' '.repeat(1001),
  })
  t.equal(body.status, 413)
  t.match(await hub.reload(() => next), { taken: [] }, 'what has been taken is not new')

  const twice = { ...next, users: { clown, bob: { password: 'b' } } }
  t.equal(await hub.reload(() => twice), undefined)
  t.match(await hub.log.next(({ msg }) => msg.startsWith('the configuration is not')), {
    reason: /^expected users\.bob in the configuration or in the users file, got both/,
  })
  const broken = () => {
    throw new HubError('bad-config', 'expected a configuration')
  }
  t.equal(await hub.reload(broken), undefined)
  await page.settle()
})

t.test('users of a configuration alone are taken as well', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const closed = once(page.websocket, 'close')
  const users = { clown: { ...clown, password: 'another' } }
  const config: ConfigInput = {
    http: { port: 0 },
    mqtt: { port: 0 },
    users,
    limits: { memory: { mib: 8192 } },
  }
  await hub.reload(() => config)
  const [code] = await closed
  t.equal(code, 4401, 'a password that is not valid any more lets nobody stay')
  const again = new WebSocket(`ws://clown:another@127.0.0.1:${hub.httpPort}/talk`)
  await once(again, 'open')
  again.terminate()
})

t.test('run takes a file that has changed, and looks when it is told to', async (t) => {
  const file = `${testFolder(t)}/hub.yaml`
  const comer = (name: string) => `  ${name}: { password: ${name}, role: viewer }\n`
  writePrivate(file, `log: { level: silent }\nusers:\n${comer('first')}`)
  const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0', CLOWN_DATA_FOLDER: '' }
  const { output, code, stop, reload } = runLine(`run --config ${file}`, { environment })
  const line = await output.next((text) => text.startsWith('Clown.Hub listens'))
  const [, port] = /HTTP port (\d+), MQTT port \d+$/.exec(line) ?? []
  const status = async (name: string) => {
    const headers = { Authorization: `Basic ${btoa(`${name}:${name}`)}` }
    return (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).status
  }
  t.equal(await status('first'), 200)
  appendFileSync(file, comer('second'))
  while ((await status('second')) !== 200);
  t.match(String(readFileSync(file)), 'second')
  reload()
  t.equal(await status('second'), 200)
  stop()
  t.equal(await code, 0)
})
