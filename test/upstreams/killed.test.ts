import t from 'tap'
import { ask } from '../dialects/asked-json.ts'
import { hubProcess } from '../hub-process.ts'
import { freePort } from '../programs.ts'
import { mqttTo, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { outcome, secretFile, startedDialling } from './dialled-hub.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const dialects = ['deconz', 'jeedom', 'netzer', 'tvheadend'] as const

t.test('a far hub that freezes, or is killed, is told and healed in every language', async (t) => {
  const [http, ...ports] = await Promise.all(['clown-talk', ...dialects].map(() => freePort()))
  const folder = testFolder(t)
  const guest = { user: 'clown', anyOrigin: true }
  const startFar = () =>
    hubProcess(t, {
      http: { port: Number(http) },
      data: { folder },
      users: { clown: { password: 'bigclown', role: 'admin', digest: true } },
      dialects: dialects.map((dialect, at) => ({
        ...{ dialect, port: Number(ports[at]), guest },
        ...(dialect === 'jeedom' && { jeedom: { guestKey: 'userApiKey', period: 0.1 } }),
      })),
    })
  const first = await startFar()
  const node = await mqttTo(t, first)
  await node.client.publishAsync(relay, '{"state":false}', { qos: 1, retain: true })
  const [deconz, jeedom, netzer, tvheadend] = ports.map((port) => `127.0.0.1:${port}`)
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  const made = await ask(Number(ports[0]), ['POST', '/api'], {
    headers,
    body: { devicetype: 'clown-hub#test' },
  })
  const keyFile = secretFile(made.body[0].success.username)
  const signedIn = { user: 'clown', passwordFile: secretFile('bigclown') }
  const { hub, ears, status } = await startedDialling(t, {
    talk: { dialect: 'clown-talk', url: `ws://127.0.0.1:${http}/talk`, ...signedIn },
    deconz: { dialect: 'deconz', url: `http://${deconz}`, keyFile },
    jeedom: {
      ...{ dialect: 'jeedom', url: `http://${jeedom}`, websocketUrl: `ws://${jeedom}/` },
      keyFile: secretFile('userApiKey'),
    },
    netzer: { dialect: 'netzer', url: `ws://${netzer}/ws`, pins: { 0: 'output' } },
    tvheadend: { dialect: 'tvheadend', url: `http://${tvheadend}`, ...signedIn },
  })
  const names = ['talk', ...dialects]
  const become = (state: string, of: readonly string[]) =>
    Promise.all(of.map((name) => status((each) => each.name === name && each.state === state)))
  await become('connected', names)

  const relayOf = async (name: string): Promise<string> => {
    const { payload } = await ears.messages.next(
      ({ topic, payload }) =>
        topic.startsWith(`$SYS/hub/nodes/upstreams/${name}/`) && `${payload}`.includes('/relay/'),
    )
    const { devices } = JSON.parse(String(payload))
    return devices.find(({ topic }: { topic: string }) => topic.includes('/relay/')).topic
  }
  const commanded = ['talk', 'deconz', 'netzer']
  const topics = await Promise.all(commanded.map(relayOf))
  process.kill(first.processId, 'SIGSTOP')
  const frozenMs = performance.now()
  const talk = await talkTo(t, hub, '/talk')
  const outcomes = topics.map((topic) => outcome(talk, topic, { state: true }))
  await become('away', commanded)
  t.ok(performance.now() - frozenMs < 10_000, 'a frozen one is told when it does not answer')
  for (const ends of await Promise.all(outcomes)) t.notOk(ends.includes('confirmed'), `${ends}`)

  await first.kill()
  await become('away', ['jeedom', 'tvheadend'])
  await startFar()
  await become('connected', names)
})
