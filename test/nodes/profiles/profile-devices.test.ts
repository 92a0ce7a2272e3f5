import t from 'tap'
import { ProfileDevices } from '../../../src/nodes/profiles/profile-devices.ts'

t.test('what was known before a restart is told to its profile, and to no other', async (t) => {
  const devices = new ProfileDevices('devices', ['homie', 'wled'])
  const known = [
    'devices/homie/lamp%2F1/light/%',
    'devices/wled/aabbcc/light/-',
    'devices/homie/lamp/light',
    'devices/homie/lamp/spaceship/-',
    'nodes/bridge/0/relay/0',
  ]
  t.same(devices.placesOf({ top: 'devices', name: 'homie' }, known), [
    { profile: 'homie', node: 'lamp/1', kind: 'light', part: '' },
  ])
  t.same(devices.placesOf({ top: 'devices', name: 'tasmota' }, known), [])
})

t.test(
  'until its profile has told of a device, its kind says whether it can be commanded',
  async (t) => {
    const devices = new ProfileDevices('devices', ['homie'])
    const place = 'devices/homie/lamp'
    for (const kind of ['light', 'button', 'led']) t.ok(devices.takesCommands(`${place}/${kind}/-`))
    for (const kind of ['sensor', 'event', 'spaceship']) {
      t.notOk(devices.takesCommands(`${place}/${kind}/-`), kind)
    }
    const topic = `${place}/light/-`
    const facts = { node: 'lamp', kind: 'light', name: 'Lamp' } as const
    devices.set({ profile: 'homie', id: 'lamp', topic, facts, values: {}, isAvailable: null })
    t.notOk(devices.takesCommands(topic), 'this one shows only whether it is lit')
  },
)

t.test(
  'a device calls itself what can be shown of its name, and says so when it changes',
  async (t) => {
    const devices = new ProfileDevices('devices', ['homie'])
    const changes: string[] = []
    devices.titles.onChange((topic) => changes.push(topic))
    const topic = 'devices/homie/lamp/light/-'
    const deviceCalled = (name: string) => ({
      ...{ profile: 'homie', id: 'lamp', topic, values: {}, isAvailable: null },
      facts: { node: 'lamp', kind: 'light', name } as const,
    })
    for (const [name, title] of [
      [' Lamp ', 'Lamp'],
      ['x'.repeat(500), 'x'.repeat(128)],
      ['La\u0007mp', undefined],
      ['  ', undefined],
      ['Lamp', 'Lamp'],
    ] as const) {
      devices.set(deviceCalled(name))
      t.equal(devices.titles.of(topic), title)
    }
    t.same(changes, [topic, topic, topic, topic], 'nobody is told of what is as it was')
    devices.delete(deviceCalled('Lamp'))
    t.equal(devices.titles.of(topic), undefined)
  },
)

t.test('a device says what it can be set to, where it can be asked', async (t) => {
  const devices = new ProfileDevices('devices', ['homie'])
  const topic = 'devices/homie/lamp/select/-'
  const known = { profile: 'homie', id: 'lamp', topic, values: {}, isAvailable: null }
  const facts = { node: 'lamp', kind: 'select', name: 'Lamp' } as const
  t.equal(devices.settableOf(topic), undefined)
  devices.set({ ...known, facts })
  t.equal(devices.settableOf(topic), undefined)
  const ranges = { value: { options: ['a', 'b'] } }
  devices.set({ ...known, facts: { ...facts, ask: () => [], askKeys: ['value'], ranges } })
  t.same(devices.settableOf(topic), { value: { type: 'text', options: ['a', 'b'] } })
})
