import t from 'tap'
import { atLength } from '../../full-length.ts'
import { requireNamespaces, requireProgram } from '../../programs.ts'
import { duringFault, type Fault, houseOf, type Place } from '../house-of-hubs.ts'
import { type ClusterServer, startNatsCluster } from '../nats-cluster.ts'

type AtServer = ClusterServer & Place
type ClusterFault = Fault<AtServer>

/** The servers elect who leads, for some seconds. Once one comes back it may be that the owner changes once more. */
const most = { withinMs: 15_000, goesOnWithinMs: 15_000, mostChanges: 2 }

const cutOff: ClusterFault = {
  ...most,
  isCutOff: true,
  begin: async ({ hubs }, owner) => hubs.get(owner)?.place.cut(),
  end: async ({ hubs }, owner) => hubs.get(owner)?.place.mend(),
}

const killed: ClusterFault = {
  ...most,
  begin: async ({ hubs }, owner) => hubs.get(owner)?.place.kill(),
  end: async ({ hubs }, owner) => hubs.get(owner)?.place.start(),
}

/** A server that comes back has to catch up before another one may go. */
const synced = () => new Promise((resolve) => setTimeout(resolve, 15_000))

const names = ['a', 'b', 'c']

t.test('of a cluster of three NATS servers that of the owner is cut off, and killed', async (t) => {
  const rounds = atLength(3, 0)
  if (rounds === 0) {
    t.pass('each election takes seconds: FULL_LENGTH=1, as the nightly run has it', { skip: true })
    return
  }
  if (requireProgram(t, 'nats-server') === undefined || !requireNamespaces(t)) return
  const servers = await startNatsCluster(t)
  const [, , third] = servers
  const placeOf = async (name: string) => {
    const server = servers[names.indexOf(name)]
    if (server === undefined) throw new Error(`expected a server of the cluster, got ${name}`)
    return server
  }
  // Whoever owns is not beside the witness.
  const house = await houseOf(t, ['a', 'b'], { url: third?.url ?? '', placeOf })
  for (let round = 0; round < rounds; round++) {
    if (round > 0) await synced()
    await t.test('F73: cut off', (t) => duringFault(t, house, cutOff))
    await synced()
    await t.test('F74: killed', (t) => duringFault(t, house, killed))
  }
})
