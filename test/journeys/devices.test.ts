import t from 'tap'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { startedHub, talkTo } from '../started-hub.ts'

const clown = { user: 'clown', password: 'bigclown' }

/** What `GET /api/nodes` says of all nodes. */
async function nodesOf({ httpPort }: { readonly httpPort: number }) {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/nodes`, { headers })
  const { nodes } = (await answer.json()) as { nodes: unknown[] }
  return nodes
}

t.test(
  'a HARDWARIO kit is a node with a relay that is switched, without a line of configuration',
  async (t) => {
    if (requireProgram(t, 'mosquitto_sub') === undefined) return
    const hub = await startedHub(t)
    const mqtt = { port: hub.mqttPort, ...clown }
    const kit = await subscribe(t, { ...mqtt, filter: 'node/+/+/+/+/set' })
    const say = (topic: string, payload: string) => publish({ ...mqtt, topic, payload })
    const page = await talkTo(t, hub, '/talk/devices/hardwario')
    await say('node/power-controller:0/thermometer/0:1/temperature', '21.50')
    await say('node/power-controller:0/barometer/0:0/pressure', '98466.5')
    await say('node/power-controller:0/relay/-/state', 'false')
    const on = (name: string) => page.on(`power-controller:0/${name}`)
    t.same((await on('thermometer/0:1'))[1], { temperature: [21.5, '°C'] })
    t.same((await on('barometer/0:0'))[1], { pressure: [98.4665, 'kPa'] })
    t.same((await on('relay/-'))[1], { state: false })
    t.match(await nodesOf(hub), [
      {
        base: 'devices/hardwario/power-controller:0',
        online: true,
        devices: [
          { name: 'barometer/0:0', kind: 'barometer', role: 'sensor' },
          { name: 'relay/-', kind: 'relay', role: 'actuator', value: { state: false } },
          { name: 'thermometer/0:1', value: { temperature: [21.5, '°C'] } },
        ],
      },
    ])

    const life = await subscribe(t, {
      ...mqtt,
      filter: '$SYS/hub/commands/devices/hardwario/power-controller:0/relay/-',
    })
    page.send('power-controller:0/relay/-/set', { state: true })
    t.equal(await kit.next(), 'node/power-controller:0/relay/-/state/set true')
    t.match(await life.next(), /"receipt":"sent"/)
    await say('node/power-controller:0/relay/-/state', 'true')
    t.match(await life.next(), /"receipt":"confirmed"/)
    t.same((await on('relay/-'))[1], { state: true })
  },
)
