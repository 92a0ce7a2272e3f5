import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { noRights } from '../../src/access/rights.ts'
import { BridgeQueue } from '../../src/bridges/bridge-queue.ts'
import { Inward } from '../../src/bridges/inward.ts'
import { Outward } from '../../src/bridges/outward.ts'
import type { CommandOptions, Ended, LinkMessage } from '../../src/bus/foreign/broker-connection.ts'
import { checkConfig } from '../../src/config.ts'
import { HubError } from '../../src/core/errors.ts'
import type { Message } from '../../src/core/message.ts'
import { messageOn } from '../bus/contract.ts'

const config = checkConfig({ bridges: [{ url: 'mqtt://cloud', in: ['#'], out: ['#'] }] })

function settingsOf([settings]: typeof config.bridges) {
  if (settings === undefined) throw new Error('expected a bridge')
  return settings
}

const settings = settingsOf(config.bridges)

interface Sent {
  readonly message: LinkMessage
  readonly ended: Ended
}

/** One direction with a link that does what the test says. */
function outwards(retained: Message[] = [], limits = { messages: 4, bytes: 100_000 }) {
  const sent: Sent[] = []
  const commands: CommandOptions[] = []
  const told: Message[] = []
  const lost: string[] = []
  const lose = (topic: string, reason: string) => lost.push(`${topic}: ${reason}`)
  const journal = { aheadMs: 0, note: () => {}, noteNew: () => {} }
  const name = 'cloud'
  const queue = new BridgeQueue({
    ...{ name, journal, limits },
    lost: ({ topic }, reason) => lose(topic, reason),
  })
  const link = {
    state: { state: 'connecting', since: '', protocol: 'MQTT 5' },
    isThere: true,
    publish: (message: LinkMessage, ended: Ended = () => {}) => {
      if (message.topic === 'at/once') ended('too large')
      else sent.push({ message, ended })
    },
    command: (_message: LinkMessage, options: CommandOptions) => {
      commands.push(options)
    },
  } as const
  const bus = {
    publish: (message: Message) => {
      told.push(message)
    },
    async *retained() {
      yield* retained
    },
  }
  const outward = new Outward({
    ...{ settings, name, clientId: 'hub', bus, link, queue, limits, lose },
    echoes: { expect: () => {} },
  })
  return { outward, sent, commands, told, lost, queue, link }
}

t.test('no more is under way than the other broker takes at once', async (t) => {
  const { outward, sent } = outwards()
  outward.caughtUp(2)
  for (const text of ['1', '2', '3']) outward.take(messageOn('a', text, { qos: 1 }))
  t.equal(sent.length, 2)
  sent[0]?.ended()
  t.equal(sent.length, 3)
  t.equal(outward.counts.sent, 1)
})

t.test('what the other broker refuses is lost, and the next one goes', async (t) => {
  const { outward, sent, lost } = outwards()
  outward.take(messageOn('a', '1', { qos: 1 }))
  outward.take(messageOn('at/once', '1', { qos: 1 }))
  sent[0]?.ended('Not authorized')
  t.same(lost, ['at/once: too large', 'a: Not authorized'])
})

t.test('all that is retained goes as fast as it is taken', async (t) => {
  const retained = ['a', 'b', 'c', 'd', 'e'].map((topic) => messageOn(topic, '1', { retain: true }))
  const bridged = { bytes: Buffer.from('\u0026\0\x0cbridged-from\0\x01x') }
  const others = [
    messageOn('x', '', { properties: bridged }),
    messageOn('relay/0/set', ''),
    messageOn('hub/fence/x', ''),
  ]
  const { outward, sent, queue } = outwards([...others, ...retained])
  const telling = outward.tellRetained()
  for (let ended = 0; ended < 5; ended++) {
    while (sent.length <= ended) await turnOver()
    t.ok(queue.messages <= 2)
    sent[ended]?.ended()
  }
  await telling
  t.same(
    sent.map(({ message }) => message.topic),
    ['a', 'b', 'c', 'd', 'e'],
  )
})

t.test('who closes it does not wait for what is retained', async (t) => {
  const retained = ['a', 'b', 'c', 'd'].map((topic) => messageOn(topic, '1', { retain: true }))
  const { outward } = outwards(retained)
  const telling = outward.tellRetained()
  for (let turns = 0; turns < 10; turns++) await turnOver()
  outward.close()
  t.equal(await telling, undefined)
})

t.test('a command that does not go is told to who waits for it, or beside its topic', async (t) => {
  const { outward, commands, told, link } = outwards()
  const untaken: HubError[] = []
  const receivers = {
    withinMs: 1500,
    untaken: (error: HubError) => untaken.push(error),
    ...{ owes: () => {}, has: () => {} },
  }
  outward.take(messageOn('relay/0/set', '1', { receivers }))
  outward.take(messageOn('cmnd/plug/POWER', '1'))
  t.same(
    commands.map(({ expirySeconds }) => expirySeconds),
    [2, 5],
  )
  commands[0]?.refused('Not authorized')
  commands[1]?.unsent('it has gone')
  Object.assign(link, { isThere: false })
  outward.take(messageOn('cmnd/plug/POWER', '1'))
  await turnOver()
  t.match(untaken, [{ code: 'bridge-away', message: /Not authorized/ }])
  t.match(told, [{ topic: 'cmnd/plug/POWER/error' }, { topic: 'cmnd/plug/POWER/error' }])
  t.match(String(told[1]?.payload.bytes), /it is being connected to/)
})

t.test('of very many topics it is learned anew who speaks on them', async (t) => {
  const { outward, commands } = outwards([], { messages: 1, bytes: 100_000 })
  const isHere = () => {
    const before = commands.length
    outward.take(messageOn('relay/0/set', '1'))
    return commands.length === before
  }
  outward.take(messageOn('relay/0', '1'))
  t.equal(isHere(), true)
  outward.spokenThere('relay/0')
  t.equal(isHere(), false)
  outward.take(messageOn('relay/0', '1'))
  for (let at = 0; at < 100_000; at++) outward.take(messageOn(`t/${at}`, ''))
  t.equal(isHere(), false)
})

/** What comes, with what the hub says to it. */
function inwards(protocol: 'MQTT 5' | 'MQTT 3.1.1' = 'MQTT 5') {
  const told: Message[] = []
  const refused: unknown[] = []
  const retained = new Map<string, Message>()
  const inward = new Inward({
    ...{ settings, name: 'cloud', clientId: 'hub', limits: config.limits },
    bus: {
      publish: (message: Message) => {
        told.push(message)
      },
      retainedOn: (topic: string) => retained.get(topic),
      async *retained() {
        yield* retained.values()
      },
    },
    link: { state: { protocol } },
    echoes: { take: () => undefined },
    enter: (message, sender) => {
      const { topic } = message
      if (topic === 'defect') throw new TypeError('expected nothing')
      if (topic === 'locked/set') throw new HubError('locked', 'expected an open one')
      if (topic === 'shed') return undefined
      if (!sender.rights.mayPublish(topic, false).allowed)
        throw new HubError('forbidden', 'expected a right')
      return message
    },
    commander: () => ({ user: 'unknown', rights: noRights, address: '', way: 'bridge' }),
    spokenThere: () => {},
    sampledLog: { warn: (_kind, fields) => refused.push(fields['reason']) },
  })
  const take = (topic: string, text = '1') =>
    inward.take({ topic, bytes: Buffer.from(text), qos: 0, retain: false }, false)
  const takePast = (topic: string, text = '1') =>
    inward.take({ topic, bytes: Buffer.from(text), qos: 0, retain: true }, true)
  return { inward, take, takePast, told, refused, retained }
}

t.test('what comes takes the way of all messages, with a right to all but commands', async (t) => {
  const { take, told, refused } = inwards()
  take('a/b')
  take('shed')
  take('relay/0/set')
  take('locked/set')
  take('a\0b')
  take('large', 'x'.repeat(config.limits.mqtt.publishBytes + 1))
  t.throws(() => take('defect'), TypeError)
  t.match(refused, ['expected a right', 'expected an open one', /limits/, /limits/])
  t.same(
    told.map(({ topic }) => topic),
    ['a/b', 'locked/set/error'],
  )
})

t.test('what is told here is newer than what was retained there', async (t) => {
  const { takePast, told, retained, inward } = inwards()
  retained.set('mine', messageOn('mine', '2', { retain: true }))
  takePast('mine', '1')
  takePast('theirs', '1')
  t.match(told, [{ topic: 'theirs', isPast: true }])
  for (const message of told) retained.set(message.topic, message)
  takePast('theirs', '1')
  t.equal(told.length, 1, 'which is known')
  takePast('theirs', '2')
  t.equal(told.length, 2)
  await inward.caughtUp()
  t.equal(told.length, 2)
  await inward.caughtUp()
  t.match(told.slice(2), [{ topic: 'theirs', retain: true, payload: { bytes: Buffer.alloc(0) } }])
})

t.test('by MQTT 3.1.1 what was retained stays so', async (t) => {
  const { take, takePast, told, retained } = inwards('MQTT 3.1.1')
  take('a')
  takePast('b', '1')
  for (const message of told) if (message.isPast) retained.set(message.topic, message)
  retained.set('mine', messageOn('mine', '2', { retain: true }))
  take('b', '2')
  take('mine', '3')
  t.match(told, [{ retain: false }, { retain: true }, { retain: true }, { retain: false }])
})
