import { once } from 'node:events'
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createByteBudget } from '../../src/core/byte-budget.ts'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import { portOf } from '../../src/core/listen.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { FrameBatch } from '../../src/ws/audiences.ts'
import { LinkTraffic } from '../../src/ws/link-traffic.ts'
import { BackpressureQueue, SocketFrameWriter, WebSocketLink } from '../../src/ws/websocket-link.ts'
import { clown } from '../senders.ts'
import { unbounded } from '../unbounded.ts'

/** A link to a reader that takes only what `read` lets it. */
function linkToReader(share = unbounded(() => '')) {
  const counters = createCounters()
  const sent: string[] = []
  const unread: (() => void)[] = []
  const closed: number[] = []
  const framed = new Map<Buffer, string>()
  const writer = {
    bufferedAmount: 0,
    readyState: WebSocket.OPEN as 0 | 1 | 2 | 3,
    send: (frame: string, written: () => void) => {
      sent.push(frame)
      writer.bufferedAmount += frame.length
      unread.push(() => {
        writer.bufferedAmount -= frame.length
        written()
      })
    },
    offer: (bytes: Buffer) => {
      if (!writer.isIdle) return false
      sent.push(framed.get(bytes) ?? '')
      return true
    },
    isIdle: false,
    write: (bytes: Buffer, written: () => void) => writer.send(framed.get(bytes) ?? '', written),
    close: (code?: number) => {
      closed.push(code ?? 0)
      writer.readyState = WebSocket.CLOSING
    },
  }
  const link = new WebSocketLink(writer, {
    traffic: new LinkTraffic(),
    limits: { conflateBytes: 1000, outboundBytes: 3000 },
    share,
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    encodeMissed: (count) => `missed ${count}`,
    reader: clown,
  })
  const readOne = () => unread.shift()?.()
  const readAll = () => {
    for (let read = unread.shift(); read !== undefined; read = unread.shift()) read()
  }
  /** What was sent since the last time. */
  const news = () => sent.splice(0)
  const deliver = (text: string, topic?: string) => {
    const batch = new FrameBatch([{ text, topic }])
    framed.set(batch.bytes, text)
    link.deliver(batch)
  }
  const past = (...frames: { text: string; topic: string }[]) => {
    const batch = new FrameBatch(frames)
    framed.set(batch.bytes, frames.map(({ text }) => text).join('+'))
    link.past(batch)
  }
  return { link, deliver, past, writer, closed, counters, readAll, readOne, news }
}

const big = 'x'.repeat(1001)

t.test('who reads gets everything at once, however large one frame is', async (t) => {
  const { link, deliver, news, readAll, counters } = linkToReader()
  link.send(big)
  readAll()
  deliver(big.repeat(4), 'a')
  readAll()
  deliver('1', 'a')
  t.same(news(), [big, big.repeat(4), '1'])
  t.same(counters.snapshot(), {})
})

t.test('to a reader before whom nothing waits, frames go at once', async (t) => {
  const { link, deliver, writer, news, readAll } = linkToReader()
  writer.isIdle = true
  deliver('1', 'a')
  link.hold()
  deliver('2', 'a')
  t.same(news(), ['1'])
  link.release()
  t.same(news(), ['2'])
  readAll()
  deliver('3', 'a')
  t.same(news(), ['3'])
  link.send(big)
  deliver('4', 'a')
  deliver('5', 'a')
  t.same(news(), [big, '4', '5'])
  writer.isIdle = false
  deliver('6', 'a')
  writer.isIdle = true
  deliver('7', 'b')
  t.same(news(), [], 'what waits here is not overtaken')
  readAll()
  t.same(news(), ['6', '7'])
  link.close()
  deliver('8', 'a')
  t.same(news(), [])
})

t.test('who reads slowly gets the latest of each topic, all commands, and the count', async (t) => {
  const { link, deliver, news, readAll, counters } = linkToReader()
  link.send(big)
  for (const value of ['1', '2', '3']) {
    deliver(`a${value}`, 'a')
    deliver(`set${value}`)
    deliver(`b${value}`, 'b')
  }
  link.send('answer')
  t.same(news(), [big])
  readAll()
  t.same(news(), ['set1', 'set2', 'a3', 'set3', 'b3', 'answer', 'missed 4'])
  t.same(counters.snapshot(), { 'websocket-conflated': 1 })
  readAll()
  deliver('a4', 'a')
  t.same(news(), ['a4'])
})

t.test('what waits goes out piece by piece as the reader reads', async (t) => {
  const { link, deliver, news, readAll } = linkToReader()
  link.send(big)
  const half = 'h'.repeat(400)
  for (const number of [1, 2, 3]) deliver(`${half}${number}`, `topic ${number}`)
  readAll()
  t.same(news(), [big, `${half}1`, `${half}2`, `${half}3`])
})

t.test('a reader too far behind is closed with 1013 and gets no more', async (t) => {
  const { link, deliver, past, news, readAll, closed, counters } = linkToReader()
  link.send(big)
  for (let number = 0; number < 20; number++) deliver('c'.repeat(100))
  t.same(closed, [1013])
  t.equal(counters.snapshot()['websocket-slow-consumer'], 1)
  news()
  deliver('late')
  past({ text: 'late', topic: 'a' })
  link.release()
  readAll()
  t.same(news(), [])
  t.equal(await link.hasRoom(), false)
})

t.test('live frames wait for past ones, and conflate when there are many', async (t) => {
  const { link, deliver, past, news, readAll } = linkToReader()
  link.hold()
  past({ text: 'x1', topic: 'x' }, { text: 'y1', topic: 'y' })
  t.same(news(), ['x1+y1'], 'in one write')
  deliver('b2', 'b')
  past({ text: 'a1', topic: 'a' }, { text: 'b1', topic: 'b' })
  deliver('c'.repeat(900), 'c')
  deliver('b3', 'b')
  deliver('b4', 'b')
  readAll()
  t.same(news(), ['a1'])
  link.release()
  t.same(news(), ['c'.repeat(900)])
  readAll()
  t.same(news(), ['b4', 'missed 2'])
})

t.test('who has read some of much has no room yet', async (t) => {
  const { link, deliver, news, writer, readOne } = linkToReader()
  for (const frame of ['a', 'b']) link.send(frame.repeat(600))
  link.hold()
  deliver('c', 'c')
  link.release()
  readOne()
  t.equal(writer.bufferedAmount, 600)
  t.equal(news().length, 2)
  readOne()
  t.same(news(), ['c'])
})

t.test('past values wait until there is room, and learn when the reader is gone', async (t) => {
  const { link, past, readAll } = linkToReader()
  t.equal(await link.hasRoom(), true)
  link.hold()
  past({ text: big, topic: 'a' })
  const room = link.hasRoom()
  readAll()
  t.equal(await room, true)
  past({ text: big, topic: 'a' })
  const never = link.hasRoom()
  link.close()
  t.equal(await never, false)
})

t.test('nothing is kept for a websocket that is closing', async (t) => {
  const { link, deliver, writer, news, readAll, counters } = linkToReader()
  link.send(big)
  writer.readyState = WebSocket.CLOSING
  for (let number = 0; number < 20; number++) deliver('c'.repeat(100))
  readAll()
  t.same(news(), [big])
  t.same(counters.snapshot(), {})
})

t.test('live frames that were there before go before all else', async (t) => {
  const { link, deliver, past, news, closed } = linkToReader()
  let live = 0
  link.follow({ settle: () => deliver(`live ${++live}`, 'a') })
  link.send('answer')
  link.hold()
  past({ text: 'past a', topic: 'a' })
  past({ text: 'past b', topic: 'b' })
  link.end(4401, 'signed out')
  t.same(news(), ['live 1', 'answer', 'live 2', 'past b'])
  t.same(closed, [4401])
})

t.test('a reader is given up whose share is used up, and gives it back', async (t) => {
  const newShare = createByteBudget({ totalBytes: 4000, freeBytes: 0 })
  const { link, deliver, closed, readAll } = linkToReader(newShare(() => 'a'))
  const other = newShare(() => 'a')
  deliver(big, 'a')
  deliver('1', 'a')
  t.same(closed, [])
  t.notOk(other.hold(1000), 'what waits is noted when more does')
  readAll()
  t.ok(other.hold(1000), 'and what was read is not')
  deliver(big, 'a')
  deliver('2', 'b')
  t.same(closed, [1013])
  t.ok(other.hold(2000))
  link.close()
})

function drained(queue: BackpressureQueue): string[] {
  const frames: string[] = []
  for (let frame = queue.take(); frame !== undefined; frame = queue.take()) frames.push(frame)
  return frames
}

t.test('frames leave in the order they came, and their bytes with them', async (t) => {
  const queue = new BackpressureQueue()
  queue.add('a1', 'a')
  queue.add('x', undefined)
  queue.add('č', 'a')
  t.equal(queue.bytes, 2 + 1 + 2 + 3 * 64)
  t.same([queue.has('a'), queue.has('b'), queue.isEmpty], [true, false, false])
  t.same(drained(queue), ['a1', 'x', 'č'])
  t.same([queue.bytes, queue.isEmpty, queue.has('a')], [0, true, false])
})

t.test('conflating keeps the latest frame of each topic, and all that have none', async (t) => {
  const queue = new BackpressureQueue()
  for (const [frame, topic] of [
    ['a1', 'a'],
    ['x', undefined],
    ['b1', 'b'],
    ['a2', 'a'],
    ['x', undefined],
    ['a3', 'a'],
  ] as const) {
    queue.add(frame, topic)
  }
  t.equal(queue.conflate(), 2)
  t.equal(queue.conflate(), 0)
  t.ok(queue.drop('b'))
  t.notOk(queue.drop('b'))
  t.same(drained(queue), ['x', 'x', 'a3'])
})

t.test('cleared, it holds nothing', async (t) => {
  const queue = new BackpressureQueue()
  queue.add('a', 'a')
  queue.clear()
  t.same([queue.bytes, queue.isEmpty, queue.has('a'), queue.take()], [0, true, false, undefined])
})

/** Both ends of a websocket, and how many writes its server's end makes. */
async function opened(t: Test) {
  const http = createServer().listen(0, '127.0.0.1')
  t.teardown(() => http.close())
  await once(http, 'listening')
  const server = new WebSocketServer({ server: http })
  const client = new WebSocket(`ws://127.0.0.1:${portOf(http)}`)
  t.teardown(() => client.terminate())
  // It may come before anybody waits for it.
  const closed = once(client, 'close')
  const [websocket, { socket }] = await once(server, 'connection')
  const writes: string[] = []
  if (!(socket instanceof Duplex)) throw new TypeError('expected a socket')
  for (const method of ['_write', '_writev'] as const) {
    const write = socket[method]
    if (write === undefined || write === null) throw new TypeError('expected a socket of net')
    Object.assign(socket, {
      [method](...parts: unknown[]) {
        writes.push(method)
        return Reflect.apply(write, socket, parts)
      },
    })
  }
  const texts: string[] = []
  client.on('message', (text) => texts.push(String(text)))
  const endOfTick = createEndOfTick()
  return {
    writer: new SocketFrameWriter(websocket, socket, endOfTick),
    endOfTick,
    websocket,
    client,
    closed,
    texts,
    writes,
  }
}

t.test('what is sent in one turn is written at once, in order', async (t) => {
  const { writer, websocket, closed, texts, writes } = await opened(t)
  const written = new Promise<void>((resolve) => {
    writer.send('one', () => {})
    writer.send('two', () => {})
    writer.send('three', resolve)
  })
  t.equal(writes.length, 0)
  t.equal(writer.bufferedAmount, websocket.bufferedAmount)
  t.ok(writer.bufferedAmount > 0)
  await written
  t.equal(writes.length, 1)
  writer.send('four', () => {})
  writer.close(1000, 'done')
  await closed
  t.same(texts, ['one', 'two', 'three', 'four'])
  t.equal(writer.readyState, websocket.readyState)
})

t.test('frames of an audience go along with what was sent before them in the turn', async (t) => {
  const { writer, endOfTick, closed, texts, writes } = await opened(t)
  const { bytes } = new FrameBatch([{ text: 'two', topic: undefined }])
  writer.send('one', () => {})
  await new Promise<void>((resolve) => {
    endOfTick.add({ flush: () => writer.write(bytes, resolve) })
  })
  t.equal(writes.length, 1)
  writer.close(1000, 'done')
  await closed
  t.same(texts, ['one', 'two'])
})

t.test('frames are taken when nothing waits before them, until the websocket closes', async (t) => {
  const { writer, closed, texts } = await opened(t)
  const { bytes } = new FrameBatch([{ text: 'one', topic: undefined }])
  t.ok(writer.offer(bytes))
  const written = new Promise<void>((resolve) => writer.send('two', resolve))
  t.notOk(writer.offer(bytes), 'it would come before what waits')
  await written
  t.ok(writer.offer(bytes))
  writer.close(1000, 'done')
  t.notOk(writer.offer(bytes))
  await closed
  t.same(texts, ['one', 'two', 'one'])
})

t.test('much is written before the turn ends', async (t) => {
  const { writer, closed, texts, writes } = await opened(t)
  for (let at = 0; at < 4; at++) writer.send('x'.repeat(40_000), () => {})
  t.ok(writes.length > 0)
  writer.close(1000, 'done')
  await closed
  t.equal(texts.length, 4)
})

t.test(
  'frames that are complete come in order, and pings and the close between them',
  async (t) => {
    const { writer, websocket, client, closed, texts } = await opened(t)
    const { bytes } = new FrameBatch([
      { text: 'one', topic: undefined },
      { text: 'x'.repeat(300), topic: undefined },
    ])
    client.on('ping', () => texts.push('ping'))
    const written = new Promise<void>((resolve) => writer.write(bytes, resolve))
    websocket.ping()
    writer.send('own', () => {})
    writer.write(bytes, () => {})
    writer.close(1000, 'done')
    await written
    await closed
    const both = ['one', 'x'.repeat(300)]
    t.same(texts, [...both, 'ping', 'own', ...both])
  },
)
