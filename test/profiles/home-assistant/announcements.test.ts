import { join } from 'node:path'
import t from 'tap'
import { homeAssistant } from '../../../src/profiles/home-assistant/home-assistant.ts'
import { mqttTo, startedHub } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'
import { playTo } from '../play.ts'

const base = 'nodes/bridge/0'

interface Config {
  readonly device: Readonly<Record<string, unknown>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly [key: string]: unknown
}

t.test(
  'a node is announced to Home Assistant, follows what it is called, and is taken back',
  async (t) => {
    const data = { folder: join(testFolder(t), 'data') }
    const hub = await startedHub(t, { homeAssistant: true, data }, { announceEveryMs: 20 })
    const { client, messages } = await mqttTo(t, hub, { filter: 'homeassistant/device/#' })
    const say = (topic: string, value: unknown) =>
      client.publishAsync(topic, JSON.stringify(value), { qos: 1 })
    const reports = {
      [`${base}/relay/i2c0-3b`]: { state: true },
      [`${base}/led/0`]: { state: '1-dot' },
      [`${base}/thermometer/i2c0-48`]: { temperature: [20.5, '℃'] },
      [`${base}/gauge/0`]: { level: 7, note: 'x', open: false, odd: null, size: [3, 'cm'] },
      [`${base}/text/0`]: 'plain',
      'silent/node/text/0': 'plain',
    }
    for (const [topic, value] of Object.entries(reports)) await say(topic, value)
    const plug = { unique_id: 'plug', state_topic: 'plug/state', command_topic: 'plug/set' }
    await say('homeassistant/switch/plug/config', plug)
    const next = async (isMeant: (config: Config) => boolean) => {
      const { topic, payload } = await messages.next(
        ({ payload }) => String(payload) !== '' && isMeant(JSON.parse(String(payload))),
      )
      return { topic, config: JSON.parse(String(payload)) as Config }
    }
    const { topic: home, config } = await next(
      ({ components }) => Object.keys(components).length === 7,
    )
    t.match(home, /^homeassistant\/device\/nodes_bridge_0_[0-9a-f]{8}\/config$/)
    t.match(config, {
      device: { identifiers: [`clown-hub_${base}`], name: base },
      origin: { name: 'Clown.Hub' },
      availability: [{ topic: `$SYS/hub/nodes/${base}` }],
    })
    const relay = Object.values(config.components).find(({ platform }) => platform === 'switch')
    t.match(relay, {
      command_topic: `${base}/relay/i2c0-3b/set`,
      state_topic: `${base}/relay/i2c0-3b`,
    })
    t.ok(Object.values(config.components).some((each) => each['unit_of_measurement'] === '°C'))

    await t.test(
      'as others read it, it says what the devices say, and commands the hub',
      async (t) => {
        const playing = playTo(homeAssistant)
        // As input the hub hears nothing that begins with $, whoever says it.
        const theirs = JSON.stringify({ ...config, origin: { name: 'another' } }).replace(
          '$SYS',
          'sys',
        )
        playing.hear(home, theirs, true)
        for (const [on, value] of Object.entries(reports)) playing.hear(on, JSON.stringify(value))
        playing.hear(`sys/hub/nodes/${base}`, '{"online":null}')
        t.same(
          playing.told.filter(({ what }) => what === 'left-out'),
          [],
        )
        const shown = playing.shown()
        const states = shown.map(({ kind, state, readings }) => [kind, state ?? readings])
        t.equal(shown.length, 7, JSON.stringify(states))
        t.ok(shown.every(({ available }) => available !== false))
        const id = [...playing.devices.keys()].find((each) => each.includes('relay')) ?? ''
        const sent = (on: boolean) =>
          playing.ask(id, { state: on }).map(({ topic, payload }) => [topic, String(payload)])
        t.same(sent(false), [[`${base}/relay/i2c0-3b/set`, '{"state": false}']])
        t.same(sent(true), [[`${base}/relay/i2c0-3b/set`, '{"state": true}']])
        playing.hear(`sys/hub/nodes/${base}`, '{"online":false}')
        t.ok(playing.shown().every(({ available }) => available === false))
      },
    )

    await t.test('the hub does not take its own configs for devices', async (t) => {
      const answer = await fetch(`http://127.0.0.1:${hub.httpPort}/api/nodes`, {
        headers: { authorization: `Basic ${btoa('clown:bigclown')}` },
      })
      const { nodes } = (await answer.json()) as { nodes: { base: string }[] }
      t.same(nodes.map((node) => node.base).sort(), [
        'devices/home-assistant/plug',
        base,
        'silent/node',
      ])
    })

    await t.test('it follows names, rooms, and what is forgotten', async (t) => {
      const post = (path: string, body: unknown) =>
        fetch(`http://127.0.0.1:${hub.httpPort}${path}`, {
          method: 'POST',
          headers: {
            authorization: `Basic ${btoa('clown:bigclown')}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify(body),
        })
      for (const topic of Object.keys(reports).filter((each) => each.startsWith(base))) {
        await post('/api/label', { device: topic, title: `Name of ${topic}`, room: 'Cellar' })
      }
      const named = await next(({ device }) => device['suggested_area'] === 'Cellar')
      const names = Object.values(named.config.components).map(({ name }) => name)
      t.ok(names.includes(`Name of ${base}/relay/i2c0-3b`))
      await post('/api/forget', { device: `${base}/led/0` })
      const fewer = await next(({ components }) =>
        Object.values(components).some((each) => Object.keys(each).length === 1),
      )
      t.match(Object.values(fewer.config.components), [
        {},
        {},
        {},
        {},
        {},
        {},
        { platform: 'select' },
      ])
      await say('other/node/relay/0', { state: true })
      const other = await next(({ device }) => device['name'] === 'other/node')
      await post('/api/forget', { device: 'other/node/relay/0' })
      const empty = await messages.next(({ payload }) => String(payload) === '')
      t.equal(empty.topic, other.topic, 'a node that is gone is gone there, too')
    })

    await client.publishAsync('homeassistant/device/theirs/config', '{}', { qos: 1, retain: true })
    await hub.close()
    const again = await startedHub(t, { homeAssistant: true, data }, { announceEveryMs: 20 })
    const inbox = await mqttTo(t, again, { filter: 'homeassistant/device/#' })
    const kept = JSON.parse(
      String((await inbox.messages.next(({ topic }) => topic === home)).payload),
    )
    t.ok(Object.keys(kept.components).length >= 6, 'what has not reported yet is there as before')
    await again.close()
    const without = await startedHub(t, { data })
    const seen = await mqttTo(t, without, { filter: 'homeassistant/device/#' })
    await seen.client.publishAsync('homeassistant/device/other/config', '{"o":1}', { qos: 1 })
    const left = await seen.messages.next(({ topic }) => !topic.includes('theirs'))
    t.equal(left.topic, 'homeassistant/device/other/config', 'off takes back what was announced')
  },
)
