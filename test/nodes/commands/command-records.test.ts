import { pino } from 'pino'
import t from 'tap'
import type { Message, Receipt, ReceiptName } from '../../../src/core/message.ts'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import type { Command } from '../../../src/nodes/commands/command-life.ts'
import { openCommandRecords } from '../../../src/nodes/commands/command-records.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { clown } from '../../senders.ts'

const at = new Date('2020-11-21T10:00:00Z')

function commandOf(device: string, from: Partial<Command> = {}): Command {
  const common = {
    device,
    asked: { state: true },
    goal: { state: true },
    isConfirmable: true,
    isObserved: false,
    topics: [`${device}/set`],
    isAccepted: true,
    sender: clown,
    qos: 1 as const,
    at,
  }
  return { id: `the one to ${device}`, ...common, sentAt: at, timeoutMs: 5000, ...from }
}

/** Records over `store`, and what was published. */
async function openedRecords(store: Store, devices = 100) {
  const published: Message[] = []
  const bus = { publish: (message: Message) => void published.push(message) }
  const unknown: [id: string, Receipt][] = []
  const onUnknown = (id: string, receipt: Receipt) => unknown.push([id, receipt])
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const records = await openCommandRecords({ bus, store, devices, sampledLog, onUnknown })
  const tell = (command: Command, receipt: ReceiptName, final?: true) =>
    records.tell(command, { receipt, afterMs: 3, ...(final && { final }) })
  return { published, tell, unknown, counters, records }
}

/** What a hub publishes that starts with `store`. */
async function toldAtStart(store: Store) {
  const { published } = await openedRecords(store)
  return published.map(({ topic, payload, retain }) => [topic, payload.value, retain])
}

t.test('the life of the last command to a device is retained on its topic', async (t) => {
  const { published, tell } = await openedRecords(openMemoryStore())
  tell(commandOf('a/b'), 'accepted')
  t.same(published, [], 'it is sent in the same turn')
  tell(commandOf('a/b'), 'sent')
  t.match(published, [
    {
      topic: '$SYS/hub/commands/a/b',
      qos: 0,
      retain: true,
      payload: {
        value: {
          receipt: 'sent',
          afterMs: 3,
          id: 'the one to a/b',
          by: 'clown',
          way: 'mqtt',
          asked: { state: true },
          at: '2020-11-21T10:00:00.000Z',
          until: '2020-11-21T10:00:05.000Z',
        },
      },
    },
  ])
})

t.test(
  'what was refused is told, and does not take the place of what may be under way',
  async (t) => {
    const store = openMemoryStore()
    const { published, tell } = await openedRecords(store)
    const { sentAt: _, ...command } = commandOf('a/b')
    tell({ ...command, isAccepted: false }, 'refused')
    tell(command, 'node-offline')
    tell(command, 'superseded', true)
    t.match(published, [{ retain: false }, { retain: false }, { retain: false }])
    t.same(await toldAtStart(store), [])
  },
)

t.test('F27: what had not ended when the hub did is unknown from then on', async (t) => {
  const store = openMemoryStore()
  const { tell } = await openedRecords(store)
  const ends: [ReceiptName, true | undefined, ReceiptName][] = [
    ['sent', undefined, 'unknown'],
    ['mismatch', undefined, 'unknown'],
    ['mismatch', true, 'mismatch'],
    ['confirmed', true, 'confirmed'],
    ['timed-out', true, 'timed-out'],
  ]
  for (const [index, [receipt, final]] of ends.entries()) {
    tell(commandOf(`a/${index}`), receipt, final)
  }
  await store.write([])
  const expected = ends.map(([, , receipt], index) => [
    `$SYS/hub/commands/a/${index}`,
    { receipt, final: true },
    true,
  ])
  const { unknown } = await openedRecords(store)
  const receipt = { receipt: 'unknown', afterMs: 3, final: true }
  t.same(unknown, [
    ['the one to a/0', receipt],
    ['the one to a/1', receipt],
  ])
  t.match(await toldAtStart(store), expected)
  t.match(await toldAtStart(store), expected, 'and stays so')
})

t.test('of too many devices the one commanded the longest ago is told of no more', async (t) => {
  const store = openMemoryStore()
  const { published, tell } = await openedRecords(store, 2)
  tell(commandOf('a/1'), 'sent')
  tell(commandOf('a/2'), 'sent')
  tell(commandOf('a/1'), 'confirmed')
  tell(commandOf('a/3'), 'sent')
  t.match(published.at(-1), {
    topic: '$SYS/hub/commands/a/2',
    payload: { bytes: Buffer.alloc(0) },
    retain: true,
  })
  await store.write([])
  t.match(await toldAtStart(store), [['$SYS/hub/commands/a/1'], ['$SYS/hub/commands/a/3']])
})

t.test('what was stored and cannot be read is left out and counted', async (t) => {
  const store = openMemoryStore()
  const { tell } = await openedRecords(store)
  tell(commandOf('a/b'), 'confirmed', true)
  for (const [device, text] of Object.entries({ cut: '{"id":"o', other: '{"id":"one"}' })) {
    await store.write([{ key: `command/${device}`, value: Buffer.from(text) }])
  }
  const { published, counters } = await openedRecords(store)
  t.match(published, [{ topic: '$SYS/hub/commands/a/b' }])
  t.equal(published.length, 1)
  t.same(counters.snapshot(), { 'command-forgotten': 2 })
})

t.test('a store that cannot write keeps nobody from telling', async (t) => {
  const full = { ...openMemoryStore(), write: async () => Promise.reject(new Error('full')) }
  const { published, tell, counters } = await openedRecords(full)
  tell(commandOf('a/b'), 'sent')
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(published.length, 1)
  t.same(counters.snapshot(), { 'command-not-stored': 1 })
})

t.test('what another hub says of a command is taken, and what is none takes it away', async (t) => {
  const { records, tell, published } = await openedRecords(openMemoryStore())
  tell(commandOf('n/relay/0'), 'sent')
  const said = published.at(-1)?.payload.value
  records.heard('n/relay/1', said)
  records.heard('n/relay/0', 'nothing')
  records.takeOver()
  const lost = published.filter(({ payload }) => /unknown/.test(String(payload.bytes)))
  t.same(
    lost.map(({ topic }) => topic),
    ['$SYS/hub/commands/n/relay/1'],
  )
})
