import t from 'tap'
import { type Hub, Subscriptions } from '../../client/subscriptions.ts'
import type { HubMessage } from '../../client/types.ts'

/** Subscriptions to one filter, on a connection that has just been opened. */
function opened(filter: string) {
  const sent: unknown[][] = []
  const hub: Hub = {
    send: (...line) => void sent.push([...line]),
    ask: (_topic, _payload, answered) => answered(),
    present: () => {},
    labelled: () => {},
  }
  const subscriptions = new Subscriptions(hub)
  const messages: HubMessage[] = []
  subscriptions.add(filter, (message) => messages.push(message))
  subscriptions.opened()
  return { subscriptions, messages, sent }
}

t.test(
  'what comes before the introduction was answered comes again, and is not told twice',
  async (t) => {
    const { subscriptions, messages } = opened('a/+')
    subscriptions.receive('a/b', 1, {})
    t.same(messages, [])
    t.equal(subscriptions.latest('a/b'), undefined)
    subscriptions.hear('clown.talk/-/config/ok', {})
    subscriptions.receive('a/b', 2, {})
    t.match(messages, [{ topic: 'a/b', value: 2, isPast: false }])
  },
)

t.test('a last value of which nobody knows the age has no time', async (t) => {
  const { subscriptions } = opened('a/+')
  subscriptions.hear('clown.talk/-/config/ok', {})
  subscriptions.receive('a/b', 1, { ageMs: null })
  t.match(subscriptions.latest('a/b'), { value: 1, atMs: undefined, isPast: true })
  subscriptions.receive('a/b', 2, { ageMs: 1000 })
  t.type(subscriptions.latest('a/b')?.atMs, 'number')
})
