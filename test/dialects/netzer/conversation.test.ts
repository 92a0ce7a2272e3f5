import { pino } from 'pino'
import t from 'tap'
import { rowsOf } from '../../../src/dialects/model-table.ts'
import { converse } from '../../../src/dialects/netzer/conversation.ts'
import { createBoard, type Pin } from '../../../src/dialects/netzer/pins.ts'
import type { ServedLink } from '../../../src/dialects/served-dialect.ts'
import type { DialectUser } from '../../../src/nodes/served/dialect-users.ts'
import { steppedClock } from '../../clock.ts'
import { createInbox } from '../../inbox.ts'
import { changingDevices, deviceNamed } from '../seen-device.ts'

function pinOn(index: string, name: string): Pin {
  const [row] = rowsOf(name.split('/')[0] ?? '')
  if (row === undefined) throw new Error('no row')
  return { index, topic: `nodes/bridge/0/${name}`, row }
}

function boardOf(pins: readonly Pin[], changing: ReturnType<typeof changingDevices>) {
  const clock = steppedClock()
  const board = createBoard({
    pins: {
      at: (index) => pins.find((pin) => pin.index === index),
      of: (topic) => pins.filter((pin) => pin.topic === topic),
      all: () => [...pins],
      close: () => {},
    },
    devices: changing.seen,
    clock,
  })
  return { board, clock }
}

function talk(board: ReturnType<typeof boardOf>['board'], command: DialectUser['command']) {
  const sent = createInbox<string>()
  const closed = createInbox<number | undefined>()
  const lines = createInbox<string>()
  const dialectUser = { user: 'clown', mayRead: () => true, mayCommand: () => true, command }
  const link: ServedLink = {
    send: sent.put,
    signIn: () => dialectUser,
    close: (code) => closed.put(code),
    cut: () => {},
  }
  const log = pino({}, { write: lines.put })
  return {
    ...converse(link, { dialectUser, board, log }),
    sent,
    dialectUser,
    turned: closed,
    lines,
  }
}

const accepted = { receipt: 'confirmed', afterMs: 1, final: true } as const

t.test('whoever sends commands faster than devices obey is sent away', async (t) => {
  const { board } = boardOf([pinOn('0', 'relay/a')], changingDevices(deviceNamed(1, 'relay/a')))
  let commands = 0
  const { receive, turned } = talk(board, () => {
    commands++
    return new Promise(() => {})
  })
  for (let at = 0; at < 70; at++) receive('uv0=1')
  t.equal(await turned.next(), 1013)
  t.equal(commands, 64)
})

t.test('a defect of ours ends the link, and is logged', async (t) => {
  const { board } = boardOf([pinOn('0', 'relay/a')], changingDevices(deviceNamed(1, 'relay/a')))
  const { receive, turned, lines } = talk(board, () => Promise.reject(new Error('a defect')))
  receive('uv0=1')
  t.equal(await turned.next(), 1011)
  t.match(await lines.next(), /a command could not be answered/)
})

t.test('commands go out at once, and their answers in order', async (t) => {
  const changing = changingDevices(deviceNamed(1, 'relay/a'), deviceNamed(2, 'relay/b'))
  const { board } = boardOf([pinOn('0', 'relay/a'), pinOn('1', 'relay/b')], changing)
  const begun = createInbox<string>()
  const ends = new Map<string, () => void>()
  const { receive, sent } = talk(board, (topic) => {
    begun.put(topic)
    return new Promise((resolve) => ends.set(topic.slice(-1), () => resolve(accepted)))
  })
  receive('uv0=1')
  receive('uv1=1')
  await begun.next((topic) => topic.endsWith('b'))
  ends.get('b')?.()
  changing.tell('reported', deviceNamed(1, 'relay/a', { value: { state: true } }))
  changing.tell('reported', deviceNamed(2, 'relay/b', { value: { state: true } }))
  ends.get('a')?.()
  t.equal(await sent.next(), '{"u":{"v":{"0":"1"}}}')
  t.equal(await sent.next(), '{"u":{"v":{"1":"1"}}}')
})

t.test('a confirmed write is answered once the pin says so, or after a second', async (t) => {
  const changing = changingDevices(deviceNamed(1, 'relay/a'), deviceNamed(2, 'relay/b'))
  const { board, clock } = boardOf([pinOn('0', 'relay/a'), pinOn('1', 'relay/b')], changing)
  const { receive, sent } = talk(board, () => Promise.resolve(accepted))
  receive('uv0=1')
  await turn()
  changing.tell('reported', deviceNamed(2, 'relay/b'))
  changing.tell('reported', deviceNamed(1, 'relay/a'))
  await turn()
  t.same(sent.items, [])
  changing.tell('reported', deviceNamed(1, 'relay/a', { value: { state: true } }))
  t.equal(await sent.next(), '{"u":{"v":{"0":"1"}}}')
  receive('uv1=1')
  await turn()
  clock.step(1000)
  t.equal(await sent.next(), '{"u":{"v":{"1":"0"}}}')
})

t.test('a motion ends after a minute, and what is gone says nothing', async (t) => {
  const motion = (count: number) => deviceNamed(3, 'pir/-', { value: { 'event-count': count } })
  const changing = changingDevices(motion(1))
  const { board, clock } = boardOf([pinOn('2', 'pir/-')], changing)
  const { receive, sent, closed } = talk(board, () => Promise.resolve(accepted))
  receive('tuv2=2')
  t.equal(await sent.next(), '{"t":{"u":{"v":{"2":"2"}}}}')
  t.equal(await sent.next(), '{"u":{"v":{"2":"0"}}}')
  changing.tell('reported', motion(2))
  clock.step(60_000)
  t.equal(await sent.next(), '{"u":{"v":{"2":"0"}}}')
  changing.tell('reported', motion(3))
  changing.tell('deleted', motion(3))
  changing.tell('deleted', deviceNamed(9, 'relay/x'))
  clock.step(60_000)
  receive('uv2')
  t.equal(await sent.next(), '{}')
  closed()
  board.close()
  t.equal(changing.listeners.size, 0)
  t.equal(sent.items.length, 4)
})

t.test('a motion that ends once its device is unknown is told to nobody', async (t) => {
  const motion = (count: number) => deviceNamed(3, 'pir/-', { value: { 'event-count': count } })
  const changing = changingDevices(motion(1))
  const known = { isThere: true }
  const seen = {
    ...changing.seen,
    get: (number: number) => (known.isThere ? changing.seen.get(number) : undefined),
  }
  const { board, clock } = boardOf([pinOn('2', 'pir/-')], { ...changing, seen })
  const { receive, sent } = talk(board, () => Promise.resolve(accepted))
  receive('tuv2=3')
  changing.tell('reported', motion(2))
  await sent.next((frame) => frame === '{"u":{"v":{"2":"1"}}}')
  known.isThere = false
  clock.step(60_000)
  t.notOk(sent.items.some((frame) => frame === '{"u":{"v":{"2":"0"}}}'))
})

/** What waits for a promise goes on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
