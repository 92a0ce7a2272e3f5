import { pino } from 'pino'
import t from 'tap'
import { createTickets } from '../../src/access/tickets.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })

function openTickets() {
  const [clown, other] = [userNamed('clown'), userNamed('other')]
  const directory = changingDirectory(clown, other)
  const counters = createCounters()
  const state = { nowMs: 0 }
  const tickets = createTickets({
    directory,
    limits: { ...limits.signIn, ticketsPerUser: 2 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    now: () => state.nowMs,
  })
  return { tickets, clown, other, directory, counters, state }
}

t.test('a ticket is good once, within 30 seconds', async (t) => {
  const { tickets, clown, state } = openTickets()
  t.equal(tickets.lifeSeconds, 30)
  const [one, late] = [tickets.issue(clown), tickets.issue(clown)]
  t.match(one, /^[A-Za-z0-9_-]{43}$/, 'it fits into a subprotocol')
  state.nowMs = 29_999
  t.equal(tickets.redeem(one)?.user, clown)
  t.equal(tickets.redeem(one), undefined)
  state.nowMs = 30_000
  t.equal(tickets.redeem(late), undefined)
})

t.test('tickets are few, and void when their user changes or signs out everywhere', async (t) => {
  const { tickets, clown, other, directory, counters } = openTickets()
  const [first, second, third] = [clown, clown, clown].map((user) => tickets.issue(user))
  t.same(
    [first, second].map((ticket) => tickets.redeem(String(ticket))?.user),
    [undefined, clown],
  )
  t.same(counters.snapshot(), { 'tickets-void': 1 })
  const foreign = tickets.issue(other)
  tickets.voidAllOf('clown')
  t.equal(tickets.redeem(String(third)), undefined)
  directory.change(clown)
  t.equal(tickets.redeem(foreign), undefined)
})
