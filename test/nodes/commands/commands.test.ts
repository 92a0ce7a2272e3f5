import t from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import type { Receipt } from '../../../src/core/message.ts'
import { autoOff, type CommandGuard } from '../../../src/nodes/commands/commands.ts'
import { clown } from '../../senders.ts'
import { messageOn, openedCommands, relay, timeoutMs } from './opened-commands.ts'

t.test('a command is accepted, sent, and confirmed by the report of its device', async (t) => {
  const { ask, clock, reports, published, told } = openedCommands()
  const asked = ask({ state: true })
  t.match(published, [{ topic: `${relay}/set`, qos: 0, retain: false }])
  clock.step(12)
  reports({ state: true })
  const ends = [{ receipt: 'confirmed', afterMs: 12, final: true }]
  t.same(asked.receipts, [
    { receipt: 'accepted', afterMs: 0 },
    { receipt: 'sent', afterMs: 0 },
    ...ends,
  ])
  t.same(asked.ends, ends)
  reports({ state: true })
  reports({ state: false })
  clock.step(2 * timeoutMs)
  t.equal(asked.receipts.length, 3, 'what comes later is not about the command')
  t.same(told, [
    [relay, 'accepted'],
    [relay, 'sent'],
    [relay, 'confirmed'],
  ])
})

t.test('F25: silence is timed-out, and what comes late is confirmed-late, once', async (t) => {
  const { ask, clock, reports } = openedCommands()
  const asked = ask({ state: true })
  clock.step(timeoutMs)
  t.same(asked.ends, [{ receipt: 'timed-out', afterMs: timeoutMs, final: true }])
  reports({ state: false })
  reports({ state: true })
  reports({ state: true })
  t.same(asked.names, ['accepted', 'sent', 'timed-out', 'confirmed-late'])
  t.equal(asked.ends.length, 1)
})

t.test('a report a minute after the deadline is not about the command any more', async (t) => {
  const { ask, clock, reports } = openedCommands()
  const asked = ask({ state: true })
  clock.step(timeoutMs + 60_001)
  reports({ state: true })
  t.same(asked.names, ['accepted', 'sent', 'timed-out'])
})

t.test(
  'F25: a report of another state is a mismatch, which the right one may still mend',
  async (t) => {
    const { ask, clock, reports } = openedCommands()
    const mended = ask({ state: true })
    reports({ state: false })
    reports({ state: false })
    reports({ temperature: [20, '℃'] })
    t.same(mended.ends, [])
    reports({ state: true })
    t.same(mended.names, ['accepted', 'sent', 'mismatch', 'confirmed'])
    const left = ask({ state: false })
    reports({ state: true })
    clock.step(timeoutMs)
    t.same(left.ends, [{ receipt: 'mismatch', afterMs: timeoutMs, final: true }])
    reports({ state: false })
    t.same(left.names, ['accepted', 'sent', 'mismatch', 'mismatch', 'confirmed-late'])
  },
)

t.test('F26: a later command supersedes the one before, and both learn it', async (t) => {
  const { ask, clock, reports } = openedCommands()
  const first = ask({ state: true })
  clock.step(10)
  const second = ask({ state: false })
  t.same(first.names, ['accepted', 'sent', 'superseded'])
  t.same(first.ends, [{ receipt: 'superseded', afterMs: 10, final: true }])
  reports({ state: true })
  t.same(second.names, ['accepted', 'sent'], 'the answer to the first is none to the second')
  reports({ state: false })
  t.same(second.names, ['accepted', 'sent', 'confirmed'])
})

t.test('an answer to an earlier command is overlooked once, and no more', async (t) => {
  const { ask, clock, reports } = openedCommands()
  ask({ state: true })
  const second = ask({ state: false })
  reports({ state: true })
  reports({ state: true })
  t.same(second.names, ['accepted', 'sent', 'mismatch'])
  reports({ state: false })
  const third = ask({ state: true })
  reports({ state: false })
  t.same(third.names, ['accepted', 'sent', 'mismatch'], 'what was answered has no answer left')
  clock.step(timeoutMs)
  const fourth = ask({ state: false })
  reports({ state: true })
  t.same(fourth.names, ['accepted', 'sent', 'mismatch'], 'past its deadline no answer is due')
})

t.test('F26: a slow device that answers one by one contradicts nobody', async (t) => {
  const { ask, reports } = openedCommands()
  const states = [true, false, true, false]
  const [first, second, third] = states.slice(0, 3).map((state) => ask({ state }))
  reports({ state: true })
  t.same(third?.names, ['accepted', 'sent'], 'that was the answer to the first')
  const fourth = ask({ state: false })
  for (const state of states.slice(1)) {
    t.same(fourth.names, ['accepted', 'sent'], 'it waits for its own answer')
    reports({ state })
  }
  for (const one of [first, second, third]) t.same(one?.names, ['accepted', 'sent', 'superseded'])
  t.same(fourth.names, ['accepted', 'sent', 'confirmed'])
})

t.test('a sender may say how long to wait', async (t) => {
  const { ask, clock } = openedCommands()
  const asked = ask({ state: true }, { timeoutMs: 100 })
  clock.step(100)
  t.same(asked.names, ['accepted', 'sent', 'timed-out'])
})

t.test('a command to a node that is offline is not sent, and the one before goes on', async (t) => {
  let isOffline = false
  const { ask, published, reports } = openedCommands({ isOffline: () => isOffline })
  const before = ask({ state: true })
  isOffline = true
  t.throws(() => ask({ state: false }), {
    code: 'node-offline',
    message: 'expected the node of "nodes/bridge/0/relay/i2c0-3b" online, it is not',
  })
  t.equal(published.length, 1)
  reports({ state: true })
  t.same(before.names, ['accepted', 'sent', 'confirmed'])
})

t.test('what the guard refuses is not sent, and what it lets pass it learns of', async (t) => {
  const sent: string[] = []
  const error = new HubError('too-fast', 'expected less')
  const { ask, published } = openedCommands({
    relayGuard: {
      check: ({ asked }) => {
        if (asked === 'refuse') throw error
        return undefined
      },
      sent: ({ device }) => sent.push(device),
    },
  })
  t.throws(() => ask('refuse'), error)
  t.equal(published.length, 0)
  ask('on')
  t.same(sent, [relay])
})

t.test(
  'a command of somebody counts, to a device that is known, and none of the hub',
  async (t) => {
    const counted: string[] = []
    const checked: unknown[] = []
    const known = { isSo: true }
    const { ask, commands } = openedCommands({
      takeRate: (user) => counted.push(user),
      isKnown: () => known.isSo,
      relayGuard: { check: ({ isOwn }) => void checked.push(isOwn), sent: () => {} },
      checkKnown: ({ sender }) => checked.push(sender.user),
    })
    ask({ state: true })
    ask({ state: true }, { user: 'hub' })
    t.same(counted, ['clown', 'hub'], 'a user of that name is a user')
    t.same(checked.splice(0), ['clown', false, 'hub', false])
    commands.take({ device: relay, message: messageOn(`${relay}/set`, false), sender: autoOff })
    t.same(counted.length, 2)
    t.same(checked, [true], 'it is no command to a device that may not be there')
    t.ok(autoOff.rights.mayPublish(`${relay}/set`, false).allowed)
    known.isSo = false
    ask({ state: true })
    t.same(counted.length, 2, 'a command to any other device is a message like others')
  },
)

t.test('a refusal is told to who watches, and thrown at who does not', async (t) => {
  const { commands, told } = openedCommands()
  const error = new HubError('bad-payload', 'expected another one')
  const receipts: Receipt[] = []
  const watcher = { changed: (receipt: Receipt) => receipts.push(receipt) }
  const message = messageOn(`${relay}/set`, 1)
  commands.refuse({ device: relay, message, sender: { ...clown, watcher } }, error)
  const { code, message: sentence } = error
  t.same(receipts, [{ receipt: 'refused', code, message: sentence, afterMs: 0, final: true }])
  t.throws(() => commands.refuse({ device: relay, message, sender: clown }, error), error)
  const offline = new HubError('node-offline', 'expected it online')
  t.throws(() => commands.refuse({ device: relay, message, sender: clown }, offline), offline)
  t.same(told, [
    [relay, 'refused'],
    [relay, 'refused'],
    [relay, 'node-offline'],
  ])
})

t.test('of too many devices the one commanded the longest ago is forgotten', async (t) => {
  const { ask, clock, reports } = openedCommands({ devices: 2 })
  const first = ask('on', { device: 'a/1' })
  const second = ask('on', { device: 'a/2' })
  ask('off', { device: 'a/1' })
  ask('on', { device: 'a/3' })
  reports('on', 'a/2')
  clock.step(timeoutMs)
  t.same(second.names, ['accepted', 'sent', 'unknown'])
  t.same(first.names, ['accepted', 'sent', 'superseded'])
})

t.test('what is under way when the hub ends is unknown', async (t) => {
  const { ask, clock, commands, reports } = openedCommands()
  const asked = ask('on')
  commands.close()
  reports('on')
  clock.step(timeoutMs)
  t.same(asked.names, ['accepted', 'sent', 'unknown'])
  t.equal(asked.ends.length, 1)
})

/** Commands to a device with a rule, on a disk that takes what it gets when the test says so. */
function keptCommands(guard: Partial<CommandGuard> = {}) {
  const waiting: (() => unknown)[] = []
  const opened = openedCommands({
    isKeptFirst: () => true,
    whenKept: (act) => void waiting.push(act),
    relayGuard: { check: () => undefined, sent: () => {}, ...guard },
  })
  const kept = () => {
    for (const act of waiting.splice(0)) act()
  }
  return { ...opened, kept }
}

t.test('a command to a device with a rule leaves when that is on disk', async (t) => {
  const { ask, published, kept, reports } = keptCommands()
  const asked = ask({ state: true })
  t.same(asked.names, ['accepted', 'sent'])
  t.same(published, [])
  kept()
  t.match(published, [{ topic: `${relay}/set` }])
  reports({ state: true })
  t.same(asked.names, ['accepted', 'sent', 'confirmed'])
})

t.test('what turns a device off waits for no disk', async (t) => {
  const { ask, published, kept } = keptCommands()
  const on = ask({ state: true })
  ask({ state: false })
  t.same(on.names, ['accepted', 'sent', 'superseded'])
  kept()
  t.match(published, [{ payload: { value: { state: false } } }], 'and what was before never leaves')
  t.equal(published.length, 1)
})

t.test('a command whose time is over before the disk had it never leaves', async (t) => {
  const { ask, published, kept, clock } = keptCommands()
  const asked = ask({ state: true })
  clock.step(timeoutMs)
  kept()
  t.same(asked.names, ['accepted', 'sent', 'timed-out'])
  t.same(published, [])
})

t.test('nor does one to a device that was locked meanwhile', async (t) => {
  let isLocked = false
  const check = () => {
    if (isLocked) throw new HubError('locked', 'expected no lock')
    return undefined
  }
  const { ask, published, kept } = keptCommands({ check })
  ask({ state: true })
  isLocked = true
  kept()
  t.same(published, [])
})

t.test('a hub that ends takes no more commands', async (t) => {
  const { ask, commands, published } = openedCommands()
  commands.close()
  t.throws(() => ask('on'), { code: 'hub-ends' })
  t.same(published, [])
})

t.test('what its node may not have heard in time is recalled, and what is locked is', async (t) => {
  const { ask, clock, commands, recalled, reports } = openedCommands()
  commands.locked(relay)
  clock.step(7)
  ask(true)
  commands.locked(relay)
  t.same(recalled, [[relay, 7]])
  reports({ state: true })
  commands.locked(relay)
  t.equal(recalled.length, 1, 'it was obeyed')
  ask(false)
  clock.step(timeoutMs)
  t.same(recalled[1], [relay, 7])
  ask(true, { timeoutMs: 60_000 })
  ask(true, { device: 'a/1', timeoutMs: 60_000 })
  clock.step(1000)
  ask(true, { device: 'a/1' })
  commands.close()
  t.same(recalled.slice(2), [[relay, 7 + timeoutMs]], 'the hub ends')
})

t.test('a report that says nothing new confirms only what its client had before', async (t) => {
  const { ask, reports, published } = openedCommands()
  reports({ state: true })
  const asked = ask({ state: true })
  const receivers = published[0]?.receivers
  receivers?.owes('node')
  reports({ state: true }, relay, 'node')
  reports({ state: true })
  t.same(asked.names, ['accepted', 'sent'], 'it was on its way when the command was')
  receivers?.has('gateway')
  reports({ state: true }, relay, 'gateway')
  t.same(asked.names, ['accepted', 'sent'], 'a gateway has it, and its device may not')
  receivers?.has('node')
  reports({ state: true }, relay, 'other')
  t.same(asked.names, ['accepted', 'sent'])
  reports({ temperature: 3 }, relay, 'node')
  reports({ state: true }, relay, 'node')
  t.same(asked.names, ['accepted', 'sent', 'confirmed'])
  const other = ask({ state: false })
  reports({ state: false }, relay, 'node')
  t.same(other.names, ['accepted', 'sent', 'confirmed'], 'what is new confirms, whoever says so')
})

t.test('a device that is asked for what it reported last is asked to report', async (t) => {
  const questions: string[] = []
  const { ask, clock, reports, published } = openedCommands({
    ask: (device) => questions.push(device) > 0,
  })
  reports({ state: true })
  const asked = ask({ state: true })
  published[0]?.receivers?.owes('node')
  t.same(questions, [])
  clock.step(200)
  t.same(questions, [relay])
  reports({ state: true }, relay, 'node')
  t.same(asked.names, ['accepted', 'sent'], 'it has not even got the command')
  reports({ state: true }, relay, 'at QoS 0')
  t.same(asked.names, ['accepted', 'sent', 'confirmed'])
  clock.step(timeoutMs)
  t.same(questions, [relay])

  const silent = ask({ state: true })
  reports({ state: true })
  t.same(questions, [relay, relay], 'at once, when an old report comes by')
  reports({ state: true })
  t.same(silent.names, ['accepted', 'sent', 'confirmed'], 'which is not from an MQTT client')
})

t.test(
  'what is already so, and was not said again, is neither confirmed nor timed out',
  async (t) => {
    const { ask, clock, reports, recalled, commands } = openedCommands()
    clock.step(1000)
    reports({ state: true })
    clock.step(1000)
    const asked = ask({ state: true })
    clock.step(timeoutMs)
    const reportedAt = '1970-01-01T00:00:01.000Z'
    t.same(asked.ends, [{ receipt: 'already-so', reportedAt, afterMs: timeoutMs, final: true }])
    t.equal(recalled.length, 1, 'and does not arrive later')
    reports({ state: false })
    reports({ state: true })
    t.same(asked.names, ['accepted', 'sent', 'already-so', 'confirmed-late'])

    const unknown = ask({ state: true })
    commands.forget(relay)
    clock.step(timeoutMs)
    t.same(unknown.names, ['accepted', 'sent', 'timed-out'], 'what was reported is history')
  },
)

t.test('a device that skips what it was asked for in between is asked, and confirms', async (t) => {
  const questions: string[] = []
  const { ask, clock, reports } = openedCommands({ ask: (device) => questions.push(device) > 0 })
  for (const state of [true, false]) ask({ state })
  const third = ask({ state: true })
  reports({ state: true })
  t.same(third.names, ['accepted', 'sent'])
  clock.step(timeoutMs / 2)
  t.same(questions, [relay])
  reports({ state: true })
  t.same(third.names, ['accepted', 'sent', 'confirmed'])
})
