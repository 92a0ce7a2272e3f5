import { pino } from 'pino'
import t from 'tap'
import { rightsOf } from '../../src/access/rights.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createAudiences } from '../../src/transports/audiences.ts'

t.test('a member that fails robs the others of nothing, and the log says so', async (t) => {
  const logged: string[] = []
  const subscribers: ((message: Message) => void)[] = []
  const bus = {
    publish: () => {},
    subscribe: (_filter: string, deliver: (message: Message) => void) => {
      subscribers.push(deliver)
      return () => {}
    },
    retained: async function* () {},
  }
  const dialect = {
    name: 'plain',
    open: () => () => {},
    countMessages: () => 1,
    encode: (topic: string) => topic,
    encodeError: () => '',
    encodeMissed: () => '',
  }
  const log = pino({}, { write: (line: string) => logged.push(line) })
  const audiences = createAudiences(bus, log)
  const got: string[] = []
  const rights = rightsOf({ name: 'a', role: 'viewer', rules: [], tokens: [] })
  const view = { dialect, base: 'n', rights }
  audiences.join(view, {
    deliver: () => {
      throw new TypeError('a defect')
    },
  })
  audiences.join(view, { deliver: (frame) => got.push(frame) })
  t.equal(subscribers.length, 1)
  subscribers[0]?.({ topic: 'n/a', payload: new Payload(Buffer.of()), qos: 0, retain: false })
  t.same(got, ['a'])
  t.match(logged, [/a defect/])
})
