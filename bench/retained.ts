// How long until somebody who subscribes to everything has 100,000 retained values, and is anybody else
// held up by it?
import { alternate, type Bench, portOf } from './bench.ts'
import { openSides, type Side } from './compare.ts'
import { median } from './processes.ts'
import type { Row } from './table.ts'

const topics = 100_000

const sides: readonly Side[] = [
  { name: 'hub', wire: 'mqtt' },
  { name: 'Mosquitto', wire: 'mqtt' },
  { name: 'bare Aedes', wire: 'mqtt' },
]

export async function retainedReplay(bench: Bench): Promise<Row[]> {
  const servers = [...(await openSides(bench, sides)).values()]
  for (const server of servers) {
    await bench.load('fillRetained', { port: portOf(server, 'mqtt'), topics })
  }
  const [hubServer] = servers
  await hubServer?.ask('lag')
  const times = await alternate(servers, (server) =>
    bench.load('replay', { port: portOf(server, 'mqtt'), topics }),
  )
  const { lagMs = Number.NaN } = (await hubServer?.ask('lag')) ?? {}
  const [hub = Number.NaN, ...others] = times.map((all) => median(all) / 1000)
  const question = `# over ${topics.toLocaleString('en')} retained`
  return [
    ...others.map((theirs, at): Row => {
      const peer = sides[at + 1]?.name ?? ''
      const target = peer === 'Mosquitto' ? { most: 2 } : undefined
      return {
        question,
        hub: seconds(hub),
        peer,
        theirs: seconds(theirs),
        ratio: hub / theirs,
        target,
      }
    }),
    {
      question: `${question}: event loop blocked`,
      hub: `${lagMs.toFixed(1)} ms`,
      peer: 'the limit',
      theirs: `${limitMs} ms`,
      ratio: lagMs / limitMs,
      target: { most: 1 },
    },
  ]
}

const limitMs = 20

function seconds(value: number): string {
  return `${value.toFixed(2)} s`
}
