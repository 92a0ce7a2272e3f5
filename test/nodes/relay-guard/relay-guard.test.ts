import fc from 'fast-check'
import t from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import { guarded } from './guarded.ts'

const devices = ['hall/relay/a', 'hall/relay/b', 'hall/relay/c', 'yard/relay/d']
const rules = [{ topic: 'hall/#', interlock: 'hall' }]

type Step =
  | { readonly kind: 'ask' | 'tell'; readonly device: string; readonly state: boolean }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart' }

const device = fc.constantFrom(...devices)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ask'), device, state: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tell'), device, state: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      ms: fc.constantFrom(1, 100, 199, 200, 5000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
)

interface Accepted {
  readonly device: string
  readonly state: boolean
  readonly atMs: number
}

/** Runs `steps` against a guard; answers what it took in, and who may be on at each of these times. */
async function run(t: Parameters<typeof guarded>[0], steps: readonly Step[]) {
  let world = await guarded(t, rules)
  const accepted: Accepted[] = []
  const together: string[][] = []
  const mayBeOn = new Set<string>()
  const ask = (device: string, state: boolean) => {
    try {
      world.ask(device, state)
    } catch (error) {
      if (error instanceof HubError) return
      throw error
    }
    accepted.push({ device, state, atMs: world.clock.nowMs() })
    if (!state || !device.startsWith('hall/')) return
    // Two that turn on by themselves are no doing of the guard.
    mayBeOn.add(device)
    together.push([...mayBeOn])
  }
  const tell = (device: string, state: boolean) => {
    world.tell(device, state)
    if (!state) mayBeOn.delete(device)
    else if (device.startsWith('hall/')) mayBeOn.add(device)
  }
  for (const step of steps) {
    if (step.kind === 'wait') world.clock.step(step.ms)
    else if (step.kind === 'ask') ask(step.device, step.state)
    else if (step.kind === 'tell') tell(step.device, step.state)
    else world = await world.restart()
  }
  return { accepted, together }
}

const timesOf = (accepted: readonly Accepted[], device: string) =>
  accepted.filter((command) => command.device === device)

t.test('whatever happens, the guard keeps its word, over restarts too', async (t) => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const { accepted, together } = await run(t, steps)
    for (const group of together) if (group.length > 1) return false
    return devices.every((device) => {
      const commands = timesOf(accepted, device)
      const isSlow = commands.every(({ atMs }, at) => {
        const sixth = commands[at + 5]
        return sixth === undefined || sixth.atMs - atMs >= 1000
      })
      const switches = commands.filter(({ state }, at) => commands[at - 1]?.state !== state)
      const isCalm = switches.every(({ atMs }, at) => {
        const next = switches[at + 1]
        return next === undefined || next.atMs - atMs >= 200
      })
      return isSlow && isCalm
    })
  })
  await fc.assert(property, { numRuns: 100 })
})

t.test('a restart changes no answer', async (t) => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const withRestarts = await run(t, steps)
    const without = await run(
      t,
      steps.filter(({ kind }) => kind !== 'restart'),
    )
    t.same(withRestarts.accepted, without.accepted)
  })
  await fc.assert(property, { numRuns: 100 })
})

t.test('at the start nobody asks for the last value of what is not guarded', async (t) => {
  const asked = new Set<string>()
  const known = ['hall/relay/a', 'nodes/bridge/0/thermometer/i2c0-48']
  const lastValueOf = (device: string) => {
    asked.add(device)
    return { state: true }
  }
  await guarded(t, [], { known, lastValueOf })
  t.same([...asked], ['hall/relay/a'])
})
