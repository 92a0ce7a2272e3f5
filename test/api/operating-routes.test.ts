import t from 'tap'
import { createReadiness } from '../../src/api/operating-routes.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

t.test('a hub is ready from its start to its end, unless its store has an error', async (t) => {
  const ending = new AbortController()
  let error: string | undefined
  const { started, unready } = createReadiness({
    storeError: () => error,
    isOverloaded: () => false,
    ending: ending.signal,
  })
  t.equal(unready(), 'the hub is starting')
  started()
  t.equal(unready(), undefined)
  error = 'the disk is low'
  t.equal(unready(), 'the disk is low')
  ending.abort()
  t.equal(unready(), 'the hub is ending')
})

t.test('clients of other systems are told whether to come back later', async (t) => {
  const ending = new AbortController()
  let isOverloaded = true
  const { started, state } = createReadiness({
    storeError: () => undefined,
    isOverloaded: () => isOverloaded,
    ending: ending.signal,
  })
  t.equal(state(), 'starting')
  started()
  t.equal(state(), 'overloaded')
  isOverloaded = false
  t.equal(state(), 'ready')
  ending.abort()
  t.equal(state(), 'starting')
})

t.test('/readyz tells whether a hub is ready, and why it is not', async (t) => {
  const ask = async (limits: { freeMiB: number; freePercent: number }) => {
    const data = { folder: testFolder(t) }
    const hub = await startedHub(t, { data, limits: { store: limits } })
    const ready = await fetch(`http://127.0.0.1:${hub.httpPort}/readyz`)
    const health = await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`)
    await hub.close()
    return [ready.status, await ready.json(), health.status]
  }
  t.same(await ask({ freeMiB: 0, freePercent: 0 }), [200, { status: 'ready' }, 200])
  const reason = /^expected \d+ MiB free on the disk of the data folder, got \d+ MiB$/
  const answer = await ask({ freeMiB: 1_048_576, freePercent: 100 })
  t.match(answer, [503, { status: 'not-ready', reason }, 200])
})
