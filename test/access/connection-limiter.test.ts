import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import t from 'tap'
import { createConnectionLimiter } from '../../src/access/connection-limiter.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import type { Config } from '../../src/generated/config.ts'

type Limits = Config['limits']['connections']

const anywhere = '192.0.2.1'
const { limits: defaults } = checkConfig({ users: { clown: { password: 'bigclown' } } })

/** A connection as the connection limiter sees it. */
class FakeConnection extends EventEmitter {
  readonly remoteAddress: string | undefined
  constructor(remoteAddress?: string) {
    super()
    this.remoteAddress = remoteAddress
  }
}

function openLimiter(limits: Partial<Limits> = {}, maxOpenFiles = Number.POSITIVE_INFINITY) {
  const counters = createCounters()
  const lines: unknown[] = []
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  const state = { nowMs: 0, isShortOfMemory: false }
  const limiter = createConnectionLimiter({
    limits: { ...defaults.connections, ...limits },
    maxOpenFiles,
    isShortOfMemory: () => state.isShortOfMemory,
    sampledLog: createSampledLog(log, counters, () => state.nowMs),
    now: () => state.nowMs,
  })
  const connect = (address?: string) => {
    const connection = new FakeConnection(address)
    return { connection, limit: limiter.accept(connection) }
  }
  return { ...limiter, connect, state, counters, lines }
}

t.test('connections are counted until they close', async (t) => {
  const { connect, counters, lines } = openLimiter({ total: 2 })
  const [first, second] = [connect(anywhere), connect('127.0.0.1')]
  t.same([first.limit, second.limit], [undefined, undefined])
  t.equal(connect(anywhere).limit, 'total')
  t.equal(connect('127.0.0.1').limit, 'total', 'this machine is not free of the limits of all')
  first.connection.emit('close')
  t.equal(connect(anywhere).limit, undefined)
  t.equal(connect(anywhere).limit, 'total')
  t.equal(counters.snapshot()['connections-refused'], 3)
  t.match(lines, [{ kind: 'connections-refused', limit: 'total', address: anywhere }])
})

t.test('an address has a number of connections of its own', async (t) => {
  const { connect } = openLimiter({ perAddress: 2 })
  const first = connect('2001:db8::1')
  connect('2001:db8::2')
  t.equal(connect('2001:db8::3').limit, 'perAddress', 'one network is one address')
  t.equal(connect('2001:db8:0:1::3').limit, undefined)
  t.equal(connect(anywhere).limit, undefined)
  first.connection.emit('close')
  t.equal(connect('2001:db8::3').limit, undefined)
})

t.test('those who have not signed in have less room', async (t) => {
  const { connect, signedIn } = openLimiter({ unauthenticated: 3, unauthenticatedPerAddress: 2 })
  const first = connect(anywhere)
  const second = connect(anywhere)
  t.equal(connect(anywhere).limit, 'unauthenticatedPerAddress')
  const other = connect('192.0.2.2')
  t.equal(connect('192.0.2.3').limit, 'unauthenticated')
  t.ok(signedIn(first.connection, 'clown'))
  t.equal(connect(anywhere).limit, undefined)
  t.equal(connect(anywhere).limit, 'unauthenticated')
  second.connection.emit('close')
  other.connection.emit('close')
  first.connection.emit('close')
  t.equal(connect(anywhere).limit, undefined)
  t.equal(connect(anywhere).limit, 'unauthenticatedPerAddress', 'a close counts once')
})

t.test('connections that come to nothing are few at once, and then so many a minute', async (t) => {
  const { connect, state } = openLimiter({ acceptBurst: 3, acceptsPerMinute: 60 })
  const open = (address: string) => {
    const { connection, limit } = connect(address)
    if (limit === undefined) connection.emit('close')
    return limit
  }
  for (let count = 0; count < 3; count++) t.equal(open(anywhere), undefined)
  t.equal(open(anywhere), 'acceptsPerMinute')
  t.equal(open('192.0.2.2'), undefined)
  state.nowMs = 1000
  t.equal(open(anywhere), undefined)
  t.equal(open(anywhere), 'acceptsPerMinute')
})

t.test('whoever says something that makes sense may come as often as they like', async (t) => {
  const { connect, understood, signedIn } = openLimiter({ acceptBurst: 2, acceptsPerMinute: 60 })
  for (let count = 0; count < 500; count++) {
    const { connection, limit } = connect(anywhere)
    t.equal(limit, undefined)
    understood(connection)
    // A wrong password ends there.
    if (count % 2 === 0) t.ok(signedIn(connection, 'clown'))
    connection.emit('close')
  }
  understood({})
})

t.test('what is open has not come to nothing yet', async (t) => {
  const { connect } = openLimiter({ acceptBurst: 2, acceptsPerMinute: 60 })
  const open = Array.from({ length: 500 }, () => connect(anywhere))
  t.same([...new Set(open.map(({ limit }) => limit))], [undefined])
  for (const { connection } of open.slice(0, 2)) connection.emit('close')
  t.equal(connect(anywhere).limit, 'acceptsPerMinute')
})

t.test('this machine is free of the limits per address, unless it stands for others', async (t) => {
  const limits = { perAddress: 1, unauthenticatedPerAddress: 1, acceptBurst: 1 }
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    const free = openLimiter(limits)
    for (let count = 0; count < 3; count++) t.equal(free.connect(address).limit, undefined)
    const proxied = openLimiter({ ...limits, exemptLoopback: false })
    t.equal(proxied.connect(address).limit, undefined)
    t.equal(proxied.connect(address).limit, 'perAddress')
  }
})

t.test('a user has a number of connections, from wherever they come', async (t) => {
  const { connect, signedIn, counters, lines } = openLimiter({ perUser: 2 })
  const connections = ['192.0.2.1', '127.0.0.1', '192.0.2.3', '192.0.2.4'].map(connect)
  const [first, second, third, fourth] = connections.map(({ connection }) => connection)
  if (!first || !second || !third || !fourth) throw new Error('expected four connections')
  t.ok(signedIn(first, 'clown'))
  t.ok(signedIn(second, 'clown'))
  t.ok(signedIn(second, 'clown'), 'twice on one connection counts once')
  t.notOk(signedIn(second, 'other'), 'a connection has one user')
  t.notOk(signedIn(third, 'clown'))
  t.match(lines, [{ kind: 'connections-refused', limit: 'perUser', user: 'clown' }])
  t.ok(signedIn(third, 'other'))
  first.emit('close')
  t.ok(signedIn(fourth, 'clown'))
  second.emit('close')
  fourth.emit('close')
  t.equal(counters.snapshot()['connections-refused'], 1)
})

t.test('what is closed or was never accepted belongs to nobody', async (t) => {
  const { connect, signedIn } = openLimiter()
  const { connection } = connect(anywhere)
  connection.emit('close')
  t.notOk(signedIn(connection, 'clown'))
  t.notOk(signedIn({}, 'clown'))
})

t.test('short of memory, nobody new comes in', async (t) => {
  const { connect, state, counters } = openLimiter()
  t.equal(connect('127.0.0.1').limit, undefined)
  state.isShortOfMemory = true
  t.equal(connect('127.0.0.1').limit, 'memory')
  t.equal(connect(undefined).limit, 'memory')
  t.same(counters.snapshot(), { 'memory-refused': 2 })
  state.isShortOfMemory = false
  t.equal(connect('127.0.0.1').limit, undefined)
})

t.test('some descriptors are kept back for files', async (t) => {
  const { connect } = openLimiter({}, 50)
  t.same([connect('::1').limit, connect('::1').limit], [undefined, undefined])
  t.equal(connect('::1').limit, 'total')
  t.equal(openLimiter({}, 10).connect('::1').limit, undefined, 'but never all')
})

t.test('what a proxy passes on counts for the address it comes from', async (t) => {
  const { accept, forward, signedIn, counters, lines } = openLimiter({
    perAddress: 3,
    unauthenticatedPerAddress: 2,
  })
  const upgrade = (address: string) => {
    const connection = new FakeConnection(anywhere)
    t.equal(accept(connection, 'proxy'), undefined)
    return { connection, limit: forward(connection, { address, isUpgrade: true }) }
  }
  const [first, second, third] = [upgrade('192.0.2.2'), upgrade('192.0.2.2'), upgrade('192.0.2.2')]
  t.same([first.limit, second.limit], [undefined, undefined])
  t.equal(third.limit, 'unauthenticatedPerAddress')
  t.match(lines, [{ limit: 'unauthenticatedPerAddress', address: '192.0.2.2' }])
  t.equal(upgrade('192.0.2.3').limit, undefined)
  t.ok(signedIn(first.connection, 'clown'))
  t.equal(upgrade('192.0.2.2').limit, undefined)
  t.equal(upgrade('192.0.2.2').limit, 'perAddress')
  second.connection.emit('close')
  t.equal(upgrade('192.0.2.2').limit, undefined)
  first.connection.emit('close')
  second.connection.emit('close')
  t.equal(counters.snapshot()['connections-refused'], 2)
})

t.test('an address that keeps coming to nothing gets no upgrade by a proxy either', async (t) => {
  const { accept, forward, connect, state } = openLimiter({ acceptBurst: 1, acceptsPerMinute: 60 })
  const upgrade = () => {
    const connection = new FakeConnection('127.0.0.1')
    accept(connection, 'proxy')
    const limit = forward(connection, { address: anywhere, isUpgrade: true })
    return { connection, limit }
  }
  t.equal(upgrade().limit, undefined)
  connect(anywhere).connection.emit('close')
  t.equal(upgrade().limit, 'acceptsPerMinute')
  state.nowMs += 1000
  t.equal(upgrade().limit, undefined)
})

t.test('a connection kept by a proxy counts for whose request it carries', async (t) => {
  const { accept, forward } = openLimiter({ perAddress: 1, unauthenticatedPerAddress: 1 })
  const open = () => {
    const connection = new FakeConnection('127.0.0.1')
    accept(connection, 'proxy')
    return (address: string) => forward(connection, { address, isUpgrade: false })
  }
  const [one, two] = [open(), open()]
  for (let count = 0; count < 50; count++) t.equal(one('192.0.2.2'), undefined)
  t.equal(two('192.0.2.2'), 'perAddress')
  t.equal(one('192.0.2.3'), undefined)
  t.equal(two('192.0.2.2'), undefined)
  t.equal(one('127.0.0.1'), undefined, 'of this machine there is no limit')
  t.equal(two('127.0.0.1'), undefined)
})

t.test('what was not accepted is not counted for anybody', async (t) => {
  const { accept, forward, connect } = openLimiter({ total: 1, perAddress: 1 })
  const refused = new FakeConnection()
  connect(anywhere)
  t.equal(accept(refused, 'proxy'), 'total')
  t.equal(forward(refused, { address: '192.0.2.2', isUpgrade: true }), undefined)
})

t.test('a TLS socket stands for its connection until that closes', async (t) => {
  const { connect, secured, signedIn } = openLimiter({ perUser: 1 })
  const { connection } = connect(anywhere)
  const secure = {}
  t.notOk(signedIn(secure, 'clown'))
  secured(secure, connection)
  t.ok(signedIn(secure, 'clown'))
  const other = connect(anywhere)
  t.notOk(signedIn(other.connection, 'clown'))
  connection.emit('close')
  t.notOk(signedIn(secure, 'clown'))
  t.ok(signedIn(other.connection, 'clown'))
  secured(secure, connection)
  t.notOk(signedIn(secure, 'clown'), 'a closed one is nobody’s')
})

t.test('so many addresses without a connection are remembered, and the oldest goes', async (t) => {
  const { connect } = openLimiter({ acceptBurst: 1, perAddress: 1 })
  const comeToNothing = (address: string) => {
    const { connection, limit } = connect(address)
    if (limit === undefined) connection.emit('close')
    return limit
  }
  const [held, latest, oldest] = ['192.0.2.1', '198.51.100.1', '203.0.113.1'] as const
  t.equal(connect(held).limit, undefined)
  for (const address of [latest, oldest]) t.equal(comeToNothing(address), undefined)
  for (let number = 0; number < 4095; number++) {
    comeToNothing(`10.0.${number >> 8}.${number & 255}`)
    t.equal(comeToNothing(latest), 'acceptsPerMinute')
  }
  t.equal(connect(held).limit, 'perAddress', 'an address that holds a connection stays')
  t.equal(comeToNothing('10.0.0.0'), 'acceptsPerMinute', 'as do 4,096 that hold none')
  t.equal(comeToNothing(oldest), undefined, 'and the one before is forgotten')
})
