import { EventEmitter, once } from 'node:events'
import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { BrokerFeed } from '../../../src/bus/guard/broker-feed.ts'
import { qosOf } from '../../../src/bus/guard/packet-types.ts'
import { TokenBucket } from '../../../src/core/token-bucket.ts'
import { connectPacket, pingPacket, publishPacket } from '../../raw-mqtt.ts'
import { unbounded } from '../../unbounded.ts'

/** A feed, and what it said. */
function startFeed(burst = 100, mayTake = (_packet: Buffer) => true) {
  const events = new EventEmitter()
  const said: string[] = []
  const publishing: (() => void)[] = []
  const say = (word: string) => () => {
    said.push(word)
    events.emit(word)
  }
  const feed = new BrokerFeed({
    largestBytes: 1000,
    share: unbounded(() => ''),
    rates: {
      publishes: new TokenBucket({ perSecond: 20, burst }),
      requests: new TokenBucket({ perSecond: 20, burst: 100 }),
    },
    mayTake,
    openPastWindow: () => 0,
    taken: () => {},
    wake: say('wake'),
    publish: (packet, done) => {
      said.push(`publish ${packet.toString('hex')}`)
      if (qosOf(packet.readUInt8()) === 0) done()
      else publishing.push(done)
    },
    onPublished: () => {},
    onHeldBack: say('held back'),
    onEnd: say('end'),
  })
  const give = (...packets: Buffer[]) => {
    for (const packet of packets) feed.add(packet, 1)
    feed.wake()
  }
  return { feed, said, publishing, give, on: (word: string) => once(events, word) }
}

/** A feed behind a CONNECT that is done. */
async function startReadyFeed(burst?: number, mayTake?: (packet: Buffer) => boolean) {
  const started = startFeed(burst, mayTake)
  started.give(connectPacket())
  started.feed.take()
  await turnOver()
  started.feed.ready()
  started.feed.take()
  started.said.length = 0
  return started
}

t.test('nothing follows CONNECT until it is done', async (t) => {
  const { feed, said, give } = startFeed()
  give(connectPacket(), pingPacket)
  t.same(said, ['wake'])
  t.same(feed.take(), connectPacket())
  await turnOver()
  t.equal(feed.take(), null)
  feed.ready()
  t.same(feed.take(), pingPacket)
})

t.test('the broker is woken once, and again when it has rested', async (t) => {
  const { feed, said, give } = await startReadyFeed()
  give(pingPacket)
  give(pingPacket)
  t.same(said, ['wake'])
  t.same(feed.take(), pingPacket)
  await turnOver()
  t.same(feed.take(), pingPacket)
  await turnOver()
  t.equal(feed.take(), null)
  give(pingPacket)
  t.same(said, ['wake', 'wake'])
})

t.test('a broker that asks while it still reads a run is woken for the next', async (t) => {
  const { feed, said, give } = await startReadyFeed()
  give(pingPacket, pingPacket)
  t.same(feed.take(), pingPacket)
  t.equal(feed.take(), null)
  t.equal(feed.take(), null)
  t.same(said, ['wake'])
  await turnOver()
  t.same(said, ['wake', 'wake'])
  t.same(feed.take(), pingPacket)
})

/** A message at QoS 2, which is the broker's business. */
const message = publishPacket('a', { qos: 2 })

t.test('messages past the rate are held back, and then the broker is woken', async (t) => {
  const { feed, said, give, on } = await startReadyFeed(1)
  give(message, message)
  t.same(feed.take(), message)
  await turnOver()
  t.equal(feed.take(), null)
  t.same(said, ['wake', 'held back'])
  give(message)
  t.same(said, ['wake', 'held back'], 'more of them wake nobody')
  await on('wake')
  t.same(feed.take(), message)
})

t.test('past 128 KiB it is full, and has room again below 32 KiB', async (t) => {
  const { feed, give } = await startReadyFeed()
  const large = publishPacket('a', { qos: 2, id: 1, payload: 'x'.repeat(70_000) })
  give(large)
  t.same([feed.isFull, feed.hasRoom], [false, false])
  give(large)
  t.same([feed.isFull, feed.hasRoom], [true, false])
  feed.take()
  t.same([feed.isFull, feed.hasRoom], [false, false])
  await turnOver()
  feed.take()
  t.same([feed.isFull, feed.hasRoom], [false, true])
})

const plain = publishPacket('a')
const published = `publish ${plain.toString('hex')}`

t.test('messages at QoS 0 go past the broker, at their turn', async (t) => {
  const { feed, said, give } = await startReadyFeed()
  give(plain, plain)
  t.same(said.splice(0), [published, published])
  give(message, plain, message, plain)
  t.same(said.splice(0), ['wake'])
  t.same(feed.take(), message)
  await turnOver()
  t.same(said, [], 'the broker still deals with what is before them')
  t.equal(feed.take(), null)
  t.same(said.splice(0), [published, 'wake'])
  t.same(feed.take(), message)
  await turnOver()
  t.equal(feed.take(), null)
  t.same(said, [published])
})

t.test(
  'what goes past the broker has to keep the rate, too, and comes before the end',
  async (t) => {
    const { feed, said, give, on } = await startReadyFeed(1)
    give(plain, plain)
    t.same(said, [published, 'held back'])
    feed.end()
    // A timer may be early: then the broker is woken, and asks, and waits for the rest.
    void on('wake').then(() => feed.take())
    await on('end')
    const done = said.filter((word) => word === published || word === 'end')
    t.same(done, [published, published, 'end'])
  },
)

t.test('after much at once receivers have a turn before the rest', async (t) => {
  const { feed, said, give } = await startReadyFeed()
  const large = publishPacket('a', { payload: Buffer.alloc(20 * 1024) })
  const publishedLarge = `publish ${large.toString('hex')}`
  give(...Array.from({ length: 64 }, () => plain), large, plain)
  const many = Array.from({ length: 64 }, () => published)
  t.same(said, many)
  await turnOver()
  t.same(said, [...many, publishedLarge, published])
  feed.end()
  t.notOk(said.includes('end'))
  await turnOver()
  t.equal(said.at(-1), 'end')
})

t.test('what follows messages at QoS 1 waits until all of them are done', async (t) => {
  const { feed, said, publishing, give } = await startReadyFeed()
  const acknowledged = publishPacket('a', { qos: 1 })
  const word = `publish ${acknowledged.toString('hex')}`
  give(acknowledged, acknowledged, plain)
  give(plain)
  feed.end()
  const [first = () => {}, second = () => {}] = publishing
  second()
  t.same(said, [word, word])
  first()
  t.same(said, [word, word, published, published, 'end'])
})

t.test('nothing goes past the broker before it is done with CONNECT', async (t) => {
  const { feed, said, give } = startFeed()
  give(connectPacket(), plain)
  t.same(feed.take(), connectPacket())
  await turnOver()
  t.equal(feed.take(), null)
  t.same(said, ['wake'])
  feed.ready()
  t.equal(feed.take(), null)
  t.same(said, ['wake', published])
})

t.test('the end comes after everything before it', async (t) => {
  const { feed, said, give } = await startReadyFeed()
  give(pingPacket)
  feed.end()
  t.same(feed.take(), pingPacket)
  await turnOver()
  t.same(said, ['wake'])
  t.equal(feed.take(), null)
  t.same(said, ['wake', 'end'])
})

t.test('the end comes at once when there is nothing before it', async (t) => {
  const { feed, said } = await startReadyFeed()
  feed.end()
  t.same(said, ['end'])
})

t.test('what waits for a PUBREL waits for the next packet, and not for ever', async (t) => {
  const message = publishPacket('a', { qos: 2, id: 1 })
  let mayTake = false
  const { feed, said, give } = await startReadyFeed(100, (packet) => mayTake || packet !== message)
  give(message)
  t.equal(feed.take(), null)
  t.ok(feed.isBlocked)
  t.same(said, ['wake'])
  mayTake = true
  give(pingPacket)
  t.notOk(feed.isBlocked)
  t.same(feed.take(), message)
  await turnOver()
  t.same(feed.take(), pingPacket)
  await turnOver()
  mayTake = false
  give(message)
  t.equal(feed.take(), null)
  feed.end()
  t.equal(said.at(-1), 'end')
})
