import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createIngress, type IngressOptions } from '../../src/nodes/ingress.ts'
import { clown } from '../senders.ts'

const report: Message = {
  topic: 'a/b',
  payload: new Payload(Buffer.from('1')),
  qos: 0,
  retain: false,
}
const command: Message = { ...report, topic: 'a/b/set' }

/** What `message` becomes, and what the commands are asked for. */
function cameIn(message: Message, options: Partial<IngressOptions>) {
  const asked: [what: 'take' | 'refuse', device: string, error?: string][] = []
  const reports: string[] = []
  const ingress = createIngress({
    admit: (admitted) => admitted,
    commands: {
      take: ({ device }) => asked.push(['take', device]),
      refuse: ({ device }, { code }) => asked.push(['refuse', device, code]),
    },
    reported: ({ topic }) => reports.push(topic),
    ...options,
  })
  return { becomes: ingress(message, clown), asked, reports }
}

function refusing(error: Error): IngressOptions['admit'] {
  return () => {
    throw error
  }
}

t.test('a report goes on the bus, a command goes by the commands', async (t) => {
  t.same(cameIn(report, {}), { becomes: report, asked: [], reports: ['a/b'] })
  const boot = { ...report, topic: 'a/boot' }
  t.same(cameIn(boot, {}), { becomes: boot, asked: [], reports: [] })
  t.same(cameIn(command, {}), { becomes: undefined, asked: [['take', 'a/b']], reports: [] })
})

t.test('what is dropped is dropped', async (t) => {
  const admit = () => undefined
  t.same(cameIn(command, { admit }), { becomes: undefined, asked: [], reports: [] })
  t.same(cameIn(report, { admit }), { becomes: undefined, asked: [], reports: [] })
})

t.test('the refusal of a command is told, but for topics and rights that are wrong', async (t) => {
  const bad = new HubError('bad-payload', 'bad')
  t.same(cameIn(command, { admit: refusing(bad) }).asked, [['refuse', 'a/b', 'bad-payload']])
  t.throws(() => cameIn(report, { admit: refusing(bad) }), bad)
  for (const code of ['forbidden', 'bad-topic'] as const) {
    const error = new HubError(code, 'no')
    t.throws(() => cameIn(command, { admit: refusing(error) }), error)
  }
  const defect = new TypeError('a defect')
  t.throws(() => cameIn(command, { admit: refusing(defect) }), defect)
})
