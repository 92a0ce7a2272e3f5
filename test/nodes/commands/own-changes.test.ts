import t from 'tap'
import type { Message } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import { createOwnChanges, type OwnChange } from '../../../src/nodes/commands/own-changes.ts'

function opened(before: unknown, owns = true) {
  const changes: OwnChange[] = []
  const published: Message[] = []
  const { reported } = createOwnChanges({
    bus: { publish: (message) => published.push(message) },
    auditLog: { changed: (change) => changes.push(change) },
    clock: { wallMs: () => 1000 },
    owns: () => owns,
    lastReportOf: () => (before === undefined ? undefined : { value: before, atMs: 0 }),
  })
  const report = (value: unknown) =>
    reported('n/relay/0', Payload.ofJson(JSON.stringify(value), value))
  return { changes, published, report }
}

t.test('a state that nobody asked for is told, with what the device says did it', async (t) => {
  const { changes, published, report } = opened({ state: false })
  report({ state: false, uptime: 4 })
  t.same(changes, [])
  report({ state: true, source: 'switch' })
  const reported = { state: true, source: 'switch' }
  t.same(changes, [{ device: 'n/relay/0', at: new Date(1000), reported, source: 'switch' }])
  const at = '1970-01-01T00:00:01.000Z'
  t.match(published, [{ topic: '$SYS/hub/commands/n/relay/0', qos: 0, retain: false }])
  t.same(published[0]?.payload.value, { receipt: 'by-itself', reported, source: 'switch', at })
  report({ state: true, source: 'a'.repeat(65) })
  report({ state: true, source: 7 })
  t.same(
    changes.slice(1).map(({ source }) => source),
    [undefined, undefined],
  )
})

t.test('where nothing was known, nothing has changed', async (t) => {
  const { changes, report } = opened(undefined)
  report({ state: true })
  t.same(changes, [])
})

t.test('of several hubs the one that owns tells it', async (t) => {
  const { changes, report } = opened({ state: false }, false)
  report({ state: true })
  t.same(changes, [])
})
