import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pino } from 'pino'
import type { Test } from 'tap'
import type { SignIn } from '../../src/access/sign-in.ts'
import { createSignedIn } from '../../src/access/signed-in.ts'
import type { User, UserDirectory } from '../../src/access/user.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { checkConfig } from '../../src/config.ts'
import { type AlarmClock, systemClock } from '../../src/core/clock.ts'
import { portOf } from '../../src/core/listen.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { Trace } from '../../src/core/trace.ts'
import type { Config } from '../../src/generated/config.ts'
import { type BrokerOptions, openBroker } from '../../src/mqtt/broker.ts'
import { openJournal } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { unboundedShares } from '../unbounded.ts'

const user: User = { name: 'anonymous', role: 'admin', rules: [], tokens: [] }

const directory: UserDirectory = {
  edition: 1,
  find: () => user,
  all: () => [user],
  onChange: () => () => {},
  replaceHash: () => {},
  close: () => {},
}

export interface OpenedBroker {
  readonly port: number
  readonly bus: Bus
  /** Takes a connection that comes by no port. */
  handle(socket: Duplex): void
  /** Bytes that were read of the first connection. */
  bytesRead(): number
  /** What was logged as an error. */
  readonly lines: readonly string[]
  counters(): Record<string, number>
  /** Has written at once what nobody is promised, which may wait otherwise. */
  hurry(): void
  close(): Promise<void>
}

interface BrokerSettings extends Partial<Config['limits']> {
  readonly clock?: AlarmClock
  readonly identify?: SignIn
  readonly enter?: BrokerOptions['enter']
}

/** A broker on a loopback port that lets in who names no user, over `store`; closed at teardown. */
export async function openedBroker(
  t: Test,
  store: Store,
  {
    clock = systemClock,
    identify = async () => ({ refused: 'wrong' }),
    enter = (message) => message,
    ...limits
  }: BrokerSettings = {},
): Promise<OpenedBroker> {
  const lines: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => lines.push(line) })
  const counters = createCounters()
  const journal = openJournal(store)
  const broker = await openBroker({
    ...unboundedShares,
    enter,
    signIn: identify,
    directory,
    signedIn: createSignedIn(directory),
    admit: () => undefined,
    rateOf: () => ({ heldBy: (own) => (own.take() ? undefined : 'connection'), waitMs: () => 0 }),
    bans: { refusal: () => undefined },
    understood: () => {},
    trace: new Trace(),
    onTakenOver: () => {},
    clientAddress: () => '127.0.0.1',
    foreignOriginOf: () => undefined,
    limits: { ...checkConfig({ users: { anonymous: { role: 'admin' } } }).limits, ...limits },
    release: { version: '0.0.0' },
    journal,
    log,
    sampledLog: createSampledLog(log, counters),
    clock,
  })
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket)
    broker.handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.close()
    await broker.close()
    await journal.close()
  }
  t.teardown(close)
  return {
    port: portOf(server),
    bus: broker.bus,
    handle: (socket) => broker.handle(socket),
    bytesRead: () => sockets[0]?.bytesRead ?? 0,
    lines,
    counters: counters.snapshot,
    hurry: () => journal.note('nothing', undefined),
    close,
  }
}
