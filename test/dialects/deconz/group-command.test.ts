import t from 'tap'
import type { Receipt } from '../../../src/core/message.ts'
import { commandGroup } from '../../../src/dialects/deconz/group-command.ts'
import { lightsAmong } from '../../../src/dialects/deconz/telling.ts'
import type { SeenDevice } from '../../../src/nodes/served/seen-devices.ts'

const offline: Receipt = { receipt: 'node-offline', afterMs: 0, final: true }
const late: Receipt = { receipt: 'timed-out', afterMs: 5, final: true }
const refused: Receipt = { receipt: 'refused', code: 'forbidden', afterMs: 0, final: true }
const done: Receipt = { receipt: 'confirmed', afterMs: 5, final: true }

/** Switches on as many relays as there are receipts, each of which ends with its own. */
function switched(receipts: readonly Receipt[], body: Readonly<Record<string, unknown>>) {
  const devices = receipts.map((_, at): SeenDevice => {
    const name = `relay/${at}`
    const base = 'nodes/bridge/0'
    const topic = `${base}/${name}`
    const known = { value: { state: false }, heardAtMs: 0, online: true }
    return {
      number: at + 2,
      nodeNumber: 1,
      topic,
      base,
      name,
      kind: 'relay',
      role: 'actuator',
      ...known,
    }
  })
  const left = [...receipts]
  const command = async () => left.shift() ?? done
  return commandGroup(lightsAmong(devices), body, { command })
}

const success = { success: { '/groups/0/action/on': true } }
const error = (type: number) => ({ error: { type, address: '/groups/0/action' } })

t.test('a group succeeds by one of its lights, and fails by the first when all do', async (t) => {
  const ends: [receipts: Receipt[], element: object][] = [
    [[], success],
    [[done], success],
    [[offline, late, refused, done], success],
    [[offline, offline], error(202)],
    [[late, late], error(202)],
    [[refused, offline], error(8)],
    [[offline, refused], error(202)],
  ]
  for (const [receipts, element] of ends) {
    const names = receipts.map(({ receipt }) => receipt).join()
    t.match(await switched(receipts, { on: true }), [element], names)
  }
})
