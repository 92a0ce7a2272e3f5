import t from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import type { Message } from '../../../src/core/message.ts'
import { openedCommands, timeoutMs } from './opened-commands.ts'

t.test(
  'what the bus does not take is refused, also when it had to wait for the disk',
  async (t) => {
    const error = new HubError('bus-away', 'expected the broker, got none')
    let isAway = true
    const published: Message[] = []
    let leave: () => unknown = () => {}
    const { ask } = openedCommands({
      bus: {
        publish: (message) => published.push(message),
        refusalOf: () => (isAway ? error : undefined),
      },
      isKeptFirst: () => true,
      whenKept: (act) => {
        leave = act
      },
    })
    t.throws(() => ask({ state: true }), error)
    isAway = false
    const waiting = ask({ state: true })
    isAway = true
    leave()
    t.match(waiting.ends, [{ receipt: 'refused', code: 'bus-away' }])
    isAway = false
    const asked = ask({ state: false })
    leave()
    t.equal(published[0]?.receivers?.withinMs, timeoutMs)
    published[0]?.receivers?.untaken(error)
    t.match(asked.ends, [{ receipt: 'refused', code: 'bus-away' }])
    published[0]?.receivers?.untaken(error)
    t.equal(asked.ends.length, 1)
  },
)
