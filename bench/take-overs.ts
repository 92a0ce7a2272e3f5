// 50 houses, each with an owner and two more hubs, before one cluster of brokers: all 50 owners are on one machine, which
// is lost, or stands still. A simulation by a clock that is stepped: the hubs are those of src, the broker is a queue that
// takes so long for each packet, and each packet takes some milliseconds to come. `npm run bench:take-overs` prints it.
import { type OwnerClaim, Ownership, type Term } from '../src/bus/foreign/ownership.ts'
import { steppedClock } from '../test/clock.ts'
import { quantile } from './processes.ts'

const houses = 50
const hubsOfEach = 3
/** What an owner reads before it serves. */
const guarded = 2000
/** In milliseconds: what the broker takes for a packet, and what is between it and a hub. */
const broker = { packetMs: 0.005, wayMs: [2, 20] } as const

type Loss = 'killed' | 'frozen'

function simulate(loss: Loss) {
  const clock = steppedClock()
  let freeAtMs = 0
  let packets = 0
  /** Says something to the broker, which has done `count` packets then. */
  const through = (count: number, act: () => void) => {
    packets += count
    const [least, most] = broker.wayMs
    const way = () => least + Math.random() * (most - least)
    freeAtMs = Math.max(freeAtMs, clock.nowMs() + way()) + count * broker.packetMs
    clock.after(freeAtMs + way() - clock.nowMs(), act)
  }
  const all = Array.from({ length: houses }, () => houseOf(clock, through))
  clock.step(10_000)
  const before = packets
  for (const house of all) house.lose(loss)
  const beganMs = clock.nowMs()
  clock.step(10_000)
  const tookMs = all.map(({ ownedAtMs }) =>
    Math.round((ownedAtMs() ?? Number.POSITIVE_INFINITY) - beganMs),
  )
  const changes = Math.max(...all.map(({ changes }) => changes()))
  return {
    loss,
    p50Ms: quantile(tookMs, 0.5),
    mostMs: Math.max(...tookMs),
    mostChanges: changes,
    packets: packets - before,
  }
}

type Clock = ReturnType<typeof steppedClock>
type Through = (count: number, act: () => void) => void

/** The hubs of one house: whoever connects as the owner ends the one before. */
function houseOf(clock: Clock, through: Through) {
  const hubs: Ownership[] = []
  const silent = new Set<Ownership>()
  let holder: Ownership | undefined
  let lostAtMs = Number.POSITIVE_INFINITY
  const owned: number[] = []
  const toAll = (tell: (hub: Ownership) => void) =>
    through(1 + hubsOfEach, () => {
      for (const hub of hubs) if (!silent.has(hub)) tell(hub)
    })
  const open = (rank: number) => {
    const from = (act: () => void) => {
      if (!silent.has(hub)) act()
    }
    const hub: Ownership = new Ownership({
      ...{ name: `hub-${rank}`, rank, clock, beating: clock },
      claim: (claim: OwnerClaim) => from(() => toAll((each) => each.heardClaim(claim))),
      connect: () =>
        through(2, () => {
          const loser = holder
          holder = hub
          if (loser !== undefined && loser !== hub && !silent.has(loser)) loser.lost()
          hub.connected()
          through(guarded, () => hub.caughtUp())
        }),
      disconnect: () => {},
      say: (term: Term) => from(() => toAll((each) => each.heardWord(term))),
      beat: (beat, proven) =>
        from(() => {
          through(2, () => from(proven))
          toAll((each) => each.heardBeat(beat))
        }),
      changed: (owns) => {
        if (owns && clock.nowMs() > lostAtMs) owned.push(clock.nowMs())
      },
    })
    return hub
  }
  for (let rank = 0; rank < hubsOfEach; rank++) hubs.push(open(rank))
  for (const hub of hubs) hub.reading()
  return {
    lose: (loss: Loss) => {
      lostAtMs = clock.nowMs()
      if (holder === undefined) throw new Error('expected an owner of each house')
      silent.add(holder)
      // Of one that is killed the broker says its will.
      if (loss === 'killed') toAll((hub) => hub.heardWord(undefined))
    },
    ownedAtMs: () => owned[0],
    changes: () => owned.length,
  }
}

for (const loss of ['killed', 'frozen'] as const) console.log(simulate(loss))
