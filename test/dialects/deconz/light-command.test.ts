import t from 'tap'
import type { Receipt } from '../../../src/core/message.ts'
import { outcome } from '../../../src/dialects/deconz/light-command.ts'

const asked = { name: 'on', value: true, address: '/lights/1/state' }
const success = { success: { '/lights/1/state/on': true } }
const error = (type: number, address: string, description: string | RegExp) => ({
  error: { type, address, description },
})
const unreachable = error(202, '/lights/1/state', /Device is not reachable\.$/)
const busy = error(901, '/lights/1/state/on', 'Internal error, 951')

/** Each end of a command, and a state on the way that is told after a second. */
const answers: [receipt: Receipt | undefined, element: object][] = [
  [undefined, success],
  [{ receipt: 'accepted', afterMs: 0 }, success],
  [{ receipt: 'sent', afterMs: 1 }, success],
  [{ receipt: 'confirmed', afterMs: 5, final: true }, success],
  [{ receipt: 'timed-out', afterMs: 5, final: true }, unreachable],
  [{ receipt: 'node-offline', afterMs: 0, final: true }, unreachable],
  [{ receipt: 'unknown', afterMs: 0, final: true }, busy],
  [{ receipt: 'refused', code: 'too-fast', afterMs: 0, final: true }, busy],
  [{ receipt: 'mismatch', afterMs: 5 }, success],
  [
    { receipt: 'mismatch', afterMs: 5, final: true },
    error(8, '/lights/1/state', 'parameter, on, is not modifiable.'),
  ],
  [
    { receipt: 'refused', code: 'forbidden', afterMs: 0, final: true },
    error(8, '/lights/1/state', 'parameter, on, is not modifiable'),
  ],
  [
    { receipt: 'refused', code: 'locked', message: 'it is locked', afterMs: 0, final: true },
    error(8, '/lights/1/state', 'parameter, on, is not modifiable. it is locked.'),
  ],
]

t.test('each end of a command has its answer', async (t) => {
  for (const [receipt, element] of answers) {
    t.match(outcome(receipt, asked), element, JSON.stringify(receipt))
  }
})
