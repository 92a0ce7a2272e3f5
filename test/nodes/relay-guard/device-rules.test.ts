import t from 'tap'
import { checkConfig } from '../../../src/config.ts'
import {
  autoOffIn,
  createDeviceRules,
  type DeviceRule,
} from '../../../src/nodes/relay-guard/device-rules.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const led = 'nodes/bridge/0/led/-'

function rulesOf(...rules: DeviceRule[]) {
  return createDeviceRules(checkConfig({ commands: { rules } }).commands)
}

t.test('without a rule relays are protected from chatter, and other kinds are not', async (t) => {
  const rules = rulesOf()
  const common = {
    timeoutMs: 5000,
    autoOffMs: 0,
    interlock: undefined,
    isPaceConfigured: false,
  }
  t.same(rules(relay), { ...common, minIntervalMs: 200, perSecond: 5, isGuarded: true })
  t.same(rules(led), { ...common, minIntervalMs: 0, perSecond: 0, isGuarded: false })
  t.equal(rules(relay), rules(relay), 'they are remembered')
})

t.test('the first rule that fits and has a setting decides it, setting by setting', async (t) => {
  const rules = rulesOf(
    { topic: 'nodes/bridge/0/relay/i2c0-3b', autoOffSeconds: 0, timeoutSeconds: 30 },
    { kind: 'relay', autoOffSeconds: 0.5, minIntervalMilliseconds: 1000, interlock: 'pump' },
    { topic: 'nodes/#', autoOffSeconds: 60, timeoutSeconds: 2, perSecond: 1 },
  )
  t.same(rules(relay), {
    timeoutMs: 30_000,
    isPaceConfigured: true,
    minIntervalMs: 1000,
    perSecond: 1,
    autoOffMs: 0,
    interlock: 'pump',
    isGuarded: true,
  })
  t.match(rules('nodes/bridge/0/relay/i2c0-3f'), { autoOffMs: 500, timeoutMs: 2000 })
  t.match(rules(led), { autoOffMs: 60_000, minIntervalMs: 0, interlock: undefined })
  t.match(rules('led/-'), { autoOffMs: 0, timeoutMs: 5000 })
})

t.test('what people say of how long a device may be on makes that shorter only', async (t) => {
  const said = new Map<string, number>()
  let tell = (_device: string) => {}
  const labels = {
    of: (device: string) => {
      const autoOffSeconds = said.get(device)
      return autoOffSeconds === undefined ? {} : { autoOffSeconds }
    },
    onChange: (listener: (device: string) => void) => {
      tell = listener
      return () => {}
    },
  }
  const { commands } = checkConfig({ commands: { rules: [{ kind: 'relay', autoOffSeconds: 60 }] } })
  const rules = createDeviceRules(commands, undefined, labels)
  for (const [device, seconds, autoOffMs] of [
    [relay, 30, 30_000],
    [relay, 90, 60_000],
    [led, 90, 90_000],
  ] as const) {
    said.set(device, seconds)
    tell(device)
    t.match(rules(device), { autoOffMs, isGuarded: true })
    t.same(autoOffIn(rules(device)), { seconds: autoOffMs / 1000 })
  }
})

t.test(
  'a device may be turned off at a time of day alone, or be on for as long as it likes',
  (t) => {
    const rules = rulesOf({ kind: 'relay', autoOffAt: '22:00' })
    t.same(autoOffIn(rules(relay)), { at: '22:00' })
    t.equal(autoOffIn(rules(led)), undefined)
    t.end()
  },
)

t.test('many devices do not fill the memory', async (t) => {
  const rules = rulesOf()
  const first = rules(relay)
  for (let at = 0; at < 10_000; at++) rules(`relay/${at}`)
  t.not(rules(relay), first)
  t.same(rules(relay), first)
})

t.test('a rule whose topic is no filter is an error of the configuration', async (t) => {
  const rules = [{ kind: 'relay' }, { topic: 'nodes/+relay' }]
  const sentence =
    'expected commands.rules.1.topic to be a filter, got "nodes/+relay": ' +
    'expected a topic with wildcards as whole levels, got "nodes/+relay"'
  const error = { code: 'bad-config', message: sentence }
  t.throws(() => checkConfig({ commands: { rules } }), error)
  t.throws(() => createDeviceRules({ timeoutSeconds: 5, rules }), error)
})
