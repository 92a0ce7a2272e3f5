import t, { type Test } from 'tap'
import { createPatientEngine } from '../../src/store/patient-engine.ts'
import type { Engine } from '../../src/store/store.ts'
import { createInbox } from '../inbox.ts'

const changes = new Map([['a/1', Buffer.from('x')]])

/** An engine over a map, that fails while `state` says so, and a disk that is told what to say. */
function flakyEngine(_t: Test) {
  const values = new Map<string, Buffer | undefined>()
  const state: { writeError?: string; openError?: string; trouble?: string } = {}
  const calls = createInbox<string>()
  const looks: (() => void)[] = []
  const ending = new AbortController()
  const engineNumber = (number: number): Engine => ({
    isLasting: true,
    get: async (key) => values.get(key),
    entries: async function* () {
      yield* [...values].map(([key, value = Buffer.alloc(0)]) => [key, value] as const)
    },
    apply: async (changes) => {
      calls.put(`apply ${number}`)
      if (state.writeError !== undefined) throw new Error(state.writeError)
      for (const [key, value] of changes) values.set(key, value)
    },
    clear: async (prefix) => calls.put(`clear ${prefix}`),
    close: async () => calls.put(`close ${number}`),
  })
  let opened = 0
  const engine = createPatientEngine(engineNumber(0), {
    disk: {
      trouble: () => state.trouble,
      nextLook: () => {
        calls.put('wait')
        return ending.signal.aborted ? Promise.resolve() : new Promise((go) => looks.push(go))
      },
    },
    ending: ending.signal,
    open: async () => {
      calls.put('open')
      if (state.openError !== undefined) throw new Error(state.openError)
      opened += 1
      return engineNumber(opened)
    },
  })
  const look = (next: typeof state) => {
    for (const key of ['writeError', 'openError', 'trouble'] as const) delete state[key]
    Object.assign(state, next)
    for (const go of looks.splice(0)) go()
  }
  return { engine, state, calls, look, ending, values }
}

t.test('a write waits for room, and is done then', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  state.trouble = 'the disk is low'
  const written = engine.apply(changes)
  await calls.next()
  t.equal(engine.trouble(), 'the disk is low')
  t.equal(await engine.get('a/1'), undefined, 'reading goes on')
  look({ trouble: 'still' })
  await calls.next()
  t.same(calls.items, ['wait', 'wait'])
  look({})
  await written
  t.equal(String(await engine.get('a/1')), 'x')
  t.equal(engine.trouble(), undefined)
})

t.test('after an error the engine is opened anew, and the same is written again', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  state.writeError = 'IO error: /var/data/store/000012.log: No space left on device'
  const written = engine.apply(changes)
  await calls.next((call) => call === 'wait')
  t.same(calls.items, ['apply 0', 'close 0', 'open', 'wait'])
  t.equal(engine.trouble(), 'the store could not be written: No space left on device')
  look({})
  await written
  t.equal(engine.trouble(), undefined)
  const entries = []
  for await (const [key, value] of engine.entries('')) entries.push(`${key} ${value}`)
  t.same(entries, ['a/1 x'])
  await engine.close()
  t.same(calls.items.slice(4), ['apply 1', 'close 1'])
})

t.test('while it cannot be opened it is tried again, and reads say why', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  Object.assign(state, { writeError: 'full', openError: 'full' })
  const written = engine.apply(changes)
  await calls.next((call) => call === 'wait')
  await t.rejects(engine.get('a/1'), { message: 'full' })
  look({ openError: 'still full' })
  await calls.next((call) => call === 'wait')
  t.equal(engine.trouble(), 'the store could not be written: still full')
  look({})
  await written
  t.equal(String(await engine.get('a/1')), 'x')
})

t.test('when the hub ends, a write is tried once more and then refused', async (t) => {
  const { engine, state, look, ending, values, calls } = flakyEngine(t)
  state.trouble = 'the disk is low'
  const written = engine.apply(changes)
  ending.abort()
  look({ trouble: 'the disk is low' })
  await written
  t.equal(values.size, 1)
  Object.assign(state, { writeError: 'full', openError: 'full' })
  await t.rejects(engine.apply(changes), { message: 'full' })
  await engine.close()
  t.same(calls.items.slice(-3), ['apply 0', 'close 0', 'open'])
})

t.test('closing waits for an opening, and takes it as it ends', async (t) => {
  const { engine, state, calls } = flakyEngine(t)
  Object.assign(state, { writeError: 'full', openError: 'full' })
  void engine.apply(changes)
  await calls.next((call) => call === 'open')
  await engine.close()
  t.same(calls.items.slice(0, 3), ['apply 0', 'close 0', 'open'])
})
