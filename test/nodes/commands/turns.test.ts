import t from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import { Payload } from '../../../src/core/payload.ts'
import { autoOff, type CommandsOptions } from '../../../src/nodes/commands/commands.ts'
import type { TooSoon } from '../../../src/nodes/commands/turns.ts'
import { commandTopic } from '../../../src/nodes/device.ts'
import { clown } from '../../senders.ts'
import { messageOn, openedCommands, relay } from './opened-commands.ts'

const [on, off] = [{ state: true }, { state: false }]
const ann = { user: 'ann' }
const bob = { user: 'bob' }

/** Commands to devices that take one in `intervalMs`, whatever it asks for, unless the test forbids it. */
function paced(intervalMs = 200) {
  const sentAtMs = new Map<string, number>()
  const forbidden: { error?: HubError } = {}
  const relayGuard: CommandsOptions['relayGuard'] = {
    check: ({ device, isOwn }): TooSoon | undefined => {
      if (forbidden.error !== undefined) throw forbidden.error
      const waitMs = (sentAtMs.get(device) ?? -Infinity) + intervalMs - opened.clock.nowMs()
      const isIn = waitMs <= 0 || isOwn === true
      return isIn ? undefined : { waitMs, expected: 'less' }
    },
    sent: ({ device }) => {
      sentAtMs.set(device, opened.clock.nowMs())
    },
  }
  const may: { still: boolean; isOffline: boolean } = { still: true, isOffline: false }
  const opened = openedCommands({
    relayGuard,
    checkRight: () => {
      if (!may.still) throw new HubError('forbidden', 'expected a right')
    },
    isOffline: () => may.isOffline,
  })
  const sent = () => opened.published.map(({ payload }) => payload.value)
  const turnOff = (value: unknown) =>
    opened.commands.take({
      device: relay,
      message: messageOn(commandTopic(relay), value),
      sender: autoOff,
    })
  return { ...opened, forbidden, may, sent, turnOff }
}

t.test('what comes too soon waits for its turn, and is accepted meanwhile', async (t) => {
  const { ask, clock, sent, reports } = paced()
  const first = ask(on)
  const second = ask(off)
  t.same(second.receipts, [{ receipt: 'accepted', afterMs: 0 }])
  reports(on)
  t.same(first.names, ['accepted', 'sent', 'confirmed'], 'the one before goes on meanwhile')
  clock.step(199)
  t.same(sent(), [on])
  clock.step(1)
  t.same(sent(), [on, off])
  reports(off)
  t.same(second.receipts.slice(1), [
    { receipt: 'sent', afterMs: 200 },
    { receipt: 'confirmed', afterMs: 200, final: true },
  ])
})

t.test('the deadline of what waited begins when it is sent', async (t) => {
  const { ask, clock } = paced(2000)
  ask(on)
  const waited = ask(off, { timeoutMs: 1000 })
  clock.step(2999)
  t.same(waited.names, ['accepted', 'sent'])
  clock.step(1)
  t.same(waited.ends, [{ receipt: 'timed-out', afterMs: 3000, final: true }])
})

t.test('only the latest waits: of a slider the last value gets there', async (t) => {
  const { ask, clock, sent } = paced()
  const asked = Array.from({ length: 25 }, (_, level) => {
    clock.step(40)
    return ask({ level })
  })
  clock.step(200)
  t.same(sent().at(-1), { level: 24 })
  t.same(sent().length, 6)
  const names = asked.map((each) => each.names.join())
  t.equal(names.filter((each) => each === 'accepted,superseded').length, 19)
  t.same(asked[1]?.ends, [{ receipt: 'superseded', afterMs: 40, final: true }])
})

t.test('on, off, on ends with on', async (t) => {
  const { ask, clock, sent } = paced()
  const [, second, third] = [on, off, on].map((state) => {
    clock.step(7)
    return ask(state)
  })
  clock.step(200)
  t.same(sent(), [on, on])
  t.same(second?.names, ['accepted', 'superseded'])
  t.same(third?.names, ['accepted', 'sent'])
})

t.test('what would wait for more than 2 s is refused, and what waits goes on', async (t) => {
  const { ask, clock, sent } = paced(2500)
  ask(on)
  clock.step(499)
  t.throws(() => ask({ level: 1 }), { code: 'too-fast', message: /try again in 2001 ms$/ })
  clock.step(1)
  ask({ level: 2 })
  clock.step(2000)
  t.same(sent(), [on, { level: 2 }])
})

t.test('off is never refused for being too soon: it goes after 2 s at the latest', async (t) => {
  const { ask, clock, sent } = paced(60_000)
  ask(on)
  const waited = ask(off)
  clock.step(1999)
  t.same(sent(), [on])
  clock.step(1)
  t.same(sent(), [on, off])
  t.same(waited.names, ['accepted', 'sent'])
})

t.test('a waiting off gives way to its own user and to another off only', async (t) => {
  const { ask, clock, sent } = paced()
  ask(on, ann)
  const first = ask(off, ann)
  t.throws(() => ask(on, bob), {
    code: 'too-fast',
    message: /^expected to come after .* another user to turn off, .* in 200 ms$/,
  })
  t.same(first.names, ['accepted'])
  const second = ask(off, bob)
  t.same(first.names, ['accepted', 'superseded'])
  t.throws(() => ask(on, ann), { code: 'too-fast' }, 'it is of the other user now')
  ask({ state: 'ON' }, bob)
  t.same(second.names, ['accepted', 'superseded'])
  clock.step(200)
  t.same(sent(), [on, { state: 'ON' }])
})

t.test('anything else that waits gives way to whoever comes later', async (t) => {
  const { ask, clock, sent } = paced()
  ask(off, ann)
  const waited = ask(on, ann)
  ask(off, bob)
  t.same(waited.names, ['accepted', 'superseded'])
  clock.step(200)
  t.same(sent(), [off, off])
})

t.test('what the hub does itself lets the waiting ones wait', async (t) => {
  const { ask, turnOff, clock, sent } = paced()
  ask(off, ann)
  const waited = ask(on, ann)
  clock.step(100)
  turnOff({ state: 0 })
  t.same(waited.names, ['accepted'])
  clock.step(200)
  t.same(sent(), [off, { state: 0 }, on], 'its turn comes later by that')
  const late = ask(off, ann)
  turnOff({ state: 0 })
  t.same(late.names, ['accepted'])
})

t.test('at its turn a command is asked everything again', async (t) => {
  const cases = [
    [{ code: 'locked' }, 'refused'],
    [{ code: 'interlocked' }, 'refused'],
    [{ code: 'forbidden' }, 'refused'],
    [{ code: 'node-offline' }, 'node-offline'],
  ] as const
  for (const [{ code }, receipt] of cases) {
    const { ask, clock, sent, forbidden, may, told } = paced()
    ask(on)
    const waited = ask(off)
    if (code === 'forbidden') may.still = false
    else if (code === 'node-offline') may.isOffline = true
    else forbidden.error = new HubError(code, `expected it not to be ${code}`)
    clock.step(200)
    t.same(sent(), [on], code)
    t.match(waited.ends, [{ receipt, code, message: /^expected/, afterMs: 200, final: true }])
    t.same(waited.names, ['accepted', receipt])
    t.same(told.at(-1), [relay, receipt])
  }
})

t.test(
  'who watches nothing is told on the topic of the error, unless it has no right',
  async (t) => {
    const { ask, clock, published, forbidden, may } = paced()
    ask(on)
    ask(off, { watcher: undefined })
    forbidden.error = new HubError('locked', 'expected no lock')
    clock.step(200)
    t.match(published.slice(1), [
      {
        topic: `${commandTopic(relay)}/error`,
        payload: { value: { code: 'locked', message: 'expected no lock' } },
        retain: false,
      },
    ])
    delete forbidden.error
    ask(on)
    ask(off, { watcher: undefined })
    may.still = false
    clock.step(200)
    t.equal(published.length, 3, 'the second on, and nothing of the off')
  },
)

t.test('what waits when the hub ends is refused, and was not sent', async (t) => {
  const { ask, clock, sent, commands } = paced()
  ask(on)
  const waited = ask(off)
  commands.close()
  t.match(waited.ends, [{ receipt: 'refused', code: 'hub-ends', final: true }])
  clock.step(5000)
  t.same(sent(), [on])
})

t.test('each device has its own turn', async (t) => {
  const { ask, clock, sent } = paced()
  const devices = Array.from({ length: 100 }, (_, at) => `nodes/bridge/0/relay/${at}`)
  for (const device of devices) ask(on, { device })
  const waited = devices.map((device) => ask(off, { device }))
  clock.step(200)
  t.equal(sent().length, 200)
  t.ok(waited.every(({ names }) => names.join() === 'accepted,sent'))
})

t.test('so much waits, and no more: then off goes at once, and others are refused', async (t) => {
  const { ask, commands, clock, sent, published } = paced()
  const large = 'x'.repeat(1_000_000)
  const devices = Array.from({ length: 9 }, (_, at) => `nodes/bridge/0/display/${at}`)
  for (const device of devices) ask(on, { device })
  for (const device of devices.slice(0, 8)) ask({ large }, { device })
  t.throws(() => ask({ large }, { device: 'nodes/bridge/0/display/8' }), { code: 'too-fast' })
  ask({ large: `${large}y` }, { device: 'nodes/bridge/0/display/0' })
  ask({ state: false, large }, { device: 'nodes/bridge/0/display/8' })
  t.equal(published.length, 10, 'the last one was sent at once')
  clock.step(200)
  t.equal(sent().length, 18)
  ask({ large }, { device: 'nodes/bridge/0/display/8' })
  commands.close()
})

t.test('what waits keeps no more than its own bytes', async (t) => {
  const { ask, clock, commands, published } = paced()
  ask(on)
  const chunk = Buffer.from(`…${JSON.stringify(off)}…`)
  const bytes = chunk.subarray(3, chunk.length - 3)
  const message = {
    topic: commandTopic(relay),
    payload: new Payload(bytes),
    qos: 1,
    retain: false,
  } as const
  commands.take({ device: relay, message, sender: clown })
  chunk.fill(0)
  clock.step(200)
  t.same(published.at(-1)?.payload.bytes, Buffer.from(JSON.stringify(off)))
  t.same(published.at(-1)?.payload.value, off)
})
