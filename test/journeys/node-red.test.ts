import { writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { requireNodeRed } from '../npm-programs.ts'
import { freePort, publish, subscribe } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { type StartedLab, startCommand, startLab, unrecorded } from './started-lab.ts'

const clown = { user: 'clown', password: 'bigclown' }

/** What a user draws: what comes on `red/in` goes to `red/out`, and what comes on `red/press` to a relay. */
function flowOf({ mqttPort }: StartedLab, protocolVersion: string) {
  const node = (id: string, type: string, fields: object) => ({ id, type, z: 'flow', ...fields })
  const heard = (id: string, topic: string, to: string) =>
    node(id, 'mqtt in', { topic, qos: '1', datatype: 'utf8', broker: 'hub', wires: [[to]] })
  const said = (id: string, topic: string) =>
    node(id, 'mqtt out', { topic, qos: '1', retain: 'false', broker: 'hub', wires: [] })
  return [
    { id: 'flow', type: 'tab', label: 'flow' },
    {
      id: 'hub',
      type: 'mqtt-broker',
      broker: '127.0.0.1',
      port: `${mqttPort}`,
      clientid: '',
      autoConnect: true,
      protocolVersion,
      keepalive: '60',
      cleansession: true,
      autoUnsubscribe: true,
      birthTopic: 'red/status',
      birthQos: '1',
      birthRetain: 'true',
      birthPayload: 'online',
      willTopic: 'red/status',
      willQos: '1',
      willRetain: 'true',
      willPayload: 'lost',
    },
    heard('in', 'red/in', 'renamed'),
    // The topic of the message would win over that of the node.
    node('renamed', 'change', {
      rules: [{ t: 'delete', p: 'topic', pt: 'msg' }],
      wires: [['out']],
    }),
    said('out', 'red/out'),
    heard('press', 'red/press', 'renamed too'),
    node('renamed too', 'change', {
      rules: [{ t: 'delete', p: 'topic', pt: 'msg' }],
      wires: [['relay']],
    }),
    said('relay', 'nodes/bridge/0/relay/i2c0-3b/set'),
  ]
}

async function startNodeRed(t: Test, program: string, flow: readonly object[]) {
  const folder = testFolder(t)
  const settings = 'module.exports = { credentialSecret: false, flowFile: "flows.json" }'
  await writeFile(`${folder}/settings.cjs`, settings)
  await writeFile(`${folder}/flows.json`, JSON.stringify(flow))
  await writeFile(`${folder}/flows_cred.json`, JSON.stringify({ hub: clown }))
  const port = String(await freePort())
  const args = ['--userDir', folder, '--settings', `${folder}/settings.cjs`, '--port', port]
  const red = startCommand(t, [...unrecorded, process.execPath, program, ...args], {})
  await red.output.next((line) => line.includes('Connected to broker'))
  return red
}

for (const [name, protocolVersion] of [
  ['3.1.1', '4'],
  ['5', '5'],
]) {
  t.test(`a flow of Node-RED hears, says and switches by MQTT ${name}`, async (t) => {
    const program = await requireNodeRed(t)
    if (program === undefined) return
    const lab = await startLab(t)
    const login = { ...clown, port: lab.mqttPort }
    const format = '%t %p %C %P'
    const extra = ['-V', 'mqttv5']
    const heard = await subscribe(t, { ...login, filter: 'red/+', format, extra })
    const relay = await subscribe(t, { ...login, filter: 'nodes/bridge/0/relay/i2c0-3b' })
    const red = await startNodeRed(t, program, flowOf(lab, protocolVersion ?? ''))
    t.match(await heard.next((line) => line.startsWith('red/status')), /^red\/status online/)

    const said = ['-D', 'publish', 'content-type', 'text/plain']
    const room = ['-D', 'publish', 'user-property', 'room', 'kitchen']
    await publish({
      ...login,
      topic: 'red/in',
      payload: 'hello',
      extra: [...extra, ...said, ...room],
    })
    const line = await heard.next((text) => text.startsWith('red/out'))
    t.equal(line, name === '5' ? 'red/out hello text/plain room:kitchen' : 'red/out hello  ')

    await publish({ ...login, topic: 'red/press', payload: '{"state":true}' })
    t.match(await relay.next((text) => text.includes('true')), /"state":true/)

    await red.end('SIGKILL')
    t.match(await heard.next((text) => text.includes('lost')), /^red\/status lost/)
  })
}
