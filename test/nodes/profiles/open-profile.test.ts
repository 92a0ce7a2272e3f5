import t from 'tap'
import { deviceTopic, placeOf, profileBudgets } from '../../../src/nodes/profiles/open-profile.ts'
import type { Profile, ProfileHub } from '../../../src/nodes/profiles/profile.ts'
import { playTo } from '../../profiles/play.ts'

/** A profile that does what it is told by its hub, which is given out. */
function puppet(options: Partial<Profile> = {}) {
  const opened: ProfileHub[] = []
  const profile: Profile = { name: 'puppet', open: (hub) => opened.push(hub), ...options }
  const playing = playTo(profile)
  const [hub] = opened
  if (hub === undefined) throw new Error('expected a hub')
  return { ...playing, hub }
}

const plug = { node: 'n', kind: 'relay', name: 'Plug' } as const

t.test('a device stands at a topic of its node, its kind and its part', async (t) => {
  const place = { node: 'a/b 1%', kind: 'relay', part: 'x+#' } as const
  const topic = deviceTopic('devices', 'puppet', place)
  t.equal(topic, 'devices/puppet/a%2Fb%201%25/relay/x%2B%23')
  t.same(placeOf('devices', topic), { profile: 'puppet', ...place })
  t.equal(deviceTopic('d/e', 'p', { node: '', kind: 'light' }), 'd/e/p/%/light/-')
  t.same(placeOf('d/e', 'd/e/p/%/light/-'), { profile: 'p', node: '', kind: 'light', part: '-' })
  t.match(placeOf('d', 'd/p/%FF/light/-'), { node: '%FF' })
  const far = { node: 'nodes/b 1', kind: 'light', part: '-' } as const
  t.equal(deviceTopic('upstreams', 'attic', far), 'upstreams/attic/nodes/b%201/light/-')
  t.same(placeOf('upstreams', 'upstreams/attic/nodes/b%201/light/-'), { profile: 'attic', ...far })
  for (const other of ['d/p/n/other/-', 'd/p/n/relay', 'x/p/n/relay/-', 'd/p/n/relay/-/set']) {
    t.equal(placeOf('d', other), undefined, other)
  }
})

t.test('what a device does not say stays as it was', async (t) => {
  const { hub, shown, told } = puppet()
  hub.device('1', plug)
  hub.report('1', { state: true, power: [1, 'W'] })
  hub.report('1', { power: [2, 'W'] }, 'memory')
  hub.available('1', true)
  hub.available('1', true)
  hub.device('1', { ...plug, name: 'Renamed' })
  t.match(shown(), [
    { name: 'Renamed', state: { state: true }, readings: { power: [2, 'W'] }, available: true },
  ])
  t.same(
    told.map(({ what }) => what),
    ['declared', 'reported', 'reported', 'available', 'declared'],
  )
})

t.test('a device of another kind is another device', async (t) => {
  const { hub, devices, told } = puppet()
  hub.device('1', plug)
  hub.device('1', { ...plug, kind: 'light' })
  t.match([...devices.values()], [{ topic: 'devices/puppet/n/light/-', values: {} }])
  t.same(
    told.map(({ what }) => what),
    ['declared', 'forgotten', 'declared'],
  )
})

t.test('of an unknown device nothing is told', async (t) => {
  const { hub, told } = puppet()
  hub.report('1', { state: true })
  hub.available('1', true)
  hub.refuse('1', 'no')
  hub.accept('1', 5)
  hub.observe('1', { state: true })
  hub.forget('1')
  t.same(told, [])
})

t.test('two devices do not stand at the same place', async (t) => {
  const { hub } = puppet()
  hub.device('1', plug)
  t.throws(() => hub.device('2', plug), { code: 'too-many' })
})

t.test(
  'what is told of the last command, of devices to ask, and of what is left out',
  async (t) => {
    const { hub, told } = puppet()
    hub.device('1', plug)
    hub.refuse('1', 'no')
    hub.accept('1', 5)
    hub.observe('1', { state: true })
    hub.send({ topic: 'a/get', payload: '' })
    hub.leaveOut('a', 'why')
    t.match(told.slice(1), [
      { what: 'refused', id: '1', reason: 'no' },
      { what: 'accepted', id: '1' },
      { what: 'observed', id: '1', asked: { state: true } },
      { what: 'sent', outgoing: { topic: 'a/get' } },
      { what: 'left-out', id: 'a', reason: 'why' },
    ])
  },
)

t.test('a profile has so many devices, of a node and altogether, and so many claims', async (t) => {
  const { hub } = puppet()
  for (let at = 0; at < profileBudgets.devicesOfNode; at++) {
    hub.device(`${at}`, { ...plug, part: `${at}` })
  }
  t.throws(() => hub.device('more', { ...plug, part: 'more' }), { code: 'too-many' })
  hub.forget('0')
  hub.device('more', { ...plug, part: 'more' })
  for (let at = profileBudgets.devicesOfNode; at < profileBudgets.devices; at++) {
    hub.device(`${at}`, { ...plug, node: `${at}` })
  }
  t.throws(() => hub.device('too many', { ...plug, node: 'x' }), { code: 'too-many' })
  const hear = () => {}
  for (let at = 0; at < profileBudgets.claims; at++) hub.claim(`${at % 2}`, `a/${at}`, hear)
  t.throws(() => hub.claim('0', 'b', hear), { code: 'too-many' })
  hub.release('1')
  hub.release('unknown')
  hub.claim('0', 'b', hear)
})

t.test('what others describe is not shown while its own profile tells of it', async (t) => {
  const { hub, shown, told, claims } = puppet({ isGeneric: true })
  hub.device('1', { ...plug, stateTopics: ['z/plug', 'z/other'] })
  const claim = { profile: 'z', owner: 'o', pattern: 'z/plug', isOwned: true, hear: () => {} }
  claims.add(claim)
  t.same(shown(), [])
  hub.report('1', { state: true })
  hub.available('1', false)
  hub.device('1', { ...plug, name: 'Later', stateTopics: ['z/plug'] })
  claims.release({ profile: 'z', owner: 'o' })
  t.match(shown(), [{ name: 'Later', state: { state: true }, available: false }])
  claims.add(claim)
  hub.device('2', { ...plug, part: 'x', stateTopics: ['z/plug'] })
  t.same(shown(), [])
  hub.forget('1')
  hub.forget('2')
  claims.release({ profile: 'z', owner: 'o' })
  t.same(shown(), [])
  t.same(
    told.map(({ what }) => what),
    ['declared', 'forgotten', 'declared', 'forgotten'],
  )
})

t.test('what was said before a claim is memory, and so is nothing that comes later', async (t) => {
  const open: Profile['open'] = (hub) => {
    hub.device('1', plug)
    hub.claim('1', 'a', ({ payload }) => hub.report('1', { value: String(payload.value) }))
  }
  const playing = playTo({ name: 'p', open }, { retained: [{ topic: 'a', payload: 'old' }] })
  playing.hear('a', 'new')
  t.match(
    playing.told.filter(({ what }) => what === 'reported'),
    [
      { values: { value: 'old' }, from: 'memory' },
      { values: { value: 'new' }, from: 'device' },
    ],
  )
})

t.test('time comes by the clock of the hub, and what is thrown then is told', async (t) => {
  const errors: unknown[] = []
  const open: Profile['open'] = ({ clock }) => {
    clock.after(10, () => {
      throw new Error('late')
    })
  }
  const playing = playTo({ name: 'p', open }, { failed: (error) => errors.push(error) })
  playing.clock.step(10)
  t.match(errors, [{ message: 'late' }])
})
