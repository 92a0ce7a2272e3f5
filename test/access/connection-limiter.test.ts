import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import t from 'tap'
import { createConnectionLimiter } from '../../src/access/connection-limiter.ts'
import type { Role } from '../../src/access/user.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import type { Config } from '../../src/generated/config.ts'

type Limits = Config['limits']['connections']

const anywhere = '192.0.2.1'
const { limits: defaults } = checkConfig({ users: { clown: { password: 'bigclown' } } })

/** A connection as the connection limiter sees it. */
class FakeConnection extends EventEmitter {
  readonly remoteAddress: string | undefined
  isCut = false
  constructor(remoteAddress?: string) {
    super()
    this.remoteAddress = remoteAddress
  }
  destroy() {
    this.isCut = true
    this.emit('close')
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
  const understood = (connection: object) => limiter.understood(connection)
  const signedIn = (connection: object, name: string, role: Role = 'viewer') =>
    limiter.signedIn(connection, { name, role })
  /** One that says something that makes sense, and waits for its answer. */
  const ask = (address?: string) => {
    const asked = connect(address)
    understood(asked.connection)
    return asked
  }
  return { ...limiter, understood, signedIn, connect, ask, state, counters, lines }
}

t.test('connections are counted until they close', async (t) => {
  const { ask: connect, counters, lines } = openLimiter({ total: 2 })
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
  const { ask: connect } = openLimiter({ perAddress: 2 })
  const first = connect('2001:db8::1')
  connect('2001:db8::2')
  t.equal(connect('2001:db8::3').limit, 'perAddress', 'one network is one address')
  t.equal(connect('2001:db8:0:1::3').limit, undefined)
  t.equal(connect(anywhere).limit, undefined)
  first.connection.emit('close')
  t.equal(connect('2001:db8::3').limit, undefined)
})

t.test('those who have not signed in have less room', async (t) => {
  const { ask: connect, signedIn } = openLimiter({
    unauthenticated: 3,
    unauthenticatedPerAddress: 2,
  })
  const first = connect(anywhere)
  const second = connect(anywhere)
  t.equal(connect(anywhere).limit, 'unauthenticatedPerAddress')
  const other = connect('192.0.2.2')
  t.equal(connect('192.0.2.2').limit, 'unauthenticated')
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
    for (let count = 0; count < 3; count++) t.equal(free.ask(address).limit, undefined)
    const proxied = openLimiter({ ...limits, exemptLoopback: false })
    t.equal(proxied.ask(address).limit, undefined)
    t.equal(proxied.ask(address).limit, 'perAddress')
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

t.test('F51: short of memory, only those who are needed sign in', async (t) => {
  const { connect, signedIn, state, counters } = openLimiter()
  const [page, node, admin, late] = [0, 1, 2, 3].map(() => connect(anywhere).connection)
  if (!page || !node || !admin || !late) throw new Error('expected four connections')
  state.isShortOfMemory = true
  t.notOk(signedIn(page, 'clown', 'operator'))
  t.ok(signedIn(node, 'bridge', 'node'))
  t.ok(signedIn(admin, 'root', 'admin'))
  t.equal(connect(anywhere).limit, undefined, 'others may ask how it is')
  t.same(counters.snapshot(), { 'memory-refused': 1 })
  state.isShortOfMemory = false
  t.ok(signedIn(late, 'clown', 'operator'))
})

t.test('F56: who says nothing gives way, the oldest first, of whoever has most', async (t) => {
  const { connect, ask, signedIn, counters, lines } = openLimiter({ unauthenticated: 4 })
  const other = connect('192.0.2.2').connection
  const signed = connect('192.0.2.3').connection
  t.ok(signedIn(signed, 'clown'))
  const silent = [0, 1, 2].map(() => connect(anywhere).connection)
  const asking = ask('192.0.2.4').connection
  t.same([silent[0]?.isCut, silent[1]?.isCut], [true, false])
  t.equal(connect('192.0.2.5').limit, undefined)
  t.same([silent[1]?.isCut, silent[2]?.isCut], [true, false])
  t.notOk(other.isCut || asking.isCut || signed.isCut)
  t.notOk(signedIn(silent[0] ?? {}, 'clown'), 'what gave way is gone')
  t.equal(counters.snapshot()['connections-given-way'], 2)
  t.match(lines, [{ kind: 'connections-given-way', limit: 'unauthenticated', address: anywhere }])
})

t.test('F56: this machine and trusted proxies give way like everybody', async (t) => {
  const { connect, accept } = openLimiter({ unauthenticated: 3 })
  const here = [0, 1, 2].map(() => connect('127.0.0.1').connection)
  t.equal(connect(anywhere).limit, undefined)
  t.equal(here[0]?.isCut, true)
  const proxied = new FakeConnection('192.0.2.9')
  t.equal(accept(proxied, 'proxy'), undefined)
  t.equal(here[1]?.isCut, true)
  for (let count = 0; count < 3; count++) accept(new FakeConnection('192.0.2.9'), 'proxy')
  t.ok(proxied.isCut)
})

t.test(
  'F56: networks of one IPv6 prefix are one, and addresses that are known come last',
  async (t) => {
    const { connect, signedIn } = openLimiter({ unauthenticated: 6 })
    const known = connect('2001:db8:1::1').connection
    t.ok(signedIn(known, 'clown'))
    const waiting = [0, 1].map(() => connect('2001:db8:1::1').connection)
    const stranger = connect('192.0.2.1').connection
    const many = [1, 2, 3].map((net) => connect(`2001:db8:2:${net}::1`).connection)
    t.equal(connect('2001:db8:3::1').limit, undefined)
    t.same([many[0]?.isCut, stranger.isCut, waiting[0]?.isCut], [true, false, false])
    for (let net = 0; net < 60; net++) {
      t.equal(connect(`2001:db8:2:1${net}::1`).limit, undefined)
    }
    t.same([stranger.isCut, waiting[0]?.isCut, waiting[1]?.isCut], [false, false, false])
  },
)

t.test(
  'F56: who waits for an answer gives way to other networks, and to its own never',
  async (t) => {
    const { ask, connect } = openLimiter({ unauthenticated: 3 })
    const storm = [0, 1, 2].map(() => ask(anywhere).connection)
    t.equal(ask(anywhere).limit, 'unauthenticated')
    t.equal(connect('192.0.2.2').limit, undefined)
    t.same([storm[0]?.isCut, storm[1]?.isCut], [true, false])
  },
)

t.test('F56: at the limit of an address its own silent ones give way', async (t) => {
  const { connect, ask } = openLimiter({ unauthenticatedPerAddress: 2 })
  const first = connect(anywhere).connection
  ask(anywhere)
  t.equal(connect(anywhere).limit, undefined)
  t.ok(first.isCut)
  const { connect: open } = openLimiter({ perAddress: 1 })
  const only = open(anywhere).connection
  t.equal(open(anywhere).limit, undefined)
  t.ok(only.isCut)
})

t.test('F56: where somebody has signed in, what comes to nothing keeps nobody out', async (t) => {
  const { connect, signedIn } = openLimiter({ acceptBurst: 2, acceptsPerMinute: 1 })
  t.ok(signedIn(connect(anywhere).connection, 'clown'))
  for (let count = 0; count < 10; count++) {
    const { connection, limit } = connect(anywhere)
    t.equal(limit, undefined)
    connection.emit('close')
  }
})

t.test('some descriptors are kept back for files', async (t) => {
  const { ask: connect } = openLimiter({}, 50)
  t.same([connect('::1').limit, connect('::1').limit], [undefined, undefined])
  t.equal(connect('::1').limit, 'total')
  t.equal(openLimiter({}, 10).connect('::1').limit, undefined, 'but never all')
})

t.test('what a proxy passes on counts for the address it comes from', async (t) => {
  const { accept, forward, understood, signedIn, counters, lines } = openLimiter({
    perAddress: 3,
    unauthenticatedPerAddress: 2,
  })
  const upgrade = (address: string) => {
    const connection = new FakeConnection(anywhere)
    t.equal(accept(connection, 'proxy'), undefined)
    understood(connection)
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
  const { accept, forward, understood } = openLimiter({
    perAddress: 1,
    unauthenticatedPerAddress: 1,
  })
  const open = () => {
    const connection = new FakeConnection('127.0.0.1')
    accept(connection, 'proxy')
    understood(connection)
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
  const { accept, forward, ask } = openLimiter({ total: 1, perAddress: 1 })
  const refused = new FakeConnection()
  ask(anywhere)
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
  const { connect, ask } = openLimiter({ acceptBurst: 1, perAddress: 1 })
  const comeToNothing = (address: string) => {
    const { connection, limit } = connect(address)
    if (limit === undefined) connection.emit('close')
    return limit
  }
  const [held, latest, oldest] = ['192.0.2.1', '198.51.100.1', '203.0.113.1'] as const
  t.equal(ask(held).limit, undefined)
  for (const address of [latest, oldest]) t.equal(comeToNothing(address), undefined)
  for (let number = 0; number < 4095; number++) {
    comeToNothing(`10.0.${number >> 8}.${number & 255}`)
    t.equal(comeToNothing(latest), 'acceptsPerMinute')
  }
  t.equal(connect(held).limit, 'perAddress', 'an address that holds a connection stays')
  t.equal(comeToNothing('10.0.0.0'), 'acceptsPerMinute', 'as do 4,096 that hold none')
  t.equal(comeToNothing(oldest), undefined, 'and the one before is forgotten')
})
